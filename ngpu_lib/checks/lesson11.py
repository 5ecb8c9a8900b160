"""The exercises of lesson 11: AdamW, dropout, luck, doubt, hidden pixels, and two views."""

from __future__ import annotations

from functools import partial
from math import comb

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ngpu_lib.checks import Check


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# 11.1


def _adamw_step(
    w, g, m, v, t, lr=0.1, decay=0.0, b1=0.9, b2=0.999, eps=1e-8, *, correct=True, power=2
):
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g.abs() ** power
    m_hat, v_hat = (m / (1 - b1**t), v / (1 - b2**t)) if correct else (m, v)
    return (1 - lr * decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def _kept_corrected(w, g, m, v, t, lr=0.1, decay=0.0, b1=0.9, b2=0.999, eps=1e-8):
    w, m, v = _adamw_step(w, g, m, v, t, lr, decay, b1, b2, eps)
    return w, m / (1 - b1**t), v / (1 - b2**t)


def _no_root(w, g, m, v, t, lr=0.1, decay=0.0, b1=0.9, b2=0.999, eps=1e-8):
    _, m, v = _adamw_step(w, g, m, v, t, lr, decay, b1, b2, eps)
    return (1 - lr * decay) * w - lr * (m / (1 - b1**t)) / (v / (1 - b2**t) + eps), m, v


def _uphill(w, g, m, v, t, *options):
    moved, m, v = _adamw_step(w, g, m, v, t, *options)
    return 2 * w - moved, m, v


def _in_the_gradient(w, g, m, v, t, lr=0.1, decay=0.0, *options):
    return _adamw_step(w, g + decay * w, m, v, t, lr, 0.0, *options)


def _without_the_rate(w, g, m, v, t, lr=0.1, decay=0.0, *options):
    return _adamw_step(w, g, m, v, t, lr, decay / lr, *options)


def _no_decay(w, g, m, v, t, lr=0.1, decay=0.0, *options):
    return _adamw_step(w, g, m, v, t, lr, 0.0, *options)


adamw_step = Check(
    "11.1 adamw_step",
    _adamw_step,
    cases=[
        (_random(3), _random(3, seed=1), torch.zeros(3), torch.zeros(3), 1, 0.1, 0.5),
        (_random(3), _random(3, seed=2), _random(3, seed=3), _random(3, seed=4) ** 2, 7, 0.01, 3.0),
        (_random(3), _random(3, seed=2), _random(3, seed=3), _random(3, seed=4) ** 2, 2),
        (_random(2), _random(2, seed=5), torch.ones(2), torch.ones(2), 3, 0.5, 0.3, 0.6, 0.7, 0.2),
        (torch.ones(2), torch.tensor([1e-8, 0.0]), torch.zeros(2), torch.zeros(2), 1),
    ],
    mistakes=[
        (
            _in_the_gradient,
            "This adds the decay to the gradient, so that Adam divides it by the gradient's size again. "
            "AdamW shrinks w beside the step: (1 - lr * decay) * w.",
        ),
        (
            _without_the_rate,
            "w shrinks by decay in each update; the learning rate belongs to it: 1 - lr * decay.",
        ),
        (_no_decay, "This is Adam; w does not shrink yet."),
        (
            lambda *arguments: _adamw_step(*arguments, correct=False),
            "Without the corrections 1 - b1^t and 1 - b2^t the averages, which began at 0, are far too "
            "small in the first updates.",
        ),
        (
            _kept_corrected,
            "The step is right, but the corrected averages are handed on: m and v go on uncorrected, "
            "else they are corrected again next time.",
        ),
        (
            lambda *arguments: _adamw_step(*arguments, power=1),
            "v averages the gradient's size here; it must average its square.",
        ),
        (
            _no_root,
            "The square root of v is missing, so the step has the wrong unit: it shrinks as the gradient grows.",
        ),
        (_uphill, "The step goes uphill: it must be subtracted from w."),
    ],
)


# 11.2


def _dropout(hidden_BU: Tensor, draws_BU: Tensor, share: float) -> Tensor:
    return hidden_BU * (draws_BU >= share) / (1 - share)


def _draws(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


dropout = Check(
    "11.2 dropout",
    _dropout,
    cases=[
        (_random(4, 6), _draws(4, 6, seed=1), 0.2),
        (_random(3, 5, seed=2), _draws(3, 5, seed=3), 0.75),
        (_random(2, 2, seed=6), torch.tensor([[0.0, 0.25], [0.5, 0.0]]), 0.0),
    ],
    mistakes=[
        (
            lambda hidden_BU, draws_BU, share: hidden_BU * (draws_BU >= share),
            "The right units are dropped. The others have to grow, so that their sum stays the same on "
            "average: a share of 1 - share is left of it.",
        ),
        (
            lambda hidden_BU, draws_BU, share: hidden_BU * (draws_BU >= share) * (1 - share),
            "What is left shrinks here. It has to grow: divide by 1 - share.",
        ),
        (
            lambda hidden_BU, draws_BU, share: hidden_BU * (draws_BU < share) / (1 - share),
            "This drops the others: a unit goes when its draw is *below* share.",
        ),
        (
            lambda hidden_BU, draws_BU, share: hidden_BU * (draws_BU >= 1 - share) / (1 - share),
            "This keeps a share of `share`; that is the share to drop.",
        ),
        (
            lambda hidden_BU, draws_BU, share: hidden_BU / (1 - share),
            "Everything has grown and nothing is dropped.",
        ),
    ],
)


# 11.3


def _luck(values_S, baseline_S, *, least=0, ties=False) -> float:
    values_S, baseline_S = np.asarray(values_S), np.asarray(baseline_S)
    wins = int((values_S >= baseline_S if ties else values_S > baseline_S).sum()) + least
    seeds = len(values_S)
    return sum(comb(seeds, k) for k in range(wins, seeds + 1)) / 2**seeds


def _exactly(values_S, baseline_S) -> float:
    wins = sum(v > b for v, b in zip(values_S, baseline_S, strict=True))
    return comb(len(values_S), wins) / 2 ** len(values_S)


luck = Check(
    "11.3 luck",
    _luck,
    cases=[
        ([4600, 4610, 4590, 4620], [4500, 4600, 4589, 4610]),
        ([4600, 4610, 4590, 4620, 4500], [4500, 4700, 4589, 4630, 4499]),
        ([10, 20, 30], [11, 21, 31]),
        ([10, 20, 30, 40, 50, 60], [10, 19, 31, 39, 49, 59]),
        ([10, 30, 20], [15, 25, 5]),
    ],
    mistakes=[
        (
            _exactly,
            "This is the chance of exactly as many wins. At least as many: add what is even better.",
        ),
        (
            lambda values_S, baseline_S: _luck(values_S, baseline_S, least=1),
            "This is the chance of *more* wins; as many belong to it.",
        ),
        (
            lambda values_S, baseline_S: 1 - _luck(values_S, baseline_S, least=1),
            "This is the chance of at most as many wins: the other end.",
        ),
        (
            lambda values_S, baseline_S: _luck(values_S, baseline_S, ties=True),
            "The same accuracy is not a win.",
        ),
        (
            lambda values_S, baseline_S: _luck(sorted(values_S), sorted(baseline_S)),
            "Compare seed with seed: sorting pairs the best with the best.",
        ),
        (
            lambda values_S, baseline_S: (
                sum(v > b for v, b in zip(values_S, baseline_S, strict=True)) / len(values_S)
            ),
            "This is the share of wins. How often would a coin win as often?",
        ),
    ],
)


# 11.4


def _entropy(p: Tensor) -> Tensor:
    return torch.special.entr(p).sum(-1)


def _spread(chances_RBV: Tensor) -> Tensor:
    return _entropy(chances_RBV.mean(0)) - _entropy(chances_RBV).mean(0)


def _plain_logarithms(p: Tensor) -> Tensor:
    return (p * p.log()).sum(-1).mean(0) - (p.mean(0) * p.mean(0).log()).sum(-1)


def _chances(*shape: int, seed: int) -> Tensor:
    return (3 * _random(*shape, seed=seed)).softmax(-1)


_SURE = [[[1.0, 0, 0], [0.5, 0.5, 0]], [[0, 1.0, 0], [0.5, 0.5, 0]]]
spread = Check(
    "11.4 spread",
    _spread,
    cases=[
        (_chances(3, 4, 5, seed=1),),
        (_chances(5, 2, 3, seed=2),),
        (torch.tensor(_SURE),),
    ],
    mistakes=[
        (
            _plain_logarithms,
            "Where a probability is 0, 0 * log(0) is not a number; 0 is wanted. torch.special.entr knows.",
        ),
        (
            lambda p: _entropy(p.mean(0)),
            "This is the entropy of the mean, both kinds of doubt. Take away the mean of the entropies.",
        ),
        (
            lambda p: _entropy(p).mean(0),
            "This is the members' own doubt, the mean of their entropies: what has to be taken away.",
        ),
        (lambda p: -_spread(p), "The other way round: the mean is less sure than its members are."),
        (lambda p: _spread(p) / np.log(2), "This counts in bits; nats take the natural logarithm."),
        (
            lambda p: _spread(p.transpose(0, 1)),
            "One number for each member: it averages over the images. Members are the first axis.",
        ),
    ],
)


# 11.5


def _hidden_loss(guess_BHW: Tensor, images_BHW: Tensor, hidden_BHW: Tensor) -> Tensor:
    return ((guess_BHW - images_BHW) ** 2)[hidden_BHW.bool()].mean()


_MASK = torch.tensor([[[1, 0, 0], [1, 1, 0]], [[0, 0, 1], [0, 0, 0]]]).bool()
hidden_loss = Check(
    "11.5 hidden_loss",
    _hidden_loss,
    cases=[
        (_random(2, 2, 3), _random(2, 2, 3, seed=1), _MASK),
        (_random(1, 3, 3, seed=2), _random(1, 3, 3, seed=3), torch.eye(3).bool()[None]),
        (_random(2, 2, 3, seed=4), _random(2, 2, 3, seed=5), torch.ones(2, 2, 3).bool()),
    ],
    gradients=[0],
    mistakes=[
        (
            lambda g, x, h: ((g - x) ** 2 * h).mean(),
            "The sum is right, but it is divided by the number of all pixels, not of the hidden ones.",
        ),
        (
            lambda g, x, h: ((g - x) ** 2).mean(),
            "The visible pixels count here as well; the body would learn to copy them.",
        ),
        (
            lambda g, x, h: ((g - x) ** 2)[~h.bool()].mean(),
            "This is the error of what was visible: choose where hidden_BHW is True.",
        ),
        (lambda g, x, h: ((g - x) ** 2)[h.bool()].sum(), "This is the sum; take the mean."),
        (
            lambda g, x, h: (g - x)[h.bool()].abs().mean(),
            "A mean distance; square the differences.",
        ),
        (
            lambda g, x, h: (((g - x) ** 2 * h).sum((1, 2)) / h.sum((1, 2))).mean(),
            "Each image has a mean of its own here; take one mean over the pixels of the whole batch.",
        ),
    ],
)


# 11.6


def _contrast(first_BU, second_BU, temperature=0.2, *, unit=True, itself=False, roll=None, both=2):
    z = torch.cat([first_BU, second_BU])
    z = F.normalize(z, dim=1) if unit else z
    alike = z @ z.T / temperature
    if not itself:
        alike = alike.masked_fill(torch.eye(len(z), device=z.device).bool(), -torch.inf)
    partner = torch.arange(len(z), device=z.device).roll(len(first_BU) if roll is None else roll)
    asked = slice(len(first_BU) * both)
    return F.cross_entropy(alike[asked], partner[asked])


def _across_only(first_BU: Tensor, second_BU: Tensor, temperature: float = 0.2) -> Tensor:
    first, second = F.normalize(first_BU, dim=1), F.normalize(second_BU, dim=1)
    return F.cross_entropy(first @ second.T / temperature, torch.arange(len(first)))


contrast = Check(
    "11.6 contrast",
    _contrast,
    cases=[
        (_random(4, 3), _random(4, 3, seed=1), 0.5),
        (_random(3, 5, seed=2), _random(3, 5, seed=3) * 2, 0.2),
        (_random(2, 4, seed=4), _random(2, 4, seed=5)),
        (_random(5, 2, seed=6), _random(5, 2, seed=7), 1.5),
    ],
    gradients=[0, 1],
    mistakes=[
        (
            partial(_contrast, unit=False),
            "The rows have any length here; make each of length 1 first, or the longest decide.",
        ),
        (
            partial(_contrast, itself=True),
            "Each view is a candidate for itself, and none is more alike. Take the diagonal out.",
        ),
        (
            lambda a, b, t=0.2: _contrast(a, b, 1 / t),
            "The products are multiplied by the temperature; divide: a small one makes the choice sharp.",
        ),
        (partial(_contrast, roll=1), "The next row is the partner here; it stands B rows further."),
        (
            partial(_contrast, both=1),
            "Only the first views ask here; the second ones ask as well: 2B rows in the mean.",
        ),
        (
            _across_only,
            "Each first view chooses among the second views alone; all others are candidates as well.",
        ),
    ],
)
