"""Build the course's site: `make site`.

Every lesson of the student edition is executed (docs/execute.py, cached), its pages are composed in
build/site/source, Sphinx renders them into build/site/html, and the result is checked: every image
has alt text, every local link and anchor leads somewhere, and nothing is loaded from another host.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import shutil
import subprocess
import sys
import tarfile
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).parent
sys.path[:0] = [str(ROOT), str(HERE)]

from execute import chosen, execute_all, student  # noqa: E402

import ngpu_lib  # noqa: E402
from course.workshop.editions import (  # noqa: E402
    binder_url,
    colab_url,
    settings,
    title_and_question,
)

SITE = ROOT / "build" / "site"
SOURCE, STATIC, HTML = SITE / "source", SITE / "static", SITE / "html"
VENDORED = ROOT / "build" / "vendored"
MATHJAX = "mathjax@3.2.2"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


def vendored_mathjax() -> Path:
    """MathJax and its fonts, fetched once with npm.

    Raises:
        OSError: no npm, or nothing that it can fetch from.
    """
    folder = VENDORED / MATHJAX
    if (folder / "tex-chtml.js").exists():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise OSError("npm is not installed; the site takes MathJax from it")
    VENDORED.mkdir(parents=True, exist_ok=True)
    pack = subprocess.run(
        [npm, "pack", "--silent", MATHJAX], cwd=VENDORED, capture_output=True, text=True
    )
    if pack.returncode:
        raise OSError(f"npm pack {MATHJAX}: {pack.stderr[-300:]}")
    archive = VENDORED / pack.stdout.split()[-1]
    fonts = "output/chtml/fonts/woff-v2/"
    with tarfile.open(archive) as packed:
        for member in packed.getmembers():
            name = member.name.removeprefix("package/es5/")
            if name == "tex-chtml.js" or name.startswith(fonts):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(packed.extractfile(member).read())
    archive.unlink()
    return folder


def launch_line(stem: str, seconds: float) -> str:
    """The buttons under a lesson's title, and what the page cost to compute."""
    at, path = settings(), f"course/student/{stem}.ipynb"
    links = [
        (colab_url(path, at), "Open in Colab", ""),
        (binder_url(path, at), "Launch on Binder", ""),
        (f"../_static/notebooks/{stem}.ipynb", "Download the notebook", " download"),
        (f"../plans/{stem}.html", "Teach it", ""),
    ]
    buttons = "".join(f'<a href="{url}"{more}>{text}</a>' for url, text, more in links)
    took = f"All outputs on this page were computed in {seconds:.0f} s, on one core."
    return f'<div class="launch">{buttons}</div>\n\n*{took}*'


def page_of(stem: str, executed: Path) -> nbformat.NotebookNode:
    """An executed lesson as a page of the site.

    Raises:
        ValueError: a widget that cannot live without a kernel.
    """
    notebook = nbformat.read(executed, as_version=4)
    states = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    record = json.loads(executed.with_suffix("").joinpath("record.json").read_text("utf-8"))
    shown = set()
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "setup" in tags:
            cell.metadata.tags = [*tags, "hide-input"]
        if "launch" in tags:
            cell.source = launch_line(stem, notebook.metadata["ngpu_seconds"][1])
        for output in cell.get("outputs", []):
            if view := output.get("data", {}).get(WIDGET_VIEW):
                shown.add(view["model_id"])
                output.data.pop("text/plain", None)
                kind = states[view["model_id"]]["model_name"]
                if kind != "AnyModel":
                    raise ValueError(
                        f"{stem}: got a widget of kind {kind}; needs an anywidget, which lives on a page"
                    )
                if presets := record.get("presets", {}).get(cell.get("id")):
                    states[view["model_id"]]["presets"] = presets
        cell.metadata.pop("execution", None)
    if shown:
        kept = {name: states[name] for name in states if name in shown}
        state = {"version_major": 2, "version_minor": 0, "state": kept}
        notebook.metadata["widgets"] = {WIDGET_STATE: state}
    return notebook


def axes_table() -> str:
    """The dimension key of ngpu_lib as a table."""
    key = ngpu_lib.__doc__.split("in order):")[1].split("\n\n")[1]
    pairs = re.findall(r"\b([A-Z]) ((?:(?! {2,}).)+)", key)
    return "\n".join(["| letter | axis |", "|---|---|", *(f"| {a} | {b} |" for a, b in pairs)])


def symbol_tables(stem: str) -> list[str]:
    """The tables of symbols in a lesson, as they stand there."""
    tables = []
    for cell in nbformat.read(student(stem), as_version=4).cells:
        if cell.cell_type == "markdown":
            tables += re.findall(
                r"^\| *symbol *\|.*\n\|[-|: ]+\|\n(?:\|.*(?:\n|$))+", cell.source, re.M
            )
    return [table.strip() for table in tables]


def fill(text: str, name: str, content: str) -> str:
    """``text`` with ``content`` in place of the comment <!-- name -->."""
    mark = f"<!-- {name} -->"
    if mark not in text:
        raise ValueError(f"{name}: no {mark} in the page")
    return text.replace(mark, content)


def compose(executed: dict[str, Path]) -> None:
    """Write Sphinx's sources: the lessons, the plans, and the pages of docs/."""
    for folder in (SOURCE, STATIC):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (SOURCE / "lessons", SOURCE / "plans", STATIC / "notebooks"):
        folder.mkdir(parents=True)
    shutil.copytree(HERE / "_static", STATIC, dirs_exist_ok=True)
    shutil.copytree(vendored_mathjax(), STATIC / "mathjax")
    shutil.copytree(ROOT / "course/images", SOURCE / "images")
    rows = ["| lesson | its question |", "|---|---|"]
    symbols = []
    for stem, path in executed.items():
        nbformat.write(page_of(stem, path), SOURCE / "lessons" / f"{stem}.ipynb")
        shutil.copy(student(stem), STATIC / "notebooks")
        shutil.copy(ROOT / "course/plans" / f"{stem}.md", SOURCE / "plans")
        title, question = title_and_question(ROOT / "course" / f"{stem}.py")
        rows.append(f"| [{title}](lessons/{stem}.ipynb) | {question} |")
        if tables := symbol_tables(stem):
            symbols += [f"### [{title}](lessons/{stem}.ipynb)", *tables]
    pages = {
        name: (HERE / f"{name}.md").read_text("utf-8") for name in ("index", "glossary", "teaching")
    }
    pages["index"] = fill(pages["index"], "lessons", "\n".join(rows))
    listed = "\n".join(f"lessons/{stem}" for stem in executed)
    pages["index"] = fill(pages["index"], "lesson-pages", listed)
    plans = "\n".join(f"plans/{stem}" for stem in executed)
    pages["teaching"] = fill(pages["teaching"], "plan-pages", plans)
    pages["glossary"] = fill(pages["glossary"], "axes", axes_table())
    pages["glossary"] = fill(pages["glossary"], "symbols", "\n\n".join(symbols))
    for name, text in pages.items():
        (SOURCE / f"{name}.md").write_text(text, "utf-8")


def render() -> None:
    """Call Sphinx; a warning is an error."""
    shutil.rmtree(HTML, ignore_errors=True)
    options = ["-W", "--keep-going", "-n", "-q", "-b", "html", "-c", HERE, "-d", SITE / "doctrees"]
    options += ["-D", f"html_static_path={STATIC}"]
    subprocess.run([sys.executable, "-m", "sphinx", *options, SOURCE, HTML], check=True)


class Page(HTMLParser):
    """What a page loads, where it leads, which anchors it has, and images without alt text."""

    def __init__(self, path: Path):
        super().__init__()
        self.path, self.loads, self.links, self.ids, self.mute = path, [], [], set(), []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids |= {found.get("id"), found.get("name")}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in ("img", "script", "source", "video", "iframe") and found.get("src"):
            self.loads.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload", "modulepreload"):
            self.loads.append(found["href"])
        if tag == "img" and len(found.get("alt") or "") < 10:
            self.mute.append(found.get("src", "")[:80])

    def file(self, address: str) -> Path:
        """The local file an address stands for."""
        path = unquote(urlsplit(address).path)
        return (self.path.parent / path).resolve() if path else self.path


def is_outside(address: str) -> bool:
    return bool(urlsplit(address).scheme or urlsplit(address).netloc)


def faults(html: Path) -> list[str]:
    """What is wrong with the built pages, a line for each."""
    pages = {path.resolve(): Page(path) for path in sorted(html.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        name = path.relative_to(html.resolve()).as_posix()
        found += [f"{name}: image without alt text: {source}" for source in page.mute]
        for address in page.loads:
            if address.startswith("data:"):
                continue
            if is_outside(address):
                found.append(f"{name}: loads {address} from another host")
            elif not page.file(address).is_file():
                found.append(f"{name}: loads {address}, which is not there")
        for address in page.links:
            if is_outside(address):
                continue
            target, anchor = page.file(address), unquote(urlsplit(address).fragment)
            if not target.is_file():
                found.append(f"{name}: links to {address}, which is not there")
            elif anchor and target in pages and anchor not in pages[target].ids:
                found.append(f"{name}: links to {address}; no such anchor")
    for sheet in html.rglob("*.css"):
        for address in re.findall(
            r"(?:url\(|@import\s+)[\"']?(https?:[^\"')\s]+)", sheet.read_text("utf-8")
        ):
            found.append(f"{sheet.name}: loads {address} from another host")
    return found


def weigh(html: Path) -> dict[str, dict]:
    """Each page's own size and that of all it loads, in kB, as on disk and compressed."""
    sizes: dict[Path, tuple[int, int]] = {}

    def size(path: Path) -> tuple[int, int]:
        if path not in sizes:
            data = path.read_bytes()
            sizes[path] = len(data), len(gzip.compress(data, 6))
        return sizes[path]

    report = {}
    for path in sorted(html.rglob("*.html")):
        page = Page(path)
        local = {page.file(a) for a in page.loads if not is_outside(a)}
        own, all_of_it = size(path), [size(path), *(size(f) for f in local)]
        report[path.relative_to(html).as_posix()] = {
            "page_kB": round(own[0] / 1000),
            "page_compressed_kB": round(own[1] / 1000),
            "all_kB": round(sum(a for a, _ in all_of_it) / 1000),
            "all_compressed_kB": round(sum(b for _, b in all_of_it) / 1000),
        }
    return report


def load_times(html: Path, names: list[str]) -> dict[str, float]:
    """Seconds until each page is loaded and its explorers are drawn, in Chromium; none without Chromium."""
    browsers = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, browsers)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        return {}
    ready = (
        "document.readyState === 'complete' && (document.documentElement.dataset.widgets || !%s)"
    )
    drawn = ready % "document.querySelector('script[src*=\"widgets.js\"]')"
    times = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name in names:
            page = browser.new_page()
            begun = time.perf_counter()
            page.goto((html / name).as_uri())
            page.wait_for_function(drawn)
            times[name] = round(time.perf_counter() - begun, 2)
            page.close()
        browser.close()
    return times


def build(stems: list[str], as_is: bool = False) -> dict[str, dict]:
    """Execute, compose, render and check; the weight of each page.

    Raises:
        ValueError: the built pages have faults; all of them are named.
    """
    begun = time.perf_counter()
    compose(execute_all(stems, as_is=as_is))
    render()
    if found := faults(HTML):
        raise ValueError("the site: got\n  " + "\n  ".join(found))
    report = weigh(HTML)
    lessons = [f"lessons/{stem}.html" for stem in stems]
    for name, seconds in load_times(HTML, ["index.html", *lessons]).items():
        report[name]["load_s"] = seconds
    (SITE / "report.json").write_text(json.dumps(report, indent=1), "utf-8")
    print(f"{'page':38} {'kB':>7} {'compressed':>11}   with all it loads")
    for name, row in report.items():
        print(
            f"{name:38} {row['page_kB']:7,} {row['page_compressed_kB']:11,}"
            f"   {row['all_kB']:,} kB, {row['all_compressed_kB']:,} compressed"
            + (f", {row['load_s']:.1f} s to load" if "load_s" in row else "")
        )
    print(f"{HTML / 'index.html'}: {time.perf_counter() - begun:.0f} s")
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers such as 07; none: all")
    parser.add_argument("--as-is", action="store_true", help="take lessons as executed before")
    given = parser.parse_args()
    try:
        build(chosen(given.lessons), given.as_is)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"make site: {error}")
