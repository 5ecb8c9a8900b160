"""Does every lesson run on one core and 2 GB? Each student notebook, held to exactly that (Linux).

The kernel may use one core and 2 GB of memory of its own (RLIMIT_DATA: what it allocates, stacks included);
more is a failed cell. Beside it stands what JupyterLab's server takes while a lesson is open.
NGPU_LESSONS="05 07" measures some of them.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

from course.workshop.editions import lessons
from tests.bench import HERE, Table

GRANTED = 2 * 10**9


def one_core_and_two_gigabytes() -> None:
    """What a child process starts with."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    resource.setrlimit(resource.RLIMIT_DATA, (GRANTED, GRANTED))


def execute(stem: str) -> tuple[int | None, float]:
    """Peak memory of the lesson's kernel in bytes, None where a cell failed; seconds by the clock."""
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        options = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=1800"]
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *options, f"course/student/{stem}.ipynb"],
            cwd=HERE.parent,
            env=os.environ | {"NGPU_LESSON_LOG": str(log), "NGPU_RECORD": "0"},
            preexec_fn=one_core_and_two_gigabytes,
            capture_output=True,
            text=True,
        )
        if run.returncode:
            print(run.stdout[-2000:], file=sys.stderr)
            return None, time.perf_counter() - begin
        return json.loads(log.read_text().splitlines()[-1])["memory"], time.perf_counter() - begin


def server() -> int:
    """Peak memory of JupyterLab's server, in bytes, once its page has been asked for."""
    flags = ["--no-browser", "--allow-root", "--port=8977", "--IdentityProvider.token="]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *flags, f"--ServerApp.root_dir={folder}"],
            preexec_fn=one_core_and_two_gigabytes,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(120):
                time.sleep(1)
                try:
                    urlopen("http://localhost:8977/lab", timeout=5).read()
                    break
                except OSError:
                    continue
            status = Path(f"/proc/{process.pid}/status").read_text()
            return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
        finally:
            process.terminate()
            process.wait()


def tables() -> Iterator[Table]:
    """One table, a line as soon as it is measured."""
    chosen = os.environ.get("NGPU_LESSONS", "").split()
    beside, rows = server(), []
    for stem in (path.stem for path in lessons()):
        if chosen and stem[:2] not in chosen:
            continue
        peak, seconds = execute(stem)
        found = "a cell failed" if peak is None else round(peak / 1e6)
        both = "" if peak is None else round((peak + beside) / 1e6)
        rows.append([stem, found, both, round(seconds)])
        print(rows[-1], file=sys.stderr, flush=True)
    yield Table(
        "Lessons on one core and 2 GB",
        ["lesson", "kernel, MB", "with JupyterLab, MB", "s by the clock"],
        rows,
        note=f"Peak resident memory; JupyterLab's server takes {beside / 1e6:.0f} MB of it.",
    )
