"""Lesson 04, vanishing gradients: the checks."""

from __future__ import annotations

import torch

from ngpu_lib.checks import Check


def _run(w_H1, u_HH, xs):
    """What the last unit of a linear net shows after each input."""
    h_H, shown = torch.zeros(len(u_HH)).double(), []
    for x in xs:
        h_H = w_H1.double()[:, 0] * x + u_HH.double() @ h_H
        shown.append(float(h_H[-1]))
    return shown


def _shift(size):
    """Weights of a net whose unit k takes over what unit k - 1 had."""
    return torch.eye(size)[:, :1], torch.eye(size).roll(1, 0).tril()


def _delayed(steps, xs):
    return ([0.0] * steps + list(xs))[: len(xs)]


_PULSES = [2.0, 0.5, -1.0, 3.0, 0.25, -4.0, 1.5]
delay_weights = Check(
    "4.1 delay_weights",
    reference=_delayed,
    cases=[(1, _PULSES), (2, _PULSES), (3, _PULSES), (5, _PULSES)],
    mistakes=[
        (
            lambda steps, xs: _run(_shift(steps + 1)[0], _shift(steps + 1)[1].T, xs),
            "Nothing ever arrives at the last unit. Row k of U says where unit k takes its number from: "
            "U[k, k - 1] = 1. Transposed, the numbers move the other way.",
        ),
        (
            lambda steps, xs: _delayed(steps + 1, xs),
            "One step too late. The first unit shows the newest input, so steps + 1 units are enough.",
        ),
        (
            lambda steps, xs: _delayed(steps - 1, xs),
            "One step too early. The first unit shows the newest input, so steps + 1 units are needed.",
        ),
        (
            lambda steps, xs: _run(
                _shift(steps + 1)[0], torch.eye(steps + 1) + _shift(steps + 1)[1], xs
            ),
            "The units add what arrives to what they had: the diagonal of U has to be 0.",
        ),
        (
            lambda steps, xs: _run(torch.ones(steps + 1, 1), _shift(steps + 1)[1], xs),
            "Every unit reads the input, so the last one shows a sum of the latest: W is 0 but for the first unit.",
        ),
    ],
)


def _norms(weight_HH, gradient_H, steps, *, turn=True, keep_one=False, first=0):
    norms, matrix_HH = [], weight_HH.T if turn else weight_HH
    for _ in range(steps + 1):
        norms.append(float(gradient_H.norm()))
        gradient_H = matrix_HH @ gradient_H
        if keep_one:
            gradient_H = gradient_H / gradient_H.norm()
    return norms[first:]


_W3 = torch.tensor([[0.5, 1.0, 0.0], [0.0, 0.8, -0.6], [0.2, 0.0, 1.1]])
gradient_norms = Check(
    "4.2 gradient_norms",
    reference=_norms,
    cases=[
        (_W3, torch.tensor([1.0, 2.0, 0.0]), 4),
        (torch.tensor([[0.0, 2.0], [0.0, 0.0]]), torch.tensor([3.0, 4.0]), 2),
    ],
    mistakes=[
        (
            lambda w, g, steps: _norms(w, g, steps, turn=False),
            "W carries the state forward; backward it is the transpose, W.T.",
        ),
        (
            lambda w, g, steps: _norms(w, g, steps, first=1),
            "The first number belongs to age 0: the gradient as it came in.",
        ),
        (
            lambda w, g, steps: [n**2 for n in _norms(w, g, steps)],
            "Those are squared norms; take the root.",
        ),
        (
            lambda w, g, steps: _norms(w, g, steps)[:-1],
            "One number too few: ages 0 to steps are steps + 1 numbers.",
        ),
    ],
)


predicted_factor = Check(
    "4.3 predicted_factor",
    reference=lambda gain, slopes: gain * float(slopes.square().mean()) ** 0.5,
    cases=[
        (0.9, torch.tensor([1.0, 1.0, 1.0])),
        (1.2, torch.tensor([[1.0, 0.0], [0.0, 1.0]])),
        (2.0, torch.tensor([0.25, 0.1, 0.9, 0.5])),
        (0.8, torch.tensor([[1.0, 0.9, 0.2], [0.5, 0.1, 0.0]])),
    ],
    mistakes=[
        (
            lambda gain, slopes: gain * float(slopes.mean()),
            "The mean of the slopes is too small: lengths add in squares, so average the squares.",
        ),
        (
            lambda gain, slopes: gain * float(slopes.square().mean()),
            "That is the mean of the squares; a length needs its root.",
        ),
        (
            lambda gain, slopes: float(slopes.square().mean()) ** 0.5,
            "The nonlinearity's part is right; the matrix brings the factor gain.",
        ),
        (
            lambda gain, slopes: gain * float(slopes.norm()),
            "That is the root of the sum of the squares: it grows with their number. Take the mean.",
        ),
        (
            lambda gain, slopes: gain * float(slopes.square().mean(0).sqrt().mean()),
            "The mean is over all slopes at once, then comes the root; not column by column.",
        ),
    ],
)


def _length(gradients):
    return float(sum(g.square().sum() for g in gradients)) ** 0.5


def _clip(gradients, limit):
    return [g * limit / max(_length(gradients), limit) for g in gradients]


def _unguarded(gradients, limit):
    """Right, but for the division by zero where all gradients are zero."""
    return [g * min(1.0, limit / _length(gradients)) for g in gradients]


clip = Check(
    "4.4 clip",
    reference=_clip,
    cases=[
        ([torch.tensor([3.0, 4.0]), torch.tensor([[12.0]])], 1.0),
        ([torch.tensor([0.3, 0.4]), torch.tensor([[-0.2]])], 1.0),
        ([torch.tensor([0.6, -0.8]), torch.tensor([[100.0]])], 2.0),
        ([torch.tensor([0.8, 0.3]), torch.tensor([0.6, -0.2])], 1.5),
        ([torch.zeros(2), torch.zeros(1, 1)], 1.0),
    ],
    mistakes=[
        (
            lambda gradients, limit: [_clip([g], limit)[0] for g in gradients],
            "Each tensor is clipped by itself, which turns the step; one factor for all keeps it.",
        ),
        (
            lambda gradients, limit: [g.clamp(-limit, limit) for g in gradients],
            "Each number is cut off by itself, which turns the step; scale all by one factor.",
        ),
        (
            lambda gradients, limit: [
                g * limit / torch.tensor(_length(gradients)) for g in gradients
            ],
            "A gradient below the limit grows: leave it alone, the factor is at most 1.",
        ),
        (
            lambda gradients, limit: [
                g * limit / max(sum(_length([other]) for other in gradients), limit)
                for g in gradients
            ],
            "The lengths of the tensors are added. Add all squares, and take one root at the end.",
        ),
        (
            lambda gradients, limit: [
                g * limit / max(_length(gradients) ** 2, limit) for g in gradients
            ],
            "The root is missing: the sum of the squares is the length squared.",
        ),
        (
            _unguarded,
            "Where all gradients are zero this divides by zero: nothing is to change there.",
        ),
    ],
)


def _truncated(w, xs, k):
    """Sum of w^j h_{T-1-j} over the last k steps, without autograd."""
    states = [0.0]
    for x in xs:
        states.append(w * states[-1] + x)
    return sum(w**j * states[len(xs) - 1 - j] for j in range(min(k, len(xs))))


truncated_gradient = Check(
    "4.5 truncated_gradient",
    reference=_truncated,
    cases=[
        (0.9, [1.0, 2.0, -1.0, 0.5, 3.0], 2),
        (0.9, [1.0, 2.0, -1.0, 0.5, 3.0], 4),
        (-1.1, [1.0, 0.0, 1.0], 9),
        (0.7, [2.0, 1.0, -1.0], 3),
        (0.5, [1.0, -2.0, 4.0], 1),
    ],
    mistakes=[
        (
            lambda w, xs, k: _truncated(w, xs, len(xs)),
            "That is the whole gradient: the state has to be cut off k steps before the end.",
        ),
        (
            lambda w, xs, k: _truncated(w, xs, k - 1),
            "One step too few: k uses of w at the end count.",
        ),
        (
            lambda w, xs, k: _truncated(w, xs, k + 1),
            "One step too many: k uses of w at the end count.",
        ),
        (
            lambda w, xs, k: _truncated(w, xs[:k], k),
            "That is the derivative of the state after the first k inputs. All inputs are read; the last k uses count.",
        ),
        (
            lambda w, xs, k: _truncated(w, xs[-k:], k),
            "The state is forgotten together with its history. Cut the history alone: the number is carried on.",
        ),
    ],
)
