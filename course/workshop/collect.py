"""While nbval runs a notebook: its kernel's memory, the time until its first picture, its silences, what it shows.

Every notebook that `make test-notebooks` executes is held to the limits, at no second execution; what
a lesson of the student edition showed is kept for site, slides and presentations (see execution.py).
The instructor edition of a lesson that reads MNIST runs as where there is none: no folder, no cache,
no mirror. NGPU_LESSON_LOG=file collects the figures as JSON lines (`make bench ONLY=lessons` makes
them a table); NGPU_RECORD=0 keeps nothing, and lets no recorder into the kernel.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from queue import Empty

import matplotlib
import nbformat
import psutil
import pytest

from course.workshop import execution

#: Bytes of a notebook's kernel with PyTorch's CPU build, and what that build takes to make an optimizer.
MOST_MEMORY, BARE_MEMORY = 1e9, 0.35e9
#: Seconds from the start of the kernel to the first picture or widget.
MOST_SECONDS = float(os.environ.get("NGPU_LESSON_FIRST_PICTURE", 60))
#: Seconds of the processor that a cell may work without showing anything new: a line, a bar that moves. The aim is
#: 5; the rest is for processors slower than the one it was written on.
MOST_SILENCE = float(os.environ.get("NGPU_LESSON_SILENCE", 7.5))
#: An image without an alt text of some length.
MUTE = re.compile(r"""<img(?![^>]*\balt=("[^"]{10}|'[^']{10}))""")
NOTICE = "NOTICE: MNIST could not be downloaded"
STARTING, STOPPING = 120, 300  # seconds that the recorder may take


def peak_memory(pid: int) -> int:
    """The largest resident memory a process has had, in bytes; 0 where the system does not say."""
    try:
        return peak_in(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0


def peak_in(status: str) -> int:
    """The same from the text of /proc/PID/status."""
    lines = status.splitlines()
    return 1024 * next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


@functools.cache
def most_memory() -> float:
    """Bytes that a notebook's kernel may take: NGPU_LESSON_MEMORY, or MOST_MEMORY and what this build takes more.

    The CUDA build, which pip brings to Linux unasked, takes 600 MB more than the CPU build, used or not.
    """
    if given := os.environ.get("NGPU_LESSON_MEMORY"):
        return float(given)
    bare = "import torch; torch.optim.SGD([torch.zeros(1)], lr=1); print(open('/proc/self/status').read())"
    done = subprocess.run([sys.executable, "-c", bare], capture_output=True, text=True)
    return MOST_MEMORY + max(0, peak_in(done.stdout) - BARE_MEMORY)


def processor_seconds(pid: int) -> float:
    """Seconds of the processor that a process and its ended children have had; 0 where the system does not say."""
    try:
        return sum(psutil.Process(pid).cpu_times()[:4])
    except psutil.Error:
        return 0.0


def used_since(began: float, pid: int) -> tuple[float, float]:
    """Seconds since ``began``, and those the processor gave the kernel and its children: others work beside it."""
    passed = time.perf_counter() - began
    return passed, processor_seconds(pid) or passed


def shows_a_picture(outputs) -> bool:
    """Whether a cell has put out an image or a widget."""
    for data in (output.get("data", {}) for output in outputs or []):
        if execution.WIDGET_VIEW in data or any(kind.startswith("image/") for kind in data):
            return True
        if "<img" in data.get("text/html", ""):
            return True
    return False


def is_mute(data: dict) -> bool:
    """Whether an output is a picture that tells nothing to who cannot see it."""
    return "image/png" in data or MUTE.search(data.get("text/html", "")) is not None


def reads_mnist(notebook: Path) -> bool:
    """Whether a notebook reads MNIST."""
    return "load_mnist" in notebook.read_text("utf-8")


class Screen:
    """What a cell shows, from the messages its kernel sends."""

    def __init__(self):
        self.outputs: list = []
        self.waiting = False  # to be cleared when something new comes
        self.moments: list[float] = []  # when the cell began, showed something, and ended
        self.source = ""
        self.began, self.seconds, self.memory = (time.perf_counter(), 0.0), 0.0, 0

    def take(self, message: dict, displays: dict[str, list]) -> None:
        """Take one message; ``displays`` remembers the outputs that may still be updated."""
        kind, content = message["msg_type"], message["content"]
        if kind != "execute_input":
            self.moments.append(message["header"]["date"].timestamp())
        name = content.get("transient", {}).get("display_id")
        if kind == "clear_output":
            self.waiting = content["wait"]
            if not self.waiting:
                self.outputs.clear()
        elif kind == "update_display_data":
            for output in displays.get(name, []):
                output.data, output.metadata = content["data"], content["metadata"]
        elif kind in ("stream", "display_data", "execute_result", "error"):
            if self.waiting:
                self.outputs.clear()
                self.waiting = False
            output = nbformat.v4.output_from_msg(message)
            last = self.outputs[-1] if self.outputs else {}
            if kind == "stream" and last.get("name") == output.name:
                last.text += output.text
                return
            self.outputs.append(output)
            if name:
                displays.setdefault(name, []).append(output)

    def silence(self) -> float:
        """The longest stretch in which it showed nothing new, in seconds of the processor.

        What tells when are the messages' times: their share of the cell's time is taken of its seconds.
        """
        gaps = [late - early for early, late in itertools.pairwise(self.moments)]
        return self.seconds * max(gaps) / sum(gaps) if gaps and sum(gaps) else 0.0

    def shown(self, number: int) -> list:
        """The outputs as they stand at the end, with the cell's number."""
        for output in self.outputs:
            if output.output_type == "stream":  # what a carriage return has written over
                output.text = re.sub(r"(?m)^.*\r(?=[^\n])", "", output.text)
            if output.output_type == "execute_result":
                output.execution_count = number
        return self.outputs


class Run:
    """One notebook, from the start of its kernel to its end."""

    def __init__(self, book):
        self.book, self.path, self.began = book, book.path, time.perf_counter()
        self.first_picture: float | None = None
        self.screens: list[Screen] = []
        self.displays: dict[str, list] = {}
        self.message = ""  # the id of the request whose answers are shown
        self.done, self.whole = 0, True  # cells, and whether none of them failed
        edition, stem = self.path.parent.name, self.path.stem
        own = self.path == execution.student(stem)
        self.stem = stem if own and os.environ.get("NGPU_RECORD") != "0" else None
        self.key = execution.key(stem) if self.stem else ""
        self.folder = execution.EXECUTED / f"{stem}.new"
        self.without_mnist = edition == "instructor" and "load_mnist" in self.path.read_text(
            "utf-8"
        )

    @contextlib.contextmanager
    def environment(self):
        """The variables a kernel starts with; its home is empty where it shall find no MNIST."""
        before = dict(os.environ)
        paths = [str(execution.ROOT), os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        if self.without_mnist:
            self.home = tempfile.mkdtemp(prefix="without_mnist_")
            os.environ["MPLCONFIGDIR"] = matplotlib.get_cachedir()  # its fonts are known there
            os.environ |= {"HOME": self.home, "XDG_CACHE_HOME": self.home}
            os.environ["NGPU_MIRRORS"] = "http://127.0.0.1:9/"  # nothing listens there
            os.environ.pop("NGPU_DATA", None)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def started(self) -> None:
        """The kernel is there: listen to it, and let the recorder in."""
        kernel = self.book.kernel
        ask, hear = kernel.execute_cell_input, kernel.get_message

        def execute_cell_input(*args, **options):
            screen = Screen()
            screen.source = args[0]
            screen.began = time.perf_counter(), processor_seconds(self.pid)
            self.screens.append(screen)
            self.message = ask(*args, **options)
            return self.message

        def get_message(stream, timeout=None):
            message = hear(stream, timeout=timeout)
            if stream == "iopub" and message["parent_header"].get("msg_id") == self.message:
                self.screens[-1].take(message, self.displays)
            return message

        kernel.execute_cell_input, kernel.get_message = execute_cell_input, get_message
        if self.stem:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            cells = self.book.nb.cells
            from course.workshop.recorder import cell_key

            ids = {cell_key(cell.source): cell.id for cell in cells if cell.cell_type == "code"}
            shown, at_end = execution.shown_cells(self.stem), execution.names_at_end(self.stem)
            told = (str(self.folder), ids, shown, at_end, execution.SLOW)
            self.hidden(f"start(*{told!r})", STARTING)

    def hidden(self, call: str, seconds: float) -> None:
        """Call something of the recorder in the kernel, between two cells.

        Raises:
            RuntimeError: it raised there, or took too long.
        """
        kernel = self.book.kernel
        source = f"__import__('course.workshop.recorder', fromlist=['-']).{call}"
        asked = kernel.kc.execute(source, silent=True, store_history=False, allow_stdin=False)
        try:
            while True:
                reply = kernel.kc.get_shell_msg(timeout=seconds)
                if reply["parent_header"].get("msg_id") == asked:
                    break
            kernel.await_idle(asked, seconds)
        except Empty:
            raise RuntimeError(f"recorder: no answer in {seconds} s") from None
        if reply["content"]["status"] != "ok":
            raise RuntimeError("recorder: " + "\n".join(reply["content"].get("traceback", [])))

    def after_cell(self, outputs) -> None:
        self.done += 1
        if self.screens:
            wall, had = self.screens[-1].began
            passed = time.perf_counter() - wall, processor_seconds(self.pid) - had
            self.screens[-1].seconds = min(passed)
            self.screens[-1].memory = peak_memory(self.pid)
        if self.first_picture is None and shows_a_picture(outputs):
            self.first_picture = min(used_since(self.began, self.pid))

    @property
    def pid(self) -> int:
        return self.book.kernel.km.provisioner.pid

    def ended(self) -> list[str]:
        """Log the figures, store what was shown; what is wrong with the notebook, a line for each."""
        memory, (wall, cpu) = peak_memory(self.pid), used_since(self.began, self.pid)
        found = {
            "notebook": f"{self.path.parent.name}/{self.path.name}",
            "memory": memory,
            "first_picture": self.first_picture,
            "seconds": min(wall, cpu),
            "cells": [[s.seconds, s.silence(), s.memory] for s in self.screens],
        }
        if log := os.environ.get("NGPU_LESSON_LOG"):
            with Path(log).open("a") as stream:
                stream.write(json.dumps(found) + "\n")
        faults = []
        if memory > most_memory():
            most = f"not below {most_memory() / 1e6:.0f} MB"
            faults.append(f"peak memory {memory / 1e6:.0f} MB, {most}")
        if self.first_picture is None:
            faults.append("no picture and no widget")
        elif self.first_picture > MOST_SECONDS:
            faults.append(
                f"first picture after {self.first_picture:.0f} s, not {MOST_SECONDS:.0f} s"
            )
        for screen in self.screens:
            if screen.silence() > MOST_SILENCE:
                first = screen.source.partition("\n")[0][:60]
                faults.append(
                    f"{screen.silence():.1f} s without a new line of progress, not "
                    f"{MOST_SILENCE:g} s, in the cell {first!r}"
                )
        outputs = [output for screen in self.screens for output in screen.outputs]
        if any(is_mute(output.get("data", {})) for output in outputs):
            faults.append("a figure without alt text: end the cell with plots.show(fig, alt=...)")
        if self.without_mnist:
            shutil.rmtree(self.home, ignore_errors=True)
            if not any(NOTICE in output.get("text", "") for output in outputs):
                faults.append(f"reads MNIST where there is none, without {NOTICE!r}")
        if self.stem:
            self.store(wall, cpu)
        return faults

    def store(self, wall: float, cpu: float) -> None:
        """Keep the executed notebook, if every cell of it ran without an error."""
        notebook = nbformat.read(self.path, as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        if self.whole and self.done == len(code) == len(self.screens):
            self.hidden("finish()", STOPPING)
            states = json.loads((self.folder / "widgets.json").read_text("utf-8"))
            for number, (cell, screen) in enumerate(zip(code, self.screens, strict=True), start=1):
                cell.execution_count, cell.outputs = number, screen.shown(number)
            if states["state"]:
                notebook.metadata["widgets"] = {execution.WIDGET_STATE: states}
            notebook.metadata["ngpu_key"] = self.key
            notebook.metadata["ngpu_seconds"] = [round(wall, 1), round(cpu, 1)]
            target = execution.EXECUTED / f"{self.stem}.ipynb"
            target.unlink(missing_ok=True)  # from here to the end there is none
            shutil.rmtree(target.with_suffix(""), ignore_errors=True)
            self.folder.replace(target.with_suffix(""))
            nbformat.write(notebook, part := target.with_suffix(".part"))
            part.replace(target)
        shutil.rmtree(self.folder, ignore_errors=True)


def pytest_collection_modifyitems(items):
    """Long notebooks first (the file's size tells well enough): no late straggler beside an idle core."""
    items.sort(key=lambda item: -item.path.stat().st_size if hasattr(item, "cell_num") else 0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """A notebook's first cell: the clock starts, and then nbval starts its kernel."""
    if not hasattr(item, "cell_num") or hasattr(item.parent, "run"):
        return (yield)
    run = item.parent.run = Run(item.parent)
    with run.environment():
        result = yield
    run.started()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """A cell that fails: nothing is kept of its notebook."""
    try:
        return (yield)
    except BaseException:
        if hasattr(item, "cell_num"):
            item.parent.run.whole = False
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """After a cell, its picture; after a notebook's last one, the verdict, which the next notebook survives."""
    try:
        if hasattr(item, "cell_num"):
            _judge(item, nextitem)
    finally:
        result = yield  # nbval ends the kernel
    return result


def _judge(item, nextitem) -> None:
    run = item.parent.run
    run.after_cell(getattr(item, "test_outputs", None))
    if nextitem is not None and nextitem.parent is item.parent:
        return
    if faults := run.ended():
        pytest.fail(f"{run.path.parent.name}/{run.path.name}: {'; '.join(faults)}", pytrace=False)
