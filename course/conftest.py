"""While nbval runs a notebook: its kernel's peak memory, and the time until its first picture.

Every notebook that `make test-notebooks` executes is held to both limits, at no second execution.
NGPU_LESSON_LOG=file collects the figures as JSON lines (`make bench ONLY=lessons` makes them a table).
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import psutil
import pytest

#: Bytes of a notebook's kernel, and seconds from the start of the kernel to the first picture or widget.
MOST_MEMORY = float(os.environ.get("NGPU_LESSON_MEMORY", 1e9))
MOST_SECONDS = float(os.environ.get("NGPU_LESSON_FIRST_PICTURE", 60))
WIDGET = "application/vnd.jupyter.widget-view+json"


def peak_memory(pid: int) -> int:
    """The largest resident memory a process has had, in bytes; 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def used_since(began: float, pid: int) -> float:
    """Seconds since ``began``, or those the processor gave the kernel, if fewer: other work may run beside it."""
    passed = time.perf_counter() - began
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return passed
    return min(passed, times.user + times.system)


def shows_a_picture(outputs) -> bool:
    """Whether a cell has put out an image or a widget."""
    for data in (output.get("data", {}) for output in outputs or []):
        if WIDGET in data or any(kind.startswith("image/") for kind in data):
            return True
        if "<img" in data.get("text/html", ""):
            return True
    return False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """A notebook's first cell: the clock starts, and then nbval starts its kernel."""
    if hasattr(item, "cell_num") and not hasattr(item.parent, "began"):
        item.parent.began, item.parent.first_picture = time.perf_counter(), None
    return (yield)


def pytest_runtest_teardown(item, nextitem):
    """After a cell, its picture; after a notebook's last one, the verdict."""
    if not hasattr(item, "cell_num"):
        return
    book = item.parent
    if book.first_picture is None and shows_a_picture(item.test_outputs):
        book.first_picture = used_since(book.began, book.kernel.km.provisioner.pid)
    if nextitem is not None and nextitem.parent is book:
        return
    pid = book.kernel.km.provisioner.pid
    memory = peak_memory(pid)
    found = {
        "notebook": f"{book.path.parent.name}/{book.path.name}",
        "memory": memory,
        "first_picture": book.first_picture,
        "seconds": used_since(book.began, pid),
    }
    if log := os.environ.get("NGPU_LESSON_LOG"):
        with Path(log).open("a") as stream:
            stream.write(json.dumps(found) + "\n")
    faults = []
    if memory > MOST_MEMORY:
        faults.append(f"peak memory {memory / 1e6:.0f} MB, not below {MOST_MEMORY / 1e6:.0f} MB")
    if book.first_picture is None:
        faults.append("no picture and no widget")
    elif book.first_picture > MOST_SECONDS:
        faults.append(f"first picture after {book.first_picture:.0f} s, not {MOST_SECONDS:.0f} s")
    if faults:
        pytest.fail(f"{found['notebook']}: {'; '.join(faults)}", pytrace=False)
