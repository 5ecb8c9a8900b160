"""Mistakes are carries: how they are counted, and the rate with its interval."""

import json
import math
import random

import pytest
import torch

from ngpu_lib import cli, pretrained
from ngpu_lib.evaluate import Score, count_mistakes, evaluate, poisson_interval, signed_terms
from ngpu_lib.neural_gpu import DiagonalNeuralGPU
from ngpu_lib.tasks import make_task


def test_signed_terms_give_the_number_back_and_are_never_next_to_each_other():
    rng = random.Random(0)
    for number in [*range(-300, 300), *(rng.getrandbits(400) - 2**399 for _ in range(50))]:
        terms = signed_terms(number)
        places = [k for _, k in terms]
        assert sum(sign * 2**k for sign, k in terms) == number
        assert {sign for sign, _ in terms} <= {-1, 1}
        assert all(b - a > 1 for a, b in zip(places, places[1:], strict=False))


def test_there_are_never_more_signed_terms_than_any_other_sum_of_powers_needs():
    best = {0: 0}
    reached = {0}
    for count in range(1, 5):  # all sums of at most four powers below 2^9
        reached = {n + sign * 2**k for n in reached for sign in (1, -1) for k in range(9)}
        for number in reached:
            best.setdefault(number, count)
    for number, count in best.items():
        if abs(number) < 2**7:
            assert len(signed_terms(number)) == count


def test_a_lost_carry_is_one_mistake_however_many_bits_it_spoils():
    task = make_task("multiply")
    word = task.encode(255, 255, 8)
    right = list(task.oracle(word))
    lost = task.encode((255 * 255 - 2**3), 0, 17)[:17]
    assert count_mistakes(task, right, right) == 0
    assert sum(x != y for x, y in zip(lost, right, strict=True)) > 1
    assert count_mistakes(task, list(lost), right) == 1


def test_symbols_that_are_no_digits_count_one_by_one():
    task = make_task("add")
    right = list(task.oracle(task.encode(5, 6, 4)))
    answer = [0, 3, *right[2:]]
    assert count_mistakes(task, answer, right) == 2


@pytest.mark.parametrize(
    "count, low, high", [(0, 0, 3.6889), (1, 0.0253, 5.5716), (10, 4.7954, 18.3904)]
)
def test_the_interval_is_the_exact_one_of_the_tables(count, low, high):
    found = poisson_interval(count)
    assert found == pytest.approx((low, high), abs=2e-4)


def test_the_tails_beyond_the_interval_hold_what_they_should():
    low, high = poisson_interval(7, 0.9)

    def at_most(count, mean):
        return sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(count + 1))

    assert 1 - at_most(6, low) == pytest.approx(0.05, abs=1e-9)
    assert at_most(7, high) == pytest.approx(0.05, abs=1e-9)


@pytest.mark.parametrize("call, name", [
    (lambda: poisson_interval(-1), "count"),
    (lambda: poisson_interval(2.5), "count"),
    (lambda: poisson_interval(1, 1.0), "confidence"),
    (lambda: poisson_interval(1, math.nan), "confidence"),
    (lambda: signed_terms(1.0), "difference"),
])  # fmt: skip
def test_bad_input_is_named(call, name):
    with pytest.raises(ValueError, match=name):
        call()


@pytest.mark.parametrize("name", ["multiply", "add"])
def test_evaluate_counts_mistakes_and_cell_steps(name):
    trained = pretrained.load(name)
    score = evaluate(trained.model, trained.task, 12, examples=20, settings=trained.settings)
    assert score.cell_steps == 20 * 25 * (25 + trained.settings["extra_steps"])
    wrong = round(20 * (1 - score.sequence_accuracy))
    assert score.mistakes >= wrong and (score.mistakes == 0) == (wrong == 0)


def test_the_rate_is_mistakes_by_cell_steps():
    task = make_task("multiply")
    torch.manual_seed(0)
    score = evaluate(DiagonalNeuralGPU(task.vocabulary, 6), task, 5, examples=4)
    assert score.cell_steps == 4 * 11 * 11 and score.mistakes >= 4
    rate = score.mistakes_per_billion
    assert rate.low < rate.rate < rate.high
    assert rate.rate == pytest.approx(1e9 * score.mistakes / score.cell_steps)


def test_other_tasks_have_no_mistakes_to_count():
    trained = pretrained.load("sort")
    score = evaluate(trained.model, trained.task, 8, examples=4, settings=trained.settings)
    assert score.mistakes is None and score.mistakes_per_billion is None
    assert "mistakes" not in score.as_dict()
    assert "mistakes_per_billion" not in Score("add", 1, "random", 1, 1.0, 1.0, 0.0).as_dict()


def test_the_command_prints_the_rate(capsys):
    arguments = ["evaluate", "add", "--length", "10", "--examples", "8"]
    assert cli.main(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {"rate", "low", "high"} == set(printed["mistakes_per_billion"])
    assert printed["mistakes_per_billion"]["low"] <= printed["mistakes_per_billion"]["rate"]
    assert printed["mistakes"] >= 0 and torch.tensor(printed["cell_steps"]) > 0
