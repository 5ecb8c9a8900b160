"""The exercises of lesson 13: a rate, a winner, a ring of workers, who waits, and a message for the layer below."""

from __future__ import annotations

import numpy as np
import torch

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


# 13.3


def _ring_step(held_WW, step, *, right=1, back=1, adds=True, around=True, own=False):
    workers = len(held_WW)
    after = [list(map(float, row)) for row in held_WW]
    for worker in range(workers if around else workers - 1):
        chunk = (worker - back * step) % workers
        after[(worker + right) % workers][chunk] = float(held_WW[worker][chunk]) + (
            float(held_WW[(worker + right) % workers][chunk]) if adds else 0
        )
        if own:
            after[worker][chunk] = 0.0
    return after


_HELD = np.random.default_rng(5).integers(1, 50, (4, 4)).tolist()

ring_step = Check(
    "13.3 ring_step",
    _ring_step,
    cases=[
        (_HELD, 0),
        (_HELD, 1),
        (_HELD, 2),
        ([[1, 2, 4], [8, 16, 32], [64, 128, 256]], 1),
        ([[3, 5], [7, 11]], 0),
    ],
    mistakes=[
        (
            lambda held_WW, step: _ring_step(held_WW, step, right=-1),
            "This sends to the left; worker w sends to worker w + 1.",
        ),
        (
            lambda held_WW, step: _ring_step(held_WW, step, back=-1),
            "This sends chunk w + step. What a worker has just received is chunk w - step.",
        ),
        (
            lambda held_WW, step: _ring_step(held_WW, step, back=0),
            "This sends chunk w at every step, so that nothing travels further than one place.",
        ),
        (
            lambda held_WW, step: _ring_step(held_WW, step, adds=False),
            "The neighbour has to add what it receives to what it has; this puts it in its place.",
        ),
        (
            lambda held_WW, step: _ring_step(held_WW, step, around=False),
            "The last worker sends to the first: take the neighbour's number modulo W.",
        ),
        (
            lambda held_WW, step: _ring_step(held_WW, step, own=True),
            "A worker that sends a chunk keeps its own copy.",
        ),
    ],
)


# 13.4


def _waiting(times_WT, *, ends="each", of="all"):
    times_WT = np.asarray([[float(t) for t in row] for row in times_WT])
    slowest = {
        "each": times_WT.max(0).sum(),
        "end": times_WT.sum(1).max(),
        "mean": times_WT.mean(0).sum(),
        "first": times_WT.min(0).sum(),
    }[ends]
    whole = slowest * len(times_WT)
    waited = whole - times_WT.sum()
    return float(waited / {"all": whole, "work": times_WT.sum(), "one": slowest}[of])


waiting = Check(
    "13.4 waiting",
    _waiting,
    cases=[
        ([[1, 1, 1], [1, 1, 1]],),
        ([[1, 1, 1], [1, 1, 1], [1, 1, 1], [3, 3, 3]],),
        ([[1, 4], [4, 1]],),
        ([[0.5, 2.0, 1.25, 1.0], [1.5, 1.0, 0.75, 3.0], [1.0, 1.0, 2.5, 0.5]],),
        ([[2.0]],),
    ],
    tolerance=1e-9,
    mistakes=[
        (
            lambda times_WT: _waiting(times_WT, ends="end"),
            "This waits once, at the end. Here everybody waits for the slowest at every step.",
        ),
        (
            lambda times_WT: _waiting(times_WT, of="work"),
            "This divides by the time that was worked; wanted is the share of all time.",
        ),
        (
            lambda times_WT: _waiting(times_WT, of="one"),
            "This divides by the time of one worker; there are W of them.",
        ),
        (
            lambda times_WT: _waiting(times_WT, ends="first"),
            "A step is over when its slowest worker is; this takes the fastest.",
        ),
        (
            lambda times_WT: 1 - _waiting(times_WT),
            "This is the share that was worked; wanted is what was waited.",
        ),
    ],
)


# 13.5


def _target_below(h_BU, w_UV, d_BV, *, mask="input", turn=True):
    z_BV = h_BU @ w_UV
    keep = {
        "input": z_BV > 0,
        "at 0": z_BV >= 0,
        "gradient": d_BV > 0,
        "none": torch.ones_like(z_BV),
    }[mask]
    return (d_BV * keep) @ (w_UV.T if turn else w_UV)


def _drawn(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


target_below = Check(
    "13.5 target_below",
    _target_below,
    cases=[
        tuple(_drawn(*s, seed=seed + k) for k, s in enumerate([(5, 3), (3, 3), (5, 3)]))
        for seed in (0, 7)
    ]
    + [(torch.zeros(2, 3), _drawn(3, 3, seed=14), _drawn(2, 3, seed=15))],
    mistakes=[
        (
            lambda h_BU, w_UV, d_BV: _target_below(h_BU, w_UV, d_BV, mask="none"),
            "The ReLU is missing on the way back: where h W was negative, nothing passes.",
        ),
        (
            lambda h_BU, w_UV, d_BV: _target_below(h_BU, w_UV, d_BV, mask="gradient"),
            "The mask asks where the message is positive; it must ask where the ReLU's input h W was.",
        ),
        (
            lambda h_BU, w_UV, d_BV: _target_below(h_BU, w_UV, d_BV, mask="at 0"),
            "Where h W is exactly 0 the slope counts as 0 here: keep what is *above* 0.",
        ),
        (
            lambda h_BU, w_UV, d_BV: _target_below(h_BU, w_UV, d_BV, turn=False),
            "Going back through a matrix multiplies by its transpose: from d to d W.T.",
        ),
        (
            lambda h_BU, w_UV, d_BV: d_BV,
            "This hands on what came from above. It has to go back through the layer first: ReLU, then W.",
        ),
        (
            lambda h_BU, w_UV, d_BV: h_BU.T @ (d_BV * (h_BU @ w_UV > 0)),
            "This is the gradient in the weights. The layer below needs the one in its own output, h.",
        ),
    ],
)
