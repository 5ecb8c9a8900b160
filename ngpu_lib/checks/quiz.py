"""A short quiz with instant feedback; it needs no kernel."""

from __future__ import annotations

import traitlets

from ngpu_lib.checks import progress
from ngpu_lib.widgets.base import Widget, module


class Quiz(Widget):
    """One question as buttons; pressing one says why it is right or wrong. ``quiz`` makes them."""

    _esm = module("quiz")

    answers = traitlets.List(traitlets.Dict()).tag(sync=True)
    chosen = traitlets.Unicode("").tag(sync=True)

    def answer(self, text: str) -> str:
        """Press the button with this text; the feedback."""
        found = next(answer for answer in self.answers if answer["text"] == text)
        self.chosen = text
        return f"{'Right.' if found['right'] else 'Not this one.'} {found['reason']}"


def quiz(question: str, right: str, *wrong: tuple[str, str], why: str) -> Quiz:
    """One question; each answer is a button, and pressing it says why it is right or wrong.

    Args:
        question: one sentence.
        right: the right answer. wrong: pairs of a wrong answer and what is wrong with it.
        why: what is said of the right answer.

    Returns:
        A widget. ``widget.answer(text)`` presses the button with that text and returns the feedback,
        so that a cell can drive it.

    Raises:
        ValueError: fewer than two answers, or two that read the same.
    """
    given = [(right, why, True), *((text, reason, False) for text, reason in wrong)]
    texts = [text for text, _, _ in given]
    if len(texts) < 2 or len(set(texts)) != len(texts):
        raise ValueError(f"wrong: got {texts}; needs at least two different answers in all")
    answers = [{"text": t, "reason": reason, "right": ok} for t, reason, ok in sorted(given)]
    widget = Quiz(title=question, answers=answers)
    if lesson := progress.this_lesson():
        kept = progress.of(lesson)
        if kept.chosen(question) in texts:
            widget.chosen = kept.chosen(question)  # as it was left
        widget.observe(lambda change: kept.chose(question, change.new, right), "chosen")
    return widget
