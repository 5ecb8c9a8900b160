"""Build the course's site: `make site`.

Every lesson of the student edition is executed (execution.py, once), its pages are composed in
build/site/source, Sphinx renders them into build/site/html, and the result is walked through
(walk.py): every image has alt text, every local link and anchor leads somewhere, and nothing is
loaded from another host.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path

import nbformat

import ngpu_lib
from course.workshop import npm
from course.workshop.editions import (
    ROOT,
    binder_url,
    colab_url,
    kaggle_url,
    settings,
    title_and_question,
)
from course.workshop.execution import WIDGET_STATE, WIDGET_VIEW, chosen, execute_all, student
from course.workshop.walk import faults, weigh
from ngpu_lib import pretrained, recorded
from ngpu_lib.widgets.base import module

DOCS = ROOT / "docs"
SITE = ROOT / "build" / "site"
SOURCE, STATIC, HTML = SITE / "source", SITE / "static", SITE / "html"
WEIGHTS = STATIC / "weights"
#: Maps that the front door shows beside its picture, and what one sees there.
FRONT_MAPS = {
    4: "digits walk left",
    53: "digits walk right",
    71: "work spreads",
    87: "results stay",
}
#: Pairs 2^n - 1 and 2^(n-1) + 1 that the shipped network multiplies wrongly: a late carry runs out of time (lesson 09).
FRONT_WRONG = [["65535", "32769"], ["1048575", "524289"], ["16777215", "8388609"]]


def launch_line(stem: str, seconds: float) -> str:
    """The buttons under a lesson's title, and what the page cost to compute."""
    at, path = settings(), f"course/student/{stem}.ipynb"
    links = [
        (colab_url(path, at), "Open in Colab", ""),
        (kaggle_url(path, at), "Open in Kaggle", ""),
        (binder_url(path, at), "Launch on Binder", ""),
        (f"../_static/notebooks/{stem}.ipynb", "Download the notebook", " download"),
        (f"../plans/{stem}.html", "Teach it", ""),
    ]
    buttons = "".join(f'<a href="{url}"{more}>{text}</a>' for url, text, more in links)
    took = f"All outputs on this page were computed in {seconds:.0f} s, on one core."
    return f'<div class="launch">{buttons}<span>{took}</span></div>'


def page_of(stem: str, executed: Path) -> nbformat.NotebookNode:
    """An executed lesson as a page of the site.

    Raises:
        ValueError: a widget that cannot live without a kernel.
    """
    notebook = nbformat.read(executed, as_version=4)
    states = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    record = json.loads(executed.with_suffix("").joinpath("record.json").read_text("utf-8"))
    shown, seen = set(), False
    # A first screen shows a lesson's question and its picture: the set-up cell, which does nothing here, is left out,
    # and code is folded up to the first output.
    cells = [c for c in notebook.cells if "setup" not in c.metadata.get("tags", [])]
    notebook.cells = joined(cells)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "figure" in tags or (cell.cell_type == "code" and not seen):
            cell.metadata.tags = [*tags, "hide-input"]
        seen = seen or bool(cell.get("outputs"))
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
        texts: dict[str, str] = {}
        for state in kept.values():
            lighten(state["state"], texts)
        state = {"version_major": 2, "version_minor": 0, "state": kept, "texts": texts}
        notebook.metadata["widgets"] = {WIDGET_STATE: state}
    return notebook


def joined(cells: list) -> list:
    """The cells; neighbours of code before the first output are one, so that one line is folded there and not two."""
    found = []
    for number, cell in enumerate(cells):
        before = found[-1] if found else None
        if before is None or not before.cell_type == cell.cell_type == "code" or before.outputs:
            found.append(cell)
            continue
        cell.source = f"{before.source}\n\n{cell.source}"
        found[-1] = cell
        if cell.outputs:
            return found + cells[number + 1 :]
    return found


def lighten(state: dict, texts: dict[str, str]) -> None:
    """Take out of a widget's state what others share: its program and style once a page, weights once a site.

    Weights become files named after their checksum, in the folder that ``widgets.js`` takes them from.
    """
    for name in {"_esm", "_css"} & set(state):
        short = f"{name}-{zlib.crc32(state[name].encode()):08x}"
        texts[short] = state[name]
        state[name] = short
    networks = [state.get("network") or {}, *(state.get("networks") or [])]
    networks += [machine["network"] for machine in state.get("machines") or []]
    for network in networks:
        if "data" in network:
            network["file"] = keep_weights(network)
            del network["data"]


def keep_weights(network: dict, folder: Path | None = None) -> str:
    """Write a network's weights beside the site's pages; the file's name."""
    name = f"{network['crc32']:08x}.safetensors"
    folder = folder or WEIGHTS
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(base64.b64decode(network["data"]))
    return name


def front_door(weights: Path | None = None) -> str:
    """The program of the index's first picture: the widgets' own parts, and what it shows.

    ``weights``: the folder that gets the network's file.
    """
    network = pretrained.load("multiply").page()
    network["file"] = keep_weights(network, weights)
    del network["data"]
    shown = {
        "network": network,
        "readers": recorded.load("lesson09_readers")["readers"],
        "maps": [{"map": number, "text": text} for number, text in FRONT_MAPS.items()],
        "pairs": FRONT_WRONG,
    }
    parts = module("arrays", "networks", "machine", "space") + (
        DOCS / "_static/front.js"
    ).read_text("utf-8")
    return f"(() => {{\nconst FRONT = {json.dumps(shown)};\n{parts}}})();\n"


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


def linked(glossary: str, stems: list[str]) -> str:
    """The glossary with each number in its last column a link to that lesson, where its page is built."""
    page = {stem[:2]: f"lessons/{stem}.ipynb" for stem in stems}

    def link(row: re.Match) -> str:
        return f"| [{row[1]}]({page[row[1]]}) |" if row[1] in page else row[0]

    return re.sub(r"\| (\d\d) \|$", link, glossary, flags=re.M)


def compose(executed: dict[str, Path]) -> None:
    """Write Sphinx's sources: the lessons, the plans, and the pages of docs/."""
    for folder in (SOURCE, STATIC):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (SOURCE / "lessons", SOURCE / "plans", STATIC / "notebooks"):
        folder.mkdir(parents=True)
    shutil.copytree(DOCS / "_static", STATIC, dirs_exist_ok=True)
    (STATIC / "front.js").write_text(front_door(), "utf-8")
    shutil.copy(ROOT / "course/images/front.png", STATIC / "recorded.png")
    shutil.copytree(npm.mathjax(), STATIC / "mathjax")
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
        name: (DOCS / f"{name}.md").read_text("utf-8")
        for name in ("index", "glossary", "teaching", "classroom")
    }
    pages["index"] = fill(pages["index"], "lessons", "\n".join(rows))
    listed = "\n".join(f"lessons/{stem}" for stem in executed)
    pages["index"] = fill(pages["index"], "lesson-pages", listed)
    plans = "\n".join(f"plans/{stem}" for stem in executed)
    pages["teaching"] = fill(pages["teaching"], "plan-pages", plans)
    pages["glossary"] = linked(pages["glossary"], list(executed))
    pages["glossary"] = fill(pages["glossary"], "axes", axes_table())
    pages["glossary"] = fill(pages["glossary"], "symbols", "\n\n".join(symbols))
    for name, text in pages.items():
        (SOURCE / f"{name}.md").write_text(text, "utf-8")


def render() -> None:
    """Call Sphinx; a warning is an error."""
    shutil.rmtree(HTML, ignore_errors=True)
    options = ["-W", "--keep-going", "-n", "-q", "-b", "html", "-c", DOCS, "-d", SITE / "doctrees"]
    options += ["-D", f"html_static_path={STATIC}"]
    command = [sys.executable, "-m", "sphinx", *options, SOURCE, HTML]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    mend(HTML)


#: What the theme and the notebook renderer write that keeps people out: a heading without its level, a folded cell
#: whose name for screen readers is not what stands there.
MENDED = {
    'role="heading">': 'role="heading" aria-level="2">',
    ' aria-label="Toggle hidden content"': "",
}


def mend(html: Path) -> None:
    """Put right what the theme and the notebook renderer get wrong on every page."""
    for path in html.rglob("*.html"):
        text = path.read_text("utf-8")
        for wrong, right in MENDED.items():
            text = text.replace(wrong, right)
        path.write_text(text, "utf-8")


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
    (SITE / "report.json").write_text(json.dumps(report, indent=1), "utf-8")
    print(f"{'page':38} {'kB':>7} {'compressed':>11}   with all it loads")
    for name, row in report.items():
        print(
            f"{name:38} {row['page_kB']:7,} {row['page_compressed_kB']:11,}"
            f"   {row['all_kB']:,} kB, {row['all_compressed_kB']:,} compressed"
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
