"""What the tests have to know of lesson 05's exercises."""

# ruff: noqa: E501
from __future__ import annotations

#: The share of changes noticed so far, where some that pass are not explained yet. It may only rise.
FLOOR = 1.0

#: Source to execute before a solution instead of what is found in the lesson, by exercise.
BEFORE: dict[str, str] = {}

#: Changes that pass because they are right: exercise -> the changed line -> why its results are the same.
EQUIVALENT: dict[str, dict[str, str]] = {
    "5.4 probe": {
        "error_N = wanted_N[half:] - seen[half:] @ weights": "the error is squared: its sign does not matter",
        "seen = torch.column_stack([torch.ones(len(wanted_N)), states_NH])": "the intercept's weight comes first instead of last, and is used there",
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
    "5.4 probe": "what its later cells need is a training of more than the test's time"
}
