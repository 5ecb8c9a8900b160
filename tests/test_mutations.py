"""A solution changed in one place does not pass its check.

    python -m tests.test_mutations 05      the figure of lesson 05, and every change that passes
    python -m tests.test_mutations         all lessons

What passes and may: ``EQUIVALENT`` in tests/exercises/lesson05.py, with the reason.
"""

from __future__ import annotations

import sys
from functools import cache
from types import SimpleNamespace

import pytest

from course.workshop.editions import lessons
from ngpu_lib.checks import PASS, Check
from tests.conftest import ROOT
from tests.exercises import known
from tests.exercises.changes import canonical, mutants
from tests.exercises.extract import (
    Result,
    exercises,
    exercises_of,
    first_reads,
    parse,
    try_all,
)

LESSONS = [path.stem[:2] for path in lessons()]


@cache
def results(lesson: str) -> list[Result]:
    return [try_all(exercise) for exercise in exercises(lesson, known(lesson).BEFORE)]


def unexplained(result: Result) -> list:
    """The changes that pass and are not in the lesson's table."""
    table = known(result.exercise.lesson).EQUIVALENT.get(result.exercise.name, {})
    lines = set(map(canonical, table))
    return [mutant for mutant in result.passed if canonical(mutant.line) not in lines]


def noticed(found: list[Result]) -> float:
    """The share of all changes that the checks notice."""
    made = sum(result.made for result in found)
    return 1 - sum(len(result.passed) for result in found) / made


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_solution_passes_in_its_lesson(lesson):
    for result in results(lesson):
        assert result.first == PASS, f"{result.exercise.name}: {result.first}"


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_changed_solution_is_noticed(lesson):
    found, floor = results(lesson), known(lesson).FLOOR
    left = [f"{r.exercise.name}: {m.line}" for r in found for m in unexplained(r)]
    share = 1 - len(left) / sum(r.made for r in found)
    assert share >= floor, f"{share:.3f}, not {floor}; unnoticed:\n" + "\n".join(left)
    assert noticed(found) >= min(floor, 0.94), "too many changes pass, explained or not"


@pytest.mark.parametrize("lesson", LESSONS)
def test_what_is_explained_still_passes(lesson):
    by_name = {result.exercise.name: result for result in results(lesson)}
    for name, table in known(lesson).EQUIVALENT.items():
        passing = {canonical(mutant.line) for mutant in by_name[name].passed}
        for line, why in table.items():
            assert why and canonical(line) in passing, f"{name}: {line} is noticed now; delete it"


def test_of_all_changes_nearly_all_are_noticed():
    found = [result for lesson in LESSONS for result in results(lesson)]
    ready = all(known(lesson).FLOOR == 1 for lesson in LESSONS)
    made, passed = sum(r.made for r in found), sum(len(r.passed) for r in found)
    text = f"changes of one place noticed by the exercises' checks: {made - passed} of {made}"
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "mutations.txt").write_text(f"{text} ({noticed(found):.3f})\n")  # for .ci/run
    assert noticed(found) >= (0.98 if ready else 0.95)


def test_the_changes_of_a_small_function():
    source = (
        "def f(a, n=2):\n    if a < n:\n        a = g(a, key=True)\n    return max(a[1:], n) / 3"
    )
    lines = {mutant.line for mutant in mutants(source)}
    assert lines >= {
        "def f(a, n=3):",
        "def f(a, n=1):",
        "if a <= n:",
        "if not a < n:",
        "a = g(a)",
        "a = g(a, key=False)",
        "a = a",
        "(dropped) a = g(a, key=True)",
        "return min(a[1:], n) / 3",
        "return max(a[:], n) / 3",
        "return max(a[2:], n) / 3",
        "return 3 / max(a[1:], n)",
        "return max(a[1:], n) * 3",
        "return max(a[1:], n) / 4",
        "return a[1:] / 3",
        "(dropped) return max(a[1:], n) / 3",
    }
    assert not any("max(n, a" in line for line in lines)


LESSON = """\
# %%
from collections import Counter
from ngpu_lib.checks import lesson42 as check

# %%
raise SystemExit("a training, which no exercise needs")

# %%
factors = []
for k in (2, 3):
    factors.append(k)
limit = 100

# %% tags=["stub"]
def grow(n):
    return ...

# %% tags=["solution"]
def grow(n):
    while n < limit:
        n = factors[0] * n
    return n

# %%
def twice(function):
    return lambda n: function(function(n)) if n else ...

# %%
check.grow(twice(grow))
"""


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("rows = [[math.sqrt(i) for i in r] for r in q]", {"math", "q"}),
        ("found = {k: [v for v in w if f(v)] for k, w in q.items()}", {"f", "q"}),
        ("def g(x):\n    return {x + u for u in U}", {"U"}),
        ("total = 0\nfor i in q:\n    total += f(i)", {"f", "q"}),
    ],
)
def test_a_comprehension_s_own_names_are_not_the_lesson_s(source, names):
    """With each Python: from 3.12 on, its symbol table gives them to the scope around (PEP 709)."""
    assert first_reads(parse(source)) == names


def test_an_exercise_takes_what_it_needs_of_its_lesson_and_an_endless_change_is_noticed(tmp_path):
    (tmp_path / "42_life.py").write_text(LESSON)
    check = Check("42.1 grow", lambda n: 128 if n < 100 else n, cases=[(2,), (64,), (200,)])
    (exercise,) = exercises_of(
        tmp_path / "42_life.py",
        SimpleNamespace(grow=check),
        "42",
        {},
        {"check": SimpleNamespace(grow=check)},
    )
    assert "Counter" not in exercise.before and "raise" not in exercise.before
    result = try_all(exercise)
    assert result.first == PASS
    assert {mutant.line for mutant in result.passed} == {"while n <= limit:"}


def report(lesson: str) -> str:
    lines = []
    for result in results(lesson):
        if result.first != PASS:
            lines.append(f"{result.exercise.name}: the solution itself: {result.first}")
        count = result.made - len(result.passed)
        lines.append(
            f"{result.exercise.name}: {count} of {result.made} noticed ({result.seconds:.1f} s)"
        )
        left = unexplained(result)
        for mutant in result.passed:
            kind = "passes     " if mutant in left else "(equivalent)"
            lines += [f"    {kind} {mutant.line}", f"        solution: {mutant.was}"]
    return "\n".join(lines)


def main(lessons: list[str]) -> None:
    for lesson in lessons:
        print(report(lesson), "", sep="\n")
    for lesson in lessons:
        found = results(lesson)
        made, left = sum(r.made for r in found), sum(len(unexplained(r)) for r in found)
        print(f"lesson {lesson}: {noticed(found):.3f} noticed, {1 - left / made:.3f} or explained")
    found = [result for lesson in lessons for result in results(lesson)]
    made, passed = sum(r.made for r in found), sum(len(r.passed) for r in found)
    print(f"in all: {made - passed} of {made} noticed ({noticed(found):.3f})")


if __name__ == "__main__":
    main(sys.argv[1:] or LESSONS)
