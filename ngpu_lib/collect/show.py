"""A class on the terminal, as a sheet and as a page: every text guarded for where it goes."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ngpu_lib import plots
from ngpu_lib.collect.count import Exercise, Lesson, Prediction, lessons
from ngpu_lib.collect.read import OLDER, REFUSED, SAME, TAKEN, Collected
from ngpu_lib.files import write_whole

SELF_REPORTED = (
    "Self-reported: these files come from the learners' own notebooks and anybody can edit them. They show where a "
    "class stands; for marks, run the answers again (make assignment)."
)
_MOST_LINES = 20


def counted(found: Collected) -> str:
    """What became of the files, in one line; the parts add up to their number."""
    parts = [(TAKEN, "taken"), (SAME, "the same again"), (OLDER, "older"), (REFUSED, "refused")]
    told = ", ".join(f"{found.count(outcome):,} {text}" for outcome, text in parts)
    return f"{len(found.outcomes):,} files: {told}"


def as_text(found: Collected, *, every_file: bool = False) -> str:
    """The class as plain text; ``every_file`` lists every file that was not taken, else the first 20."""
    lines = [counted(found)]
    left = [(file, outcome, why) for file, outcome, why in found.outcomes if outcome != TAKEN]
    shown = left if every_file else left[:_MOST_LINES]
    lines += [f"  {file}: {outcome}, {why}" for file, outcome, why in shown]
    if len(left) > len(shown):
        lines.append(f"  and {len(left) - len(shown):,} more; --csv and --html list them all")
    lines += found.remarks
    for lesson in lessons(found.handins):
        lines += ["", *_lesson_lines(lesson)]
    return "\n".join([*lines, "", SELF_REPORTED])


def _lesson_lines(lesson: Lesson) -> Iterator[str]:
    yield f"Lesson {lesson.number}: {lesson.count:,} hand-ins"
    for name, exercise in lesson.exercises.items():
        yield f"  {name:<28} {_bar(exercise.solved, lesson.count)} {_told(exercise)}"
        for sentence, count in exercise.mistakes.most_common(5):
            yield f"      {count:>5} x  {sentence}"
    for name, prediction in lesson.predictions.items():
        yield f"  {name}: {_guesses(prediction)}"
        if prediction.numbers:
            low, high, marks = _spark(prediction.numbers)
            yield f"      {low:.3g} {marks} {high:.3g}"
    for text, question in lesson.questions.items():
        yield f"  {text}"
        for answer, count in question.first.most_common():
            mark = "*" if answer == question.right else " "
            yield f"    {mark} {_bar(count, sum(question.first.values()))} {answer}"


def _told(exercise: Exercise) -> str:
    tries = f", median tries {exercise.usual_tries:g}" if exercise.tries else ""
    return f"solved {exercise.solved}, tried {exercise.tried}{tries}"


def _guesses(prediction: Prediction) -> str:
    parts = []
    if prediction.numbers:
        parts.append(
            f"{len(prediction.numbers)} numbers, median {np.median(prediction.numbers):.3g}"
        )
    parts += [f"{count} x {text}" for text, count in prediction.texts.most_common(5)]
    if prediction.usual is not None:
        parts.append(f"measured {prediction.usual:.3g}")
    return "; ".join(parts)


def _bar(count: int, whole: int) -> str:
    share = count / max(1, whole)
    return f"{'█' * round(20 * share):<20} {count:>5}"


def _inner(numbers: list[float]) -> np.ndarray:
    """Numbers between their 2nd and 98th hundredth: one absurd guess would hide all others."""
    low, high = np.percentile(numbers, [2, 98])
    return np.array([number for number in numbers if low <= number <= high] or numbers)


def _spark(numbers: list[float]) -> tuple[float, float, str]:
    """The ends of a small histogram, and the histogram."""
    inner = _inner(numbers)
    counts, edges = np.histogram(inner, bins=24)
    steps = " ▁▂▃▄▅▆▇█"
    marks = "".join(steps[int(np.ceil(8 * count / max(1, counts.max())))] for count in counts)
    return edges[0], edges[-1], marks


def guarded(value) -> str:
    """A cell of a sheet: text that a spreadsheet would take for a formula gets a quote before it.

    >>> guarded("=1+1"), guarded(-3.5), guarded("@x"), guarded("fine")
    ("'=1+1", '-3.5', "'@x", 'fine')
    """
    if isinstance(value, (bool, int, float)):
        return str(value)
    text = str(value)
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") or text[:1].isspace() else text


def write_csv(found: Collected, path: str | Path) -> None:
    """The class as a sheet: a line for every exercise, prediction and quiz answer, and for every file
    that was not taken."""
    stream = io.StringIO()
    out = csv.writer(stream)
    out.writerow(["file", "outcome", "lesson", "name", "who", "made", "library", "kind", "item"]
                 + ["result", "tries", "shown"])  # fmt: skip
    for file, outcome, why in found.outcomes:
        if outcome != TAKEN:
            out.writerow(map(guarded, [file, outcome, *[""] * 5, "file", "", why, "", ""]))
    for handin in found.handins:
        head = [handin.source, TAKEN, handin.lesson, handin.name, handin.who[:8], handin.made]
        head.append(handin.library)
        out.writerow(map(guarded, [*head, "hand-in", "", "self-reported", "", ""]))
        for name, entry in handin.checks.items():
            result = "solved" if entry["passed"] else "not solved"
            mistakes = " | ".join(entry["mistakes"])
            out.writerow(map(guarded, [*head, "exercise", name, result, entry["tries"], mistakes]))
        for name, entry in handin.predictions.items():
            out.writerow(
                map(guarded, [*head, "prediction", name, entry["guess"], "", entry["shown"]])
            )
        for name, entry in handin.quiz.items():
            first, more = entry["chosen"][0], " | ".join(entry["chosen"][1:])
            out.writerow(map(guarded, [*head, "quiz", name, first, len(entry["chosen"]), more]))
    write_whole(path, stream.getvalue().encode("utf-8-sig"))


def pictures(lesson: Lesson) -> list[plots.Picture]:
    """A lesson as pictures: exercises solved and tried, and a histogram of each prediction."""
    made = []
    if lesson.exercises:
        names, found = list(lesson.exercises), list(lesson.exercises.values())
        fig, ax = plots.figure(size=(7, 0.8 + 0.4 * len(names)))
        ax.barh(names, [e.tried for e in found], color="#d9d9d9", label="tried")
        ax.barh(names, [e.solved for e in found], color=plots.PALETTE[0], label="solved")
        ax.set(xlabel="learners", ylabel="exercise", xlim=(0, lesson.count))
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.invert_yaxis()
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        told = "; ".join(f"{n}: {e.solved} of {lesson.count}" for n, e in lesson.exercises.items())
        made.append(plots.show(fig, alt=f"Bars: how many solved each exercise. {told}."))
    numeric = {name: p for name, p in lesson.predictions.items() if len(p.numbers) > 1}
    for name, prediction in numeric.items():
        fig, ax = plots.figure(size=(7, 2.2))
        ax.hist(_inner(prediction.numbers), bins=24, color=plots.PALETTE[5], label="guesses")
        if prediction.usual is not None:
            ax.axvline(prediction.usual, color=plots.PALETTE[3], lw=2.5, label="measured")
        ax.set(xlabel=name, ylabel="learners")
        ax.yaxis.get_major_locator().set_params(integer=True)
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        made.append(plots.show(fig, alt=f"A histogram of {name}. {_guesses(prediction)}."))
    return made


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>A class</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
td, th {{ text-align: left; padding: .15rem .8rem .15rem 0; vertical-align: top }} .right {{ font-weight: bold }}
.note {{ border-left: 4px solid #e69f00; padding: .2rem .8rem }}</style>
<h1>A class</h1><p class="note">{note}</p><p>{counted}</p>{body}
"""


def write_html(found: Collected, path: str | Path) -> None:
    """The class as one page with its pictures; it loads and runs nothing."""
    body = "".join(f"<p>{html.escape(remark)}</p>" for remark in found.remarks)
    for lesson in lessons(found.handins):
        body += _section(lesson)
    left = [row for row in found.outcomes if row[1] != TAKEN]
    if left:
        body += "<h2>Files not counted</h2>" + _table(["file", "outcome", "why"], left)
    note, told = html.escape(SELF_REPORTED), html.escape(counted(found))
    write_whole(path, _PAGE.format(note=note, counted=told, body=body).encode())


def _section(lesson: Lesson) -> str:
    parts = [f"<h2>Lesson {lesson.number}: {lesson.count:,} hand-ins</h2>"]
    parts += [picture._repr_html_() for picture in pictures(lesson)]
    rows = [
        (name, sentence, f"{count:,}")
        for name, exercise in lesson.exercises.items()
        for sentence, count in exercise.mistakes.most_common(10)
    ]
    if rows:
        parts.append("<h3>Known mistakes</h3>")
        parts.append(_table(["exercise", "what it looks like", "learners"], rows))
    if lesson.predictions:
        rows = [(name, _guesses(prediction)) for name, prediction in lesson.predictions.items()]
        parts.append("<h3>Predictions</h3>" + _table(["prediction", "guesses"], rows))
    if lesson.questions:
        parts.append("<h3>Quiz, first choices</h3>")
    for text, question in lesson.questions.items():
        rows = [
            (f"{count:,}", answer, "right" if answer == question.right else "")
            for answer, count in question.first.most_common()
        ]
        parts.append(f"<p>{html.escape(text)}</p>" + _table(["learners", "answer", ""], rows))
    return "".join(parts)


def _table(head: list[str], rows) -> str:
    def line(cells, tag):
        return "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells)

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table><tr>{line(head, 'th')}</tr>{body}</table>"
