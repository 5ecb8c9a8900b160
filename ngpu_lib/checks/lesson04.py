"""Lesson 04, vanishing gradients: the checks."""

from __future__ import annotations

import torch

from ngpu_lib.checks import Check


def _scan(step, state, xs):
    states = []
    for x in xs:
        state = step(state, x)
        states.append(state)
    return states


scan = Check(
    "4.1 scan",
    reference=_scan,
    cases=[
        (lambda state, x: 0.5 * state + x, 1.0, [1.0, 2.0, -3.0, 0.0]),
        (lambda state, x: 10 * state + x, 0, [4, 7, 1]),
        (lambda state, x: max(state, x), 2, [1, 5, 3]),
    ],
    mistakes=[
        (
            lambda step, state, xs: [step(state, x) for x in xs],
            "Every step starts from the first state: the new state has to go into the next step.",
        ),
        (
            lambda step, state, xs: [state, *_scan(step, state, xs)],
            "One state too many: the list begins after the first input, without the start.",
        ),
        (
            lambda step, state, xs: _scan(step, state, xs)[-1],
            "That is the last state alone; all of them are wanted, in order.",
        ),
        (
            lambda step, state, xs: _scan(lambda s, x: step(x, s), state, xs),
            "The arguments are swapped: it is step(state, x).",
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
    ],
)


predicted_factor = Check(
    "4.3 predicted_factor",
    reference=lambda scale, slopes: scale * float(slopes.square().mean()) ** 0.5,
    cases=[
        (0.9, torch.tensor([1.0, 1.0, 1.0])),
        (1.2, torch.tensor([[1.0, 0.0], [0.0, 1.0]])),
        (2.0, torch.tensor([0.25, 0.1, 0.9, 0.5])),
    ],
    mistakes=[
        (
            lambda scale, slopes: scale * float(slopes.mean()),
            "The mean of the slopes is too small: lengths add in squares, so average the squares.",
        ),
        (
            lambda scale, slopes: scale * float(slopes.square().mean()),
            "That is the mean of the squares; a length needs its root.",
        ),
        (
            lambda scale, slopes: float(slopes.square().mean()) ** 0.5,
            "The nonlinearity's part is right; the matrix brings the factor scale.",
        ),
    ],
)


def _clip(gradients, limit):
    norm = float(sum(g.square().sum() for g in gradients)) ** 0.5
    return [g * min(1.0, limit / norm) for g in gradients]


clip = Check(
    "4.4 clip",
    reference=_clip,
    cases=[
        ([torch.tensor([3.0, 4.0]), torch.tensor([[12.0]])], 1.0),
        ([torch.tensor([0.3, 0.4]), torch.tensor([[-0.2]])], 1.0),
        ([torch.tensor([0.6, -0.8]), torch.tensor([[100.0]])], 2.0),
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
                g * limit / float(sum(other.square().sum() for other in gradients)) ** 0.5
                for g in gradients
            ],
            "A gradient below the limit grows: leave it alone, the factor is at most 1.",
        ),
    ],
)


def _truncated(w, xs, k):
    """Sum of w^j h_{T-1-j} over the last k steps, without autograd."""
    states = [0.0, *_scan(lambda h, x: w * h + x, 0.0, xs)]
    return sum(w**j * states[len(xs) - 1 - j] for j in range(min(k, len(xs))))


truncated_gradient = Check(
    "4.5 truncated_gradient",
    reference=_truncated,
    cases=[
        (0.9, [1.0, 2.0, -1.0, 0.5, 3.0], 2),
        (0.9, [1.0, 2.0, -1.0, 0.5, 3.0], 4),
        (-1.1, [1.0, 0.0, 1.0], 9),
        (0.7, [2.0, 1.0, -1.0], 3),
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
    ],
)
