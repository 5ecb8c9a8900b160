"""Two hundred learners on one study: PostgreSQL restarted meanwhile, a file, merged exports; exactly once."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ngpu_lib import sweep
from tests.bench import Table
from tests.postgresql import server

LEARNERS, WORKERS, DOOMED = 200, 20, 3

# Forks of one process: each takes learners that nobody has taken (a learner is a seed, and a seed runs once).
# The first three stop within their first trial, say so, and are killed there. The last trials, at least as many as
# there are processes, wait until that has happened, so that none of the three comes too late for one.
CLASS = """
import os, signal, sys, time
from pathlib import Path
from ngpu_lib import sweep
import optuna, sqlalchemy, psycopg
where, folder, learners, workers, doomed = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])

def work(number):
    calls = 0
    def objective(params):
        nonlocal calls
        calls += 1
        if number < doomed and calls == 1:
            (folder / f"within-{number}").touch()
            time.sleep(600)
        held = params["seed"] >= learners - max(learners // 8, workers)
        while held and not (folder / "on").exists():
            time.sleep(0.02)
        time.sleep(0.05)
        return {"value": -abs(params["seed"] - 100) / 100}
    study = sweep.open_study(where, "class", {"updates": 1})
    sweep.search_seeds(study, objective, range(learners), learner=f"process {number}")

sweep.open_study(where, "class", {"updates": 1})
pids = []
for number in range(workers):
    pids.append(os.fork())
    if not pids[-1]:
        try:
            work(number)
        except BaseException as error:
            print(number, repr(error)[:1000], file=sys.stderr)
            os._exit(1)
        os._exit(0)
end = time.monotonic() + 240
try:
    while not all((folder / f"within-{n}").exists() for n in range(doomed)):
        assert time.monotonic() < end, "the doomed workers never got to their trial"
        time.sleep(0.02)
finally:
    for pid in pids[:doomed]:
        os.kill(pid, signal.SIGKILL)
    (folder / "killed").touch()
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
assert codes == [-9] * doomed + [0] * (workers - doomed), codes
"""


def run_class(
    where: str,
    folder: Path,
    restart: Callable[[], None] | None = None,
    learners: int = LEARNERS,
    workers: int = WORKERS,
    doomed: int = DOOMED,
) -> dict[str, float]:
    """Run a class on one study; the database is restarted once three processes have been killed.

    Returns:
        Seconds until all others were done, and of what the killed had to be redone.

    Raises:
        AssertionError: a process failed, or a learner's trial was lost or stands there twice.
    """
    numbers = map(str, (learners, workers, doomed))
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", CLASS, where, str(folder), *numbers],
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (folder / "killed").exists() and process.poll() is None:
        time.sleep(0.02)
    if restart is not None:
        restart()
    (folder / "on").touch()
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said[-3000:]
    took = time.perf_counter() - begun
    study = sweep.open_study(where, "class", {"updates": 1})
    done = sweep.rows(study)
    rest = sweep.search_seeds(study, lambda params: {"value": 0.0}, range(learners), grace=0)
    seeds = sorted(row["params"]["seed"] for row in sweep.rows(study))
    assert seeds == list(range(learners)), "a learner's trial is missing or there twice"
    assert len({row["id"] for row in sweep.rows(study)}) == learners
    # What the killed lost, somebody did again: the others after a while, or the last caller now.
    states = [trial.state.name for trial in study.get_trials()]
    assert len(done) + len(rest) == learners and states.count("FAIL") >= doomed
    return {"seconds": took, "redone": len(rest), "finished": len(done)}


def merge_class(folder: Path, learners: int = LEARNERS) -> dict[str, float]:
    """Every learner tunes alone and sends a file in; all are merged, twice."""
    begun = time.perf_counter()
    for number in range(learners):
        own = sweep.open_study(None, "class", {"updates": 1})
        sweep.search_seeds(own, lambda params: {"value": 0.5}, [number], learner=f"{number}")
        sweep.export(own, folder / f"{number:03}.jsonl")
    made = time.perf_counter() - begun
    study = sweep.open_study(str(folder / "class.journal"), "class", {"updates": 1})
    begun = time.perf_counter()
    for _ in range(2):
        for path in sorted(folder.glob("*.jsonl")):
            sweep.merge(study, sweep.SEED_SPACE, sweep.read(path), source=path)
    took = time.perf_counter() - begun
    assert sorted(r["params"]["seed"] for r in sweep.rows(study)) == list(range(learners))
    return {"seconds": took, "made": made, "finished": learners}


def tables() -> Iterator[Table]:
    """200 learners' trials of a twentieth of a second, 20 processes of which three are killed."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, server() as (address, restart):
        found["PostgreSQL, restarted meanwhile"] = run_class(address, Path(folder), restart)
    with tempfile.TemporaryDirectory() as folder:
        found["a journal file"] = run_class(f"{folder}/class.journal", Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        found["200 exported files, merged twice"] = merge_class(Path(folder))
    table = Table(
        "A class of 200 on one study",
        ["study", "learners", "finished at first", "redone", "seconds", "learners a second"],
        note="Every learner stands there exactly once: asserted. The three killed processes lose the trial "
        "they were in; what is redone is those, and what a restart left half claimed.",
    )
    for name, row in found.items():
        seconds = row["seconds"]
        table.rows.append(
            [name, LEARNERS, row["finished"], row.get("redone", 0), seconds, LEARNERS / seconds]
        )
    yield table
