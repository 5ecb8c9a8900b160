"""What every widget shares: its files, plain arrays from anything, and a kernel that says it is there."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import anywidget
import numpy as np
import traitlets

_HERE = Path(__file__).parent


def module(*names: str) -> str:
    """The text of one JavaScript module: the shared helpers, then the widget's own files in order."""
    return "".join((_HERE / f"{name}.js").read_text("utf-8") for name in ("shared", *names))


def plain_array(name: str, values) -> np.ndarray:
    """A float64 array from a NumPy array, a tensor (on any device, with or without gradient) or lists.

    Raises:
        ValueError: something that is not an array of real numbers.
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name}: got rows of unequal length; needs an array") from error
    if array.dtype.kind not in "biuf":
        got = type(values).__name__ if array.ndim == 0 else f"{array.dtype} values"
        raise ValueError(f"{name}: got {got}; needs real numbers")
    return array.astype(np.float64)


def in_range(name: str, value: float, low: float, high: float) -> float:
    """The value itself, or a ValueError when it lies outside [low, high] (or is NaN)."""
    if not low <= value <= high:
        raise ValueError(f"{name}: got {value}; needs a number from {low:g} to {high:g}")
    return value


def row_in_range(name: str, values, count: int, low: float, high: float):
    """The row itself, or a ValueError when it has another length or a number outside [low, high]."""
    if len(values) != count:
        raise ValueError(f"{name}: got {len(values)} numbers; needs {count}")
    for value in values:
        in_range(name, value, low, high)
    return values


class Widget(anywidget.AnyWidget):
    """An anywidget in the course's style. ``title`` is also its name for screen readers.

    A cell runs in the kernel's main thread; what the page sends may be handled in another at the same
    time (JupyterLab gives it a subshell). So an answer is computed, and stored with the question that it
    read, in ``_turn``: who comes second reads what is asked by then, and the last answer stored is never
    that of an earlier question.
    """

    _css = (_HERE / "style.css").read_text("utf-8")
    title = traitlets.Unicode("").tag(sync=True)

    def __init__(self, *args, **options):
        self._turn = threading.RLock()
        super().__init__(*args, **options)


class AskingWidget(Widget):
    """A widget whose picture Python computes.

    The page counts ``asked`` up; Python answers in ``answered``. No answer within a while means that
    no kernel is there, and the page says so and keeps the picture it has.
    """

    asked = traitlets.Int(0).tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)
    error = traitlets.Unicode("").tag(sync=True)

    @traitlets.observe("asked")
    def _echo(self, change) -> None:
        self.answered = change.new

    @contextlib.contextmanager
    def _answering(self):
        """Compute and store an answer in turn; what is raised is shown in the page, too."""
        with self._turn:
            try:
                yield
            except Exception as error:
                self.error = f"{type(error).__name__}: {error}"
                raise
            self.error = ""
