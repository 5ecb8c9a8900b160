"""The seams at which a run could give a silent wrong answer: each is closed, or says so."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from ngpu_lib import checkpoints, cli, packed, packing, pretrained
from ngpu_lib.evaluate import evaluate
from ngpu_lib.losses import SequenceLoss, answers
from ngpu_lib.neural_gpu import DiagonalNeuralGPU, NeuralGPU
from ngpu_lib.recipes import RECIPES, Phase, Recipe, start
from ngpu_lib.tasks import make_task
from ngpu_lib.trace import trace_run, trace_word

LATE = Recipe(
    "copy",
    (Phase(2, (4, 6)), Phase(2, (4, 6), state_noise=0.1, extra_steps=5)),
    maps=6,
    batch_size=3,
    dropout=0.2,
)


def words(task, length=6, count=5, seed=0):
    return task.sample(count, length, torch.Generator().manual_seed(seed))


def wild(model):
    """Weights large enough that every step matters to the answer."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return model


# A model is what it is; a run is what is done with it.


def test_training_again_to_the_end_writes_the_same_weights(tmp_path, monkeypatch):
    """The run is finished: the second command makes no update, and loses nothing."""
    monkeypatch.setitem(RECIPES, "copy", LATE)
    command = ["train", "copy", "--out", str(tmp_path)]
    weights, card = tmp_path / "weights.safetensors", tmp_path / "weights.json"
    assert cli.main(command) == 0
    assert cli.main(["card", str(weights), "--figures", "4:random:5"]) == 0
    before = weights.read_bytes(), card.read_bytes()
    assert pretrained.load(weights).settings == {"extra_steps": 5}
    assert cli.main(command) == 0
    assert (weights.read_bytes(), card.read_bytes()) == before
    assert json.loads(card.read_text())["measured"]


@pytest.mark.parametrize(
    ("right", "task", "takes"),
    [(0.4, "copy", True), (0.6, "copy", False), (0.8, "copy", False), (0.0, "reverse", False)],
)
def test_a_card_s_figures_decide_whose_weights_stay(monkeypatch, tmp_path, right, task, takes):
    """What is worse, no better or of another task is written beside what is there."""
    path, asked = tmp_path / "weights.safetensors", []

    def measured(model, task, length, **given):
        asked.append(length)
        row = {"length": length, "inputs": "random", "examples": 5, "sequence_accuracy": 0.6}
        return SimpleNamespace(as_dict=lambda: row)

    monkeypatch.setattr(pretrained, "evaluate", measured)
    pretrained.store_run(path, start(dataclasses.replace(LATE, task=task), seed=1))
    row = {"length": 4, "inputs": "random", "examples": 5, "sequence_accuracy": right}
    far = {**row, "length": 4000}  # takes too long, and the recipe does not train on it
    pretrained.write_card(path, {**pretrained.load(path).card, "measured": [row, far]})
    before = path.read_bytes()
    written = pretrained.store_run(path, start(LATE, seed=2))
    assert asked == ([4] if task == "copy" else [])
    assert written == (path if takes else tmp_path / "weights-seed2-0.safetensors")
    assert (path.read_bytes() == before) != takes
    card = pretrained.load(written).card
    assert (
        card["seed"] == 2
        and [row["sequence_accuracy"] for row in card.get("measured", [])] == [0.6] * takes
    )
    assert pretrained.load(path).card["seed"] == (2 if takes else 1)


def test_a_finished_checkpoint_knows_its_settings(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    list(start(LATE).train(path, progress=False))
    again = start(LATE)
    assert list(again.train(path, progress=False)) == []
    assert again.updates == 4 and again.settings == {"extra_steps": 5}


def test_a_run_leaves_nothing_on_its_model():
    run = start(LATE)
    before = set(vars(run.model))
    list(run.train(progress=False))
    assert set(vars(run.model)) == before
    assert not {"noise", "keep", "extra", "dropout", "extra_steps"} & before


@pytest.mark.parametrize("kind", [DiagonalNeuralGPU, NeuralGPU])
def test_training_mode_changes_no_answer(kind):
    """Dropout and noise fall where they are asked for, and nowhere else."""
    model = wild(kind(4, 6))
    symbols = torch.tensor([[1, 2, 3, 1, 2]])
    assert torch.equal(model.train()(symbols), model.eval()(symbols))
    assert not torch.equal(model(symbols, dropout=0.5), model(symbols))


@pytest.mark.parametrize("settings", [{"extra": 3}, {"keep": 0.9}, {"extra_step": 1}])
def test_an_unknown_setting_is_named(settings):
    task = make_task("copy", 2)
    model = DiagonalNeuralGPU(task.vocabulary, 6)
    (name,) = settings
    for call in (
        lambda: SequenceLoss(**settings)(model, words(task)),
        lambda: answers(model, words(task), **settings),
        lambda: evaluate(model, task, 4, examples=2, settings=settings),
        lambda: trace_run(model, words(task).inputs_BL, **settings),
    ):
        with pytest.raises(ValueError, match=name):
            call()
    with pytest.raises(ValueError, match="noise"):  # the 2015 model has no state noise
        answers(NeuralGPU(task.vocabulary, 6), words(task), noise=0.1)


def test_a_card_without_steps_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    pretrained.store(path, DiagonalNeuralGPU(4, 6), "add", {"extra_steps": 2})
    card = json.loads(path.with_suffix(".json").read_text())
    for change, name in [
        ({"settings": None}, "settings"),
        ({"settings": {"extra": 2}}, "extra"),
        ({"weights_sha256": "0" * 64}, "belongs to"),
    ]:
        path.with_suffix(".json").write_text(json.dumps({**card, **change}))
        with pytest.raises(ValueError, match=name):
            pretrained.load(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(ValueError, match="needs its card"):
        pretrained.load(path)


def test_a_checkpoint_of_the_old_layout_is_refused_and_kept(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    list(start(LATE).train(path, progress=False))
    tensors, metadata = checkpoints.read_safetensors(path)
    plain = json.loads(metadata["ngpu"])
    del plain["layout"]
    path.write_bytes(checkpoints.save(tensors, metadata={"ngpu": json.dumps(plain)}))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="layout 1.*needs layout 2"):
        list(start(LATE).train(path, progress=False))
    assert path.read_bytes() == before


def test_an_unknown_field_of_a_recipe_is_named():
    with pytest.raises(ValueError, match="keep=0.9"):
        start("copy", keep=0.9)


# The packed path is sealed.


class StillGates(DiagonalNeuralGPU):
    """The kept part does not move."""

    def shift(self, state_BCL):
        return state_BCL


class TwoSteps(DiagonalNeuralGPU):
    """Every step twice."""

    def step(self, state_BCL, valid_BL, dropout=0.0, noise=0.0):
        state_BCL, _ = super().step(state_BCL, valid_BL, dropout, noise)
        return super().step(state_BCL, valid_BL, dropout, noise)


def plain_answers(model, batch):
    with torch.no_grad():
        return model(batch.inputs_BL, batch.valid_BL).argmax(-1)


@pytest.mark.parametrize("kind", [StillGates, TwoSteps])
def test_a_subclass_is_evaluated_as_itself(kind):
    task = make_task("copy", 4)
    model, batch = wild(kind(task.vocabulary, 9)), words(task, 9, 40)
    parent = DiagonalNeuralGPU(task.vocabulary, 9)
    parent.load_state_dict(model.state_dict())
    assert torch.equal(answers(model, batch), plain_answers(model, batch))
    assert not torch.equal(answers(model, batch), answers(parent, batch))
    with pytest.raises(ValueError, match=kind.__name__):
        packed.unroll(model, packing.pack([batch]))
    with pytest.raises(ValueError, match=kind.__name__):
        pretrained.store("nowhere.safetensors", model, "copy", {})


def test_a_changed_step_runs_the_plain_way(monkeypatch):
    task = make_task("copy", 4)
    batch = words(task, 9, 40)

    def still(self, state_BCL):
        return state_BCL

    model = wild(DiagonalNeuralGPU(task.vocabulary, 9))
    before = answers(model, batch)
    assert packed.serves(model) and torch.equal(before, plain_answers(model, batch))
    model.shift = still.__get__(model)
    assert not packed.serves(model)
    changed = answers(model, batch)
    assert not torch.equal(changed, before)
    del model.shift
    handle = model.candidate.register_forward_hook(lambda *_: None)
    assert not packed.serves(model)
    handle.remove()
    monkeypatch.setattr(DiagonalNeuralGPU, "shift", still)
    assert not packed.serves(model) and torch.equal(answers(model, batch), changed)


def test_a_subclass_trains_as_itself():
    run = start(dataclasses.replace(LATE, dropout=0.0), make_model=StillGates)
    batches = [words(make_task("copy"), 4), words(make_task("copy"), 6)]
    run.loss.settings = {"extra_steps": 2}
    value, metrics = run.loss(run.model, batches)
    by_hand = []
    for batch in batches:
        logits_BLV = run.model(batch.inputs_BL, batch.valid_BL, extra_steps=2)
        by_hand.append(F.cross_entropy(logits_BLV.flatten(0, 1), batch.targets_BL.flatten()))
    assert metrics["cross_entropy"] == pytest.approx(torch.stack(by_hand).mean().item(), rel=1e-5)
    assert value.requires_grad
    list(run.train(progress=False))
    assert type(run.averaged) is StillGates
    run.loss.precision = "bfloat16"
    with pytest.raises(ValueError, match="bfloat16"):
        run.loss(run.model, batches)


def test_both_back_ends_give_one_loss():
    task = make_task("multiply")
    model = wild(DiagonalNeuralGPU(4, 12)).double()  # chaotic: in float32, rounding would grow
    again = type("Again", (DiagonalNeuralGPU,), {})(4, 12).double()
    again.load_state_dict(model.state_dict())
    batches = [words(task, n, 3, seed=n) for n in (2, 4, 3)]
    results = []
    for network in (model, again):
        loss = SequenceLoss(saturation=start(LATE).loss.saturation, extra_steps=3)
        value, metrics = loss(network, batches)
        value.backward()
        gradients = torch.cat([p.grad.flatten() for p in network.parameters()])
        results.append((value.detach(), gradients, metrics))
    (one, g1, m1), (two, g2, m2) = results
    torch.testing.assert_close(one, two)
    torch.testing.assert_close(g1, g2, rtol=1e-5, atol=1e-5)
    assert m1 == pytest.approx(m2, rel=1e-6)


def test_a_second_backward_raises():
    model = DiagonalNeuralGPU(4, 6)
    rows = packing.pack([words(make_task("multiply"), 3)])
    logits, _ = packed.unroll(model, rows)
    logits.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="second backward"):
        logits.sum().backward()


# One door from a run to a picture.


@pytest.mark.parametrize("kind", [DiagonalNeuralGPU, NeuralGPU])
def test_a_trace_says_what_would_be_read_at_every_step(kind):
    task = make_task("reverse", 3)
    model, word = wild(kind(task.vocabulary, 6)), (1, 2, 3, 3, 1)
    trace = trace_word(model, task, word)
    symbols = torch.tensor([word])
    assert trace.states_TCWL.shape[0] == len(trace.outputs) == 6
    assert trace.states_TCWL.shape[-1] == 5 and trace.states_TCWL.ndim == 4
    for step in range(6):
        read = model(symbols, steps=step).argmax(-1)[0]
        assert trace.symbols_TL[step].tolist() == read.tolist()
        assert trace.outputs[step] == task.text(read.tolist())
    assert trace.inputs == "01220" and trace.targets == "02210"
    assert {"update", "reset", "candidate"} == set(trace.gates)
    assert all(gate.shape[1:] == trace.states_TCWL.shape[1:] for gate in trace.gates.values())


def test_a_trace_of_another_model_is_refused():
    with pytest.raises(ValueError, match="9"):
        trace_word(DiagonalNeuralGPU(9, 6), make_task("add"), (1, 3, 2))
    with pytest.raises(ValueError, match="Linear"):
        trace_word(torch.nn.Linear(2, 2), make_task("add"), (1, 3, 2))
    with pytest.raises(ValueError, match="word"):
        trace_word(DiagonalNeuralGPU(4, 6), make_task("add"), (1, 9, 2))


def test_shipped_weights_answer_as_they_are_traced():
    trained = pretrained.load("add")
    word = trained.task.encode(13, 6, length=5)
    trace = trained.trace(word)
    answer = trained.answers(trained.task.batch([word]))[0].tolist()
    assert trace.outputs[-1] == trained.task.text(answer) == trace.targets
