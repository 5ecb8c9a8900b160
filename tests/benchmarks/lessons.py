"""Each lesson's student notebook, executed: peak memory, first picture, seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench import HERE, Table


def tables() -> Iterator[Table]:
    """One table; course/workshop/collect.py measures while nbval executes, and keeps nothing."""
    table = Table(
        "Lessons",
        ["lesson", "peak memory, MB", "first picture, s", "all cells, s"],
        note="Memory: the largest resident set of the notebook's kernel. Seconds: of the processor, from the "
        "kernel's start (of the clock, where that is less), with one thread.",
    )
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        options = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=1800"]
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *options, "course/student"],
            cwd=HERE.parent,
            env=os.environ
            | {"NGPU_LESSON_LOG": str(log), "NGPU_RECORD": "0", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        if run.returncode:
            print(run.stdout[-3000:], file=sys.stderr)
        for found in map(json.loads, log.open() if log.exists() else []):
            first = found["first_picture"]
            table.rows.append(
                [
                    Path(found["notebook"]).stem,
                    round(found["memory"] / 1e6),
                    "none" if first is None else round(first, 1),
                    round(found["seconds"]),
                ]
            )
    yield table
