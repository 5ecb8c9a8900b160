"""Checks of lesson 03: parity from gates, the automaton in a reader, addition, quantisation."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from . import Check


def _gates(bits, sign, strict=False):
    total, n = sum(bits), len(bits)
    first = [int(total > k if strict else total >= k) for k in range(1, n + 1)]
    return int(sum(sign(k) * h for k, h in enumerate(first, start=1)) >= 1)


def _alternate(k):
    return (-1) ** (k + 1)


_WORDS = [(list(word),) for n in (1, 2, 5) for word in itertools.product((0, 1), repeat=n)]

threshold_parity = Check(
    name="3.1 threshold_parity",
    reference=lambda bits: _gates(bits, _alternate),
    cases=_WORDS,
    mistakes=[
        (
            lambda bits: _gates(bits, lambda k: 1),
            "All weights of the output gate are +1, so it computes OR. They alternate: +1, -1, +1, ...",
        ),
        (
            lambda bits: _gates(bits, lambda k: -_alternate(k)),
            "The signs begin with -1: the gate for 'at least one' must count +1.",
        ),
        (
            lambda bits: _gates(bits, _alternate, strict=True),
            "Your gates ask 'more than k'; gate k asks 'at least k'.",
        ),
        (
            lambda bits: 1 - _gates(bits, _alternate),
            "Upside down: parity is 1 when the number of ones is odd.",
        ),
    ],
)


def _fold(total, steps, factor=2.0, crease=1.0, up=False):
    for k in range(1, steps + 1) if up else range(steps, 0, -1):
        total = total - factor * np.maximum(total - crease * 2.0 ** (k - 1), 0)
    return total


fold = Check(
    name="3.2 fold",
    reference=_fold,
    cases=[
        (np.arange(17.0), 4),
        (np.arange(9.0), 3),
        (np.arange(3.0), 1),
        (np.arange(65.0), 6),
        (np.linspace(0, 8, 23), 3),
    ],
    mistakes=[
        (
            lambda total, steps: _fold(total, steps, up=True),
            "The folds run from small to large. Fold the widest range first: k = steps, ..., 1.",
        ),
        (
            lambda total, steps: _fold(total, steps, factor=1.0),
            "With a factor 1 the upper half is cut flat. A factor 2 turns its slope from +1 to -1.",
        ),
        (
            lambda total, steps: _fold(total, steps, crease=2.0),
            "The crease lies at 2**k, where the range ends. It belongs in the middle, at 2**(k - 1).",
        ),
    ],
)


def _automaton(states, bits, order=lambda table: table, shift=1):
    count = np.zeros((2, 2, 2))
    for before, bit, after in zip(states[:-1], bits, states[shift:], strict=False):
        count[before][bit][after] += 1
    return order(count.argmax(2))


_BITS = [1, 0, 1, 1, 0, 0, 1, 0, 1, 1]
_PARITIES = [0, *np.cumsum(_BITS) % 2]
_OR = [0, *np.maximum.accumulate(_BITS[1:])]
_LAST = [0, *_BITS]

automaton = Check(
    name="3.3 automaton",
    reference=_automaton,
    cases=[
        (list(map(int, _PARITIES)), _BITS),
        (list(map(int, _OR)), _BITS[1:]),
        (list(map(int, _LAST)), _BITS),
        # A reader that errs at times: neither the first nor the last end of a pair is the usual one.
        (
            [0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1],
            [0, 1, 0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0],
        ),
    ],
    mistakes=[
        (
            lambda states, bits: _automaton(states, bits, order=lambda table: table.T),
            "Rows and columns are swapped: the row is the state before, the column is the bit.",
        ),
        (
            lambda states, bits: _automaton(states, bits, shift=0),
            "You compare a state with itself. After bits[t] comes states[t + 1].",
        ),
        (
            lambda states, bits: 1 - _automaton(states, bits),
            "The two states are swapped in the table's entries.",
        ),
    ],
)


def _add_step(carry, a, b):
    return (a + b + carry) % 2, (a + b + carry) // 2


add_step = Check(
    name="3.4 add_step",
    reference=_add_step,
    cases=list(itertools.product((0, 1), repeat=3)),
    mistakes=[
        (
            lambda carry, a, b: _add_step(carry, a, b)[::-1],
            "Digit and carry are swapped: return the digit first.",
        ),
        (
            lambda carry, a, b: ((a + b) % 2, (a + b + carry) // 2),
            "The digit must count the carry that comes in.",
        ),
        (
            lambda carry, a, b: ((a + b + carry) % 2, a & b),
            "1 + 0 with a carry coming in carries too: two of the three are enough.",
        ),
        (
            lambda carry, a, b: ((a + b + carry) % 2, int(a + b + carry > 2)),
            "A carry goes out when at least two of the three are 1, not only when all are.",
        ),
    ],
)


def _quantised(values, bits, levels=None, to_grid=torch.round):
    levels = 2 ** (bits - 1) - 1 if levels is None else levels
    scale = values.abs().max() / levels
    return to_grid(values / scale) * scale


_VALUES = torch.tensor([[-1.3, 0.2, 0.71], [0.05, 1.0, -0.66]])

quantised = Check(
    name="3.5 quantised",
    reference=_quantised,
    cases=[(_VALUES, 2), (_VALUES, 3), (_VALUES, 5), (torch.linspace(-2, 1.1, 12), 4)],
    mistakes=[
        (
            lambda values, bits: _quantised(values, bits, to_grid=torch.trunc),
            "You cut towards zero. Round to the nearest grid point: torch.round.",
        ),
        (
            lambda values, bits: _quantised(values, bits, levels=2**bits - 1),
            "That is 2**bits - 1 steps on each side of zero. One bit is the sign: 2**(bits - 1) - 1.",
        ),
        (
            lambda values, bits: (
                _quantised(values, bits) / values.abs().max() * (2 ** (bits - 1) - 1)
            ),
            "These are the grid's whole numbers. Multiply by the scale again.",
        ),
    ],
)
