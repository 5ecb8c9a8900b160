"""Every check of every lesson says the right thing, and never raises."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pytest
import torch

from ngpu_lib import checks
from ngpu_lib.checks import MISTAKE, NOT_DONE, PASS, WRONG, Check, attempt, require_passed
from ngpu_lib.checks.quiz import quiz

LESSONS = sorted(
    m.name for m in pkgutil.iter_modules(checks.__path__) if m.name.startswith("lesson")
)
CHECKS = {
    f"{lesson}.{name}": value
    for lesson in LESSONS
    for name, value in vars(importlib.import_module(f"ngpu_lib.checks.{lesson}")).items()
    if isinstance(value, Check)
}


def answer_of(check: Check, function):
    """What a learner hands in: a function, or the value itself where there are no arguments."""
    return function() if all(case == () for case in check.cases) else function


def test_lessons_have_checks_and_names_are_unique():
    assert "lesson01" in LESSONS and len(CHECKS) >= 5
    names = [check.name for check in CHECKS.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", CHECKS)
def test_reference_passes(name):
    check = CHECKS[name]
    verdict = check.judge(answer_of(check, check.reference))
    assert verdict.status == PASS, verdict.message


@pytest.mark.parametrize("stub", [None, ...], ids=["None", "ellipsis"])
@pytest.mark.parametrize("name", CHECKS)
def test_stub_is_not_done_yet(name, stub):
    check = CHECKS[name]
    assert check.judge(stub).status == NOT_DONE
    assert check.judge(lambda *arguments, **options: stub).status == NOT_DONE


@pytest.mark.parametrize("name", CHECKS)
def test_each_mistake_gets_its_sentence(name):
    check = CHECKS[name]
    assert len(check.mistakes) >= 2, f"{name} needs at least two known mistakes"
    messages = [message for _, message in check.mistakes]
    assert len(set(messages)) == len(messages)
    for wrong, message in check.mistakes:
        verdict = check.judge(answer_of(check, wrong))
        assert (verdict.status, verdict.message) == (MISTAKE, message)


def raises(*arguments, **options):
    raise ZeroDivisionError("on purpose")


class Odd:
    def __array__(self, *arguments, **options):
        raise RuntimeError("not a number")

    __repr__ = raises


WRONG_ANSWERS = {
    "raises": raises,
    "no arguments": lambda: 1,
    "text": lambda *a: "something else",
    "object": lambda *a: object(),
    "odd object": lambda *a: Odd(),
    "huge tuple": lambda *a: tuple(range(1000)),
    "ragged": lambda *a: [[1], [2, 3]],
    "set": lambda *a: {1, 2},
    "nan": lambda *a: float("nan"),
    "empty tensor": lambda *a: torch.empty(0, 5),
    "number": lambda *a: -12345.678,
}


@pytest.mark.parametrize("answer", WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
@pytest.mark.parametrize("name", CHECKS)
def test_any_other_answer_is_not_right_yet(name, answer):
    verdict = CHECKS[name].judge(answer)
    assert verdict.status == WRONG and verdict.message


@pytest.mark.parametrize("answer", [object(), "text", Odd(), 3, [], int, print])
def test_a_check_never_raises(capsys, answer):
    for check in CHECKS.values():
        verdict = check(answer)
        assert not verdict.passed
        assert check.name in capsys.readouterr().out


def halve(x):
    return x / 2


HALVE = Check(
    "0.0 halve", halve, cases=[(4.0,), (7.0,)], mistakes=[(lambda x: x // 2, "Whole division.")]
)


def test_the_printed_line(capsys):
    HALVE(halve)
    HALVE(lambda x: ...)
    HALVE(lambda x: x // 2)
    HALVE(lambda x: x)
    HALVE(raises)
    assert capsys.readouterr().out.splitlines() == [
        "0.0 halve: pass.",
        "0.0 halve: not done yet. Fill in the stub, then run this cell again.",
        "0.0 halve: known mistake. Whole division.",
        "0.0 halve: not right yet. With 4.0 it gives 4.0, needs 2.0.",
        "0.0 halve: not right yet. With 4.0 it raises ZeroDivisionError "
        f"(line {raises.__code__.co_firstlineno + 1}): on purpose",
    ]


def test_values_tolerance_and_shapes():
    value = Check("0.1 value", lambda: 0.5, mistakes=[(lambda: 2.0, "Upside down.")])
    assert value.judge(0.50001).passed and value.judge(np.float32(0.5)).passed
    assert value.judge(2).status == MISTAKE
    table = Check("0.2 table", lambda x: x, cases=[(torch.zeros(2, 3),)])
    verdict = table.judge(lambda x: x.T)
    assert "shape (3, 2), needs (2, 3)" in verdict.message
    assert table.judge(lambda x: x.tolist()).passed
    pair = Check("0.3 pair", lambda: (torch.ones(2), {"a": 1}))
    assert pair.judge((np.ones(2), {"a": 1})).passed
    assert pair.judge((np.ones(2), {"b": 1})).status == WRONG


def test_an_answer_that_writes_into_its_arguments_spoils_nothing():
    def zero(x_B):
        x_B[:] = 0
        return x_B

    check = Check("0.4 copy", lambda x_B: x_B + 1, cases=[(torch.ones(3),)])
    assert check.judge(zero).status == WRONG
    assert check.judge(lambda x_B: x_B + 1).passed


def test_an_answer_of_ones_own_exit_is_caught():
    def leaves(x):
        raise SystemExit

    assert HALVE.judge(leaves).status == WRONG


def test_attempt():
    assert attempt(halve, 3.0) == 1.5
    assert (
        attempt(lambda x: ..., 3.0) is None
        and attempt(raises, 1) is None
        and attempt(..., 1) is None
    )
    x_B = torch.ones(2)
    attempt(lambda x_B: x_B.zero_(), x_B)
    assert x_B.sum() == 2


def test_require_passed():
    HALVE(lambda x: x)
    with pytest.raises(AssertionError, match="0.0 halve: not right yet"):
        require_passed("0.0 halve")
    HALVE(halve)
    require_passed("0.0 halve")
    with pytest.raises(AssertionError, match="was not called"):
        require_passed("9.9 nothing")


def test_quiz_gives_feedback():
    box = quiz("2 + 2?", "4", ("5", "One too many."), ("<b>", "Markup & such."), why="Count.")
    assert box.answer("4") == "Right. Count."
    assert box.answer("5") == "Not this one. One too many."
    assert box.chosen == "5" and box.title == "2 + 2?"
    assert [(a["text"], a["right"]) for a in box.answers] == [
        ("4", True),
        ("5", False),
        ("<b>", False),
    ]


@pytest.mark.parametrize("wrong", [(), (("4", "the same"),)])
def test_quiz_refuses_what_is_no_question(wrong):
    with pytest.raises(ValueError, match="wrong: got"):
        quiz("2 + 2?", "4", *wrong, why="Count.")
