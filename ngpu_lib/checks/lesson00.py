"""Checks of lesson 00: what digits are worth, and when an answer is settled."""

from __future__ import annotations

from ngpu_lib.checks import Check


def _value(digits):
    return sum(digit << place for place, digit in enumerate(digits))


value = Check(
    "0.1 value",
    _value,
    cases=[([1, 0, 1, 1],), ([0, 1, 1],), ([1],), ([0, 0, 0, 0, 1, 1],)],
    mistakes=[
        (
            lambda digits: _value(digits[::-1]),
            "The digits are read from the wrong end: the first one is worth 1, the last one most.",
        ),
        (sum, "This counts the ones; each digit counts twice as much as the one before it."),
        (
            lambda digits: sum(digit * 10**place for place, digit in enumerate(digits)),
            "These are binary digits: each place is worth 2 times the one before, not 10 times.",
        ),
        (
            lambda digits: 2 * _value(digits),
            "Twice the right number: the first digit is worth 2 ** 0 = 1.",
        ),
    ],
)


def _settled(right_TL):
    result = []
    for column in zip(*right_TL, strict=True):
        step = len(column)
        while step > 0 and column[step - 1]:
            step -= 1
        result.append(step)
    return result


_RIGHT = [
    [False, True, True, False, True],
    [True, True, False, False, False],
    [True, False, True, False, True],
    [True, True, True, False, True],
]

settled = Check(
    "0.2 settled",
    _settled,
    cases=[(_RIGHT,), ([[True, False, True]],), ([[False], [False], [True], [False], [True]],)],
    mistakes=[
        (
            lambda rows: [
                next((k for k, v in enumerate(c) if v), len(c)) for c in zip(*rows, strict=True)
            ],
            "This is the first step at which the digit is right. It may be wrong again after that.",
        ),
        (
            lambda rows: [step - 1 for step in _settled(rows)],
            "One step early: that is the last step at which the digit is wrong.",
        ),
        (
            lambda rows: [step + 1 for step in _settled(rows)],
            "One step late: steps are counted from 0, the start.",
        ),
        (
            lambda rows: [sum(column) for column in zip(*rows, strict=True)],
            "This counts the steps at which the digit is right.",
        ),
        (
            lambda rows: [len(c) - sum(c) for c in zip(*rows, strict=True)],
            "This counts the wrong steps. A right one between two wrong ones does not settle anything.",
        ),
        (
            lambda rows: _settled(list(zip(*rows, strict=True))),
            "Rows are steps and columns are digits: one number for each column is wanted.",
        ),
    ],
)
