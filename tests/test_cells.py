"""The cells against torch.nn, against their equations written number by number, and bad input."""

import math

import pytest
import torch
from torch import nn

from ngpu_lib import cells
from ngpu_lib.cells import CGRU, GRU, LSTM, RNN, Highway, Reader, Residual, Scan

ALL = [RNN, Residual, Highway, GRU, lambda c, h: GRU(c, h, reset="before"), LSTM]


def sequence(batch=3, steps=7, inputs=2, seed=0):
    return torch.randn(batch, steps, inputs, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("cell", "other"),
    [
        (RNN(2, 5), nn.RNN(2, 5, batch_first=True)),
        (RNN(2, 5, "relu"), nn.RNN(2, 5, nonlinearity="relu", batch_first=True)),
        (GRU(2, 5), nn.GRU(2, 5, batch_first=True)),
        (LSTM(2, 5), nn.LSTM(2, 5, batch_first=True)),
    ],
    ids=["rnn", "rnn-relu", "gru", "lstm"],
)
def test_equals_torch(cell, other):
    mine = [cell.from_input.weight, cell.from_state.weight, cell.from_input.bias]
    with torch.no_grad():
        for ours, theirs in zip([*mine, cell.from_state.bias], other.parameters(), strict=True):
            ours.copy_(theirs)
    x_BTC = sequence()
    states_BTH, last = Scan(cell)(x_BTC)
    wanted_BTH, wanted = other(x_BTC)
    torch.testing.assert_close(states_BTH, wanted_BTH)
    pair = zip(last, wanted, strict=True) if isinstance(last, tuple) else [(last, wanted)]
    for ours, theirs in pair:
        torch.testing.assert_close(ours, theirs[0])
    (gradient,) = torch.autograd.grad(states_BTH[:, -1].sum(), [cell.from_state.weight])
    other_weight = list(other.parameters())[1]
    torch.testing.assert_close(
        gradient, torch.autograd.grad(wanted_BTH[:, -1].sum(), [other_weight])[0]
    )


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def numbers(cell):
    """Weights of a cell with one input and one unit, as plain numbers, one tuple per gate."""
    parts = [cell.from_input.weight, cell.from_input.bias, cell.from_state.weight]
    rows = [part.flatten().tolist() for part in [*parts, cell.from_state.bias]]
    return list(zip(*rows, strict=True))


def by_hand(cell, x, h, m=0.0):
    """The equations of the module's docstring for one unit, in plain Python."""
    sums = [(w * x + b, u * h + c) for w, b, u, c in numbers(cell)]
    if isinstance(cell, LSTM):
        write, forget, show = (sigmoid(sum(sums[k])) for k in (0, 1, 3))
        m = forget * m + write * math.tanh(sum(sums[2]))
        return show * math.tanh(m), m
    if isinstance(cell, GRU):
        r, u = sigmoid(sum(sums[0])), sigmoid(sum(sums[1]))
        w, b, v, c = numbers(cell)[2]
        after = math.tanh(w * x + b + r * (v * h + c))
        before = math.tanh(w * x + b + v * (r * h) + c)
        return u * h + (1 - u) * (after if cell.reset == "after" else before), m
    if isinstance(cell, Highway):
        u = sigmoid(sum(sums[0]))
        return u * h + (1 - u) * math.tanh(sum(sums[1])), m
    candidate = math.tanh(sum(sums[0]))
    return (h + candidate if isinstance(cell, Residual) else candidate), m


@pytest.mark.parametrize("make", ALL)
def test_equals_the_equations(make):
    torch.manual_seed(0)
    cell, x_BTC = make(1, 1), sequence(1, 5, 1)
    states_BTH, _ = Scan(cell)(x_BTC)
    h = m = 0.0
    for t in range(5):
        h, m = by_hand(cell, float(x_BTC[0, t, 0]), h, m)
        assert states_BTH[0, t, 0].item() == pytest.approx(h, abs=1e-6)


def test_reset_before_and_after_differ():
    torch.manual_seed(0)
    after, before = GRU(2, 4), GRU(2, 4, reset="before")
    before.load_state_dict(after.state_dict())
    assert not torch.allclose(Scan(after)(sequence())[0], Scan(before)(sequence())[0])


@pytest.mark.parametrize("make", ALL)
def test_scan_continues_from_a_state(make):
    scan, x_BTC = Scan(make(2, 4)), sequence()
    whole_BTH, _ = scan(x_BTC)
    first_BTH, state = scan(x_BTC[:, :3])
    rest_BTH, _ = scan(x_BTC[:, 3:], state)
    torch.testing.assert_close(torch.cat([first_BTH, rest_BTH], 1), whole_BTH)


def test_reader_takes_ours_and_torchs():
    x_BTC = sequence()
    for memory in (Scan(GRU(2, 4)), nn.GRU(2, 4, batch_first=True)):
        assert Reader(memory, 4, 3)(x_BTC).shape == (3, 7, 3)


def test_cgru_is_a_gru_in_every_cell_of_the_tape():
    """With kernels that see only their own cell, each cell of the tape is a GRU ("before")."""
    torch.manual_seed(0)
    unit, tape_BCWL = CGRU(3), torch.randn(2, 3, 2, 5)
    layers = [unit.update, unit.reset, unit.candidate]
    with torch.no_grad():
        for layer in layers:
            centre = layer.weight[:, :, 1, 1].clone()
            layer.weight.zero_()
            layer.weight[:, :, 1, 1] = centre
    new_BCWL, gates = unit(tape_BCWL)
    u_w, r_w, c_w = (layer.weight[:, :, 1, 1] for layer in layers)
    for w in range(2):
        for k in range(5):
            s_BC = tape_BCWL[:, :, w, k]
            u = cells.cutoff_sigmoid(s_BC @ u_w.T + unit.update.bias)
            r = cells.cutoff_sigmoid(s_BC @ r_w.T + unit.reset.bias)
            wanted = u * s_BC + (1 - u) * torch.tanh((r * s_BC) @ c_w.T + unit.candidate.bias)
            torch.testing.assert_close(new_BCWL[:, :, w, k], wanted)
            torch.testing.assert_close(gates["update"][:, :, w, k], u)


def test_cutoff_sigmoid_closes_and_opens_fully():
    assert cells.cutoff_sigmoid(torch.tensor([-9.0, 0.0, 9.0])).tolist() == pytest.approx(
        [0, 0.5, 1]
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: RNN(0, 3), "inputs: got 0"),
        (lambda: LSTM(2, -1), "hidden: got -1"),
        (lambda: RNN(2, 3, "cosine"), "nonlinearity: got 'cosine'"),
        (lambda: GRU(2, 3, reset="never"), "reset: got 'never'"),
        (lambda: Scan(RNN(2, 3))(torch.zeros(2, 0, 2)), "x_BTC: got shape (2, 0, 2)"),
        (lambda: Scan(RNN(2, 3))(torch.zeros(5, 2)), "x_BTC: got shape (5, 2)"),
        (lambda: Scan(RNN(2, 3))(torch.zeros(1, 5, 4)), "x_BC: got shape (1, 4)"),
        (lambda: RNN(2, 3)(torch.zeros(1, 2), torch.zeros(1, 4)), "h_BH: got shape (1, 4)"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)
