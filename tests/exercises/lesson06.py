"""What the tests have to know of lesson 06's exercises."""

# ruff: noqa: E501
from __future__ import annotations

#: The share of changes noticed so far, where some that pass are not explained yet. It may only rise.
FLOOR = 1.0

#: Source to execute before a solution instead of what is found in the lesson, by exercise.
BEFORE: dict[str, str] = {}

#: Changes that pass because they are right: exercise -> the changed line -> why its results are the same.
EQUIVALENT: dict[str, dict[str, str]] = {
    "6.1 content": {
        "return torch.softmax(beta * (memory @ key) / (lengths + 1e-06), -1)": "one axis: the first is the last",
    },
    "6.3 slips": {
        "found, half = ([], rows / 2)": "with 7 rows -3.5..3.5 holds the whole numbers that -3..3 holds; with 8 the half is whole as it is",
    },
}

#: Checks that have fewer than four known mistakes. May only shrink.
FEWER_MISTAKES: set[str] = set()

#: Predictions that do not start empty, or that a later cell needs. May only shrink.
FILLED_PREDICTIONS: set[str] = set()

#: Checks with a case at a boundary, wanted there: check -> why no rounding can decide it.
EXACT_TIES: dict[str, str] = {}

#: Exercises some answer to which stops a later cell. May only shrink.
STOPPED_BY_AN_ANSWER: set[str] = set()

#: Exercises whose later cells are not tried with odd answers: why. (nbval runs them after the stub.)
NOT_FOLLOWED: dict[str, str] = {
    "6.3 slips": "what its later cells need is a training of more than the test's time"
}
