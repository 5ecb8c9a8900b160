"""Rounding to a grid: the grid itself, its error, and what may not go in."""

import pytest
import torch
from torch import nn

from ngpu_lib.quantise import fake_quantise, round_to_grid


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
