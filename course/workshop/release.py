"""Build what a release consists of and try it: `make release`.

The wheel and the source archive go to build/release, twine reads them, an empty environment installs the wheel,
and lesson 00 runs there, in an empty folder, with nothing of this checkout within reach. Nothing is published;
CONTRIBUTING.md has the steps before and after.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from course.workshop.editions import ROOT, settings

RELEASE = ROOT / "build" / "release"


def run(*command: str | Path, **options) -> str:
    """A command's output.

    Raises:
        ValueError: it failed; says with which words.
    """
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise ValueError(f"{' '.join(map(str, command))[:200]} failed:\n{said}")
    return done.stdout


def unready(root: Path = ROOT) -> list[str]:
    """What a release lacks, a line each: the version in changelog and citation, and its date."""
    version = settings(root)["version"]
    changes = (root / "CHANGELOG.md").read_text("utf-8")
    citation = (root / "CITATION.cff").read_text("utf-8")
    found = []
    heads = re.findall(r"(?m)^## (.+)$", changes)
    if not any(re.fullmatch(rf"{re.escape(version)} · \d{{4}}-\d\d-\d\d", head) for head in heads):
        found.append(f"CHANGELOG.md: needs the head '## {version} · YYYY-MM-DD'")
    elif f'"{version}"' not in citation and f"version: {version}\n" not in citation:
        found.append(f"CITATION.cff: needs version: {version}")
    else:
        date = next(head.split(" · ")[1] for head in heads if head.startswith(f"{version} ·"))
        if f"date-released: {date}" not in citation:
            found.append(f"CITATION.cff: needs date-released: {date}")
    return found


def archives(folder: Path = RELEASE, *options: str) -> list[Path]:
    """Build wheel and source archive, in this order, into an empty folder and let twine read them.

    Raises:
        ValueError: a build failed, or twine found a fault.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as copy:  # build folders of before would go in as well
        names = [
            "pyproject.toml",
            "README.md",
            "LICENSE",
            "CITATION.cff",
            "CHANGELOG.md",
            "ngpu_lib",
        ]
        leave = shutil.ignore_patterns("__pycache__")
        for name in names:
            source, target = ROOT / name, Path(copy) / name
            shutil.copytree(source, target, ignore=leave) if source.is_dir() else shutil.copy(
                source, target
            )
        run(sys.executable, "-m", "build", "--outdir", folder, *options, copy)
    made = sorted(folder.iterdir(), key=lambda path: path.suffix, reverse=True)
    if [path.suffix for path in made] != [".whl", ".gz"]:
        raise ValueError(
            f"{folder}: got {[p.name for p in made]}; needs one wheel and one source archive"
        )
    run(sys.executable, "-m", "twine", "check", "--strict", *made)
    return made


def try_out(python: Path, folder: Path) -> str:
    """Run lesson 00 with an environment's Python in an empty folder; where its library lies.

    Raises:
        ValueError: a cell failed, or the library came from this checkout.
    """
    name = "00_start_here.ipynb"
    shutil.copy(ROOT / "course" / "student" / name, folder / name)
    inside = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    inside |= {"NGPU_PROGRESS": "off", "JUPYTER_PATH": str(folder)}
    where = run(python, "-c", "import ngpu_lib; print(ngpu_lib.__file__)", cwd=folder, env=inside)
    if Path(where.strip()).is_relative_to(ROOT / "ngpu_lib"):
        raise ValueError(f"ngpu_lib: got {where.strip()}; needs the installed one")
    # The kernel is this Python and no other that is registered on the machine.
    start = (
        "import sys, nbformat\nfrom nbclient import NotebookClient\n"
        "from jupyter_client.kernelspec import KernelSpec\nfrom jupyter_client.manager import KernelManager\n"
        "km = KernelManager()\nkm._kernel_spec = KernelSpec(argv=[sys.executable, '-m', 'ipykernel_launcher', "
        "'-f', '{connection_file}'], language='python')\n"
        f"book = nbformat.read({name!r}, 4)\nNotebookClient(book, km=km, timeout=300).execute()\n"
        "print(len(book.cells))"
    )
    run(python, "-c", start, cwd=folder, env=inside)
    return where.strip()


def main() -> None:
    """`make release`."""
    lacks = unready()
    wheel, source = archives()
    print(f"{wheel.name} and {source.name}: built, and twine finds no fault")
    with tempfile.TemporaryDirectory() as folder:
        environment, empty = Path(folder) / "environment", Path(folder) / "empty"
        empty.mkdir()
        run(sys.executable, "-m", "venv", environment)
        python, pins = environment / "bin" / "python", ROOT / "constraints.txt"
        torch = next(line for line in pins.open() if line.startswith("torch==")).strip()
        run(python, "-m", "pip", "install", "-q", torch)
        run(python, "-m", "pip", "install", "-q", "-c", pins, wheel, "nbclient", "ipykernel")
        print(f"lesson 00 ran from {try_out(python, empty)}")
    if lacks:
        sys.exit("make release: built and tried; before the tag it lacks\n  " + "\n  ".join(lacks))
    print(f"ready: git tag v{settings()['version']} && git push --tags")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    try:
        main()
    except ValueError as error:
        sys.exit(f"make release: {error}")
