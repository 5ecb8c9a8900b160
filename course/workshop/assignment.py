"""Write a lesson's exercises as an Otter-Grader assignment: `make assignment LESSON=05`.

    build/assignment/05/student.zip      a notebook with stubs, to give out
    build/assignment/05/autograder.zip   to grade with: `otter run`, `otter grade`, or Gradescope

Both come from the lesson's source and the course's checks. An exercise brings with it what it needs of the
lesson and nothing else, so that a hand-in is executed anew in seconds, without the lesson's trainings. What was
printed or reported before does not count: answers run again, and the checks judge them.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import shutil
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from course.workshop.editions import METADATA, ROOT, SETUP, lessons, read_lesson, settings
from tests.exercises import known
from tests.exercises.extract import Exercise, exercises, parse

BUILD = ROOT / "build" / "assignment"


def requirements(root: Path = ROOT) -> list[str]:
    """What the grading image installs: the pinned torch without CUDA, then this release."""
    pins = (root / "constraints.txt").read_text("utf-8").splitlines()
    at = settings(root)
    return [
        "--extra-index-url https://download.pytorch.org/whl/cpu",
        *(pin for pin in pins if pin.startswith("torch==")),
        f"ngpu-lib @ git+https://github.com/{at['repository']}@v{at['version']}",
    ]


def judged(after: str) -> str:
    """The statements up to an exercise's check call, the call as a status.

    >>> judged("check.value(value)")
    'check.value.judge(value).status'

    Raises:
        ValueError: the last statement is no plain call of a check.
    """
    *before, last = ast.parse(after).body
    call = last.value if isinstance(last, (ast.Expr, ast.Assign)) else None
    if not (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and getattr(call.func.value, "id", "") == "check"
    ):
        raise ValueError(f"check call: got {ast.unparse(last)!r}; needs check.name(...)")
    judge = ast.Attribute(call.func, "judge", ast.Load())
    status = ast.Attribute(ast.Call(judge, call.args, call.keywords), "status", ast.Load())
    return "\n".join(map(ast.unparse, [*before, ast.Expr(status)]))


def given(exercise: Exercise, earlier: list[Exercise]) -> str:
    """What an exercise needs of the lesson, without the solution of an earlier one.

    An earlier function that it uses is the check's own reference; an answer of another kind is the
    learner's.
    """
    instead: dict[str, str] = {}
    for other in earlier:
        statements = parse(other.solution)
        name = getattr(statements[0], "name", None) if len(statements) == 1 else None
        call = parse(other.after)[-1].value
        plain = [getattr(argument, "id", "") for argument in call.args] == [name]
        replaced = f"{name} = check.{call.func.attr}.reference" if name and plain else ""
        for number, statement in enumerate(statements):
            instead[ast.unparse(statement)] = replaced if number == 0 else ""
    tools = "from ngpu_lib.checks import lesson"  # stands at the head already
    lines = [ast.unparse(s) for s in parse(exercise.before)]
    lines = [line for line in lines if not line.startswith(tools)]
    return "\n".join(filter(None, (instead.get(line, line) for line in lines)))


def texts_and_stubs(path: Path) -> list[tuple[str, str]]:
    """For every solution of a lesson, in order: the exercise's text, and its stub."""
    found, text = [], []
    cells = read_lesson(path)
    for number, cell in enumerate(cells):
        if cell["kind"] == "markdown":
            _, head, rest = cell["source"].partition("### Exercise")
            text = [head + rest] if head else [*text, cell["source"]]
        if "solution" in cell["metadata"].get("tags", []):
            found.append(("\n\n".join(text), cells[number - 1]["source"]))
            text = []
    return found


def master(lesson: str) -> nbformat.NotebookNode:
    """The lesson's exercises as a notebook for `otter assign`."""
    path = next(path for path in lessons() if path.stem.startswith(lesson))
    at, tools = (
        settings(),
        f"from ngpu_lib import checks\nfrom ngpu_lib.checks import lesson{lesson} as check",
    )
    config = (
        f"# ASSIGNMENT CONFIG\nname: lesson{lesson}\ninit_cell: true\nexport_cell:\n  pdf: false\n"
        "  run_tests: false\nrequirements: requirements.txt\ngenerate:\n  print_summary: false\n"
    )
    cells = [
        new_raw_cell(config),
        new_markdown_cell(
            f"# Lesson {lesson}: exercises\n\nThe lesson itself has what they need to be understood."
        ),
        new_code_cell(SETUP.format(**at)),
        new_code_cell(tools),
    ]
    found = exercises(lesson, known(lesson).BEFORE)
    for place, (exercise, (text, stub)) in enumerate(
        zip(found, texts_and_stubs(path), strict=True)
    ):
        if before := given(exercise, found[:place]):
            cells.append(
                new_code_cell(f"# What exercise {exercise.name} needs of the lesson.\n{before}")
            )
        number = exercise.name.split()[0].replace(".", "_")
        passed = new_output("execute_result", {"text/plain": "'pass'"}, execution_count=1)
        test = f"from ngpu_lib.checks import lesson{lesson} as check\n{judged(exercise.after)}"
        cells += [
            new_raw_cell(f"# BEGIN QUESTION\nname: q{number}\npoints: 1"),
            new_markdown_cell(text),
            *_block("SOLUTION", new_code_cell(answer(exercise.solution, stub))),
            new_code_cell(exercise.after),
            *_block("TESTS", new_code_cell(test, outputs=[passed])),
            new_raw_cell("# END QUESTION"),
        ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # the same every time
    return new_notebook(cells=cells, metadata=METADATA)


def answer(solution: str, stub: str) -> str:
    """A cell that Otter shows with the stub in the student's notebook and runs with the solution in its own.

    Raises:
        ValueError: a stub that cannot stand in a text of three single quotes.
    """
    if "'''" in stub or "\\" in stub:
        raise ValueError(f"stub: got {stub!r}; needs one without ''' and backslashes")
    hidden = f"# BEGIN SOLUTION NO PROMPT\n{solution}\n# END SOLUTION"
    return f"{hidden}\n''' # BEGIN PROMPT\n{stub}\n''' # END PROMPT"


def _block(name: str, cell) -> list:
    return [new_raw_cell(f"# BEGIN {name}"), cell, new_raw_cell(f"# END {name}")]


def build(lesson: str, folder: Path | None = None, check: bool = True) -> tuple[Path, Path]:
    """Write both archives; ``check`` lets Otter grade the solutions first.

    Returns:
        The student's archive and the autograder.

    Raises:
        ValueError: no such lesson, one without exercises, or solutions that do not get all points.
        ModuleNotFoundError: Otter-Grader is missing; says how to install it.
    """
    known_lessons = [path.stem[:2] for path in lessons()]
    if lesson not in known_lessons:
        raise ValueError(f"lesson: got {lesson!r}; needs one of {', '.join(known_lessons)}")
    try:
        from otter.assign import main as assign
    except ModuleNotFoundError:
        text = 'needs Otter-Grader: pip install -c constraints.txt -e ".[grading]"'
        raise ModuleNotFoundError(text, name="otter") from None
    folder = (folder or BUILD / lesson).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "source" / f"lesson{lesson}.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(master(lesson), source)
    (source.parent / "requirements.txt").write_text("\n".join(requirements()) + "\n", "utf-8")
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            assign(str(source), str(folder / "dist"), no_pdfs=True, no_run_tests=not check)
    except RuntimeError as error:
        raise ValueError(f"lesson {lesson}: {error}\n{said.getvalue()[-2000:]}") from None
    (grader,) = (folder / "dist" / "autograder").glob("*.zip")
    archives = folder / "student.zip", folder / "autograder.zip"
    shutil.make_archive(str(archives[0].with_suffix("")), "zip", folder / "dist" / "student")
    shutil.copy(grader, archives[1])
    return archives


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", help="its number, such as 05")
    try:
        for archive in build(parser.parse_args().lesson):
            print(archive.relative_to(ROOT))
    except (ValueError, ModuleNotFoundError) as error:
        sys.exit(f"make assignment: {error}")
