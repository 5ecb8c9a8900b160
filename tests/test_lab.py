"""What a learner meets: JupyterLab as `make lab` sets it up, and lessons run in it to their end."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import browser as chromium
from tests.conftest import ROOT

pytestmark = pytest.mark.browser
LESSONS = sorted((ROOT / "course" / "student").glob("0[01]_*.ipynb"))
WIDGET = "window.jupyterapp.shell.currentWidget"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """(a browser, JupyterLab's address) over a copy of the course, so that no test changes it."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("student", "images"):
        if (ROOT / "course" / name).is_dir():
            shutil.copytree(ROOT / "course" / name, folder / name)
    for path in (ROOT / "course").glob("00_*.py"):
        shutil.copy(path, folder)
    settings = folder / ".jupyter" / "labconfig" / "default_setting_overrides.json"
    command = Path(sys.executable).with_name("jupytext-config")
    subprocess.run(
        [command, "--settings-file", settings, "set-default-viewer", "python"], check=True
    )
    with chromium.chromium() as browser, chromium.jupyter_lab(folder) as address:
        yield browser, address


def cells(page) -> list[dict]:
    """The open notebook's cells with their outputs."""
    return page.evaluate(f"{WIDGET}.content.model.toJSON().cells")


def html_of(cell) -> list[str]:
    """The HTML outputs of a cell."""
    outputs = cell.get("outputs", [])
    return ["".join(o["data"]["text/html"]) for o in outputs if "text/html" in o.get("data", {})]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_runs_to_the_end_with_its_pictures(lab, path):
    """With NGPU_SHOTS=folder every picture of the lesson is kept there, to be looked at."""
    browser, address = lab
    page = chromium.open_in_lab(browser, address, f"student/{path.name}")
    page.wait_for_function(
        f"""{WIDGET}.content.model.toJSON().cells.every(
            (cell) => cell.cell_type !== 'code' || !cell.source.length || cell.execution_count
                || cell.outputs.some((output) => output.output_type === 'error'))""",
        timeout=600_000,
    )
    page.wait_for_function(
        f"{WIDGET}.sessionContext.session.kernel.status === 'idle'", timeout=600_000
    )
    done = cells(page)
    errors = [
        f"{output['ename']}: {output['evalue']}"
        for cell in done
        for output in cell.get("outputs", [])
        if output["output_type"] == "error"
    ]
    assert errors == []
    assert page.errors == []
    pictures = [text for cell in done for text in html_of(cell) if "<img" in text]
    raw = [o for c in done for o in c.get("outputs", []) if "image/png" in o.get("data", {})]
    assert raw == [], "a figure without alt text: end the cell with plots.show(fig, alt=...)"
    for text in pictures:
        assert re.search(r'alt="[^"]{10,}', text), text[:200]
    if path.name.startswith("01"):
        assert pictures
    keep_shots(path.stem, pictures)
    page.close()


def keep_shots(name: str, pictures: list[str]) -> None:
    """Write the pictures into the folder NGPU_SHOTS, where it is set."""
    if folder := os.environ.get("NGPU_SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        for number, text in enumerate(pictures):
            data = re.search(r"base64,([A-Za-z0-9+/=]+)", text)
            if data:
                file = Path(folder) / f"{name}_{number:02d}.png"
                file.write_bytes(base64.b64decode(data[1]))


def test_the_first_two_lessons_are_there():
    assert [path.name[:2] for path in LESSONS] == ["00", "01"]


def test_a_source_opens_as_a_notebook(lab):
    """An author's double click on course/NN_name.py gives cells and a kernel, and asks nothing."""
    browser, address = lab
    (source,) = (ROOT / "course").glob("00_*.py")
    page = browser.new_page()
    page.goto(f"{address}/lab/tree/{source.name}?reset", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    page.wait_for_function(
        f"{WIDGET}?.sessionContext?.session?.kernel?.status === 'idle'", timeout=90_000
    )
    assert page.locator(".jp-Dialog").count() == 0
    tags = [tag for cell in cells(page) for tag in cell["metadata"].get("tags", [])]
    assert "launch" in tags and "setup" in tags, "saving would lose the tags"
    page.close()
