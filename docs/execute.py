"""Execute the student edition's lessons and keep them: what the site shows and live lessons open with.

    python docs/execute.py            all lessons, two at a time
    python docs/execute.py 00 07      these

A lesson is executed again when its notebook, the library, the weights, what is shown of it live, or
a library's version has changed; otherwise the executed one is taken as it is. In build/executed:
NN_name.ipynb with outputs and widgets, and NN_name/ with what a live lesson loads.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import sys
import time
import tomllib
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from recorder import cell_key, names  # noqa: E402

from course.workshop.editions import lessons  # noqa: E402

EXECUTED = ROOT / "build" / "executed"
TIMEOUT = int(os.environ.get("CELL_TIMEOUT", "600"))  # seconds a cell may take
SLOW = 4.0  # seconds of CPU from which on a cell's result is kept
ENDING = "# recorder: end"
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
    found: set[str] = set()
    for part in live_parts(stem):
        if "source" in part:
            found |= names("\n".join((part["source"], *part["presets"].values())))[0]
    return sorted(found)


def key(stem: str) -> str:
    """Changes whenever executing the lesson again could give something else."""
    digest = hashlib.sha256(student(stem).read_bytes())
    others = {f"lesson{path.stem[:2]}.py" for path in lessons() if path.stem[:2] != stem[:2]}
    for path in sorted((ROOT / "ngpu_lib").rglob("*")):
        unused = path.name in others | {"cli.py", "live.py"} or "__pycache__" in path.parts
        if path.is_file() and not unused:
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    digest.update(Path(__file__).with_name("recorder.py").read_bytes())
    libraries = {name: version(name) for name in LIBRARIES}
    digest.update(repr((shown_cells(stem), names_at_end(stem), SLOW, libraries)).encode())
    return digest.hexdigest()


def execute(stem: str) -> tuple[str, float, float]:
    """Execute one lesson in a kernel of its own; its wall and CPU seconds (0 when it was there)."""
    from nbclient import NotebookClient

    target, folder, now = EXECUTED / f"{stem}.ipynb", EXECUTED / stem, key(stem)
    if target.exists():
        done = nbformat.read(target, as_version=4)
        if done.metadata.get("ngpu_key") == now:
            return stem, 0.0, 0.0
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    notebook = nbformat.read(student(stem), as_version=4)
    ids = {cell_key(cell.source): cell.id for cell in notebook.cells if cell.cell_type == "code"}
    watch = (str(folder), ids, shown_cells(stem), names_at_end(stem), SLOW)
    begin = (
        "# recorder: begin\nimport sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\nimport recorder\n"
        f"recorder.start(*{watch!r})\n"
        "sys.path.pop(0)"
    )
    hidden = [nbformat.v4.new_code_cell(source) for source in (begin, ENDING)]
    notebook.cells = [hidden[0], *notebook.cells, hidden[1]]
    begun = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    place = {"metadata": {"path": str(student(stem).parent)}}
    client = NotebookClient(notebook, timeout=TIMEOUT, kernel_name="python3", resources=place)
    client.extra_arguments = ["--IPKernelApp.log_level=ERROR"]
    client.execute()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.perf_counter() - begun
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    notebook.cells = notebook.cells[1:-1]
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of day
        for output in cell.get("outputs", []):
            if output.output_type == "error":  # not the cell's own: in a callback after it
                first, seen = cell.source.splitlines()[0], "\n".join(output.traceback)
                raise ValueError(f"{stem}: an error in the cell that begins {first!r}:\n{seen}")
    notebook.metadata["ngpu_key"] = now
    notebook.metadata["ngpu_seconds"] = [round(wall, 1), round(cpu, 1)]
    part = target.with_suffix(".part")
    nbformat.write(notebook, part)
    part.replace(target)
    return stem, wall, cpu


def execute_all(stems: list[str], workers: int = 2, as_is: bool = False) -> dict[str, Path]:
    """Execute what has changed, ``workers`` at a time, with a line for each; where each lesson is.

    ``as_is`` takes a lesson that was executed before, even if it has changed (to work on the looks).

    Raises:
        nbclient.exceptions.CellExecutionError: a cell of a lesson raised.
    """
    os.environ["OMP_NUM_THREADS"] = "1"  # two kernels side by side do not fight for the cores
    EXECUTED.mkdir(parents=True, exist_ok=True)
    missing = [s for s in stems if not as_is or not (EXECUTED / f"{s}.ipynb").exists()]
    missing.sort(
        key=lambda stem: -student(stem).stat().st_size
    )  # long ones first: no late straggler
    with ProcessPoolExecutor(workers) as pool:
        running = [pool.submit(execute, stem) for stem in missing]
        for number, done in enumerate(as_completed(running), start=1):
            stem, wall, cpu = done.result()
            took = f"{wall:.0f} s, {cpu:.0f} s of CPU" if wall else "unchanged"
            print(f"[{number}/{len(missing)}] {stem}: {took}", flush=True)
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers such as 07; none: all")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--as-is", action="store_true", help="take what was executed before")
    given = parser.parse_args()
    execute_all(chosen(given.lessons), given.workers, given.as_is)
