"""Lesson 13: how long a real all-reduce by two processes takes, beside a copy and a backward pass.

python -m course.workshop.recorded_runs.lesson13_allreduce

Some seconds. The times are those of one machine and of what else it did: kept are the shortest and the median of
many, and what the lesson says of them are ratios.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import distributed

from course.workshop.recorded_runs import PACKAGE, options
from ngpu_lib import pretrained, ranks, recorded
from ngpu_lib.files import write_whole
from ngpu_lib.losses import SequenceLoss

NAME = "lesson13_allreduce"
#: Numbers in a gradient: from one to ten million, and the shipped multiplier's.
SIZES = (1, 100, 10_000, 84_100, 1_000_000, 10_000_000)
REPEATS = 40


def timed(job: Callable[[], object], repeats: int) -> dict[str, float]:
    """Milliseconds of a job that both ranks begin together."""
    found = []
    for _ in range(repeats + 2):
        distributed.barrier()
        began = time.perf_counter()
        job()
        found.append(1000 * (time.perf_counter() - began))
    found = found[2:]  # the first ones set up what the others find
    return {"shortest": round(min(found), 4), "median": round(median(found), 4)}


def one_rank() -> None:
    """What each of the two processes does; rank 0 prints the times."""
    torch.set_num_threads(1)
    with ranks.join() as here:
        times = {}
        for size in SIZES:
            gradient, copy = torch.zeros(size), torch.zeros(size)
            repeats = REPEATS if size < 10**6 else 15
            times[str(size)] = {
                "all-reduce": timed(lambda g=gradient: distributed.all_reduce(g), repeats),
                "copy": timed(lambda g=gradient, c=copy: c.copy_(g), repeats),
            }
        trained = pretrained.load("multiply")
        batch = trained.task.sample(32, 6, torch.Generator().manual_seed(0))
        model, loss = trained.model.train(), SequenceLoss()

        def pass_once() -> None:
            model.zero_grad()
            loss(model, batch)[0].backward()

        weights = sum(p.numel() for p in model.parameters())
        times["training pass"] = {"weights": weights, **timed(pass_once, 8)}
        if here.writes:
            print(json.dumps(times))


def main() -> None:
    if "RANK" in os.environ:
        return one_rank()
    given = options()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    here = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    both = [
        subprocess.Popen(
            [sys.executable, "-m", f"{PACKAGE}.{NAME}"],
            env=os.environ | here | {"OMP_NUM_THREADS": "1", "RANK": str(rank)},
            stdout=subprocess.PIPE if rank == 0 else subprocess.DEVNULL,
            text=True,
        )
        for rank in range(2)
    ]
    said, _ = both[0].communicate()
    if both[0].returncode or both[1].wait():
        raise SystemExit("a rank has ended with an error; see above")
    result = {
        "command": f"python -m {PACKAGE}.{NAME}",
        "setting": "gloo, two processes on one machine of two cores, milliseconds",
        "times": json.loads(said),
    }
    write_whole(given.out or recorded.FOLDER / f"{NAME}.json", (json.dumps(result) + "\n").encode())
    print(said)


if __name__ == "__main__":
    main()
