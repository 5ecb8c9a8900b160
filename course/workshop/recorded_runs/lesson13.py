"""The class of lesson 13: fifteen learners, six trials each, some three minutes of one core.

python -m course.workshop.recorded_runs.lesson13 --trials 6
"""

from __future__ import annotations

import json
from functools import partial

from course.workshop.recorded_runs import options
from ngpu_lib import recorded, sweep
from ngpu_lib.data import load_mnist
from ngpu_lib.files import write_whole

NAME, LEARNERS = "lesson13_class", range(15)


def run_class(mnist, trials: int) -> list[dict]:
    """Every learner's trials, one learner after the other, in one study."""
    setting = sweep.mnist_setting(mnist)
    study = sweep.open_study(None, "mnist", setting)
    trial = partial(sweep.mnist_trial, mnist=mnist)
    for learner in LEARNERS:
        part = {"fixed": sweep.part_of(learner), "learner": str(learner), "seed": learner}
        sweep.search(study, sweep.MNIST_SPACE, trial, trials=trials, **part)
    found = [{"study": {"name": "mnist", **setting}, **row} for row in sweep.rows(study)]
    for row in found:
        row.pop("seconds", None)  # they tell more about the machine than about the trial
    return found


def main() -> None:
    """Write the class's rows."""
    given = options(trials=6)
    found = run_class(load_mnist(), given.trials)
    text = "[\n " + ",\n ".join(map(json.dumps, found)) + "\n]\n"
    write_whole(given.out or recorded.FOLDER / f"{NAME}.json", text.encode())


if __name__ == "__main__":
    main()
