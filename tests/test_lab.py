"""What a learner meets: `make lab`'s JupyterLab, a lesson opened in it and run to its end."""

from __future__ import annotations

import json

import pytest

from tests.conftest import ROOT

LESSONS = sorted((ROOT / "course" / "student").glob("0[01]_*.ipynb"))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_runs_to_the_end(lab, path):
    lab.open(f"student/{path.name}")
    lab.run_all()
    assert lab.errors() == []
    code = [cell for cell in lab.cells() if cell["cell_type"] == "code" and cell["source"]]
    assert all(cell["execution_count"] for cell in code), "a cell did not run"
    assert lab.problems == []


def test_first_lessons_are_there():
    assert [path.name[:2] for path in LESSONS] == ["00", "01"]


def test_pictures_have_alt_text(lab):
    """In the lesson that ran last, every picture on the page says what it shows."""
    pictures = [
        data
        for cell in lab.cells()
        for output in cell.get("outputs", [])
        for data in [output.get("data", {})]
        if "<img" in "".join(data.get("text/html", "")) or "image/png" in data
    ]
    assert pictures
    for data in pictures:
        assert 'alt="' in "".join(data.get("text/html", "")), json.dumps(data)[:300]


def test_a_source_opens_as_a_notebook(lab):
    """A double click on course/NN_name.py gives cells and a kernel, and asks nothing."""
    source = sorted((ROOT / "course").glob("00_*.py"))[0]
    lab.open(source.name)
    assert lab.page.locator(".jp-Dialog").count() == 0
    assert len(lab.cells()) > 5
    # the tags are there, so that saving keeps them
    assert any("launch" in cell["metadata"].get("tags", []) for cell in lab.cells())
