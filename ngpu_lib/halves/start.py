"""Two processes started here, and what they say."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ngpu_lib.halves.layers import EVERY, check

#: The folder that the library is imported from here, and so in the processes.
LIBRARY = Path(__file__).parents[2]
#: Seconds in which a process has to notice by itself that the other one is lost.
GRACE = 20.0


class Halves:
    """Two processes that have been started: iterate over their runs, ``close`` to end them early.

    ways: of WAYS, one run each for each of the ``seeds``, with so many ``updates``. progress: a bar.

    Raises:
        ValueError: ways, seeds, updates. While iterating, ChildProcessError: a process has ended
            before its time; says which, how, and what the other one said.
    """

    NAMES = ("process 0 (the lower layers)", "process 1 (the upper layers)")

    def __init__(
        self,
        ways: Sequence[str],
        seeds: Sequence[int] = (0,),
        updates: int = 400,
        progress: bool = False,
    ):
        check(ways, seeds, updates)
        self.progress, self._updates = progress, len(ways) * len(seeds) * updates
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        path = os.environ.get("PYTHONPATH", "")
        if LIBRARY.name not in ("site-packages", "dist-packages"):  # those are found without
            path = os.pathsep.join(filter(None, [str(LIBRARY), path]))
        words = ["--ways", *ways, "--seeds", *map(str, seeds), "--updates", str(updates)]
        here = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        here |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": path}
        self._said = [tempfile.TemporaryFile("w+") for _ in range(2)]
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-m", "ngpu_lib.halves.process", *words],
                env=os.environ | here | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=subprocess.PIPE if rank == 1 else subprocess.DEVNULL,
                stderr=self._said[rank],
                text=True,
            )
            for rank in range(2)
        ]
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        """End what is left of the two some time after one of them was lost."""
        while not any(codes := [process.poll() for process in self.processes]):
            if codes == [0, 0]:
                return
            time.sleep(0.1)
        for process in self.processes:
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        try:
            yield from self._runs()
            codes = [process.wait() for process in self.processes]
            if any(codes):
                raise ChildProcessError("; ".join(map(self._how, range(2), codes)))
        finally:
            self.close()

    def _runs(self) -> Iterator[dict[str, Any]]:
        """What process 1 says, as it says it; a bar that moves while it says nothing."""
        lines: queue.SimpleQueue = queue.SimpleQueue()

        def read() -> None:
            for line in self.processes[1].stdout:
                lines.put(line)
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        with tqdm(total=self._updates, unit=" updates", disable=not self.progress) as bar:
            bar.set_description("starting")
            while True:
                try:
                    line = lines.get(timeout=1.0)
                except queue.Empty:
                    bar.refresh()
                    continue
                if line is None:
                    return
                way, found, _ = line.partition(": update ")
                if line.startswith("{"):
                    yield json.loads(line) | {"processes": [p.pid for p in self.processes]}
                elif found:
                    bar.set_description(way, refresh=False)
                    bar.update(EVERY)

    def _how(self, rank: int, code: int) -> str:
        """How a process ended, in words, with the last line it said."""
        self._said[rank].seek(0)
        said = ([line for line in self._said[rank] if line.startswith("halves: ")] or [""])[-1]
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        return f"{self.NAMES[rank]} {how}" + (f": {said[8:].strip()}" if said else "")

    def close(self) -> None:
        """End both processes, whatever they do."""
        for process in self.processes:
            process.kill()
            process.wait()
        self.processes[1].stdout.close()
        for said in self._said:
            said.close()


def train(
    ways: Sequence[str] = ("guess",),
    seeds: Sequence[int] = (0,),
    updates: int = 400,
    *,
    progress: bool = False,
) -> Iterator[dict[str, Any]]:
    """Train in two processes started here; each run as it ends. ``progress`` shows a bar.

    Returns, for every seed and way: ``way``, ``seed``, ``updates``, ``right`` (share of 5,000 test
    images), ``waits`` (how often process 0 waited for the gradient before an update, and process 1
    for what it reads), ``holds`` (how often process 0 took no new batch before a message came),
    ``age`` and ``oldest`` (mean and largest age, in updates, at which a message taught the guess),
    ``too late`` (messages that came after the last update), ``unexplained`` (squared error of the
    guess in squared messages, mean of the last quarter), ``losses`` (one an update) and
    ``processes`` (their numbers).

    Raises:
        ValueError: ways, seeds, updates. ChildProcessError: see Halves.
    """
    return iter(Halves(ways, seeds, updates, progress))
