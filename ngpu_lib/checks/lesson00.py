"""The sample exercise of lesson 00."""

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
