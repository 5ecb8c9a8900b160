"""Shared by all tests: one torch thread, and JupyterLab in headless Chromium."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

if os.environ.get("OMP_NUM_THREADS") == "1":
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """A test that uses the browser is a browser test; nobody has to remember the mark."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def chromium():
    """Playwright's handle on headless Chromium. Absent, the test is skipped; under CI it fails."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        text = f"needs a browser: none of {', '.join(names)} is installed"
        pytest.fail(text) if os.environ.get("CI") else pytest.skip(text)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


class Lab:
    """A JupyterLab server over a copy of the course, and what a test does in it.

    ``lab.open("student/00_start_here.ipynb")`` opens a notebook with its kernel ready,
    ``lab.run_all()`` runs it to the end, ``lab.cells()`` gives its cells with their outputs.
    """

    def __init__(self, chromium, folder: Path, url: str):
        self.folder, self.url = folder, url
        self.page = chromium.new_page(viewport={"width": 1280, "height": 900})
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def open(self, path: str, timeout: float = 120) -> None:
        """Open a notebook and wait until its kernel is idle; kernels of earlier ones are ended."""
        for session in json.load(urllib.request.urlopen(f"{self.url}/api/sessions")):
            request = urllib.request.Request(
                f"{self.url}/api/sessions/{session['id']}", method="DELETE"
            )
            urllib.request.urlopen(request).close()
        self.page.goto(f"{self.url}/lab/tree/{path}?reset")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=timeout * 1000)
        self.wait_idle(timeout)

    def wait_idle(self, timeout: float) -> None:
        self.page.wait_for_function(
            "() => jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
            timeout=timeout * 1000,
        )

    def run_all(self, timeout: float = 600) -> None:
        """Run every cell and wait for the last."""
        self.page.evaluate(
            """() => { window.ranAll = false;
                jupyterapp.commands.execute('notebook:run-all-cells').then(() => { window.ranAll = true; }) }"""
        )
        self.page.wait_for_function("() => window.ranAll", timeout=timeout * 1000)
        self.wait_idle(timeout)

    def cells(self) -> list[dict]:
        """The open notebook's cells as saved in its model."""
        return self.page.evaluate(
            "() => jupyterapp.shell.currentWidget.content.model.toJSON().cells"
        )

    def errors(self) -> list[str]:
        """What went wrong in any cell, as "ExceptionName: message"."""
        return [
            f"{output['ename']}: {output['evalue']}"
            for cell in self.cells()
            for output in cell.get("outputs", [])
            if output["output_type"] == "error"
        ]


@pytest.fixture(scope="session")
def lab(chromium, tmp_path_factory):
    """A Lab on a copy of course/, so that no test can change the course."""
    folder = tmp_path_factory.mktemp("lab")
    course = folder / "course"
    shutil.copytree(ROOT / "course", course, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    settings = folder / "settings" / "labconfig" / "default_setting_overrides.json"
    jupytext_config = Path(sys.executable).with_name("jupytext-config")
    subprocess.run(
        [jupytext_config, "--settings-file", settings, "set-default-viewer", "python"], check=True
    )
    (folder / "home").mkdir()
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(settings.parents[1]),
        "IPYTHONDIR": str(folder / "home" / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "home" / "lab"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "home" / "workspaces"),
    }
    command = [
        *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"),
        *("--ip=127.0.0.1", "--port=0", "--IdentityProvider.token=", "--ServerApp.password="),
        *("--ServerApp.disable_check_xsrf=True", "--LabApp.expose_app_in_browser=True"),
        f"--ServerApp.root_dir={course}",
    ]
    log = open(folder / "server.log", "w")  # noqa: SIM115: open as long as the server runs
    server = subprocess.Popen(
        command, env=environment, cwd=course, stdout=log, stderr=log, start_new_session=True
    )
    try:
        yield Lab(chromium, course, _address(server, folder))
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
        log.close()


def _address(server: subprocess.Popen, folder: Path, seconds: float = 90) -> str:
    """The address a Jupyter server wrote into its log, once it answers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        text = (folder / "server.log").read_text()
        for word in text.split():
            if word.startswith("http://127.0.0.1:") and word.rstrip("/").endswith("/lab"):
                return word.rstrip("/").removesuffix("/lab")
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{(folder / 'server.log').read_text()[-3000:]}")
