"""A lesson that takes too much memory, or shows nothing for too long, fails `make test-notebooks`."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from course.workshop import collect, execution
from tests.browser import notebook
from tests.conftest import ROOT

PICTURE = 'from IPython.display import HTML\nHTML(\'<img alt="A grey square" src="data:,">\')'


def run(folder, **limits) -> tuple[str, dict]:
    """nbval's report on a notebook that takes 300 MB before its picture, and the figures."""
    notebook(folder / "lesson.ipynb", "x = b'1' * 300_000_000\ndel x", PICTURE, "1")
    options = [
        "-p",
        "course.workshop.collect",
        "--nbval-lax",
        "--nbval-current-env",
        "-c",
        os.devnull,
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, "--rootdir", folder, folder],
        env=os.environ | {"NGPU_LESSON_LOG": str(folder / "log"), **limits},
        **{"cwd": ROOT, "capture_output": True, "text": True},
    )
    (line,) = (folder / "log").read_text().splitlines()
    assert (done.returncode == 0) == ("error" not in done.stdout), done.stdout
    return done.stdout, json.loads(line)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc")
@pytest.mark.parametrize("strict", [False, True])
def test_limits_are_held_at_a_notebooks_end(strict, tmp_path):
    limits = {"NGPU_LESSON_MEMORY": "3e8", "NGPU_LESSON_FIRST_PICTURE": "0.01"} if strict else {}
    report, found = run(tmp_path, **limits)
    assert 300e6 < found["memory"] < 600e6 and 0.01 < found["first_picture"] <= found["seconds"]
    assert ("1 error" in report) == strict
    assert ("not below 300 MB; first picture after" in report) == strict


def test_what_counts_as_a_picture():
    def shown(**data):
        return collect.shows_a_picture([{"output_type": "stream"}, {"data": data}])

    assert shown(**{"text/html": "<p><img alt=''></p>"}) and shown(**{"image/png": ""})
    assert shown(**{execution.WIDGET_VIEW: {}})
    assert not shown(**{"text/html": "<p>"}) and not collect.shows_a_picture(None)


def test_the_limits_are_a_gigabyte_and_a_minute():
    assert collect.MOST_MEMORY <= 1e9 and collect.MOST_SECONDS <= 60


@pytest.mark.parametrize(
    ("data", "mute"),
    [
        ({"image/png": "abc"}, True),
        ({"text/html": "<p><img src='x'></p>"}, True),
        ({"text/html": '<img alt="short" src="x">'}, True),
        ({"text/html": '<img src="x" alt="A curve that falls">'}, False),
        ({"text/html": '<img alt="It\'s a > b: the curve rises" src=x>'}, False),
        ({"text/plain": "3"}, False),
    ],
)
def test_a_picture_needs_its_text(data, mute):
    assert collect.is_mute(data) == mute
