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
import json
import os
import random
import time
import zipfile
from importlib import import_module
from pathlib import Path

import nbformat
from nbclient import NotebookClient

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


def execute(lesson: str, kind: str, folder: Path, name: str = "") -> Path:
    """Execute a lesson's student notebook with "right", "wrong" or "empty" answers; its hand-in.

    The stubs get the solutions or a known mistake, predictions a number, every quiz its right or its first
    other answer; the panel at the end writes the file.
    """
    path = next((ROOT / "course/student").glob(f"{lesson}_*.ipynb"))
    book = nbformat.read(path, as_version=4)
    by_name = {e.name.split()[1]: e for e in exercises(lesson, known(lesson).BEFORE)}
    for cell in book.cells if kind != "empty" else []:
        if cell.cell_type != "code":
            continue
        source = cell.source
        for attribute, exercise in by_name.items():
            if f"check.{attribute}(" in source:
                mistake = f"{attribute} = check.{attribute}.mistakes[0][0]"
                cell.source = f"{exercise.solution if kind == 'right' else mistake}\n{source}"
        if progress.PREDICTION.match(source) and source.rstrip().endswith("= None"):
            cell.source = source.replace("None", "7")
        if source.startswith("quiz("):
            flag = "" if kind == "right" else "not "
            cell.source = f"_quiz = {source}\n_quiz.answer(next(a['text'] for a in _quiz.answers if {flag}a['right']))"
        if source.rstrip().endswith(f'checks.hand_in("{lesson}")'):
            cell.source = f"{source}.write({name!r})"
    environment = {k: v for k, v in os.environ.items() if k != "NGPU_PROGRESS"}
    if kind == "empty":
        book.cells[-1].source += ".write()"
    folder.mkdir(parents=True, exist_ok=True)
    client = NotebookClient(book, timeout=300, kernel_name="python3")
    client.execute(cwd=str(folder), env=environment)
    (found,) = folder.glob(f"hand-in-{lesson}-*.json")
    return found


def submission(lesson: str, student_zip: Path, answers: dict[str, str]) -> nbformat.NotebookNode:
    """The student's notebook of an assignment, some stubs overwritten: exercise's name -> source."""
    with zipfile.ZipFile(student_zip) as archive:
        book = nbformat.reads(archive.read(f"lesson{lesson}.ipynb").decode(), as_version=4)
    for cell in book.cells:
        for name, source in answers.items():
            attribute = name.split()[1]
            last = cell.source.splitlines()[-1:] if cell.cell_type == "code" else []
            if any(line.startswith(f"check.{attribute}(") for line in last):
                cell.source = f"{source}\n{cell.source}"
    return book


def answers_of(lesson: str, number: int, seed: int = 0) -> dict[str, tuple[str, bool]]:
    """One learner's answers to an assignment: exercise -> (source, whether it is right).

    A wrong one is a known mistake of the check, where the answer is a function that goes to the check as it is;
    an exercise without an entry stays the stub.
    """
    draw, found = random.Random(1000 * seed + number), {}
    able = draw.random()
    for exercise in exercises(lesson, known(lesson).BEFORE):
        call = parse(exercise.after)[-1].value
        name = getattr(call.args[0], "id", "")
        function = f"def {name}(" in exercise.solution
        if draw.random() < able:
            found[exercise.name] = (exercise.solution, True)
        elif draw.random() < 0.6 and function:
            check = f"check.{call.func.attr}"
            number = draw.randrange(4)
            found[exercise.name] = (f"{name} = {check}.mistakes[{number}][0]", False)
    return found


def grade(lesson: str, learners: int, folder: Path, archives: tuple[Path, Path]) -> list[dict]:
    """Let Otter grade a class, one after the other; goes on where it was broken off."""
    from otter.api import grade_submission

    folder.mkdir(parents=True, exist_ok=True)
    student_zip, grader = archives
    rows = []
    for number in range(learners):
        kept = folder / f"{number:03}.json"
        if not kept.exists():
            answers = answers_of(lesson, number)
            book = submission(lesson, student_zip, {k: text for k, (text, _) in answers.items()})
            path = folder / f"{number:03}" / f"lesson{lesson}.ipynb"
            path.parent.mkdir(exist_ok=True)
            nbformat.write(book, path)
            begun = time.perf_counter(), os.times()
            points = grade_submission(str(path), str(grader), quiet=True).total
            used = os.times()
            cpu = used.children_user + used.children_system + used.user + used.system
            cpu -= sum(begun[1][:4])
            wanted = sum(right for _, right in answers.values())
            row = {"learner": number, "points": points, "wanted": wanted}
            row |= {"seconds": round(time.perf_counter() - begun[0], 2), "cpu": round(cpu, 2)}
            kept.write_text(json.dumps(row))
        rows.append(json.loads(kept.read_text()))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lesson", default="05")
    parser.add_argument("--learners", type=int, default=200)
    parser.add_argument(
        "--grade", action="store_true", help="let Otter grade an assignment instead"
    )
    given = parser.parse_args()
    if given.grade:
        from course.workshop.assignment import build

        made = given.folder / "assignment"
        archives = made / "student.zip", made / "autograder.zip"
        if not all(path.exists() for path in archives):
            build(given.lesson, made)
        rows = grade(given.lesson, given.learners, given.folder, archives)
        wrong = [row for row in rows if row["points"] != row["wanted"]]
        mean = sum(row["cpu"] for row in rows) / len(rows)
        print(f"{len(rows)} graded, {mean:.1f} s of a core each; not as expected: {wrong}")
        raise SystemExit(bool(wrong))
    print(f"{len(simulate(given.lesson, given.learners, given.folder))} hand-ins in {given.folder}")
