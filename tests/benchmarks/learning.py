"""From nothing to 99 % of whole words at the trained length: seconds, updates and FLOP, by seed."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.bench import Table

SEEDS = (0, 1, 2)
UPDATE = 98.9e9  # FLOP of one update of the multiplier with all nine bins x 32, as published


def tables() -> Iterator[Table]:
    from ngpu_lib.recipes import ALL, EVEN, RECIPES, SHORT, Phase

    words = {"phases": (Phase(150, SHORT), Phase(250, EVEN, per_update=3))}
    small = {"batch_size": 8, "lr": 0.0075, "precision": "float32"}
    small["phases"] = (
        Phase(1050, SHORT, extra_steps=4),
        Phase(300, ALL, per_update=3, extra_steps=8),
        Phase(1650, ALL, per_update=3, extra_steps=8, lr_factor=0.4),
    )
    quick = {
        "copy": (words, 40, 25),
        "reverse": (words, 40, 25),
        "add": ({"phases": RECIPES["add"].phases}, 20, 100),
        "multiply": (small, 20, 50),
    }
    rows = [[task, seed, *learn(task, seed, *how)] for task, how in quick.items() for seed in SEEDS]
    yield Table(
        "Learning: averaged weights, first test of 200 fresh words with 99 % of them right",
        ["task", "seed", "digits", "updates", "seconds", "TFLOP", "in updates of 98.9 GFLOP"],
        rows,
        "Short tapes first, then three of nine lengths an update. Tests are not counted in the seconds.",
    )


def learn(task: str, seed: int, options: dict, length: int, every: int) -> list:
    """Train until the goal is reached; [length, updates, seconds, TFLOP, updates of the paper]."""
    from ngpu_lib.evaluate import evaluate
    from ngpu_lib.recipes import start

    run = start(task, seed, **options)
    begin, testing = time.perf_counter(), 0.0
    for record in run.train(progress=False):
        if record["step"] % every:
            continue
        pause = time.perf_counter()
        score = evaluate(
            run.averaged,
            run.recipe.make_task(),
            length,
            examples=200,
            seed=seed,
            settings=run.settings,
        )
        testing += time.perf_counter() - pause
        if score.sequence_accuracy >= 0.99:
            flop = run.recipe.flop(record["step"])
            seconds = time.perf_counter() - begin - testing
            return [length, record["step"], seconds, flop / 1e12, round(flop / UPDATE)]
    return [length, f"not by {record['step']}", "-", "-", "-"]
