"""An Otter-Grader assignment from a lesson: made, and graded by Otter itself."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import nbformat
import pytest

from course.workshop import assignment
from course.workshop.editions import ROOT, lessons, read_lesson
from tests.classroom import answers_of, grade
from tests.exercises import known
from tests.exercises.extract import exercises

pytest.importorskip("otter")
LESSON = "05"


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Both archives; Otter has graded the solutions and given all points."""
    return assignment.build(LESSON, tmp_path_factory.mktemp("assignment"))


def sources(archive) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(".ipynb"))
        book = nbformat.reads(opened.read(name).decode(), as_version=4)
    return [cell.source for cell in book.cells]


def test_the_students_archive_has_stubs_and_no_solution(archives):
    cells = sources(archives[0])
    path = next(path for path in lessons() if path.stem.startswith(LESSON))
    by_tag = {"stub": [], "solution": []}
    for cell in read_lesson(path):
        for tag in by_tag.keys() & set(cell["metadata"].get("tags", [])):
            by_tag[tag].append(cell["source"])
    assert set(by_tag["stub"]) <= set(cells)
    told = "\n".join(cells)
    for exercise in exercises(LESSON, known(LESSON).BEFORE):
        body = "\n".join(exercise.solution.splitlines()[1:])
        assert body not in told and exercise.solution not in told
        assert f"### Exercise {exercise.name.split()[0]}" in told
    assert "SOLUTION" not in told and "PROMPT" not in told


def test_the_autograder_installs_this_release_and_asks_the_checks(archives):
    with zipfile.ZipFile(archives[1]) as opened:
        names = opened.namelist()
        environment = opened.read("environment.yml").decode()
        tests = [opened.read(name).decode() for name in names if name.startswith("tests/")]
    assert len(tests) == len(exercises(LESSON, known(LESSON).BEFORE))
    assert all(".judge(" in text and "'pass'" in text for text in tests)
    assert all(requirement in environment for requirement in assignment.requirements())


def test_otter_gives_the_points_that_are_due(archives, tmp_path):
    """One who has something right and something wrong, and one who handed in the stubs."""
    number = next(
        n
        for n in range(100)
        if {right for _, right in answers_of(LESSON, n).values()} == {True, False}
    )
    (tmp_path / f"{number:03}").mkdir()
    for other in set(range(number + 1)) - {number}:
        (tmp_path / f"{other:03}.json").write_text("{}")
    *_, row = grade(LESSON, number + 1, tmp_path, archives)
    assert row["points"] == row["wanted"] > 0


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem[:2])
def test_every_lesson_can_be_an_assignment(path):
    """Each exercise with its text and stub, and no earlier solution among what it needs."""
    lesson = path.stem[:2]
    book = assignment.master(lesson)
    found = exercises(lesson, known(lesson).BEFORE)
    assert sum("# BEGIN QUESTION" in cell.source for cell in book.cells) == len(found)
    for place, exercise in enumerate(found):
        needed = assignment.given(exercise, found[:place])
        for other in found[:place]:
            assert other.solution not in needed, (exercise.name, other.name)


def test_it_needs_no_more_than_its_own_extra():
    """`make assignment` of a fresh clone installs `.[course]` and `.[grading]`: no pytest is there."""
    source = "import sys; sys.modules['pytest'] = None; import course.workshop.assignment"
    subprocess.run([sys.executable, "-c", source], cwd=ROOT, check=True)


def test_what_is_none_is_said(monkeypatch):
    with pytest.raises(ValueError, match="lesson: got '77'; needs one of 00, 01"):
        assignment.build("77")
    with pytest.raises(ValueError, match="check call"):
        assignment.judged("print(1)")
    with pytest.raises(ValueError, match="stub: got"):
        assignment.answer("x = 1", "x = '''a'''")
