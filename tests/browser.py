"""What the browser tests and the widget benchmark share: Chromium, a static page, JupyterLab."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from course.workshop import npm
from course.workshop.browser import chromium, chromium_path, open_static, static_page

__all__ = ["chromium", "chromium_path", "open_static", "static_page"]


def vendored_scripts(folder: Path) -> list[Path]:
    """What a static page with Jupyter widgets loads, fetched with npm and put beside the page.

    Raises:
        OSError: no npm, or nothing that it can fetch from.
    """
    packages = {"requirejs": "require.js", "@jupyter-widgets/html-manager": "dist/embed-amd.js"}
    scripts = []
    for name, script in packages.items():
        scripts.append(folder / Path(script).name)
        scripts[-1].write_bytes((npm.package(name, script) / script).read_bytes())
    source = Path(sys.prefix, "share/jupyter/nbextensions/anywidget/index.js").read_text("utf-8")
    named = folder / "anywidget.js"
    named.write_text('define("anywidget", '.join(source.rsplit("define(", 1)), "utf-8")
    return [scripts[0], named, scripts[1]]


def jupyter_page(widget, folder: Path) -> str:
    """Write a widget as Jupyter saves it, with its scripts beside it; the page's address."""
    from ipywidgets.embed import embed_snippet

    scripts = "".join(f'<script src="{path.name}"></script>' for path in vendored_scripts(folder))
    snippet = embed_snippet(
        views=[widget], embed_url="embed-amd.js", requirejs=False, drop_defaults=False
    )
    snippet = snippet[snippet.index('<script type="application/vnd.jupyter.widget-state') :]
    page = folder / "jupyter.html"
    page.write_text(f'<!doctype html><meta charset="utf-8">{scripts}<body>{snippet}', "utf-8")
    return page.as_uri()


@contextlib.contextmanager
def jupyter_lab(folder: Path, command: str | None = None, more=(), environment=None):
    """JupyterLab serving ``folder``; yields its address. NGPU_LAB names another installation's jupyter.

    ``more`` and ``environment`` are further flags and variables.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = (
        command or os.environ.get("NGPU_LAB") or str(Path(sys.executable).with_name("jupyter"))
    )
    settings = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        "--ServerApp.token=",
        "--ServerApp.password=",
        "--ServerApp.disable_check_xsrf=True",
        "--LabApp.expose_app_in_browser=True",
        f"--ServerApp.root_dir={folder}",
    ]
    home = {name: str(folder / ".jupyter") for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    told = folder / f"lab_{port}.log"  # another worker's may be there
    with told.open("w") as log:
        process = subprocess.Popen(
            [command, "lab", *settings, *more],
            stdout=log,
            stderr=log,
            env={**os.environ, **home, **(environment or {})},
        )
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_for(address + "/api/status", process, told)
            yield address
        finally:
            process.terminate()
            process.wait(30)
            told.unlink()


def _wait_for(address: str, process, log: Path) -> None:
    for _ in range(240):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.25)
    raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-2000:]}")


def notebook(path: Path, *cells: str) -> None:
    """Write a notebook of code cells."""
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    found = {
        "cells": [{**cell, "source": source, "id": f"cell-{k}"} for k, source in enumerate(cells)],
        "metadata": {"kernelspec": spec},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(found), "utf-8")


def open_in_lab(browser, address: str, name: str, **page_options):
    """Open a notebook in JupyterLab and run all its cells."""
    page = browser.new_page(**page_options)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(f"{address}/lab/tree/{name}?reset", wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    kernel = "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status"
    page.wait_for_function(f"{kernel} === 'idle'", timeout=90_000)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    return page


def in_kernel(page, source: str) -> str:
    """Run Python in the open notebook's kernel; what it printed."""
    status, printed = page.evaluate(
        """async (code) => {
          const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
          let printed = "";
          const future = kernel.requestExecute({ code });
          future.onIOPub = (message) => { printed += message.content.text || ""; };
          return [(await future.done).content, printed];
        }""",
        source,
    )
    assert status["status"] == "ok", status
    return printed


@contextlib.contextmanager
def kernel_of(address: str, folder: Path, kernel: str):
    """A kernel of ``jupyter_lab(folder)`` without its page: a function that runs Python in it. Ends the kernel."""
    from jupyter_client import BlockingKernelClient

    client = BlockingKernelClient()
    client.load_connection_file(str(folder / f".jupyter/runtime/kernel-{kernel}.json"))
    client.start_channels()

    def run(source: str) -> None:
        done = client.execute_interactive(
            source, store_history=False, output_hook=lambda message: None, timeout=600
        )["content"]
        assert done["status"] == "ok", f"{source}\n" + "\n".join(done.get("traceback", []))

    try:
        client.wait_for_ready(60)
        yield run
    finally:
        client.stop_channels()
        end = urllib.request.Request(f"{address}/api/kernels/{kernel}", method="DELETE")
        urllib.request.urlopen(end, timeout=60).close()


#: JavaScript: a canvas's pixels as one number, to see whether a picture changed.
HASH = """(canvas) => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let h = 7;
  for (let k = 0; k < data.length; k += 1) h = (h * 31 + data[k]) >>> 0;
  return h;
}"""
