"""Lesson 06, the Neural Turing Machine: the checks."""

from __future__ import annotations

import torch

from ngpu_lib.checks import Check


def _draw(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _content(key, beta, memory, *, size=True, inside=True, small=1e-6, key_too=True):
    score = memory @ key
    if size:
        score = score / (memory.norm(dim=1) * (key.norm() if key_too else 1) + small)
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
        (
            lambda key, beta, memory: _content(key, beta, memory, small=0),
            "A blank row gives 0 / 0, which is not a number: add 1e-6 to the denominator.",
        ),
        (
            lambda key, beta, memory: _content(key, beta, memory, key_too=False),
            "Divided by the rows' lengths only: a cosine is divided by the key's length as well.",
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
        (
            lambda w, moves: _shift(w, moves * torch.tensor([1, 0, 1])),
            "Weight is lost: the middle share, moves[1], stays where it is.",
        ),
    ],
    forbids={"loop": "The exercise asks for the whole address at once, without a loop."},
)


def _slips(written, read, rows, *, ring=True, signed=True, sign=1, every=False, first=True):
    """Pairs (place, rows off) at the first place and wherever the second number changes."""
    offs = [sign * (after - before) for before, after in zip(written, read, strict=True)]
    if ring:
        offs = [off % rows for off in offs]
        offs = [off - rows if signed and off > rows // 2 else off for off in offs]
    pairs = list(enumerate(offs))
    if every:
        return pairs
    changed = [pair for pair in pairs[1:] if pair[1] != offs[pair[0] - 1]]
    return pairs[:1] + changed if first else changed


slips = Check(
    "6.3 slips",
    reference=_slips,
    cases=[
        ([5, 6, 7, 0], [5, 6, 0, 1], 8),
        ([0, 1, 2, 3, 4, 5], [0, 1, 0, 1, 4, 5], 128),
        ([126, 127, 0, 1, 2], [127, 0, 1, 0, 1], 128),
        ([3, 2, 1, 0, 7, 6], [0, 7, 6, 3, 2, 1], 8),
        ([0, 1, 2, 3, 4], [4, 4, 5, 6, 4], 7),
        ([9], [9], 10),
    ],
    mistakes=[
        (
            lambda written, read, rows: _slips(written, read, rows, ring=False),
            "The rows are a ring: from row 7 of 0..7 to row 0 it is one row, not seven back.",
        ),
        (
            lambda written, read, rows: _slips(written, read, rows, signed=False),
            "The short way round the ring: one row behind is -1, not rows - 1 ahead.",
        ),
        (
            lambda written, read, rows: _slips(written, read, rows, sign=-1),
            "The signs are the other way round: `off` is positive where the read head is ahead.",
        ),
        (
            lambda written, read, rows: _slips(written, read, rows, every=True),
            "That is every place: keep the first, and then only those where `off` changes.",
        ),
        (
            lambda written, read, rows: _slips(written, read, rows, first=False),
            "The first place belongs to the answer too, also when nothing is off there.",
        ),
        (
            lambda written, read, rows: [
                pair
                for pair in _slips(written, read, rows, every=True)
                if pair[1] != 0 or pair[0] == 0
            ],
            "That is every place that is off: keep only the places where `off` changes, to 0 as well.",
        ),
    ],
)


def _repeat_copy(bits, times, *, copies=0, mark=True, flag=1):
    size, length, width = bits.shape
    steps = length + 1 + (times + copies) * length
    inputs = torch.zeros(size, steps, width + 2)
    inputs[:, :length, :width] = bits
    inputs[:, :length, width] = flag
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
        (
            lambda bits, times: _repeat_copy(bits, times, flag=0),
            "Channel C is empty: every vector comes with a 1 there, as in copy_batch.",
        ),
    ],
)
