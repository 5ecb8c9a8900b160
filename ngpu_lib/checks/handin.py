"""The panel at a lesson's end: write a report to hand in, or clear what is kept of the lesson."""

from __future__ import annotations

import contextlib
import io
import json

import traitlets

from ngpu_lib.checks import progress
from ngpu_lib.widgets.base import AskingWidget, module


class HandIn(AskingWidget):
    """A name, if one wants to give one, and two buttons; ``checks.hand_in("05")`` makes it.

    ``write(name)`` and ``clear()`` do what the buttons do, so that a cell can drive it. The report's text
    stays in the page as well, so that the browser can save it where the kernel's folder is out of reach.
    """

    _esm = module("handin")

    lesson = traitlets.Unicode("").tag(sync=True)
    wish = traitlets.Dict().tag(sync=True)
    said = traitlets.Unicode("").tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)

    def __init__(self, lesson: str, **options):
        super().__init__(lesson=lesson, title=f"Hand in lesson {lesson}", **options)
        kept = progress.of(lesson)
        known = json.loads(progress.as_text(lesson=lesson))  # a wrong number is said here
        if any(kept.data[part] for part in ("checks", "predictions", "quiz")):
            self.said = f"So far: {progress.summary(known)}."

    @traitlets.observe("wish")
    def _answer(self, change) -> None:
        """A button was pressed; a name that is too long is said in the page."""
        wish = change.new if isinstance(change.new, dict) else {}
        with contextlib.suppress(ValueError):
            if wish.get("what") == "write":
                with self._answering():
                    self.write(wish.get("name", ""))
            elif wish.get("what") == "clear":
                self.clear()

    def write(self, name: str = "") -> None:
        """Write the report beside the notebook and say what stands in it."""
        text = progress.as_text(name, self.lesson)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            path = progress.report(name, lesson=self.lesson)
        self.text = text
        line = said.getvalue().partition(" Copy this instead:")[0].strip()
        self.said = line if path else f"{line} Use Save in the browser instead."

    def clear(self) -> None:
        """Forget what is kept of this lesson; the notebook itself stays as it is."""
        progress.of(self.lesson).clear()
        self.text = ""
        self.said = (
            "Cleared: tries, predictions and quiz answers of this lesson. Files handed in stay."
        )

    @property
    def report(self) -> dict:
        """What was written last, {} before."""
        return json.loads(self.text) if self.text else {}
