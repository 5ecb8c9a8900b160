"""A simulated class: a lesson's real notebook, handed in by every learner with answers of their own.

    python -m tests.classroom build/class --lesson 05 --learners 200
    python -m tests.classroom build/graded --lesson 05 --learners 200 --grade

A learner writes into the student edition what learners write: a solution, a known mistake or nothing over each
stub, numbers over predictions, a button of each quiz, the hand-in at the end; every other cell is executed as it
stands. What no answer reaches is the same for all and is executed once: each learner is a process of its own, forked
from that one, which executes the rest in its kernel. ``--kernels 3`` executes the whole notebooks of the first three
(all right, all wrong, empty) in kernels of their own too and compares. ``--grade`` lets Otter grade the same answers.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import io
import json
import os
import random
import shutil
import tempfile
import time
import traceback
import zipfile
from importlib import import_module
from pathlib import Path

import nbformat
import torch
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient

from course.workshop.editions import ROOT
from ngpu_lib.checks import progress
from tests.exercises import known
from tests.exercises.changes import mutants
from tests.exercises.extract import (
    Exercise,
    binds,
    exercises,
    first_reads,
    loads,
    parse,
    writes_into,
)

Cell = nbformat.NotebookNode


def statements(source: str) -> list[ast.stmt]:
    """A cell's statements, its magics as the calls that IPython makes of them."""
    return ast.parse(TransformerManager().transform_cell(source)).body


def is_prediction(source: str) -> bool:
    """Whether a cell only sets predictions to None.

    >>> is_prediction("my_root, my_squares = None, None  # yours"), is_prediction("my_x = f()")
    (True, False)
    """
    body = statements(source)
    names = binds(body)
    return (
        all(isinstance(statement, ast.Assign) for statement in body)
        and all(progress.PREDICTION.fullmatch(name) for name in names)
        and bool(names)
        and not loads(body)
        and "None" in source
    )


def ends_with(source: str, call: str) -> bool:
    """Whether a cell shows what ``call(...)`` gives."""
    last = statements(source)[-1:]
    shown = last[0].value if last and isinstance(last[0], ast.Expr) else None
    return isinstance(shown, ast.Call) and ast.unparse(shown.func) == call


def own(source: str) -> Cell:
    """A cell that a learner adds."""
    return nbformat.v4.new_code_cell(source, metadata={"tags": ["own"]})


def written(lesson: str, number: int) -> list[Cell]:
    """The code cells of a learner's notebook; a cell of their own stands after a quiz and after the panel."""
    path = next((ROOT / "course/student").glob(f"{lesson}_*.ipynb"))
    draw = random.Random(f"{lesson} {number}")
    answers = [answers_of(lesson, number).get(e.name) for e in exercises_of(lesson)]
    guesses, knows = {0: (1, 1), 1: (1, 0), 2: (0, 0)}.get(number, (0.8, draw.random()))
    name = f"Learner {number:03}" if draw.random() < 0.7 else ""
    cells, stubs = [], iter(answers)
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        cells.append(cell)
        if "stub" in cell.metadata.get("tags", []):
            answer = next(stubs)
            cell.source = answer[0] if answer else cell.source
        elif is_prediction(cell.source) and draw.random() < guesses:
            guess = draw.choice((draw.randrange(100), round(draw.lognormvariate(0, 1), 2)))
            cell.source = cell.source.replace("None", str(guess))
        elif ends_with(cell.source, "quiz") and draw.random() < guesses:
            right = draw.random() < knows
            pressed = f"[a['text'] for a in Out[max(Out)].answers if a['right'] is {right}]"
            which = f"_pressed[{draw.randrange(2)} % len(_pressed)]"
            cells.append(own(f"_pressed = {pressed}\nOut[max(Out)].answer({which})"))
        elif ends_with(cell.source, "checks.hand_in"):
            cells.append(own(f"Out[max(Out)].write({name!r})"))
    assert next(stubs, None) is None
    return cells


class Shared:
    """One run of a lesson as it is given out, in a kernel of this process, and what of it all learners share."""

    def __init__(self, lesson: str):
        from ipykernel.inprocess.manager import InProcessKernelManager

        self.lesson, self.left = lesson, {}
        manager = InProcessKernelManager()
        manager.start_kernel()
        self.shell = manager.kernel.shell
        self.shell.history_manager.enabled = False
        progress.Watch(self.shell)  # as the import does in a kernel
        given, touched = written(lesson, 2), set()
        for cell in given:
            body, names = statements(cell.source), self.shell.user_ns
            before = dict(names)
            with contextlib.redirect_stdout(io.StringIO()):
                self.execute(cell)
            reached = self.is_own(cell)
            for statement in body:
                if self.is_own(cell) or first_reads([statement]) & touched:
                    reached = True
                    touched |= binds([statement]) | writes_into(statement)
                else:
                    touched -= binds([statement])
            if not reached:
                changed = {k for k, v in names.items() if k not in before or before[k] is not v}
                kept = {k for k in changed if not k.startswith("_") and k not in ("In", "Out")}
                self.left[cell.id] = {k: names[k] for k in kept}
        self.cells = len(given)

    @staticmethod
    def is_own(cell: Cell) -> bool:
        """Whether a learner writes into a cell, or presses what it shows."""
        return (
            "stub" in cell.metadata.get("tags", [])
            or is_prediction(cell.source)
            or ends_with(cell.source, "quiz")
            or "own" in cell.metadata.get("tags", [])
            or ends_with(cell.source, "checks.hand_in")
        )

    def execute(self, cell: Cell) -> None:
        """Execute a cell as the kernel does.

        Raises:
            RuntimeError: it raised.
        """
        done = self.shell.run_cell(cell.source, store_history=True)
        if not done.success:
            raise RuntimeError(f"lesson {self.lesson}: {cell.source[:200]}") from (
                done.error_in_exec or done.error_before_exec
            )

    def learner(self, number: int, folder: Path) -> Path:
        """Execute one learner's notebook in a process of its own; its hand-in goes to the folder."""
        with tempfile.TemporaryDirectory() as own:
            if (child := os.fork()) == 0:
                status = 1
                try:
                    os.chdir(own)
                    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
                        for cell in written(self.lesson, number):
                            if cell.id in self.left:
                                self.shell.user_ns.update(self.left[cell.id])
                            else:
                                self.execute(cell)
                    status = 0
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(status)
            if os.waitpid(child, 0)[1]:
                raise RuntimeError(f"lesson {self.lesson}: the notebook of learner {number} failed")
            return take(self.lesson, Path(own), folder)


def in_a_kernel(lesson: str, number: int, folder: Path) -> Path:
    """Execute one learner's whole notebook in a kernel of its own; its hand-in goes to the folder."""
    book = nbformat.v4.new_notebook(cells=written(lesson, number))
    environment = {k: v for k, v in os.environ.items() if k != "NGPU_PROGRESS"}
    with tempfile.TemporaryDirectory() as own:
        client = NotebookClient(book, timeout=900, kernel_name="python3")
        client.execute(cwd=own, env=environment)
        return take(lesson, Path(own), folder)


def take(lesson: str, own: Path, folder: Path) -> Path:
    """Take a learner's hand-in to the class's folder."""
    (found,) = own.glob(f"hand-in-{lesson}-*.json")
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(found, folder / found.name))


def says(handin: Path) -> dict:
    """What a hand-in says, without what is another each time."""
    given = json.loads(handin.read_text("utf-8"))
    return {key: part for key, part in given.items() if key not in ("who", "made")}


def attend(lesson: str, learners: int, folder: Path, kernels: int = 0) -> int:
    """Let a class hand in; the number of those whose hand-in is another from a kernel of their own."""
    os.environ.pop("NGPU_PROGRESS", None)
    torch.set_num_threads(1)
    began = processor_seconds()
    shared, made = Shared(lesson), []
    at_once = processor_seconds() - began
    for number in range(learners):
        made.append(shared.learner(number, folder))
    each = (processor_seconds() - began - at_once) / learners
    print(
        f"{len(made)} hand-ins in {folder}. Lesson {lesson}: {shared.cells} code cells, {len(shared.left)} of them "
        f"reached by no answer. Seconds of a core: {at_once:.0f} once, {each:.1f} for each learner"
    )
    other = []
    for number in range(kernels):
        with tempfile.TemporaryDirectory() as apart:
            if says(in_a_kernel(lesson, number, Path(apart))) != says(made[number]):
                other.append(number)
    if kernels:
        print(
            f"{kernels} in kernels of their own, every cell: other hand-ins from {other or 'none'}"
        )
    return len(other)


def processor_seconds() -> float:
    """Of this process and of those it has waited for."""
    return sum(os.times()[:4])


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


@functools.cache
def exercises_of(lesson: str) -> list[Exercise]:
    return exercises(lesson, known(lesson).BEFORE)


def answers_of(lesson: str, number: int, seed: int = 0) -> dict[str, tuple[str, bool]]:
    """One learner's answers to a lesson's exercises: exercise -> (source, whether it is right).

    A wrong one is a known mistake of the check, where the answer goes to the check as it is, else the
    solution changed in one place; an exercise without an entry stays the stub. Learner 0 has everything right,
    1 everything wrong, 2 nothing; the others a share of each.
    """
    draw, found = random.Random(1000 * seed + number), {}
    able, tries = {0: (1, 0), 1: (0, 1), 2: (0, 0)}.get(number, (draw.random(), 0.6))
    for exercise in exercises_of(lesson):
        call = parse(exercise.after)[-1].value
        name, check = getattr(call.args[0], "id", ""), f"check.{call.func.attr}"
        if draw.random() < able:
            found[exercise.name] = (exercise.solution, True)
        elif draw.random() < tries:
            module = import_module(f"ngpu_lib.checks.lesson{lesson}")
            mistakes = [
                f"{name} = {check}.mistakes[{place}][0]"
                for place in range(len(getattr(module, call.func.attr).mistakes))
                if f"def {name}(" in exercise.solution
            ]
            as_right = known(lesson).EQUIVALENT.get(exercise.name, {})
            changed = [m.source for m in mutants(exercise.solution) if m.line not in as_right]
            found[exercise.name] = (draw.choice(mistakes or changed), False)
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
            began, had = time.perf_counter(), processor_seconds()
            points = grade_submission(str(path), str(grader), quiet=True).total
            cpu = processor_seconds() - had
            wanted = sum(right for _, right in answers.values())
            row = {"learner": number, "points": points, "wanted": wanted}
            row |= {"seconds": round(time.perf_counter() - began, 2), "cpu": round(cpu, 2)}
            kept.write_text(json.dumps(row))
        rows.append(json.loads(kept.read_text()))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lesson", default="05")
    parser.add_argument("--learners", type=int, default=200)
    parser.add_argument(
        "--kernels", type=int, default=0, help="so many in kernels of their own too"
    )
    parser.add_argument(
        "--grade", action="store_true", help="let Otter grade the answers as an assignment instead"
    )
    given = parser.parse_args()
    if not given.grade:
        raise SystemExit(attend(given.lesson, given.learners, given.folder, given.kernels))
    from course.workshop.assignment import build

    made = given.folder / "assignment"
    archives = made / "student.zip", made / "autograder.zip"
    if not all(path.exists() for path in archives):
        build(given.lesson, made)
    rows = grade(given.lesson, given.learners, given.folder, archives)
    wrong = [row for row in rows if row["points"] != row["wanted"]]
    mean = sum(row["cpu"] for row in rows) / len(rows)
    points = sum(row["points"] for row in rows)
    print(
        f"{len(rows)} graded, {points:.0f} points, {mean:.1f} s of a core each; not as due: {wrong}"
    )
    raise SystemExit(bool(wrong))
