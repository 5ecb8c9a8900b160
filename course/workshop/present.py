"""Build a lesson's presentation: `make present LESSON=09`, and slides to print: `make slides LESSON=09`.

The presentation is a notebook for JupyterLab: first the explorers named in course/plans/live.toml,
each with a button for every moment that matters, then the whole lesson. Code is folded, outputs are
there from the start (execution.py made them), and below each cell that takes long stands a rescue
that loads its finished result.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.sign import NotebookNotary

from course.workshop.editions import METADATA, ROOT, title_and_question
from course.workshop.execution import (
    EXECUTED,
    WIDGET_STATE,
    chosen,
    execute_all,
    find_cell,
    live_parts,
)

PRESENT = ROOT / "build" / "present"
FOLDED = {"jupyter": {"source_hidden": True}}
HOW_TO = (
    "**Shift+Enter** runs a cell and goes on: the next ones bring the explorers and their buttons to life, in seconds. "
    "Code is folded; a click on the three dots opens it."
)
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}


def cell(kind: str, source: str, tag: str, seen: set[str], **metadata) -> nbformat.NotebookNode:
    """A cell of the presentation, its id a hash of what it says."""
    make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    name, copy = "", 0
    while not name or name in seen:
        name = hashlib.sha256(f"{tag}{copy}{source}".encode()).hexdigest()[:12]
        copy += 1
    seen.add(name)
    return make(source, id=name, metadata={"tags": [tag], **metadata})


def live_cells(stem: str, executed: nbformat.NotebookNode, seen: set[str]) -> list:
    """The presentation's first part: for each entry of live.toml a heading, an explorer, buttons."""
    folder = Path(os.path.relpath(EXECUTED / stem, PRESENT)).as_posix()
    cells = []
    for number, part in enumerate(live_parts(stem), start=1):
        text = f"## Live {number} · {part['heading']}\n\n**Ask:** {part['ask']}"
        cells.append(cell("markdown", text, "live", seen))
        own = find_cell(executed.cells, part["cell"]) if "cell" in part else None
        state = f"{folder}/before_{own.id}.pkl" if own else f"{folder}/end.pkl"
        source = own.source if own else part["source"].strip()
        rows = "".join(f"    {text!r}: {code!r},\n" for text, code in part["presets"].items())
        shown = cell(
            "code",
            f'# {part["heading"]}\nfrom ngpu_lib import live\n\nlive.load("{state}", globals())\n'
            f"display(live.presets({{\n{rows}}}, globals()))\n\n{source}",
            "live",
            seen,
            **FOLDED,
        )
        shown.outputs = own.outputs if own else []
        cells.append(shown)
    return cells


def lesson_cells(stem: str, executed: nbformat.NotebookNode, seen: set[str]) -> list:
    """The whole lesson with solutions, outputs where the student edition has them, rescues after slow cells."""
    record = json.loads((EXECUTED / stem / "record.json").read_text("utf-8"))
    outputs = {c.id: c.outputs for c in executed.cells if c.cell_type == "code"}
    students = {c.id: c for c in executed.cells}
    instructor = nbformat.read(ROOT / "course/instructor" / f"{stem}.ipynb", as_version=4)
    folder = Path(os.path.relpath(EXECUTED / stem, PRESENT)).as_posix()
    cells = []
    for original in instructor.cells:
        tags = set(original.metadata.get("tags", []))
        if "launch" in tags or "instructor" in tags:
            continue
        seen.add(original.id)
        if original.cell_type == "code":
            original.metadata |= FOLDED
            original.outputs = outputs.get(original.id, [])
        cells.append(original)
        kept = record["cells"].get(original.id, {}) if original.id in students else {}
        if "kept" in kept:
            call = f'live.rescue("{folder}", "{original.id}", globals())'
            source = f"# The finished result\nfrom ngpu_lib import live\n\n{call}"
            seconds = f"{kept['seconds']:.0f} s"
            note = f"*Rescue: the cell above takes {seconds} of one core. If it drags, stop it (■), run the next.*"
            cells.append(cell("markdown", note, "rescue", seen))
            cells.append(cell("code", source, "rescue", seen, **FOLDED))
    return cells


def presentation(stem: str) -> nbformat.NotebookNode:
    """The lesson as a notebook to present. The lesson must have been executed."""
    executed = nbformat.read(EXECUTED / f"{stem}.ipynb", as_version=4)
    title, question = title_and_question(ROOT / "course" / f"{stem}.py")
    seen: set[str] = set()
    head = cell("markdown", f"# {title}\n\n## {question}\n\n{HOW_TO}", "live", seen)
    cells = [head, *live_cells(stem, executed, seen)]
    lesson = lesson_cells(stem, executed, seen)
    lesson[0].source = re.sub(r"(?m)^# .*$", "# The lesson", lesson[0].source, count=1)
    notebook = nbformat.v4.new_notebook(cells=[*cells, *lesson], metadata=dict(METADATA))
    if WIDGET_STATE in executed.metadata.get("widgets", {}):
        notebook.metadata["widgets"] = executed.metadata["widgets"]
    notebook.metadata["kernelspec"] = METADATA["kernelspec"]
    nbformat.validate(notebook)
    return notebook


def write_settings(folder: Path) -> dict[str, str]:
    """JupyterLab's settings for a projector; the environment that makes it use them."""
    overrides = folder / "labconfig" / "default_setting_overrides.json"
    style = folder / "custom" / "custom.css"
    for path in (overrides, style):
        path.parent.mkdir(parents=True, exist_ok=True)
    overrides.write_text(json.dumps(SETTINGS, indent=1), "utf-8")
    style.write_bytes((ROOT / "docs/present.css").read_bytes())
    return {"JUPYTER_CONFIG_DIR": str(folder)}


def write(stem: str) -> Path:
    """Write one presentation, signed, so that JupyterLab shows its outputs at once; where it is."""
    PRESENT.mkdir(parents=True, exist_ok=True)
    path, notebook = PRESENT / f"{stem}.ipynb", presentation(stem)
    nbformat.write(notebook, path)
    NotebookNotary().sign(nbformat.read(path, as_version=4))
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", help="a number such as 09")
    parser.add_argument("--as-is", action="store_true", help="take the lesson as executed before")
    parser.add_argument("--no-lab", action="store_true", help="write it, open nothing")
    given, lab_flags = parser.parse_known_args()
    try:
        (stem,) = chosen([given.lesson])[:1]
        print("The lesson is executed first, once; later it opens at once.", flush=True)
        execute_all([stem], as_is=given.as_is)
        path = write(stem)
    except (OSError, ValueError) as error:
        sys.exit(f"make present: {error}")
    print(f"{path}\nThe plan: course/plans/{stem}.md", flush=True)
    if not given.no_lab:
        environment = os.environ | write_settings(PRESENT / ".config")
        place = path.relative_to(ROOT).as_posix()
        command = [sys.executable, "-m", "jupyter", "lab", "--custom-css", *lab_flags]
        command += [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/doc/tree/{place}"]
        sys.exit(subprocess.run(command, env=environment).returncode)
