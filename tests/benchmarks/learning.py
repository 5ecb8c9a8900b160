"""From nothing to 99 % of whole words at the trained length: seconds, updates and FLOP, by seed.

`multiply` learns on two ranks, one core each (torchrun starts this file for that); the others in one process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import torch
from torch import distributed

from ngpu_lib import ranks
from ngpu_lib.evaluate import evaluate
from ngpu_lib.recipes import ALL, EVEN, RECIPES, SHORT, Phase, start
from tests.bench import Table

SEEDS = (0, 1, 2)
UPDATE = 98.9e9  # FLOP of one update of the multiplier with all nine bins x 32, as published

WORDS = {"phases": (Phase(150, SHORT), Phase(250, EVEN, per_update=3))}
SMALL = {"batch_size": 8, "lr": 0.0075, "precision": "bfloat16"}
SMALL["phases"] = (
    Phase(1050, SHORT, extra_steps=4),
    Phase(300, ALL, per_update=3, extra_steps=8),
    Phase(1650, ALL, per_update=3, extra_steps=8, lr_factor=0.4),
)
#: By task: what differs from its recipe, the length of the words, and updates between two tests.
HOW = {
    "copy": (WORDS, 40, 25),
    "reverse": (WORDS, 40, 25),
    "add": ({"phases": RECIPES["add"].phases}, 20, 100),
    "multiply": (SMALL, 20, 50),
}


def tables() -> Iterator[Table]:
    rows = [
        [task, seed, *(on_two(task, seed) if task == "multiply" else learn(task, seed))]
        for task in HOW
        for seed in SEEDS
    ]
    yield Table(
        "Learning: averaged weights, first test of 200 fresh words with 99 % of them right",
        ["task", "seed", "digits", "updates", "seconds", "TFLOP", "in updates of 98.9 GFLOP"],
        rows,
        "Short tapes first, then three of nine lengths an update. Tests are not counted in the seconds.",
    )


def on_two(task: str, seed: int) -> list:
    """What ``learn`` gives, learnt by two ranks."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "tests.benchmarks.learning", task, str(seed)]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=alone).stdout
    return json.loads(told.splitlines()[-1])


def learn(task: str, seed: int, together: ranks.Ranks | None = None) -> list:
    """Train until the goal is reached; [length, updates, seconds, TFLOP, updates of the paper]."""
    options, length, every = HOW[task]
    run = start(task, seed, **options)
    begin, testing = time.perf_counter(), 0.0
    for record in run.train(ranks=together, progress=False):
        if record["step"] % every:
            continue
        if together is not None:
            together.wait()
        pause = time.perf_counter()
        given = dict(examples=200, seed=seed, settings=run.settings)
        score = evaluate(run.averaged, run.recipe.make_task(), length, **given)
        reached = torch.tensor(float(score.sequence_accuracy >= 0.99))
        if together is not None:  # all go on, or none
            distributed.broadcast(reached, 0)
        testing += time.perf_counter() - pause
        if reached:
            flop = run.recipe.flop(record["step"])
            seconds = time.perf_counter() - begin - testing
            return [length, record["step"], seconds, flop / 1e12, round(flop / UPDATE)]
    return [length, f"not by {record['step']}", "-", "-", "-"]


if __name__ == "__main__":
    with ranks.join() as group:
        row = learn(sys.argv[1], int(sys.argv[2]), group)
        if group is None or group.writes:
            print(json.dumps(row))
