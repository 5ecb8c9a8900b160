"""Lesson 07, local rules: the checks."""

from __future__ import annotations

import itertools

from ngpu_lib.checks import Check


def _rule_step(cells, number, *, order=(4, 2, 1), ring=False, flip=False):
    """One step of rule ``number``, and, through its options, the ways to get it wrong."""
    size, new = len(cells), []
    for place in range(size):
        seen = [
            cells[p % size] if ring else cells[p] if 0 <= p < size else 0
            for p in (place - 1, place, place + 1)
        ]
        index = sum(weight * bit for weight, bit in zip(order, seen, strict=True))
        new.append(number >> (7 - index if flip else index) & 1)
    return new


rule_step = Check(
    "7.1 any rule",
    reference=_rule_step,
    cases=[
        ([1, 1, 0, 1, 0, 0, 1], 110),
        ([1, 0, 0, 0, 0, 1, 1, 1], 30),
        ([0, 1, 1, 0, 1], 184),
        ([1], 1),
        ([0, 1], 4),
        ([1, 0, 1, 1], 255),
        ([0, 1, 0, 0, 1, 1], 129),
    ],
    mistakes=[
        (
            lambda cells, number: _rule_step(cells, number, order=(1, 2, 4)),
            "Left and right are swapped: the cell on the left counts 4, the one on the right 1.",
        ),
        (
            lambda cells, number: _rule_step(cells, number, ring=True),
            "The tape is closed to a ring: in Python cells[-1] is the last cell. Beyond the ends is 0.",
        ),
        (
            lambda cells, number: _rule_step(cells, number, flip=True),
            "The table is read backwards: neighbourhood 111 is bit 7 of the number, 000 is bit 0.",
        ),
        (
            lambda cells, number: _rule_step(cells, number)[1:-1],
            "The cells at both ends are missing: they have a neighbour too, the 0 beyond the end.",
        ),
        (
            lambda cells, number: _rule_step(cells, 110),
            "This is rule 110 whatever `number` is.",
        ),
    ],
)

traffic = Check(
    "7.2 traffic in one map",
    reference=lambda: 184,
    mistakes=[
        (lambda: 226, "This is rule 226: your cars drive to the left. Swap left and right."),
        (lambda: 110, "This is still rule 110; the weights have not been changed."),
        (
            lambda: 170,
            "This is rule 170: every cell copies its right neighbour, and nothing queues.",
        ),
        (
            lambda: 240,
            "This is rule 240: every cell copies its left neighbour, so cars drive through each other.",
        ),
    ],
)

_NUMBERS = (0, 1, 2, 3, 5, 7, 8, 11, 12, 15)


def _tapes(after):
    """The tapes of ``increment``, highest digit first; ``after``: number -> number or text."""
    return lambda: [n if isinstance(n, str) else f"{n:06b}" for n in map(after, _NUMBERS)]


increment = Check(
    "7.3 add one",
    reference=_tapes(lambda n: n + 1),
    mistakes=[
        (
            _tapes(lambda n: n ^ 1),
            "Only the lowest digit changes: after a 1 has become 0 the carry must go on to the right.",
        ),
        (
            _tapes(lambda n: n & n + 1),
            "The first 0 that the machine meets must become 1.",
        ),
        (
            _tapes(lambda n: n),
            'No digit has changed. A key is (state, symbol), and the machine starts in state "s".',
        ),
        (
            _tapes(lambda n: "has not halted"),
            "It does not halt on the tape: at the first 0 it must enter a state without entries.",
        ),
        (
            _tapes(lambda n: f"{n:06b}"[:-1] + ("s" if n % 2 else "halt")),
            "A state's name stands on the tape: an entry's value is (new state, symbol, move).",
        ),
    ],
)


def _sums(carry_from=-1, total_of=lambda total: total % 2):
    """All sums of two 4-digit numbers after 5 steps of an adder, and ways to wire it wrongly."""
    found = {}
    for a, b in itertools.product(range(16), repeat=2):
        pair = [(a >> i & 1) + (b >> i & 1) for i in range(5)]
        carry = [0] * 7  # with a cell beyond each end
        for _ in range(5):
            total = [pair[i] + carry[i + 1] for i in range(5)]
            over = [0, *(t // 2 for t in total), 0]
            carry = [
                0,
                *(0 if carry_from is None else over[i + 1 + carry_from] for i in range(5)),
                0,
            ]
        found[f"{a} + {b}"] = sum(total_of(t) << i for i, t in enumerate(total))
    return found


adder = Check(
    "7.4 wire an adder",
    reference=_sums,
    mistakes=[
        (
            lambda: _sums(total_of=lambda total: 0),
            "`sum` stays 0: a map keeps its value unless `clear` lets it go, and then it needs sources.",
        ),
        (
            lambda: _sums(carry_from=None),
            "No carry arrives: `carry` must not keep its old 0, and needs a source.",
        ),
        (
            lambda: _sums(carry_from=1),
            "Your carries walk to the left. A cell looks for its carry on the left, at offset -1.",
        ),
        (
            lambda: _sums(carry_from=0),
            "The carry stays in its cell. It is worth two there: it belongs to the next cell.",
        ),
        (
            lambda: _sums(total_of=lambda total: int(total > 0)),
            "`sum` is 1 for a total of 2 as well: `two` has to take away what `one` gives.",
        ),
        (
            lambda: _sums(total_of=lambda total: int(total == 1)),
            "A total of 3 leaves a 1 as well: one - two + three.",
        ),
        (
            lambda: "some cell of `sum` holds a value beside 0 and 1",
            "A cell of `sum` holds something beside 0 and 1: for each total, 0 to 3, the weights of "
            "the detectors that fire must add up to 0 or 1.",
        ),
    ],
)

steps_needed = Check(
    "7.5 steps needed",
    reference=lambda cells, place, reach: -(-max(place, cells - 1 - place) // reach),
    cases=[
        (41, 40, 1),
        (41, 0, 2),
        (42, 41, 2),
        (42, 20, 2),
        (41, 20, 4),
        (41, 7, 3),
        (41, 30, 7),
        (1, 0, 2),
        (2, 1, 4),
        (4001, 2000, 2),
    ],
    mistakes=[
        (
            lambda cells, place, reach: max(place, cells - 1 - place) // reach,
            "Rounded down: a part of a step does not exist, the farthest cell is not heard yet.",
        ),
        (
            lambda cells, place, reach: -(-max(place, cells - place) // reach),
            "The last of n cells is cell n - 1: from `place` it is cells - 1 - place away.",
        ),
        (
            lambda cells, place, reach: -(-(cells - 1) // reach),
            "That is for a cell at an end. One in the middle has both ends nearer.",
        ),
        (
            lambda cells, place, reach: -(-min(place, cells - 1 - place) // reach),
            "That is when it knows about the nearer end; it has to know about every cell.",
        ),
        (
            lambda cells, place, reach: -(-place // reach),
            "The last cell may be farther away than the first.",
        ),
    ],
)
