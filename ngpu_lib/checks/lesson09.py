"""Lesson 09, multiplication: the checks."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from ngpu_lib.checks import Check


def _shift(state_CL, *, swapped=False, ring=False, still=True):
    """The diagonal gate's move, and, through its options, the ways to get it wrong."""
    third = state_CL.shape[0] // 3
    moved = state_CL.clone()
    for maps, by in ((slice(0, third), -1), (slice(third, 2 * third), 1)):
        by = -by if swapped else by
        moved[maps] = state_CL[maps].roll(by, 1)
        if not ring:
            moved[maps, -1 if by < 0 else 0] = 0
    if not still:
        moved[2 * third :] = 0
    return moved


_STATES = [
    (torch.arange(1.0, 13).view(3, 4),),
    (torch.randn(7, 5, generator=torch.Generator().manual_seed(9)),),
    (torch.randn(11, 4, generator=torch.Generator().manual_seed(10)),),
]

diagonal_shift = Check(
    "9.1 the diagonal shift",
    reference=_shift,
    cases=_STATES,
    mistakes=[
        (
            lambda state_CL: _shift(state_CL, swapped=True),
            "The directions are swapped: the first third moves towards the start (to smaller cell numbers).",
        ),
        (
            lambda state_CL: _shift(state_CL, ring=True),
            "Your tape is a ring: what leaves at one end comes in at the other. Zeros come in.",
        ),
        (
            lambda state_CL: _shift(state_CL, still=False),
            "The last maps are lost; they stay where they are.",
        ),
        (
            lambda state_CL: F.pad(state_CL[:, 1:], (0, 1)),
            "All maps move towards the start. Only the first third does.",
        ),
    ],
)

saturation_cost = Check(
    "9.2 the saturation cost",
    reference=lambda x: F.relu(x.abs() - 0.9).sum(),
    cases=[
        (torch.tensor([0.5, 1.4, -2.0, 0.95]),),
        (torch.tensor([-0.9, 0.0, 0.9]),),
        (torch.tensor([[3.0, -0.91], [-1.0, 0.2]]),),
    ],
    mistakes=[
        (
            lambda x: F.relu(x - 0.9).sum(),
            "Negative preactivations beyond -0.9 cost as well: take the absolute value first.",
        ),
        (
            lambda x: F.relu(x.abs() - 1).sum(),
            "The cost begins at 0.9, a little before the end stop at 1.",
        ),
        (lambda x: F.relu(x.abs() - 0.9).mean(), "That is the mean; the cost is the sum."),
        (
            lambda x: F.relu(x.abs() - 0.9).square().sum(),
            "The excess counts as it is, not squared.",
        ),
    ],
)


def _clip(gradient, usual):
    bound = 1.2 * usual + 1e-4
    return torch.maximum(torch.minimum(gradient, bound), -bound)


clip_gradient = Check(
    "9.3 clipping by what is usual",
    reference=_clip,
    cases=[
        (torch.tensor([0.5, -3.0, 0.02, 0.3]), torch.tensor([1.0, 1.0, 0.0, 0.1])),
        (torch.tensor([[10.0, -0.2], [-0.5, 0.0]]), torch.tensor([[2.0, 0.1], [0.05, 0.3]])),
    ],
    tolerance=1e-6,
    mistakes=[
        (
            lambda gradient, usual: torch.minimum(gradient, 1.2 * usual + 1e-4),
            "Large negative elements get through: the bound holds on both sides.",
        ),
        (
            lambda gradient, usual: torch.maximum(
                torch.minimum(gradient, 1.2 * usual), -1.2 * usual
            ),
            "Without the 1e-4 an element that was 0 so far can never move.",
        ),
        (
            lambda gradient, usual: (
                gradient
                * min(1.0, float((1.2 * usual + 1e-4).norm() / gradient.norm().clamp_min(1e-12)))
            ),
            "You scale the whole gradient by its norm; here every element has a bound of its own.",
        ),
        (
            lambda gradient, usual: torch.maximum(torch.minimum(gradient, usual), -usual),
            "The bound is 1.2 times the usual size plus 1e-4: a gradient must be able to grow.",
        ),
    ],
)

whole_words = Check(
    "9.4 whole words from symbols",
    reference=lambda share, symbols: share**symbols,
    cases=[(0.99, 41), (0.999, 401), (0.9999, 4001), (0.5, 1)],
    mistakes=[
        (
            lambda share, symbols: share,
            "One wrong symbol spoils a word; a word of many symbols is right less often than a symbol.",
        ),
        (
            lambda share, symbols: max(0.0, 1 - symbols * (1 - share)),
            "That is the bound by adding up the chances of errors; it counts words with two errors twice.",
        ),
        (
            lambda share, symbols: share * symbols,
            "Chances of independent events multiply; they do not add.",
        ),
    ],
)


def _chance_of_chain(bits, chain, *, propagate=0.5, restart=True):
    """The exact chance, by the length of the chain that is under way at each digit."""
    generate = stop = (1 - propagate) / 2
    under_way = [1.0] + [0.0] * chain
    for _ in range(bits):
        new = [0.0] * chain + [under_way[chain]]
        for length, chance in enumerate(under_way[:chain]):
            new[1] += chance * generate if restart or length == 0 else 0
            new[0] += chance * (stop if restart or length == 0 else stop + generate)
            new[length + 1 if length else 0] += chance * propagate
        under_way = new
    return under_way[chain]


chance_of_chain = Check(
    "9.5 the chance of a carry chain",
    reference=_chance_of_chain,
    cases=[(20, 5), (20, 10), (20, 15), (20, 20), (3, 2), (200, 20), (5, 1), (1, 1)],
    tolerance=1e-8,
    mistakes=[
        (
            lambda bits, chain: (bits - chain + 1) * 0.5 ** (chain + 1),
            "That is the expected number of chains; two chains in one sum are counted twice.",
        ),
        (
            lambda bits, chain: 0.5 ** (chain + 1),
            "Your chain starts at the lowest digit only; it may start at any digit that leaves room.",
        ),
        (
            lambda bits, chain: _chance_of_chain(bits, chain, propagate=0.25),
            "A digit passes a carry on when the two bits differ: two of four cases, 1/2, not 1/4.",
        ),
        (
            lambda bits, chain: _chance_of_chain(bits, chain, restart=False),
            "1 + 1 within a chain starts a new one of length 1; yours falls back to none.",
        ),
    ],
)

error_bound = Check(
    "9.6 what a perfect score proves",
    reference=lambda tests, confidence: 1 - (1 - confidence) ** (1 / tests),
    cases=[(100, 0.95), (1000, 0.95), (10, 0.99), (1, 0.5)],
    mistakes=[
        (
            lambda tests, confidence: 0.0,
            "No error seen does not mean no error: a machine that fails once in 1,000 passes 100 tests easily.",
        ),
        (
            lambda tests, confidence: 3 / tests,
            "The rule of three is close at 95 %; find the exact number.",
        ),
        (
            lambda tests, confidence: 1 / tests,
            "A machine that errs once in n passes n tests with chance 1/e = 37 %: too often to rule it out.",
        ),
        (
            lambda tests, confidence: 1 - confidence ** (1 / tests),
            "Confidence and its complement are swapped: the n passes must have had chance 1 - confidence.",
        ),
    ],
)
