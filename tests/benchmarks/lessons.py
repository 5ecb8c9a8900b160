"""Each lesson's student notebook, executed alone with one thread: seconds, first picture, peak memory.

What is measured goes into course/workshop/measured.json, which `make notebooks` carries into the
lessons' heads. NGPU_LESSONS="05 07" measures some of them; the others keep their figures.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from course.workshop.editions import MEASURED, lessons, measured
from ngpu_lib.files import write_whole
from tests.bench import HERE, Table, machine


def execute(stem: str) -> dict | None:
    """One notebook's figures as course/workshop/collect.py takes them; None where a cell failed."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        options = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=1800"]
        notebook = f"course/student/{stem}.ipynb"
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *options, notebook],
            cwd=HERE.parent,
            env=os.environ
            | {"NGPU_LESSON_LOG": str(log), "NGPU_RECORD": "0", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        if run.returncode:
            print(run.stdout[-3000:], file=sys.stderr)
            return None
        return json.loads(log.read_text().splitlines()[-1])


def tables() -> Iterator[Table]:
    """One table; a lesson in which a cell fails keeps its old figures, and the section fails."""
    chosen, failed = os.environ.get("NGPU_LESSONS", "").split(), []
    stems = [path.stem for path in lessons()]
    for stem in (s for s in stems if not chosen or s[:2] in chosen or s in chosen):
        found = execute(stem)
        if found is None:
            failed.append(stem)
            continue
        figures = {
            "seconds": round(found["seconds"]),
            "first_picture": round(found["first_picture"], 1),
            "memory_mb": round(found["memory"] / 1e6),
        }
        old = measured()
        kept = {name: old[name] for name in stems if name in old} | {stem: figures}
        told = re.sub(r", load [\d.]+", "", machine())
        content = {"machine": told, "lessons": dict(sorted(kept.items()))}
        write_whole(MEASURED, (json.dumps(content, indent=1) + "\n").encode())
        print(f"{stem}: {figures}", file=sys.stderr, flush=True)
    yield Table(
        "Lessons",
        ["lesson", "peak memory, MB", "first picture, s", "all cells, s"],
        [
            [stem, *(one.get(name, "") for name in ("memory_mb", "first_picture", "seconds"))]
            for stem, one in measured().items()
        ],
        note="Memory: the largest resident set of the notebook's kernel. Seconds: of the processor, from the "
        "kernel's start (of the clock, where that is less), one notebook after the other, one thread.",
    )
    if failed:
        raise SystemExit(f"not measured, for a cell failed: {', '.join(failed)}")
