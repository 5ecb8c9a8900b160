"""Lesson 06, the Neural Turing Machine: the checks."""

from __future__ import annotations

import torch

from ngpu_lib.checks import Check


def _draw(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _content(key, beta, memory, *, size=True, inside=True):
    score = memory @ key
    if size:
        score = score / (memory.norm(dim=1) * key.norm() + 1e-6)
    return torch.softmax(beta * score, 0) if inside else beta * torch.softmax(score, 0)


content = Check(
    "6.1 content",
    reference=_content,
    cases=[
        (_draw(4, seed=1), 3.0, _draw(6, 4, seed=2)),
        (torch.tensor([1.0, -1.0]), 0.0, torch.tensor([[1.0, -1.0], [-3.0, 3.0], [2.0, 2.0]])),
        (torch.tensor([0.5, 1.0]), 20.0, torch.tensor([[5.0, 10.0], [0.5, 0.9], [-1.0, 0.0]])),
        (torch.tensor([1.0, 2.0]), 2.0, torch.tensor([[0.0, 0.0], [1.0, 0.0], [3.0, 6.0]])),
        (torch.tensor([1e-3, 0.0]), 2.0, torch.tensor([[1e-3, 0.0], [0.0, 1.0], [-2e-3, 1e-3]])),
    ],
    mistakes=[
        (
            lambda key, beta, memory: _content(key, beta, memory, size=False),
            "That is the dot product: a long row wins whatever it points at. Divide by both lengths.",
        ),
        (
            lambda key, beta, memory: _content(key, beta, memory, inside=False),
            "beta belongs inside the softmax: outside, the weights no longer sum to 1.",
        ),
        (
            lambda key, beta, memory: _content(key, 1.0, memory),
            "The key strength beta is not used.",
        ),
    ],
)


def _shift(w, moves, *, sign=1, ring=True):
    """moves = shares that go to the row before, stay, and go to the row after."""
    size, new = len(w), torch.zeros_like(w)
    for row in range(size):
        for offset in (-1, 0, 1):
            source = row - sign * offset
            if ring or 0 <= source < size:
                new[row] += moves[offset + 1] * w[source % size]
    return new


shift = Check(
    "6.2 shift",
    reference=_shift,
    cases=[
        (torch.eye(5)[1], torch.eye(3)[2]),
        (torch.eye(5)[4], torch.eye(3)[2]),
        (torch.tensor([0.1, 0.6, 0.2, 0.1]), torch.tensor([0.5, 0.3, 0.2])),
    ],
    mistakes=[
        (
            lambda w, moves: _shift(w, moves, sign=-1),
            "The head moves the wrong way: a correlation reads w[n + s], a convolution w[n - s].",
        ),
        (
            lambda w, moves: _shift(w, moves, ring=False),
            "Weight falls off the end: the rows are a ring, take the row number modulo N.",
        ),
        (
            lambda w, moves: w,
            "The address has not moved.",
        ),
    ],
)


def _write(memory, w, erase, add):
    kept = memory * (1 - w[:, None] * erase[None])
    return kept + w[:, None] * add[None]


write = Check(
    "6.3 write",
    reference=_write,
    cases=[
        (
            _draw(4, 3, seed=3),
            torch.tensor([0.7, 0.2, 0.1, 0.0]),
            torch.tensor([0.9, 0.2, 0.5]),
            _draw(3, seed=5),
        ),
        (torch.ones(2, 2), torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0]), torch.zeros(2)),
    ],
    mistakes=[
        (
            lambda memory, w, erase, add: memory + w[:, None] * add,
            "Nothing is erased: what was in the row before shines through.",
        ),
        (
            lambda memory, w, erase, add: (memory + w[:, None] * add) * (1 - w[:, None] * erase),
            "First erase, then add: in your order the new content is erased too.",
        ),
        (
            lambda memory, w, erase, add: memory * (1 - erase) + w[:, None] * add,
            "Erase only where the head points: the wiping needs the weight w[n] as well.",
        ),
    ],
)


def _repeat_copy(bits, times, *, copies=0, mark=True):
    size, length, width = bits.shape
    steps = length + 1 + (times + copies) * length
    inputs = torch.zeros(size, steps, width + 2)
    inputs[:, :length, :width] = bits
    inputs[:, :length, width] = 1
    inputs[:, length, width + 1] = times if mark else 1
    return inputs, bits.repeat(1, times + copies, 1)


_BITS = (_draw(2, 3, 4, seed=6) > 0).float()
repeat_copy = Check(
    "6.4 repeat copy",
    reference=_repeat_copy,
    cases=[(_BITS, 2), (_BITS[:, :1], 3), (_BITS[:1], 1)],
    mistakes=[
        (
            lambda bits, times: _repeat_copy(bits, times, mark=False),
            "The machine is not told how often: the mark must carry the number of copies.",
        ),
        (
            lambda bits, times: _repeat_copy(bits, times, copies=1),
            "One copy too many: the sequence itself is the input, the answer holds `times` copies.",
        ),
        (
            lambda bits, times: (
                _repeat_copy(bits, times)[0],
                bits.repeat_interleave(times, dim=1),
            ),
            "Each vector is repeated in place; the whole sequence must come again and again.",
        ),
    ],
)
