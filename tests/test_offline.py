"""A lesson that reads MNIST also runs where there is none: no folder, no cache, no mirror."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

NOTEBOOKS = [
    path
    for path in sorted((ROOT / "course" / "student").glob("*.ipynb"))
    if "load_mnist" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("edition", ["student", "instructor"])
@pytest.mark.parametrize("name", [path.name for path in NOTEBOOKS])
def test_lesson_runs_on_the_stand_in(name, edition, tmp_path):
    notebook = ROOT / "course" / edition / name
    environment = os.environ | {
        "NGPU_MIRRORS": "http://127.0.0.1:9/",  # nothing listens there
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
    }
    environment.pop("NGPU_DATA", None)
    command = [
        *(sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute"),
        *(f"--output-dir={tmp_path}", "--ExecutePreprocessor.timeout=600", str(notebook)),
    ]
    run = subprocess.run(
        command, env=environment, cwd=notebook.parent, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-3000:]
    executed = json.loads((tmp_path / name).read_text(encoding="utf-8"))
    printed = "".join(
        "".join(output.get("text", ""))
        for cell in executed["cells"]
        for output in cell.get("outputs", [])
    )
    assert "NOTICE: MNIST could not be downloaded" in printed


def test_some_lesson_reads_mnist():
    assert "01" in [path.name[:2] for path in NOTEBOOKS]
