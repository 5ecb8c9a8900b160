"""The one fetch from npm: packages' files, kept in build/vendored."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENDORED = ROOT / "build" / "vendored"
MATHJAX = "mathjax@3.2.2"
AXE = "axe-core@4.14.1"
FONTS = "es5/output/chtml/fonts/woff-v2/"


def package(name: str, *wanted: str, kept: Path = VENDORED) -> Path:
    """A folder with those files of an npm package whose paths begin with one of ``wanted``, the first a file.

    Raises:
        OSError: no npm, or nothing that it can fetch from.
    """
    folder = kept / name
    if (folder / wanted[0]).exists():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise OSError(f"npm is not installed; {name} comes from it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept) as place:
        command = [npm, "pack", "--silent", name]
        pack = subprocess.run(command, cwd=place, capture_output=True, text=True)
        if pack.returncode:
            raise OSError(f"npm pack {name}: {pack.stderr[-300:]}")
        whole = Path(place) / "whole"
        with tarfile.open(Path(place) / pack.stdout.split()[-1]) as packed:
            for member in packed.getmembers():
                path = member.name.removeprefix("package/")
                if member.isfile() and path.startswith(wanted):
                    (whole / path).parent.mkdir(parents=True, exist_ok=True)
                    (whole / path).write_bytes(packed.extractfile(member).read())
        shutil.rmtree(folder, ignore_errors=True)
        try:
            whole.replace(folder)
        except OSError:  # another process was faster
            if not (folder / wanted[0]).exists():
                raise
    return folder


def mathjax() -> Path:
    """MathJax and its fonts, fetched once.

    Raises:
        OSError: no npm, or nothing that it can fetch from.
    """
    return package(MATHJAX, "es5/tex-chtml.js", FONTS) / "es5"


def axe() -> Path:
    """axe-core, which looks for what keeps people out of a page; fetched once.

    Raises:
        OSError: no npm, or nothing that it can fetch from.
    """
    return package(AXE, "axe.min.js") / "axe.min.js"
