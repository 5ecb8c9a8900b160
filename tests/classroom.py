"""A simulated class: hand-ins made by executing a lesson's own exercise, quiz and prediction cells.

    python -m tests.classroom build/class --lesson 05 --learners 200

Every learner answers every exercise several times: with nothing, with one of the check's known mistakes, with
something else that is wrong, and with the lesson's own solution, in a share that is the learner's own.
What is called is what a notebook calls: the check in the cell after the stub, ``quiz(...)`` as it stands in
the lesson, and the note that the kernel takes of a printed prediction.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import random
from importlib import import_module
from pathlib import Path

from course.workshop.editions import read_lesson
from ngpu_lib import checks
from ngpu_lib.checks import progress
from ngpu_lib.checks.quiz import quiz
from tests.conftest import ROOT
from tests.exercises import known
from tests.exercises.extract import exercises, parse


def quizzes(lesson: str) -> list[dict]:
    """The quiz calls of a lesson, each as a question with its answers."""
    path = next((ROOT / "course").glob(f"{lesson}_*.py"))
    found = []
    for cell in read_lesson(path):
        for statement in parse(cell["source"]) if cell["kind"] == "code" else []:
            for node in ast.walk(statement):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "quiz":
                    with contextlib.suppress(Exception):  # a text that the lesson computes
                        widget = eval(compile(ast.Expression(node), "quiz", "eval"), {"quiz": quiz})
                        right = next(a["text"] for a in widget.answers if a["right"])
                        texts = [a["text"] for a in widget.answers]
                        found.append({"question": widget.title, "texts": texts, "right": right})
    return found


def predictions(lesson: str) -> list[str]:
    """The names that a lesson asks its reader to predict."""
    path = next((ROOT / "course").glob(f"{lesson}_*.py"))
    names = [n for cell in read_lesson(path) for n in progress.printed_predictions(cell["source"])]
    return list(dict.fromkeys(names))


def wrong_answers(check, exercise, draw: random.Random):
    """An answer that is one of the known mistakes, or one of another kind."""
    if draw.random() < 0.8 and check.mistakes:
        answer = draw.choice(check.mistakes)[0]
    else:
        answer = draw.choice([lambda *a, **k: "text", lambda *a, **k: None, lambda *a, **k: 1 / 0])
    return answer() if all(case == () for case in check.cases) else answer


def simulate(lesson: str, learners: int, folder: Path, seed: int = 0) -> list[Path]:
    """Write the hand-ins of a class."""
    draw, made = random.Random(seed), []
    extra = known(lesson).BEFORE
    questions, guesses = quizzes(lesson), predictions(lesson)
    by_name = {e.name: e for e in exercises(lesson, extra)}
    module = vars(import_module(f"ngpu_lib.checks.lesson{lesson}")).values()
    own = {each.name: each for each in module if isinstance(each, checks.Check)}
    for exercise in by_name.values():
        exercise.prepare()
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(learners):
        progress._kept.clear()
        able, kept = draw.random(), progress.of(lesson)
        for name, check in own.items():
            with contextlib.redirect_stdout(io.StringIO()):
                check(...)
                while draw.random() > able + 0.25:
                    check(wrong_answers(check, by_name.get(name), draw))
                if draw.random() < able and name in by_name:
                    solved = by_name[name].verdict(by_name[name].solution, 20)
                    assert solved == checks.PASS, (name, solved)
        for question in questions:
            if draw.random() < 0.9:
                right = draw.random() < able
                text = question["right"] if right else draw.choice(question["texts"])
                kept.chose(question["question"], text, question["right"])
        for name in guesses:
            if draw.random() < 0.8:
                guess = round(draw.lognormvariate(0, 1), 2)
                kept.predicted(name, guess, f"you: {guess}   measured: 1.00")
        name = f"Learner {number:03}" if draw.random() < 0.7 else ""
        with contextlib.redirect_stdout(io.StringIO()):
            made.append(progress.report(name, lesson=lesson, folder=folder))
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lesson", default="05")
    parser.add_argument("--learners", type=int, default=200)
    given = parser.parse_args()
    print(f"{len(simulate(given.lesson, given.learners, given.folder))} hand-ins in {given.folder}")
