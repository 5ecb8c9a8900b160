"""Lesson 13: four layers, two in each of two processes; who waits, and how old the messages are.

python -m course.workshop.recorded_runs.lesson13_halves --seeds 5

Some two minutes of one core. How old messages get without a bound depends on what else the machine does. The runs
of `late` are one process's, in which every message comes exactly so many updates late.
"""

from __future__ import annotations

from collections import deque

import torch

from course.workshop.recorded_runs import options, record_runs
from ngpu_lib import halves
from ngpu_lib.data import load_mnist
from ngpu_lib.halves.layers import apart, pieces_of
from ngpu_lib.halves.process import batches

NAME = "lesson13_halves"
UPDATES = 400
VARIANTS = {way: {"way": way} for way in halves.WAYS}
VARIANTS |= {f"{late} late": {"late": late} for late in (0, 2, 4, 8, 16)}


def in_one_process(seed: int, late: int) -> dict[str, float]:
    """The same two halves in turn; every message is read exactly ``late`` updates after its time."""
    mnist, box, owed = load_mnist(progress=False), [], deque()
    pieces = pieces_of(seed, mnist.train_images_BHW[0].numel())
    for x_BP, y_B in batches(mnist, UPDATES):
        _, below, _ = apart(pieces[:2], x_BP, y_B, box.append)
        owed.append((below, apart(pieces[2:], box.pop(), y_B, box.append)[0]))
        if len(owed) > late:
            (piece, seen), message_BU = owed.popleft()
            piece.correct(seen, message_BU)
    with torch.no_grad():
        h_BU = mnist.test_images_BHW[:5000].flatten(1).float() / 255
        for piece in pieces:
            h_BU = piece(h_BU)
    return {"right": (h_BU.argmax(1) == mnist.test_labels_B[:5000]).double().mean().item()}


def main() -> None:
    given, started, made = options(), [], {}

    def one_run(setting, seed):
        if "late" in setting:
            return in_one_process(seed, setting["late"])
        if not started:  # once, for all that is missing
            started.append(halves.train(list(halves.WAYS), range(seed, given.seeds), UPDATES))
        while (asked := (setting["way"], seed)) not in made:
            run = next(started[0])
            made[run["way"], run["seed"]] = {
                key: value for key, value in run.items() if key not in ("losses", "processes")
            }
        return made[asked]

    record_runs(
        NAME,
        NAME,
        setting={"updates": UPDATES, "batch": 100, "images": 10_000},
        variants=VARIANTS,
        one_run=one_run,
        seeds=given.seeds,
        out=given.out,
    )


if __name__ == "__main__":
    main()
