"""Traces hold what the model computed, and their gradients agree with finite differences."""

import numpy as np
import pytest
import torch
from torch import nn

from ngpu_lib.cells import GRU, LSTM, RNN, Reader, Scan
from ngpu_lib.neural_gpu import DiagonalNeuralGPU, NeuralGPU
from ngpu_lib.trace import trace_run


def test_states_are_the_states():
    torch.manual_seed(0)
    scan, x_BTC = Scan(GRU(2, 4)), torch.randn(3, 6, 2)
    arrays = trace_run(scan, x_BTC, item=1)
    states_BTH, _ = scan(x_BTC)
    assert arrays["state"].shape == (7, 4) and not arrays["state"][0].any()
    np.testing.assert_allclose(arrays["state"][1:], states_BTH[1].detach().numpy(), rtol=1e-6)
    u, c, h = arrays["update"], arrays["candidate"], arrays["state"]
    np.testing.assert_allclose(h[1:], u * h[:-1] + (1 - u) * c, atol=1e-6)
    whole = trace_run(scan, x_BTC, item=None)
    assert whole["reset"].shape == (6, 3, 4)
    np.testing.assert_array_equal(whole["state"][:, 1], arrays["state"])


def test_lstm_gradients_agree_with_finite_differences():
    torch.manual_seed(0)
    scan = Scan(LSTM(2, 3)).double()
    x_BTC = torch.randn(1, 5, 2, dtype=torch.float64)
    arrays = trace_run(scan, x_BTC, objective=lambda output: output[0][:, -1].sum())
    with torch.no_grad():
        _, (h, m) = scan(x_BTC[:, :2])
        show = torch.tensor(arrays["output"][1], dtype=torch.float64)
        for name, part in (("gradient", 0), ("memory_gradient", 1)):
            for k in range(3):
                values = []
                for step in (1e-5, -1e-5):
                    state = [h.clone(), m.clone()]
                    state[part][0, k] += step
                    if name == "memory_gradient":  # the output h shows the memory
                        state[0] = show * torch.tanh(state[1])
                    values.append(scan(x_BTC[:, 2:], tuple(state))[0][:, -1].sum())
                slope = float(values[0] - values[1]) / 2e-5
                assert arrays[name][2, k] == pytest.approx(slope, abs=1e-6)
    assert arrays["memory_gradient"].shape == (6, 3)
    assert arrays["output"].shape == (5, 3) and arrays["answer"].shape == (5, 3)


def test_linear_rnn_gradient_is_a_power_of_the_matrix():
    torch.manual_seed(0)
    cell = RNN(1, 4, "linear")
    reader = Reader(Scan(cell), 4, 1)
    arrays = trace_run(reader, torch.randn(1, 6, 1), objective=lambda answers: answers[0, -1, 0])
    row = reader.answer.weight[0].detach()
    for back in range(7):
        wanted = torch.matrix_power(cell.from_state.weight.detach().T, back) @ row
        np.testing.assert_allclose(arrays["gradient"][6 - back], wanted.numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "shape"), [(NeuralGPU(4, 6), (6, 4, 5)), (DiagonalNeuralGPU(4, 6), (6, 5))]
)
def test_neural_gpus(model, shape):
    inputs_BL = torch.randint(4, (2, 5), generator=torch.Generator().manual_seed(0))
    arrays = trace_run(model, inputs_BL, steps=3, item=1, objective=lambda logits: logits.sum())
    assert arrays["state"].shape == arrays["gradient"].shape == (4, *shape)
    assert arrays["update"].shape == arrays["reset"].shape == (3, *shape)
    with torch.no_grad():
        logits_BLV = model.eval()(inputs_BL, steps=3)
    np.testing.assert_allclose(arrays["answer"], logits_BLV[1].numpy(), atol=1e-6)
    assert np.abs(arrays["gradient"][0]).sum() > 0


def test_the_mode_is_given_back_and_nothing_is_kept():
    reader = Reader(Scan(RNN(2, 3)), 3, 1)
    trace_run(reader.train(), torch.zeros(1, 4, 2), objective=lambda answers: answers.sum())
    assert reader.training and all(p.grad is None for p in reader.parameters())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: trace_run(nn.RNN(2, 3), x), "model: got RNN"),
        (lambda x: trace_run(Scan(RNN(2, 3)), x, item=7), "item: got 7"),
        (lambda x: trace_run(Scan(RNN(2, 3)), x, objective=lambda out: out[0]), "objective: got"),
        (lambda x: trace_run(Scan(RNN(9, 3)), x), "x_BC: got shape"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError) as error:
        call(torch.zeros(2, 4, 2))
    assert words in str(error.value)
