"""The cells after an exercise, executed with any answer: none may stop."""

from __future__ import annotations

import ast
import contextlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from course.workshop.editions import read_lesson
from tests.exercises.extract import (
    binds,
    first_reads,
    limit,
    parse,
    slice_of,
    up_to_check,
    writes_into,
)


def _raises(*case, **options):
    raise ZeroDivisionError("on purpose")


#: Answers of every kind; where a function is wanted, one that gives this.
ANSWERS: dict[str, Any] = {
    "the stub": ...,
    "None": None,
    "text": "text",
    "a number": 7,
    "nan": float("nan"),
    "another shape": torch.zeros(2, 3, 5),
    "a list of text": ["a", "b"],
    "an empty list": [],
    "an error": _raises,
}


@dataclass
class Later:
    """What of a lesson depends on one exercise's answer; the other statements are what that needs."""

    name: str
    answers: dict[str, bool]  # the names the solution binds, and whether each is a function
    solution: str
    before: str
    steps: list[tuple[bool, str, frozenset[str]]]  # depends on the answer?, source, what it binds
    namespace: dict = field(default_factory=dict)
    start: dict = field(default_factory=dict)
    made: dict = field(default_factory=dict)

    def run(self, answer: Any = None, *, right: bool = False) -> str | None:
        """What the statements raise, with the line; None if nothing. The first run needs ``right``."""
        if not self.start:
            self.namespace = {"__name__": "__main__", "device": "cpu"}
            exec(compile(self.before, f"{self.name}, before", "exec"), self.namespace)
            exec(compile(self.solution, f"{self.name}, solution", "exec"), self.namespace)
            self.start = dict(self.namespace)
        self.namespace.clear()
        self.namespace.update(self.start)
        for name, function in self.answers.items():
            if not right:
                self.namespace[name] = _giving(answer) if function else answer
        for number, (depends, source, bound) in enumerate(self.steps):
            if not depends and number in self.made:
                self.namespace.update(self.made[number])
                continue
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(source, f"{self.name}, after", "exec"), self.namespace)
            except (Exception, SystemExit) as error:
                return f"{type(error).__name__}: {error} in: {source.splitlines()[0]}"
            if not depends:
                kept = {name: self.namespace[name] for name in bound if name in self.namespace}
                self.made[number] = kept
        return None


def _giving(value: Any):
    return value if callable(value) else lambda *case, **options: value


def later_of(path: Path, module) -> list[Later]:
    """For every exercise, the statements up to the next stub that depend on its answer."""
    cells = [
        (set(cell["metadata"].get("tags", [])), parse(cell["source"]))
        for cell in read_lesson(path)
        if cell["kind"] == "code"
    ]
    found = []
    for place, (tags, body) in enumerate(cells):
        if "solution" not in tags:
            continue
        answers, others, steps = binds(body), [], []
        before = [s for t, b in cells[:place] if not t & {"stub", "instructor"} for s in b]
        touched, needed = set(answers), set(map(id, slice_of(before, first_reads(body))))
        for other, statements in cells[place + 1 :]:
            if "stub" in other:
                break
            for statement in [] if "instructor" in other else statements:
                bound = binds([statement])
                depends = bool(first_reads([statement]) & touched)
                touched = touched | bound | writes_into(statement) if depends else touched - bound
                if depends:
                    needed |= set(map(id, slice_of([*before, *others], first_reads([statement]))))
                else:
                    others.append(statement)
                steps.append((depends, statement, frozenset(bound)))
        _, check = up_to_check(cells[place + 1 :], module)
        found.append(
            Later(
                check.name if check else ", ".join(sorted(answers)),
                {name: _is_function(name, body) for name in answers},
                "\n".join(map(ast.unparse, body)),
                "\n".join(ast.unparse(s) for s in before if id(s) in needed),
                [(d, ast.unparse(s), b) for d, s, b in steps if d or id(s) in needed],
            )
        )
    return found


def _is_function(name: str, body: list[ast.stmt]) -> bool:
    return any(isinstance(s, (ast.FunctionDef, ast.ClassDef)) and s.name == name for s in body)


def stops(later: Later, seconds: float) -> dict[str, str]:
    """Answer -> what it makes a later cell raise."""
    with limit(seconds):
        if found := later.run(right=True):
            return {"the solution": found}
        outcomes = {kind: later.run(answer) for kind, answer in ANSWERS.items()}
    return {kind: found for kind, found in outcomes.items() if found}
