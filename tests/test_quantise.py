"""Rounding to a grid: the grid itself, its error, and what may not go in."""

import pytest
import torch
from torch import nn

from ngpu_lib.quantise import fake_quantise, pack, round_to_grid, straight_through, unpack


@pytest.mark.parametrize("bits", [2, 3, 5, 8])
def test_the_grid_is_what_the_bits_say(bits):
    values = torch.linspace(-1.7, 1.7, 4001)
    rounded = round_to_grid(values, bits)
    step = 1.7 / (2 ** (bits - 1) - 1)
    assert len(rounded.unique()) == 2**bits - 1
    assert 0.0 in rounded
    assert (rounded - values).abs().max() <= step / 2 + 1e-6
    assert torch.allclose(round_to_grid(rounded, bits), rounded)


def test_limit_clips_and_fixes_the_step():
    rounded = round_to_grid(torch.tensor([-3.0, 0.3, 0.6]), 2, limit=1.0)
    assert rounded.tolist() == [-1.0, 0.0, 1.0]


def test_all_zeros_stay():
    assert round_to_grid(torch.zeros(3), 4).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("bits", [1, 0, -3, 2.5, True])
def test_impossible_bits_are_refused(bits):
    with pytest.raises(ValueError, match="bits: got"):
        round_to_grid(torch.ones(2), bits)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_impossible_limits_are_refused(limit):
    with pytest.raises(ValueError, match="limit: got"):
        round_to_grid(torch.ones(2), 3, limit=limit)


def test_quantise_leaves_the_model_alone():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    coarse = fake_quantise(model, 3)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not coarse.training
    assert all(len(value.unique()) <= 7 for value in coarse.parameters())
    assert not torch.equal(coarse[0].weight, model[0].weight)
    assert torch.allclose(fake_quantise(model, 24)[0].weight, model[0].weight, atol=1e-6)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_straight_through_rounds_and_lets_the_gradient_pass(bits):
    values = torch.linspace(-2, 2, 41, requires_grad=True)
    seen = straight_through(values, bits, limit=1.0)
    assert torch.allclose(seen, round_to_grid(values.detach(), bits, limit=1.0), atol=1e-6)
    weights = torch.arange(41.0)
    (slope,) = torch.autograd.grad(seen @ weights, values)
    assert torch.equal(slope, weights)


@pytest.mark.parametrize("bits", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 100])
def test_what_is_packed_is_unpacked(bits, count):
    generator = torch.Generator().manual_seed(count)
    codes = torch.randint(2**bits, (count,), generator=generator)
    data = pack(codes, bits)
    assert data.dtype == torch.uint8 and len(data) == -(-count * bits // 8)
    assert torch.equal(unpack(data, bits, count), codes)
    whole = sum(int(code) << (bits * k) for k, code in enumerate(codes))  # one long number
    assert bytes(data.tolist()) == whole.to_bytes(len(data), "little")


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="codes: got 0 to 8; needs 0..7"):
        pack(torch.tensor([0, 8]), 3)
    with pytest.raises(ValueError, match="data: got"):
        unpack(torch.zeros(2, dtype=torch.uint8), 3, 8)
