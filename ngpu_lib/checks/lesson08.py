"""Lesson 08, the Neural GPU: the checks."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from ngpu_lib.checks import Check


def _belt(place, size, step):
    around = (place + step) % (2 * size)
    return around if around < size else 2 * size - 1 - around


def _bounce(place, size, step):
    around = (place + step) % max(2 * size - 2, 1)
    return around if around < size else 2 * size - 2 - around


belt_place = Check(
    "8.1 the belt",
    reference=_belt,
    cases=[(0, 6, 4), (2, 6, 6), (5, 6, 1), (3, 7, 12), (0, 5, 9), (4, 5, 10)],
    mistakes=[
        (
            lambda place, size, step: (place + step) % size,
            "The symbol leaves at the right end and comes back at the left: a ring of n cells. The "
            "belt turns back at the wall, on the other lane.",
        ),
        (
            _bounce,
            "Your symbol turns without changing lanes: that step costs nothing in your version. The "
            "belt has 2n places, so a full round takes 2n steps.",
        ),
        (
            lambda place, size, step: min(place + step, size - 1),
            "Your symbols pile up at the right wall. There they must turn back, on the other lane.",
        ),
        (
            lambda place, size, step: (
                _belt(place, size, step)
                if place + step < size
                else 2 * size - (place + step) % (2 * size)
            ),
            "On the lower lane you are one cell too far to the right: place k of the belt lies over cell "
            "2 size - 1 - k.",
        ),
    ],
)


def _masked_loss(logits_BLV, targets_BL, loss_mask_BL):
    return F.cross_entropy(logits_BLV[loss_mask_BL], targets_BL[loss_mask_BL])


def _loss_cases():
    generator = torch.Generator().manual_seed(8)
    cases = []
    for size, length in ((2, 5), (3, 4), (1, 6)):
        logits_BLV = torch.randn(size, length, 4, generator=generator)
        targets_BL = torch.randint(4, (size, length), generator=generator)
        loss_mask_BL = torch.rand(size, length, generator=generator) < 0.6
        loss_mask_BL[0, 0], loss_mask_BL[0, 1] = True, False
        cases.append((logits_BLV, targets_BL, loss_mask_BL))
    return cases


masked_loss = Check(
    "8.2 the loss of a tape",
    reference=_masked_loss,
    cases=_loss_cases(),
    gradients=[0],
    mistakes=[
        (
            lambda logits, targets, scored: F.cross_entropy(
                logits.flatten(0, 1), targets.flatten()
            ),
            "All cells count in your mean; padding must not. Choose with loss_mask_BL first.",
        ),
        (
            lambda logits, targets, scored: F.cross_entropy(
                logits[scored], targets[scored], reduction="sum"
            ),
            "That is the sum. A mean keeps the learning rate independent of how many cells count.",
        ),
        (
            lambda logits, targets, scored: (
                _masked_loss(logits, targets, scored) * scored.float().mean()
            ),
            "You divide by the number of all cells instead of the number of those that count.",
        ),
        (
            lambda logits, targets, counted: torch.stack(
                [
                    F.cross_entropy(x[m], y[m])
                    for x, y, m in zip(logits, targets, counted, strict=True)
                ]
            ).mean(),
            "You take a mean for each word first: cells of short words then weigh more. One mean over all "
            "cells that count.",
        ),
    ],
)


def _next_longest(longest, last, recent, passed, judge=None):
    judge = judge or (lambda shares: sum(shares) / len(shares))
    return min(last, longest + 1) if judge(recent) > passed else longest


next_longest = Check(
    "8.3 the curriculum",
    reference=_next_longest,
    cases=[
        (3, 8, [0.9, 0.95, 0.8, 1.0, 1.0], 0.85),
        (3, 8, [0.9, 0.5, 0.8, 1.0, 0.9], 0.85),
        (8, 8, [1.0, 1.0, 1.0, 1.0, 1.0], 0.85),
        (1, 8, [0.1, 0.0, 0.1, 0.0, 0.0], 0.85),
        (5, 8, [1.0, 0.75, 1.0, 0.75, 1.0], 0.85),
        (4, 8, [1.0, 1.0, 0.25], 0.7),
        (4, 8, [0.25, 0.25, 1.0, 1.0, 1.0, 1.0, 1.0], 0.85),
        (4, 8, [0.25, 1.0, 0.25, 0.25, 0.5], 0.85),
        (2, 8, [0.5, 1.0], 0.75),  # exactly as much as asked for is not above it
        (6, 7, [0.8], 0.5),
        (7, 6, [1.0, 1.0], 0.5),
    ],
    mistakes=[
        (
            lambda longest, last, recent, passed: longest + (_next_longest(0, 1, recent, passed)),
            "Nothing stops it: at the last length it must stay there.",
        ),
        (
            lambda longest, last, recent, passed: min(
                last, longest + (sum(recent) / len(recent) < 1 - passed)
            ),
            "recent holds the shares that are right, not wrong: you grow when hardly any word is right.",
        ),
        (
            lambda *case: _next_longest(*case, judge=max),
            "One lucky batch is enough for your rule. It is the mean that must be above passed.",
        ),
        (
            lambda *case: _next_longest(*case, judge=min),
            "Your rule wants every batch above passed. It is the mean that must exceed it.",
        ),
        (
            lambda *case: _next_longest(*case, judge=lambda shares: shares[-1]),
            "You look at the latest batch alone; one batch says little. Take the mean of all in recent.",
        ),
        (
            lambda *case: _next_longest(
                *case, judge=lambda shares: sorted(shares)[len(shares) // 2]
            ),
            "That is the median; the mean counts the bad batches as well.",
        ),
        (
            lambda *case: _next_longest(*case, judge=lambda shares: sum(shares) / 5),
            "recent need not hold five numbers: divide by how many there are.",
        ),
        (
            lambda longest, last, recent, passed: _next_longest(longest, last, recent, 0.85),
            "You compare with 0.85 whatever `passed` is.",
        ),
    ],
)


def _probe(seen_BX, bits_B, fresh_BX, *, constant=True, low=-1.0, level=0.0):
    def design(x_BX):
        ones_B1 = torch.ones(len(x_BX), int(constant), dtype=x_BX.dtype)
        return torch.cat([x_BX, ones_B1], 1)

    wanted_B1 = torch.where(bits_B, 1.0, low).to(seen_BX.dtype)[:, None]
    weights_X1 = torch.linalg.pinv(design(seen_BX)) @ wanted_B1
    return (design(fresh_BX) @ weights_X1)[:, 0] > level


def _probe_cases():
    """Words that any least-squares reader tells apart with a margin: a plane off the origin."""
    generator = torch.Generator().manual_seed(84)
    cases = []
    for numbers, offset in ((2, 1.5), (3, -1.0), (1, 2.0)):
        x_BX = torch.randn(60, numbers, generator=generator) * 2
        direction_X = torch.ones(numbers) / numbers**0.5
        height_B = x_BX @ direction_X
        x_BX = x_BX + ((height_B > offset).float() * 3.0 - 1.5)[:, None] * direction_X
        bits_B = x_BX @ direction_X > offset
        x_BX = x_BX.round(decimals=2)
        cases.append((x_BX[:40], bits_B[:40], x_BX[40:57]))
    return cases


probe = Check(
    "8.4 the probe",
    reference=_probe,
    cases=_probe_cases(),
    mistakes=[
        (
            lambda *case: _probe(*case, constant=False),
            "Your reader has no constant, so its boundary goes through the origin. Add a column of ones.",
        ),
        (
            lambda *case: _probe(*case, low=0.0),
            "You fit towards 0 and 1 but compare with 0: fit towards -1 and +1, or compare with one half.",
        ),
        (
            lambda seen_BX, bits_B, fresh_BX: _probe(seen_BX, bits_B, seen_BX),
            "That reads the words it was fitted on. Read the fresh ones.",
        ),
        (
            lambda seen_BX, bits_B, fresh_BX: ~_probe(seen_BX, bits_B, fresh_BX),
            "Every reading is turned round: above 0 stands for True.",
        ),
    ],
)
