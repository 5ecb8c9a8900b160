"""A lesson that reads MNIST also runs where there is none: no folder, no cache, no mirror.

`make test-notebooks` executes the instructor edition of such a lesson that way (course/workshop/collect.py).
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from course.workshop import collect
from tests.browser import notebook
from tests.conftest import ROOT

PICTURE = 'from IPython.display import HTML\nHTML(\'<img alt="A grey square" src="data:,">\')'
READS = "from ngpu_lib.data import load_mnist\nmnist = load_mnist()"
ASIDE = "x = 1  # names load_mnist, and says nothing"


def nbval(folder, name: str, *cells: str) -> str:
    """What nbval says of a notebook of the instructor edition."""
    path = folder / "instructor" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    notebook(path, *cells, PICTURE)
    options = ["-p", "course.workshop.collect", "--nbval-lax", "--nbval-current-env"]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            *options,
            "-c",
            os.devnull,
            "--rootdir",
            folder,
            path,
        ],
        **{"cwd": ROOT, "capture_output": True, "text": True},
        env=os.environ | {"NGPU_DATA": str(folder / "there_is_no_such_folder")},
    )
    return done.stdout


def test_an_instructors_notebook_meets_no_mnist_and_says_so(tmp_path):
    report = nbval(tmp_path, "reads", READS, "assert not mnist.is_real")
    assert "3 passed" in report and "error" not in report, report


def test_a_lesson_that_hides_it_is_named(tmp_path):
    report = nbval(tmp_path, "hides", ASIDE)
    assert "reads MNIST where there is none, without 'NOTICE: MNIST could not" in report


@pytest.mark.parametrize("edition", ["student", "instructor"])
def test_some_lesson_reads_mnist(edition):
    notebooks = (ROOT / "course" / edition).glob("*.ipynb")
    reading = [path.name[:2] for path in notebooks if collect.reads_mnist(path)]
    assert "01" in reading
