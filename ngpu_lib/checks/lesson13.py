"""The exercises of lesson 13: drawing a learning rate, and what a search's winner is worth."""

from __future__ import annotations

import numpy as np

from ngpu_lib.checks import Check

# 13.1


def _even_in_log(draw: float, low: float, high: float) -> float:
    return low * (high / low) ** draw


even_in_log = Check(
    "13.1 even_in_log",
    _even_in_log,
    cases=[
        (0.0, 1e-4, 1.0),
        (1.0, 1e-4, 1.0),
        (0.5, 1e-4, 1.0),
        (0.25, 32.0, 512.0),
        (0.9, 2.0, 3.0),
    ],
    tolerance=1e-6,
    mistakes=[
        (
            lambda draw, low, high: low + (high - low) * draw,
            "This draws evenly in the number itself: of 1e-4 to 1, nine tenths would lie above 0.1.",
        ),
        (
            lambda draw, low, high: np.log(low) + (np.log(high) - np.log(low)) * draw,
            "This is the logarithm of what is wanted; undo it with exp.",
        ),
        (
            lambda draw, low, high: high * (low / high) ** draw,
            "This runs from high to low: a draw of 0 belongs to low.",
        ),
        (
            lambda draw, low, high: low * high**draw,
            "At a draw of 1 this gives low * high; the factor between the ends is high / low.",
        ),
        (
            lambda draw, low, high: (high / low) ** draw,
            "This is how many times low it is; low itself is missing.",
        ),
    ],
)


# 13.2


def _again(values_TS, *, choose=np.argmax, chosen_by=slice(0, 1), kept=slice(1, None)):
    values_TS = np.asarray([[float(value) for value in row] for row in values_TS])
    best = choose(values_TS[:, chosen_by].mean(1))
    return float(values_TS[best, 0]), float(values_TS[best, kept].mean())


_TRIALS = np.random.default_rng(3).normal(90, 1, (6, 4)).round(2)

winner_again = Check(
    "13.2 winner_again",
    _again,
    cases=[
        ([[91.0, 90.0, 89.0], [90.0, 93.0, 94.0], [89.0, 88.0, 87.5]],),
        (_TRIALS.tolist(),),
        (_TRIALS[::-1, ::-1].tolist(),),
        ([[88.25, 90.5]],),
        ([[100.0, 80.0, 80.0], [80.0, 85.0, 85.0]],),
        ([[90, 91, 89], [91, 90, 88], [91, 95, 94]],),  # of equal ones the first
    ],
    mistakes=[
        (
            lambda values_TS: _again(values_TS, kept=slice(0, None)),
            "The value that chose the trial is still in the mean: that is the lucky one.",
        ),
        (
            lambda values_TS: _again(values_TS, chosen_by=slice(0, None)),
            "This chooses by all seeds. The search saw the first one only.",
        ),
        (
            lambda values_TS: _again(values_TS, chosen_by=slice(1, None)),
            "This chooses by the seeds the search has not seen, so that they are no judge any more.",
        ),
        (
            lambda values_TS: _again(values_TS, choose=np.argmin),
            "This takes the worst trial; the search keeps the best.",
        ),
        (
            lambda values_TS: (
                max(row[0] for row in values_TS),
                np.mean([row[1:] for row in values_TS]),
            ),
            "The second number is the mean over all trials; wanted is the winner's alone.",
        ),
    ],
)
