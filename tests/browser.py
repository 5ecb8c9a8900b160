"""What the browser tests and the widget benchmark share: Chromium, a static page, JupyterLab."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from pathlib import Path

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: A widget without Jupyter: its module, its stylesheet, its traits, and a model that only remembers.
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Widget</title>
<style>body{{margin:12px;font-family:sans-serif;{body}}}{css}</style><main id="here"></main>
<script type="module">
const traits = {traits};
const handlers = {{}};
window.model = {{
  get: (name) => traits[name],
  set: (name, value) => {{
    if (JSON.stringify(traits[name]) === JSON.stringify(value)) return;
    traits[name] = value;
    for (const handler of [...(handlers["change:" + name] || [])]) handler();
  }},
  save_changes: () => {{ window.saves = (window.saves || 0) + 1; }},
  on: (name, handler) => (handlers[name] ??= []).push(handler),
  off: (name, handler) => {{ handlers[name] = handlers[name].filter((h) => h !== handler); }},
}};
const source = new Blob([{esm}], {{ type: "text/javascript" }});
const module = await import(URL.createObjectURL(source));
window.close_widget = module.default.render({{ model, el: document.getElementById("here") }});
window.ready = true;
</script></html>"""


def chromium_path() -> str | None:
    """Where Chromium is, or None."""
    return next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


@contextlib.contextmanager
def chromium(**options):
    """A browser whose pages cannot reach any other machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS, **options)
        try:
            yield browser
        finally:
            browser.close()


def static_page(widget, folder: Path, body: str = "") -> str:
    """Write one widget as a page without a kernel; the file's address."""
    names = [name for name in widget.trait_names(sync=True) if not name.startswith("_")]
    traits = {
        name: getattr(widget, name) for name in names if name not in ("layout", "comm", "tooltip")
    }
    literal = json.dumps(traits, default=str).replace("</", "<\\/")
    esm = json.dumps(str(widget._esm)).replace("</", "<\\/")
    page = PAGE.format(css=widget._css, traits=literal, esm=esm, body=body)
    path = folder / f"{type(widget).__name__}.html"
    path.write_text(page, "utf-8")
    return path.as_uri()


def open_static(browser, widget, folder: Path, **page_options):
    """The widget drawn on a static page with the network cut off; errors of the page fail the caller."""
    body = page_options.pop("body", "")
    page = browser.new_page(**page_options)
    page.context.set_offline(True)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(static_page(widget, folder, body))
    page.wait_for_function("window.ready === true")
    return page


def vendored_scripts(folder: Path) -> list[Path]:
    """What a static page with Jupyter widgets loads, fetched with npm and put beside the page.

    Raises:
        OSError: no npm, or nothing that it can fetch from.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise OSError("npm is not installed")
    packages = {"requirejs": "require.js", "@jupyter-widgets/html-manager": "dist/embed-amd.js"}
    scripts = []
    for package, script in packages.items():
        done = subprocess.run(
            [npm, "pack", "--silent", package], cwd=folder, capture_output=True, text=True
        )
        if done.returncode:
            raise OSError(f"npm pack {package}: {done.stderr[-200:]}")
        with tarfile.open(folder / done.stdout.split()[-1]) as archive:
            content = archive.extractfile(f"package/{script}").read()
        scripts.append(folder / Path(script).name)
        scripts[-1].write_bytes(content)
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
    with (folder / "lab.log").open("w") as log:
        process = subprocess.Popen(
            [command, "lab", *settings, *more],
            stdout=log,
            stderr=log,
            env={**os.environ, **home, **(environment or {})},
        )
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_for(address + "/api/status", process, folder / "lab.log")
            yield address
        finally:
            process.terminate()
            process.wait(30)


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


#: JavaScript: a canvas's pixels as one number, to see whether a picture changed.
HASH = """(canvas) => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let h = 7;
  for (let k = 0; k < data.length; k += 1) h = (h * 31 + data[k]) >>> 0;
  return h;
}"""
