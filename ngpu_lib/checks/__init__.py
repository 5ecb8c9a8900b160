"""The exercises' checks: pass, not done yet, or which known mistake it looks like.

One module per lesson (``lesson01``, ...) holds one ``Check`` per exercise. A check compares the
learner's answer with a reference on a few cases. Where it differs, the check looks for a known
mistake that gives the same wrong results and says its message. Checks print and never raise.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

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


@dataclass(frozen=True)
class Check:
    """The check of one exercise; calling it with an answer prints and returns a Verdict.

    name: what the learner reads, e.g. "1.2 softmax".
    reference: the right function. A check of a plain value has a function without arguments.
    cases: argument tuples the answer is called with; ``()`` for a plain value.
    mistakes: (wrong function, what it means) pairs, in the order they are looked for.
    tolerance: how far numbers may lie apart.
    """

    name: str
    reference: Callable[..., Any]
    cases: Sequence[tuple] = field(default_factory=lambda: [()])
    mistakes: Sequence[tuple[Callable[..., Any], str]] = ()
    tolerance: float = 1e-4

    def __call__(self, answer: Any) -> Verdict:
        verdict = self.judge(answer)
        verdicts[self.name] = verdict
        print(f"{self.name}: {verdict.status}. {verdict.message}".rstrip())
        return verdict

    def judge(self, answer: Any) -> Verdict:
        """The verdict on an answer, without printing it."""
        results = []
        for case in self.cases:
            try:
                result = answer(*_copy(case)) if callable(answer) else answer
            except NotImplementedError:
                result = None
            except (Exception, SystemExit) as error:  # the learner's code may fail in any way
                line = traceback.extract_tb(error.__traceback__)[-1].lineno
                text = f"With {_show(case)} it raises {type(error).__name__} (line {line}): {error}"
                return Verdict(self.name, WRONG, text)
            if result is None or result is ...:
                return Verdict(self.name, NOT_DONE, "Fill in the stub, then run this cell again.")
            results.append(result)
        wanted = [self.reference(*_copy(case)) for case in self.cases]
        same = [_equal(r, w, self.tolerance) for r, w in zip(results, wanted, strict=True)]
        if all(same):
            return Verdict(self.name, PASS, "")
        for wrong, message in self.mistakes:
            if all(
                _equal(result, wrong(*_copy(case)), self.tolerance)
                for result, case in zip(results, self.cases, strict=True)
            ):
                return Verdict(self.name, MISTAKE, message)
        first = same.index(False)
        return Verdict(
            self.name, WRONG, _describe(self.cases[first], results[first], wanted[first])
        )


def attempt(answer: Callable[..., Any], *arguments: Any) -> Any:
    """What the learner's function gives, or None while it is a stub or raises.

    For pictures that put the target beside the learner's result, whatever state that is in.
    """
    try:
        result = answer(*_copy(arguments))
    except (Exception, SystemExit):  # the check above the picture has already said what is wrong
        return None
    return None if result is ... else result


def require_passed(*names: str) -> None:
    """Raise AssertionError unless the named checks (default: all called so far) passed last time.

    The instructor edition calls this behind its solutions; a student's cell never does.
    """
    chosen = names or tuple(verdicts)
    assert chosen, "no check has been called yet"
    for name in chosen:
        assert name in verdicts, f"check {name!r} was not called"
        assert verdicts[name].passed, f"{name}: {verdicts[name].status}. {verdicts[name].message}"


def _copy(case: tuple) -> tuple:
    """Fresh arguments, so that an answer that writes into them spoils nothing."""
    return tuple(
        a.clone()
        if isinstance(a, torch.Tensor)
        else np.copy(a)
        if isinstance(a, np.ndarray)
        else list(a)
        if isinstance(a, list)
        else a
        for a in case
    )


def _equal(got: Any, wanted: Any, tolerance: float) -> bool:
    try:
        return _compare(got, wanted, tolerance)
    except Exception:  # an answer of any kind may arrive here; what cannot be compared differs
        return False


def _compare(got: Any, wanted: Any, tolerance: float) -> bool:
    if isinstance(wanted, dict):
        return (
            isinstance(got, dict)
            and got.keys() == wanted.keys()
            and all(_equal(got[key], wanted[key], tolerance) for key in wanted)
        )
    if isinstance(wanted, (list, tuple)) and any(
        isinstance(part, (torch.Tensor, np.ndarray, list, tuple, str, dict)) for part in wanted
    ):
        return (
            isinstance(got, (list, tuple))
            and len(got) == len(wanted)
            and all(_equal(g, w, tolerance) for g, w in zip(got, wanted, strict=True))
        )
    if isinstance(wanted, (str, type(None))):
        return bool(got == wanted)
    got_array, wanted_array = _array(got), _array(wanted)
    return got_array.shape == wanted_array.shape and bool(
        np.allclose(got_array, wanted_array, rtol=tolerance, atol=tolerance, equal_nan=True)
    )


def _array(value: Any) -> np.ndarray:
    value = value.detach().cpu() if isinstance(value, torch.Tensor) else value
    return np.asarray(value, dtype=np.float64)


def _show(value: Any) -> str:
    if isinstance(value, (torch.Tensor, np.ndarray)):
        array = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)
        shape = "x".join(map(str, array.shape)) or "number"
        return f"array {shape}" if array.size > 8 else np.array2string(array, precision=4)
    if isinstance(value, tuple):
        return ", ".join(_show(part) for part in value) or "no arguments"
    try:
        text = repr(value)
    except Exception:
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= 70 else text[:67] + "..."


def _describe(case: tuple, got: Any, wanted: Any) -> str:
    try:
        if _array(got).shape != _array(wanted).shape:
            shapes = f"shape {_array(got).shape}, needs {_array(wanted).shape}"
            return f"With {_show(case)} it gives {shapes}."
    except Exception:  # no numbers, so no shapes to compare
        pass
    return f"With {_show(case)} it gives {_show(got)}, needs {_show(wanted)}."
