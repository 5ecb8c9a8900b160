"""What the tests have to know of lesson 10's exercises."""

# ruff: noqa: E501
from __future__ import annotations

#: The share of changes noticed so far, where some that pass are not explained yet. It may only rise.
FLOOR = 1.0

#: Source to execute before a solution instead of what is found in the lesson, by exercise.
BEFORE: dict[str, str] = {}

#: Changes that pass because they are right: exercise -> the changed line -> why its results are the same.
EQUIVALENT: dict[str, dict[str, str]] = {
    "10.2 a memory of outer products": {
        "return found": "a check compares a list of rows with a tensor number by number"
    },
    "10.3 two sums it cannot tell apart": {
        "my_pair = ('01+00', '10+00')": "the pair has no order",
    },
    "10.5 the next symbol": {
        "chances = torch.softmax(torch.tensor(logits) / temperature, -1)": "of one axis the last is 0 or -1",
        "return (chances.cumsum(-1) <= u).sum()": "of one axis the last is 0 or -1",
    },
}

#: Checks that have fewer than four known mistakes. May only shrink.
FEWER_MISTAKES: set[str] = set()

#: Predictions that do not start empty, or that a later cell needs. May only shrink.
FILLED_PREDICTIONS: set[str] = set()

#: Checks with a case at a boundary, wanted there: check -> why no rounding can decide it.
EXACT_TIES: dict[str, str] = {
    "choose": "two equal chances are exactly 0.5 in binary, and so is u: it lies where the second begins",
}

#: Exercises some answer to which stops a later cell. May only shrink.
STOPPED_BY_AN_ANSWER: set[str] = set()
