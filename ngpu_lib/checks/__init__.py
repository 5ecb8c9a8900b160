"""The exercises' checks: pass, not done yet, or which known mistake it looks like.

One module per lesson (``lesson01``, ...) holds one ``Check`` per exercise. A check compares the
learner's answer with a reference on a few cases. Where it differs, the check looks for a known
mistake that gives the same wrong results and says its message; else it shows the first place that
differs. Checks print and never raise. What was tried is kept beside the notebook (``progress``), and
``report`` writes it as a file to hand in.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from ngpu_lib.checks import progress
from ngpu_lib.checks.compare import difference, materialised, show, unfinished
from ngpu_lib.checks.progress import report as report
from ngpu_lib.checks.rules import Rule, broken_rule

PASS, NOT_DONE, MISTAKE, WRONG = "pass", "not done yet", "known mistake", "not right yet"


@dataclass(frozen=True)
class Verdict:
    """What a check found: ``status`` is one of PASS, NOT_DONE, MISTAKE, WRONG."""

    name: str
    status: str
    message: str

    @property
    def passed(self) -> bool:
        return self.status == PASS

    def _ipython_display_(self) -> None:
        """Nothing: at the end of a cell the check has already printed it."""


#: The latest verdict of every check called in this session, by name.
verdicts: dict[str, Verdict] = {}


class _Raised(NamedTuple):
    """What an answer did instead of giving a result."""

    kind: str
    line: int
    text: str


@dataclass(frozen=True)
class Check:
    """The check of one exercise; calling it with an answer prints and returns a Verdict.

    name: what the learner reads, e.g. "1.2 softmax".
    reference: the right function. A check of a plain value has a function without arguments.
    cases: argument tuples the answer is called with; ``()`` for a plain value.
    mistakes: (wrong function, what it means) pairs, in the order they are looked for. A mistake
        that raises matches an answer that raises the same kind of error on the same case.
    tolerance: how far numbers may lie apart, absolute and relative. Whole numbers are exact.
    forbids: rule -> sentence. A right answer whose source breaks a rule gets the sentence; see
        ``ngpu_lib.checks.rules``.
    gradients: places of arguments in which the result must be differentiable, with the
        reference's gradients.
    """

    name: str
    reference: Callable[..., Any]
    cases: Sequence[tuple] = field(default_factory=lambda: [()])
    mistakes: Sequence[tuple[Callable[..., Any], str]] = ()
    tolerance: float = 1e-4
    forbids: Mapping[Rule, str] = field(default_factory=dict)
    gradients: Sequence[int] = ()

    def __call__(self, answer: Any) -> Verdict:
        verdict = self.judge(answer)
        verdicts[self.name] = verdict
        progress.note_verdict(verdict)
        print(f"{self.name}: {verdict.status}. {verdict.message}".rstrip())
        return verdict

    def judge(self, answer: Any) -> Verdict:
        """The verdict on an answer, without printing it."""
        if answer is None:
            return self._not_done()
        wanted = [materialised(self.reference(*_copy(case))) for case in self.cases]
        results = []
        for case in self.cases:
            result = _result(answer, case)
            if unfinished(result):
                return self._not_done()
            results.append(result)
        found = [self._difference(r, w) for r, w in zip(results, wanted, strict=True)]
        first = next((k for k, text in enumerate(found) if text), None)
        if first is None:
            return self._beyond_results(answer)
        for wrong, message in self.mistakes:
            if all(map(self._same, results, (_result(wrong, case) for case in self.cases))):
                return Verdict(self.name, MISTAKE, message)
        case = self.cases[first]
        where = f"With {show(case)} it" if case else "It"
        return Verdict(self.name, WRONG, f"{where} {found[first]}")

    def _not_done(self) -> Verdict:
        return Verdict(self.name, NOT_DONE, "Fill in the stub, then run this cell again.")

    def _difference(self, result: Any, wanted: Any) -> str | None:
        """What is wrong with one result, as the end of a sentence; None if nothing is."""
        if isinstance(result, _Raised):
            return f"raises {result.kind} (line {result.line}): {result.text}"
        if result is None and wanted is not None:
            return "returned None; does every way through it end in `return`?"
        found = difference(result, wanted, self.tolerance)
        return None if found is None else f"{found}."

    def _same(self, result: Any, other: Any) -> bool:
        if isinstance(result, _Raised) or isinstance(other, _Raised):
            return type(result) is type(other) and result.kind == other.kind
        return difference(result, other, self.tolerance) is None

    def _beyond_results(self, answer: Any) -> Verdict:
        """The verdict on an answer whose results are right: gradients, then what is forbidden."""
        for place in self.gradients:
            for case in self.cases:
                got, wanted = _gradient(answer, case, place), _gradient(self.reference, case, place)
                if got is None:
                    text = (
                        "The values are right, and no gradient can flow back through them: .item(), "
                        "float(...), .detach() and NumPy cut a result off."
                    )
                    return Verdict(self.name, MISTAKE, text)
                if text := self._difference(got, wanted):
                    text = (
                        f"The values are right, their gradient is not: with {show(case)} it {text}"
                    )
                    return Verdict(self.name, WRONG, text)
        if message := broken_rule(answer, self.forbids):
            return Verdict(self.name, MISTAKE, f"The results are right. {message}")
        return Verdict(self.name, PASS, "")


def attempt(answer: Callable[..., Any], *arguments: Any) -> Any:
    """What the learner's function gives, or None while it is a stub or raises.

    For pictures that put the target beside the learner's result, whatever state that is in.
    """
    try:
        result = answer(*_copy(arguments))
    except (Exception, SystemExit):  # the check above the picture has already said what is wrong
        return None
    return None if unfinished(result) else result


def require_passed(*names: str) -> None:
    """Raise AssertionError unless the named checks (default: all called so far) passed last time.

    The instructor edition calls this behind its solutions; a student's cell never does.
    """
    chosen = names or tuple(verdicts)
    assert chosen, "no check has been called yet"
    for name in chosen:
        assert name in verdicts, f"check {name!r} was not called"
        assert verdicts[name].passed, f"{name}: {verdicts[name].status}. {verdicts[name].message}"


def hand_in(lesson: str):
    """The panel at a lesson's end: write a report to hand in, or clear what is kept of the lesson."""
    from ngpu_lib.checks.handin import HandIn

    return HandIn(lesson)


def _result(answer: Any, case: tuple) -> Any:
    """What an answer gives for a case, or how it failed."""
    if not callable(answer):
        return materialised(answer)
    try:
        return materialised(answer(*_copy(case)))
    except NotImplementedError:
        return ...
    except (Exception, SystemExit) as error:  # the learner's code may fail in any way
        return _Raised(type(error).__name__, _line(error, answer), str(error))


def _line(error: BaseException, answer: Any) -> int:
    """The line of the answer's own file that was under way when it raised."""
    frames = traceback.extract_tb(error.__traceback__)
    home = getattr(getattr(answer, "__code__", None), "co_filename", None)
    own = [frame for frame in frames if frame.filename == home]
    return (own or frames)[-1].lineno or 0


def _gradient(answer: Callable[..., Any], case: tuple, place: int) -> torch.Tensor | None:
    """The gradient, in one argument, of a weighted sum of what the answer gives; None if cut off."""
    arguments = list(_copy(case))
    given = arguments[place] = arguments[place].detach().requires_grad_()
    with torch.enable_grad():
        result = _result(answer, tuple(arguments)) if callable(answer) else answer
        parts = result if isinstance(result, (list, tuple)) else [result]
        total = sum(
            (part * torch.linspace(1, 2, part.numel()).reshape(part.shape)).sum()
            for part in parts
            if isinstance(part, torch.Tensor) and part.requires_grad
        )
    if not isinstance(total, torch.Tensor):
        return None
    return torch.autograd.grad(total, given, allow_unused=True)[0]


def _copy(value: Any) -> Any:
    """Fresh arguments, so that an answer that writes into them spoils nothing."""
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) in (tuple, list):
        return type(value)(map(_copy, value))
    return {key: _copy(part) for key, part in value.items()} if type(value) is dict else value
