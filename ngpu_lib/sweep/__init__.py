"""Tuning by many: one study, any number of processes, machines and people.

    study = open_study("class.journal", "mnist", setting)
    search(study, MNIST_SPACE, objective, trials=20, fixed=part_of("Ada"), learner="Ada")
    for row in leaderboard(rows(study)): ...

A study (``study``, ``storage``) lies in a file on one machine or on a shared disk, in a PostgreSQL database, or in
memory; where nobody has a server, ``export`` and ``merge`` (``exchange``) carry finished trials as JSON
lines. What is tuned stands in ``trials``. Nothing here imports torch or Optuna before it is needed.
"""

from ngpu_lib.sweep.exchange import export, leaderboard, merge, read, rows, table
from ngpu_lib.sweep.study import GRACE, fail_lost, open_study, search, search_seeds
from ngpu_lib.sweep.trials import (
    MNIST_SPACE,
    SEED_SPACE,
    Choice,
    Range,
    mnist_setting,
    mnist_trial,
    part_of,
    recipe_setting,
    recipe_trial,
)

__all__ = [
    "GRACE",
    "MNIST_SPACE",
    "SEED_SPACE",
    "Choice",
    "Range",
    "export",
    "fail_lost",
    "leaderboard",
    "merge",
    "mnist_setting",
    "mnist_trial",
    "open_study",
    "part_of",
    "read",
    "recipe_setting",
    "recipe_trial",
    "rows",
    "search",
    "search_seeds",
    "table",
]
