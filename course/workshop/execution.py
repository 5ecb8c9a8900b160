"""Lessons executed once: what the site shows, slides print, and live lessons open with.

    python -m course.workshop.execution          all lessons, two at a time
    python -m course.workshop.execution 00 07    these

nbval is the executor, the same that tests every notebook (see collect.py): `make test-notebooks`
leaves every lesson of the student edition here, executed, and this runs it only for lessons whose
notebook, library, weights, live parts or libraries' versions have changed since. In build/executed:
NN_name.ipynb with outputs and widgets, and NN_name/ with what a live lesson loads.
"""

from __future__ import annotations

import argparse
import base64
import functools
import hashlib
import os
import re
import subprocess
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path

import nbformat

from course.workshop.editions import ROOT, lessons

EXECUTED = ROOT / "build" / "executed"
TIMEOUT = int(os.environ.get("CELL_TIMEOUT", "600"))  # seconds a cell may take
SLOW = 2.0  # seconds of CPU from which on a cell's result is kept
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
#: Libraries whose version shows in a lesson's results.
LIBRARIES = ("anywidget", "ipywidgets", "matplotlib", "numpy", "scikit-learn", "torch")


def live_parts(stem: str) -> list[dict]:
    """What is shown live of a lesson, from course/plans/live.toml."""
    return tomllib.loads((ROOT / "course/plans/live.toml").read_text("utf-8")).get(stem, [])


def student(stem: str) -> Path:
    """A lesson's notebook without outputs."""
    return ROOT / "course" / "student" / f"{stem}.ipynb"


def shown_cells(stem: str) -> dict[str, dict[str, str]]:
    """The lesson's own cells that are shown live, by their ids, each with its presets."""
    cells = nbformat.read(student(stem), as_version=4).cells
    return {find_cell(cells, p["cell"]).id: p["presets"] for p in live_parts(stem) if "cell" in p}


def find_cell(cells: list, text: str):
    """The one code cell that contains ``text``.

    Raises:
        ValueError: none or several do.
    """
    found = [cell for cell in cells if cell.cell_type == "code" and text in cell.source]
    if len(found) != 1:
        raise ValueError(f"cell: got {text!r}, in {len(found)} cells; needs a text of exactly one")
    return found[0]


def names_at_end(stem: str) -> list[str]:
    """The names that cells written for the live lesson take from its end."""
    from course.workshop.recorder import names

    found: set[str] = set()
    for part in live_parts(stem):
        if "source" in part:
            found |= names("\n".join((part["source"], *part["presets"].values())))[0]
    return sorted(found)


@functools.cache
def library_digest(without: str) -> str:
    """A hash of every file of the library but the checks of other lessons and ``cli``, ``live``.

    ``without``: the number of the lesson whose checks count.
    """
    digest = hashlib.sha256()
    others = {f"lesson{path.stem[:2]}.py" for path in lessons() if path.stem[:2] != without}
    for path in sorted((ROOT / "ngpu_lib").rglob("*")):
        unused = path.name in others | {"cli.py", "live.py"} or "__pycache__" in path.parts
        if path.is_file() and not unused:
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def key(stem: str) -> str:
    """Changes whenever executing the lesson again could give something else."""
    digest = hashlib.sha256(student(stem).read_bytes())
    digest.update(library_digest(stem[:2]).encode())
    digest.update(Path(__file__).with_name("recorder.py").read_bytes())
    libraries = {name: version(name) for name in LIBRARIES}
    digest.update(repr((shown_cells(stem), names_at_end(stem), SLOW, libraries)).encode())
    return digest.hexdigest()


def stored_key(stem: str) -> str | None:
    """The key of the executed lesson that is there, or None."""
    path = EXECUTED / f"{stem}.ipynb"
    return nbformat.read(path, as_version=4).metadata.get("ngpu_key") if path.exists() else None


def execute(stem: str) -> float:
    """Let nbval execute one lesson and collect what it shows; the seconds it took.

    Raises:
        ValueError: a cell of the lesson raised.
    """
    begun, now = time.perf_counter(), key(stem)
    options = ["-q", "-x", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, f"--nbval-cell-timeout={TIMEOUT}"]
    done = subprocess.run(
        [*command, student(stem)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "NGPU_RECORD": ""},  # two side by side
        capture_output=True,
        text=True,
    )
    if stored_key(stem) != now:
        raise ValueError(f"{stem}: nbval says\n{done.stdout[-4000:]}{done.stderr[-1000:]}")
    return time.perf_counter() - begun


def execute_all(stems: list[str], workers: int = 2, as_is: bool = False) -> dict[str, Path]:
    """Execute what has changed, ``workers`` at a time, with a line for each; where each lesson is.

    ``as_is`` takes a lesson that was executed before, even if it has changed (to work on the looks).

    Raises:
        ValueError: a cell of a lesson raised.
    """
    library_digest.cache_clear()
    there = {stem: stored_key(stem) for stem in stems}
    changed = [s for s in stems if not (there[s] if as_is else there[s] == key(s))]
    changed.sort(key=lambda stem: -student(stem).stat().st_size)  # long ones first: no straggler
    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(execute, stem): stem for stem in changed}
        for number, done in enumerate(as_completed(running), start=1):
            took = f"executed in {done.result():.0f} s"
            print(f"[{number}/{len(changed)}] {running[done]}: {took}", flush=True)
    return {stem: EXECUTED / f"{stem}.ipynb" for stem in stems}


def chosen(numbers: list[str]) -> list[str]:
    """The lessons that begin with one of these numbers, or all.

    Raises:
        ValueError: a number that no lesson begins with.
    """
    stems = [path.stem for path in lessons()]
    for number in numbers:
        if not any(stem.startswith(number) for stem in stems):
            raise ValueError(f"lesson: got {number!r}; needs one of {', '.join(stems)}")
    return [s for s in stems if not numbers or any(s.startswith(n) for n in numbers)]


def write_pictures(path: Path, folder: Path) -> int:
    """Write the figures of an executed lesson as files, to be looked at; how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = [o for c in nbformat.read(path, as_version=4).cells for o in c.get("outputs", [])]
    texts = [o.get("data", {}).get("text/html", "") for o in shown]
    found = [data for text in texts for data in re.findall(r"base64,([A-Za-z0-9+/=]+)", text)]
    for number, data in enumerate(found):
        (folder / f"{path.stem}_{number:02}.png").write_bytes(base64.b64decode(data))
    return len(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers such as 07; none: all")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--as-is", action="store_true", help="take what was executed before")
    parser.add_argument("--pictures", type=Path, help="a folder to write every figure to")
    given = parser.parse_args()
    try:
        executed = execute_all(chosen(given.lessons), given.workers, given.as_is)
    except ValueError as error:
        sys.exit(str(error))
    for path in executed.values() if given.pictures else []:
        print(f"{path.stem}: {write_pictures(path, given.pictures)} figures in {given.pictures}")
