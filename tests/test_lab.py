"""What a learner meets: JupyterLab as `make lab` sets it up, and the first lesson run in it to its end."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import browser as chromium
from tests.conftest import ROOT

pytestmark = pytest.mark.browser
FIRST = next((ROOT / "course" / "student").glob("00_*.ipynb"))
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


def test_the_first_lesson_runs_to_its_end(lab):
    """What the others show, nbval executes and the site's tests look at."""
    browser, address = lab
    page = chromium.open_in_lab(browser, address, f"student/{FIRST.name}")
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
    page.close()


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
