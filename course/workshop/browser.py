"""The one look-up of a browser, and a widget on a page of its own.

python -m course.workshop.browser    where Chromium is; fetches Playwright's own where there is none
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WANTED = (
    "needs Chromium: NGPU_BROWSER names none, none is installed and Playwright has none;"
    " `playwright install chromium`"
)
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


@functools.cache
def chromium_path() -> str | None:
    """Where Chromium is, or None: what NGPU_BROWSER names, one that is installed, Playwright's own.

    Raises:
        ValueError: NGPU_BROWSER names a file that is not there.
    """
    if given := os.environ.get("NGPU_BROWSER"):
        found = shutil.which(given)
        if found is None:
            raise ValueError(f"NGPU_BROWSER: got {given!r}; needs a program that is there")
        return found
    return next(filter(None, map(shutil.which, NAMES)), None) or _playwrights_own()


def _playwrights_own() -> str | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> str | None:
    """Where Chromium is; where there is none, Playwright is asked to fetch its own, which may fail."""
    if chromium_path() is None:
        command = [sys.executable, "-m", "playwright", "install", "chromium"]
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(command, capture_output=True, timeout=600)
        chromium_path.cache_clear()
    return chromium_path()


@contextlib.contextmanager
def chromium(**options):
    """A browser whose pages cannot reach any other machine."""
    from playwright.sync_api import sync_playwright

    program = chromium_path()  # before Playwright runs: it may be asked, too
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS, **options)
        try:
            yield browser
        finally:
            browser.close()


def print_pdf(page: Path) -> Path | None:
    """Print a local page to PDF beside it; None without Chromium."""
    program = chromium_path()
    if program is None:
        return None
    target = page.with_suffix(".pdf")
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    command += ["--virtual-time-budget=60000", f"--print-to-pdf={target}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    return target


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


if __name__ == "__main__":
    print(install() or WANTED)
