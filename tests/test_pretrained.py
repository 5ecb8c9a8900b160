"""The shipped weights hold what their cards say."""

import pytest

from ngpu_lib import pretrained
from ngpu_lib.evaluate import evaluate

NAMES = pretrained.names()


def test_there_are_weights():
    assert set(NAMES) >= {
        "add",
        "copy",
        "duplicate",
        "multiply",
        "multiply-pushed",
        "reverse",
        "sort",
    }


@pytest.mark.parametrize("name", NAMES)
def test_cards_say_where_weights_come_from(name):
    card = pretrained.load(name).card
    assert name.startswith(card["task"])
    assert card["command"].startswith(f"ngpu train {name} --seed {card['seed']}")
    assert card["updates"] > 0 and card["flop"] > 0
    assert {"trained_on", "weights", "reproduce", "measured"} <= set(card)


@pytest.mark.parametrize("name", NAMES)
def test_short_figures_of_the_card_are_reproduced(name):
    trained = pretrained.load(name)
    short = [row for row in trained.card["measured"] if row["length"] <= 50]
    assert short
    for row in short:
        score = evaluate(
            trained.model,
            trained.task,
            row["length"],
            examples=row["examples"],
            inputs=row["inputs"],
            seed=trained.card["test_seed"],
            settings=trained.settings,
        )
        # another machine may round a borderline symbol the other way
        assert score.sequence_accuracy == pytest.approx(row["sequence_accuracy"], abs=0.01), row
        assert score.symbol_accuracy == pytest.approx(row["symbol_accuracy"], abs=0.001), row


@pytest.mark.parametrize("name", ["copy", "duplicate", "reverse", "sort"])
def test_cards_of_the_symbol_tasks_know_no_mistake_up_to_4000_cells(name):
    trained = pretrained.load(name)
    rows = trained.card["measured"]
    assert all(row["sequence_accuracy"] == 1 for row in rows)
    assert trained.task.positions(max(row["length"] for row in rows)) >= 4000


@pytest.mark.parametrize("inputs", ["random", "carries", "symmetric"])
def test_adder_and_multiplier_far_beyond_their_training(inputs):
    add, multiply = pretrained.load("add"), pretrained.load("multiply")
    score = evaluate(add.model, add.task, 100, examples=4, inputs=inputs, settings=add.settings)
    assert score.sequence_accuracy == 1
    score = evaluate(
        multiply.model, multiply.task, 60, examples=4, inputs=inputs, settings=multiply.settings
    )
    assert score.symbol_accuracy > (0.99 if inputs == "random" else 0.8)
