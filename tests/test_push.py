"""Pushes against states: found by both paths alike, first order right, no larger than they say."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from ngpu_lib import pretrained
from ngpu_lib.losses import SequenceLoss
from ngpu_lib.neural_gpu import DiagonalNeuralGPU, NeuralGPU
from ngpu_lib.push import Push
from ngpu_lib.recipes import Phase, Recipe, start
from ngpu_lib.tasks import make_task

TASK = make_task("multiply")


class Plain(DiagonalNeuralGPU):
    """A subclass, which the packed path does not serve."""


def pair(maps: int = 12):
    """The same weights twice: for the packed and for the plain way."""
    torch.manual_seed(0)
    quick, plain = (make(TASK.vocabulary, maps).double() for make in (DiagonalNeuralGPU, Plain))
    plain.load_state_dict(quick.state_dict())
    return quick, plain


def words(*lengths: int, size: int = 3):
    generator = torch.Generator().manual_seed(0)
    return [TASK.sample(size, length, generator) for length in lengths]


@pytest.mark.parametrize("settings", [{}, {"extra_steps": 3}])
def test_both_ways_give_the_same_loss_and_gradients(settings):
    found = []
    for model in pair():
        value, _ = SequenceLoss(push=0.03, **settings)(model, words(3, 5, 4))
        value.backward()
        found.append([value.detach(), *(p.grad for p in model.parameters())])
    for quick, plain in zip(*found, strict=True):
        torch.testing.assert_close(quick, plain, atol=1e-6, rtol=1e-6)


def test_a_small_push_costs_what_the_gradient_foretells():
    """The loss grows by size times the sum of all slopes, taken here from the states themselves."""
    _, model = pair()
    (batch,) = words(4)
    trace: list[dict] = []
    state, _ = model.unroll(batch.inputs_BL, batch.valid_BL, trace=trace)
    for entry in trace[1:]:
        entry["state"].retain_grad()
    counted = batch.loss_mask_BL
    F.cross_entropy(model.readout(state)[counted], batch.targets_BL[counted]).backward()
    slopes = sum(entry["state"].grad.abs().sum().item() for entry in trace[1:])
    unmoved = [entry["state"].abs() == 1 for entry in trace[1:]]
    assert not any(at_the_end.any() for at_the_end in unmoved), "a clipped push would be shorter"
    size = 1e-7
    without, _ = SequenceLoss()(model, batch)
    pushed, _ = SequenceLoss(push=size)(model, batch)
    assert (pushed - without).item() / size == pytest.approx(slopes, rel=1e-3)


def test_a_push_moves_no_element_further_than_its_size():
    _, model = pair()
    (batch,) = words(4)
    push, before, after = Push(0.02), [], []
    state, _ = model.unroll(batch.inputs_BL, batch.valid_BL, push=push, trace=before)
    assert not push.known
    model.readout(state).square().sum().backward()
    assert push.known
    with torch.no_grad():
        model.unroll(batch.inputs_BL, batch.valid_BL, push=push, trace=after)
    moved = (after[1]["state"] - before[1]["state"]).abs()
    assert 0.019 < moved.max().item() <= 0.02 + 1e-12
    assert all(entry["state"].abs().max() <= 1 for entry in after)


@pytest.mark.parametrize("weights", ["multiply", "multiply-pushed"])
def test_both_multipliers_stand_noise_and_one_of_them_pushes(weights):
    model = pretrained.load(weights).model
    batches = [TASK.sample(16, bits, torch.Generator().manual_seed(0)) for bits in (10, 20)]
    torch.manual_seed(0)
    _, noisy = SequenceLoss(extra_steps=8, noise=0.05)(model, batches)
    _, pushed = SequenceLoss(extra_steps=8, push=0.02)(model, batches)
    assert noisy["sequence_accuracy"] == 1
    assert (pushed["sequence_accuracy"] > 0.9) == (weights == "multiply-pushed")
    assert weights == "multiply-pushed" or pushed["sequence_accuracy"] < 0.6


def test_a_push_leaves_no_gradient_behind_and_one_of_zero_changes_nothing():
    quick, _ = pair()
    batches = words(3, 4)
    value, metrics = SequenceLoss(push=0.03)(quick, batches)
    assert all(p.grad is None for p in quick.parameters())
    assert value.item() == metrics["cross_entropy"] > SequenceLoss()(quick, batches)[0].item()
    assert SequenceLoss(push=0)(quick, batches)[0] == SequenceLoss()(quick, batches)[0]


def test_a_run_with_pushes_continues_bit_for_bit(tmp_path):
    recipe = Recipe(
        "add", (Phase(2, (5, 7)), Phase(4, (5, 7), push=0.02, state_noise=0.05)), maps=6
    )
    whole, parts = start(recipe), start(recipe)
    losses = [record["loss"] for record in whole.train(progress=False)]
    path = tmp_path / "run.safetensors"
    list(parts.train(checkpoint=path, checkpoint_every=1, updates=3, progress=False))
    again = start(recipe)
    rest = [r["loss"] for r in again.train(checkpoint=path, checkpoint_every=1, progress=False)]
    assert rest == losses[3:]
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])
    unpushed = Recipe("add", (Phase(6, (5, 7)),), maps=6).flop(2)  # of two updates
    assert recipe.flop(6) == pytest.approx(unpushed + 2 * unpushed * 5 / 3)


def test_bad_pushes_are_named():
    quick, plain = pair(6)
    (batch,) = words(3)
    with pytest.raises(ValueError, match=r"size: got 0; needs more than 0"):
        Push(0)
    with pytest.raises(ValueError, match="push: got -1"):
        SequenceLoss(push=-1)
    with pytest.raises(ValueError, match="push: got -1"):
        Phase(1, (5,), push=-1)
    with pytest.raises(ValueError, match="push: got 0.1 for NeuralGPU"):
        SequenceLoss(push=0.1)(NeuralGPU(TASK.vocabulary, maps=4), batch)
    with torch.no_grad(), pytest.raises(ValueError, match="push: got 0.1 for Diagonal.* gradients"):
        SequenceLoss(push=0.1)(quick, batch)
    with pytest.raises(ValueError, match="push: got 0.1; needs a Push"):
        plain.unroll(batch.inputs_BL, push=0.1)
    push = Push(0.1)
    push.note(0, torch.ones(1, 6, 3))
    with pytest.raises(ValueError, match=r"push: got shape \(1, 6, 3\) for step 0; needs"):
        plain.unroll(batch.inputs_BL, push=push)
    with pytest.raises(ValueError, match="push: got none for step 1; needs"):
        push.of(1, torch.ones(1, 6, 3))
