"""Lesson 07, local rules: the checks."""

from __future__ import annotations

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

_SUMS = [(n, n + 1) for n in (0, 1, 2, 3, 5, 7, 8, 11, 12, 15)]
increment = Check(
    "7.3 add one",
    reference=lambda: [after for _, after in _SUMS],
    mistakes=[
        (
            lambda: [n ^ 1 for n, _ in _SUMS],
            "Only the lowest digit changes: after a 1 has become 0 the carry must go on to the right.",
        ),
        (
            lambda: [0, 0, 2, 2, 4, 6, 8, 10, 12, 14],
            "The trailing ones are flipped wrongly: the first 0 you meet must become 1.",
        ),
        (
            lambda: [n for n, _ in _SUMS],
            "The number comes back unchanged: which entry writes something else than it reads?",
        ),
        (
            lambda: [0] * len(_SUMS),
            "Every digit became 0: your machine must stop, in a state without entries, at the first 0.",
        ),
    ],
)


def _cell(a, b, carry, waiting):
    total = a * b + carry + waiting
    return total % 2, total // 2


multiplier_cell = Check(
    "7.4 the multiplier's cell",
    reference=_cell,
    cases=[tuple(n >> k & 1 for k in range(4)) for n in range(16)],
    mistakes=[
        (
            lambda a, b, carry, waiting: _cell(a | b, 1, carry, waiting),
            "Two digits multiply to 1 only if both are 1: it is AND, not OR.",
        ),
        (
            lambda a, b, carry, waiting: ((a * b) ^ carry ^ waiting, (a * b) & carry & waiting),
            "A carry leaves when at least two of the three bits are 1, not only when all three are.",
        ),
        (
            lambda a, b, carry, waiting: _cell(a, b, carry, 0),
            "The bit that waits in the cell is part of the sum too.",
        ),
        (
            lambda a, b, carry, waiting: _cell(a, b, carry, waiting)[::-1],
            "The two results are swapped: first the sum bit, then the carry.",
        ),
    ],
)

steps_needed = Check(
    "7.5 steps needed",
    reference=lambda cells, reach: -(-(cells - 1) // reach),
    cases=[(41, 1), (41, 2), (42, 2), (41, 4), (1, 2), (2, 4), (4001, 2)],
    mistakes=[
        (
            lambda cells, reach: (cells - 1) // reach,
            "Rounded down: a part of a step does not exist, the last cell is not reached yet.",
        ),
        (
            lambda cells, reach: -(-cells // reach),
            "The first of n cells is n - 1 cells away from the last, not n.",
        ),
        (
            lambda cells, reach: -(-(cells - 1) // (2 * reach)),
            "News travels from one end to the other; it cannot start in the middle.",
        ),
    ],
)
