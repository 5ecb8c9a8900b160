"""Lesson 05, gates: the checks. A gate near 1 keeps; weights are (H, 2H) matrices on [x, h]."""

from __future__ import annotations

import math

import torch

from ngpu_lib.checks import Check

_generator = torch.Generator().manual_seed(5)


def _draw(*shape):
    return torch.randn(*shape, generator=_generator)


def _highway(x, h, W_u, W_c, *, swap=False, both=False, squash=torch.sigmoid):
    seen = torch.cat([x, h])
    u, c = squash(W_u @ seen), torch.tanh(W_c @ seen)
    if both:
        return h + u * c
    return (1 - u) * h + u * c if swap else u * h + (1 - u) * c


highway_step = Check(
    "5.1 highway_step",
    reference=_highway,
    cases=[
        (_draw(2), _draw(3), _draw(3, 5), _draw(3, 5)),
        (torch.zeros(1), torch.ones(2), 4 * torch.ones(2, 3), _draw(2, 3)),
    ],
    mistakes=[
        (
            lambda *case: _highway(*case, swap=True),
            "u and 1 - u are swapped: in this course u = 1 keeps the old state.",
        ),
        (
            lambda *case: _highway(*case, both=True),
            "That adds a gated candidate; here what is written replaces: u h + (1 - u) c.",
        ),
        (
            lambda *case: _highway(*case, squash=torch.tanh),
            "The gate went through tanh; a share between 0 and 1 needs the sigmoid.",
        ),
    ],
)


def _gru(x, h, W_r, W_u, W_c, *, where="before", swap=False):
    seen = torch.cat([x, h])
    r, u = torch.sigmoid(W_r @ seen), torch.sigmoid(W_u @ seen)
    if where == "before":
        c = torch.tanh(W_c @ torch.cat([x, r * h]))
    elif where == "after":
        c = torch.tanh(W_c[:, : len(x)] @ x + r * (W_c[:, len(x) :] @ h))
    else:
        c = torch.tanh(W_c @ seen)
    return (1 - u) * h + u * c if swap else u * h + (1 - u) * c


gru_step = Check(
    "5.2 gru_step",
    reference=_gru,
    cases=[
        (_draw(2), _draw(3), _draw(3, 5), _draw(3, 5), _draw(3, 5)),
        (_draw(1), _draw(2), _draw(2, 3), _draw(2, 3), _draw(2, 3)),
    ],
    mistakes=[
        (
            lambda *case: _gru(*case, where="after"),
            "That is torch.nn.GRU: r multiplies after the matrix. Here it multiplies h before it.",
        ),
        (
            lambda *case: _gru(*case, where="nowhere"),
            "The candidate sees all of h; it should see r * h.",
        ),
        (lambda *case: _gru(*case, swap=True), "u and 1 - u are swapped: u = 1 keeps."),
    ],
)


def _lstm(x, h, m, W_i, W_f, W_o, W_c, *, coupled=False, bare=False, old=False):
    seen = torch.cat([x, h])
    i, f, o = (torch.sigmoid(W @ seen) for W in (W_i, W_f, W_o))
    new = f * m + (1 - f if coupled else i) * torch.tanh(W_c @ seen)
    shown = m if old else new
    return o * (shown if bare else torch.tanh(shown)), new


lstm_step = Check(
    "5.3 lstm_step",
    reference=_lstm,
    cases=[
        (_draw(2), _draw(3), 2 * _draw(3), *(_draw(3, 5) for _ in range(4))),
        (_draw(1), _draw(2), 2 * _draw(2), *(_draw(2, 3) for _ in range(4))),
    ],
    mistakes=[
        (
            lambda *case: _lstm(*case, coupled=True),
            "You write with 1 - f; the LSTM has a gate of its own for writing, i.",
        ),
        (
            lambda *case: _lstm(*case, bare=True),
            "The output shows tanh of the memory, not the memory itself.",
        ),
        (
            lambda *case: _lstm(*case, old=True),
            "The output shows the new memory; yours shows the one from before the step.",
        ),
        (
            lambda *case: _lstm(*case)[::-1],
            "The order is (h, m): output first, then memory.",
        ),
    ],
)


bias_for_memory = Check(
    "5.4 bias_for_memory",
    reference=lambda steps: math.log(steps - 1),
    cases=[(2.0,), (5.0,), (10.0,), (1000.0,)],
    mistakes=[
        (
            lambda steps: math.log(steps),
            "Close for long memories, but 1 / (1 - sigmoid(b)) is 1 + e^b: one step is there anyway.",
        ),
        (
            lambda steps: -math.log(steps - 1),
            "The sign is turned: a large positive bias keeps.",
        ),
        (
            lambda steps: 1 - 1 / steps,
            "That is the gate's value; the bias is what the sigmoid turns into it.",
        ),
    ],
)
