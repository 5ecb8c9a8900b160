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
    ],
)


def _masked_loss(logits_BLV, targets_BL, scored_BL):
    return F.cross_entropy(logits_BLV[scored_BL], targets_BL[scored_BL])


def _loss_cases():
    generator = torch.Generator().manual_seed(8)
    cases = []
    for size, length in ((2, 5), (3, 4), (1, 6)):
        logits_BLV = torch.randn(size, length, 4, generator=generator)
        targets_BL = torch.randint(4, (size, length), generator=generator)
        scored_BL = torch.rand(size, length, generator=generator) < 0.6
        scored_BL[0, 0], scored_BL[0, 1] = True, False
        cases.append((logits_BLV, targets_BL, scored_BL))
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
            "All cells count in your mean; padding must not. Choose with scored_BL first.",
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
            "You divide by the number of all cells instead of the number of scored ones.",
        ),
    ],
)


def _next_longest(longest, last, recent, passed=0.85):
    mastered = sum(recent) / len(recent) > passed
    return min(last, longest + mastered)


next_longest = Check(
    "8.3 the curriculum",
    reference=_next_longest,
    cases=[
        (3, 8, [0.9, 0.95, 0.8, 1.0, 1.0]),
        (3, 8, [0.9, 0.5, 0.8, 1.0, 0.7]),
        (8, 8, [1.0, 1.0, 1.0, 1.0, 1.0]),
        (1, 8, [0.1, 0.0, 0.1, 0.0, 0.0]),
        (5, 8, [1.0, 0.7, 1.0, 0.7, 1.0]),
    ],
    mistakes=[
        (
            lambda longest, last, recent: longest + (sum(recent) / len(recent) > 0.85),
            "Nothing stops it: at the last length it must stay there.",
        ),
        (
            lambda longest, last, recent: min(last, longest + (sum(recent) / len(recent) < 0.15)),
            "recent holds the shares that are right, not wrong: you grow when hardly any word is right.",
        ),
        (
            lambda longest, last, recent: min(last, longest + (max(recent) > 0.85)),
            "One lucky batch is enough for your rule. It is the mean that must exceed 0.85.",
        ),
        (
            lambda longest, last, recent: min(last, longest + (min(recent) > 0.85)),
            "Your rule wants every batch above 0.85. It is the mean that must exceed it.",
        ),
    ],
)


def _draw_together(sets_KC, pull):
    mean_C = sets_KC.mean(0)
    return sets_KC + pull * (mean_C - sets_KC)


def _one_by_one(sets_KC, pull):
    moved = sets_KC.clone()
    for k in range(len(moved)):
        moved[k] += pull * (moved.mean(0) - moved[k])
    return moved


draw_together = Check(
    "8.4 relaxation",
    reference=_draw_together,
    cases=[
        (torch.tensor([[0.0, 2.0], [4.0, 0.0], [2.0, 4.0]]), 0.5),
        (torch.tensor([[1.0, -1.0, 3.0], [3.0, 1.0, -3.0]]), 0.1),
        (torch.tensor([[1.0], [5.0], [0.0], [2.0]]), 1.0),
    ],
    mistakes=[
        (
            lambda sets_KC, pull: sets_KC + pull * (sets_KC - sets_KC.mean(0)),
            "The sign is turned: your sets move apart.",
        ),
        (
            lambda sets_KC, pull: sets_KC.mean(0).expand_as(sets_KC),
            "All sets are equal at once, whatever the pull. Move each only its share of the way.",
        ),
        (
            _one_by_one,
            "The first set has moved before you take the mean for the second. Take the mean once.",
        ),
        (
            lambda sets_KC, pull: sets_KC + pull * (sets_KC[0] - sets_KC),
            "You pull towards the first set; pull towards the average of all.",
        ),
    ],
)
