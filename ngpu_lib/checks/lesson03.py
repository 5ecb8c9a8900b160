"""Checks of lesson 03: parity from gates, the automaton in a reader, addition, rounding, stairs."""

from __future__ import annotations

import ast
import itertools
import math

import numpy as np
import torch

from . import Check

_REMAINDERS = "mod remainder fmod divmod xor bitwise_xor logical_xor bitwise_and".split()


def _remainder(tree: ast.AST) -> bool:
    """Whether a source takes a remainder, by an operator or by name."""
    operators = (ast.Mod, ast.FloorDiv, ast.BitXor, ast.BitAnd)
    return any(
        isinstance(node, operators)
        or (isinstance(node, ast.Name) and node.id in _REMAINDERS)
        or (isinstance(node, ast.Attribute) and node.attr in _REMAINDERS)
        for node in ast.walk(tree)
    )


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
    forbids={
        _remainder: "The exercise wants sums and comparisons alone: no %, ^, & or //. The sign of gate k "
        "is (-1) ** (k + 1)."
    },
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
            "Up to 1 it is x, beyond it 2 - x: the fold at 1 came first, or every fold is at 1. The widest "
            "range comes first: k = steps, ..., 1, each fold at 2**(k - 1).",
        ),
        (
            lambda total, steps: _fold(total, steps, factor=1.0),
            "Everything above 1 is cut flat. A fold takes away *twice* what lies above the crease, so that "
            "the slope turns from +1 to -1.",
        ),
        (
            lambda total, steps: _fold(total, steps, crease=2.0),
            "It ends between 0 and 2: the last fold, at 1, is missing. k runs down to 1, and fold k is at "
            "2**(k - 1).",
        ),
        (
            lambda total, steps: total % 2,
            "The remainder jumps from 2 to 0. A fold has no jumps: 1.5 goes to 0.5, and so does 0.5.",
        ),
        (
            lambda total, steps: total - 2 * np.maximum(total - 2.0 ** (steps - 1), 0),
            "Only the widest fold was made. Does `return` stand inside the loop?",
        ),
        (
            lambda total, steps: total,
            "Nothing was folded: each pass must put its result back into `total`.",
        ),
    ],
    forbids={
        _remainder: "The exercise wants folds made of np.maximum(..., 0), without %, //, ^ or &."
    },
)


def _automaton(states, bits, order=lambda table: table, shift=1):
    count = np.zeros((2, 2, 2))
    for before, bit, after in zip(states[:-1], bits, states[shift:], strict=False):
        count[before][bit][after] += 1
    return order(count.argmax(2))


def _counts(states, bits):
    count = np.zeros((2, 2, 2))
    for before, bit, after in zip(states[:-1], bits, states[1:], strict=False):
        count[before][bit][after] += 1
    return count


def _one_end(states, bits, last):
    """The first or the last end seen of every state and bit."""
    table = np.full((2, 2), -1)
    for before, bit, after in zip(states[:-1], bits, states[1:], strict=False):
        if last or table[before][bit] < 0:
            table[before][bit] = after
    return table


def _erring_walk(usual, rare, often):
    """A walk of a machine that errs when each state and bit is first and last seen, not between."""
    states, bits = [0], rare + 4 * often + rare
    for t, bit in enumerate(bits):
        errs = not len(rare) <= t < len(bits) - len(rare)
        states.append(usual[states[-1]][bit] ^ errs)
    return states, bits


_WALKS = [
    _erring_walk([[0, 1], [1, 0]], [1, 0, 1, 0], [0, 1, 0, 1]),
    _erring_walk([[0, 1], [0, 1]], [1, 0, 0, 1], [0, 1, 1, 0]),
]
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
        # Walks that err at times: for no pair is the first or the last end the usual one.
        (
            [0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1],
            [0, 1, 0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0],
        ),
        *_WALKS,
        ([0, 1, 0, 1], [1, 1, 1]),  # it never reads a 0
        ([0, 1, 0, 1, 0, 1, 0, 1, 0], [0, 0, 0, 0, 1, 1, 0, 0]),  # a 1 is rarer than a 0
    ],
    mistakes=[
        (
            lambda states, bits: _one_end(states, bits, last=False),
            "The entry is the end that was seen *first*. Count all, and take the most frequent.",
        ),
        (
            lambda states, bits: _one_end(states, bits, last=True),
            "The entry is the end that was seen *last*. Count all, and take the most frequent.",
        ),
        (
            lambda states, bits: _counts(states, bits).max(2),
            "These are the counts themselves. Wanted is the state that has the largest: argmax.",
        ),
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
            "The two states are swapped in the table's entries; argmin in place of argmax does that.",
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


def _by(values, largest, bits):
    scale = largest / (2 ** (bits - 1) - 1)
    return torch.round(values / scale) * scale


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
        (
            lambda values, bits: _by(values, values.max(), bits),
            "delta comes from the largest value. It must be the largest *absolute* value.",
        ),
        (
            lambda values, bits: _by(values, values.abs().amax(-1, keepdim=True), bits),
            "Every row has a delta of its own. One delta for the whole tensor: values.abs().max().",
        ),
        (
            lambda values, bits: _quantised(values, bits, to_grid=torch.floor),
            "You round down. Round to the nearest grid point: torch.round.",
        ),
    ],
)


def _atanh(numbers):
    return [math.atanh(number) for number in numbers]


def _halves(q, first, last):
    return [(j - 0.5) / q for j in range(first, last + 1)]


stairs = Check(
    name="3.6 stairs",
    reference=lambda q: _atanh(_halves(q, 1 - q, q)),
    cases=[(1,), (3,), (7,), (4,)],
    tolerance=1e-5,
    mistakes=[
        (
            lambda q: _halves(q, 1 - q, q),
            "That is where the *state* is half-way. Which sum z makes tanh(z) that large: math.atanh.",
        ),
        (
            lambda q: [math.tanh(number) for number in _halves(q, 1 - q, q)],
            "tanh of the half-way points; wanted is the z that tanh takes there: atanh undoes tanh.",
        ),
        (
            lambda q: _atanh(_halves(q, 1, q)),
            "Half of the stairs are missing: those below z = 0.",
        ),
        (
            lambda q: _atanh(_halves(q, 1 - q, q))[::-1],
            "The stairs are right, in falling order. The list begins with the lowest.",
        ),
        (
            lambda q: _atanh([j / q for j in range(1 - q, q + 1)]),
            "atanh takes numbers between -1 and 1, and both ends are out. The half-way points are "
            "-q + 1/2, ..., q - 1/2, divided by q.",
        ),
    ],
)
