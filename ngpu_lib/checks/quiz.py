"""A short quiz with instant feedback, as buttons in the notebook."""

from __future__ import annotations

import html

import ipywidgets as widgets


def quiz(question: str, right: str, *wrong: tuple[str, str], why: str) -> widgets.VBox:
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
    answers = [(right, why, True), *((text, reason, False) for text, reason in wrong)]
    texts = [text for text, _, _ in answers]
    if len(texts) < 2 or len(set(texts)) != len(texts):
        raise ValueError(f"wrong: got {texts}; needs at least two different answers in all")
    answers.sort(key=lambda answer: answer[0])
    feedback = widgets.HTML("")
    buttons = {}

    def press(text: str) -> str:
        reason, is_right = next((r, ok) for t, r, ok in answers if t == text)
        mark, colour = ("Right.", "#0072B2") if is_right else ("Not this one.", "#D55E00")
        feedback.value = (
            f'<p role="status"><b style="color:{colour}">{mark}</b> {html.escape(reason)}</p>'
        )
        return f"{mark} {reason}"

    for text in (answer[0] for answer in answers):
        layout = widgets.Layout(width="auto", max_width="100%")
        buttons[text] = widgets.Button(description=text, layout=layout)
        buttons[text].on_click(lambda _, text=text: press(text))
    title = widgets.HTML(f"<b>{html.escape(question)}</b>")
    box = widgets.VBox([title, *buttons.values(), feedback])
    box.answer = press
    return box
