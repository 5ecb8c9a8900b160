"""Presentations run from the first cell to the last: rescues carry the lesson over what takes long.

What takes long is not run again: its rescue is run instead, and the rest of the lesson after it.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course.workshop import present
from tests.test_present import STEMS, executed  # noqa: F401

pytestmark = pytest.mark.site


def run_from_start_to_end(path: Path) -> str:
    """Run a presentation in a kernel, the rescue in place of each cell that has one; the first error."""
    notebook = nbformat.read(path, as_version=4)
    rescued = set(
        re.findall(r'live\.rescue\("[^"]+", "(\w+)"', str([c.source for c in notebook.cells]))
    )
    assert rescued <= {cell.id for cell in notebook.cells}
    for cell in notebook.cells:
        if cell.id in rescued:
            cell.source = "pass"
    client = NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        return str(error)[-2000:]
    return ""


@pytest.mark.parametrize("stem", STEMS)
def test_rescues_carry_the_lesson_to_its_end(stem, executed):  # noqa: F811
    path = present.PRESENT / f"{stem}_from_start.ipynb"
    nbformat.write(present.presentation(stem), path)
    try:
        assert run_from_start_to_end(path) == ""
    finally:
        path.unlink()
