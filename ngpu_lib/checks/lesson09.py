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


def _adamax(w, g, m, v, lr, beta, *, clip=True, slack=1e-4, old_v=False, raw_v=False, plus=False):
    """One update of the clipped AdaMax, and, through its options, the ways to get it wrong."""
    bound = 1.2 * v + slack
    clipped = torch.maximum(torch.minimum(g, bound), -bound) if clip else g
    m = 0.9 * m + 0.1 * clipped
    new_v = torch.maximum(beta * v, (g if raw_v else clipped).abs())
    step = lr * m / ((v if old_v else new_v) + 1e-8)
    return w + step if plus else w - step, m, new_v


def _adamax_wrong(**slip):
    return lambda w, g, m, v, lr, beta: _adamax(w, g, m, v, lr, beta, **slip)


_UPDATES = [
    (
        torch.tensor([0.5, -1.0, 2.0, 0.1]),
        torch.tensor([0.5, -3.0, 0.02, 0.3]),
        torch.tensor([0.1, 0.2, 0.0, 0.05]),
        torch.tensor([1.0, 1.0, 0.0, 0.1]),
        0.01,
        0.99,
    ),
    (
        torch.tensor([[0.3, -0.2], [0.0, 1.0]]),
        torch.tensor([[10.0, -0.2], [0.0, 0.4]]),
        torch.tensor([[-0.5, 0.1], [1e-9, 0.3]]),
        torch.tensor([[2.0, 0.1], [0.0, 0.5]]),
        0.2,
        0.9,
    ),
]

clipped_adamax = Check(
    "9.2 clip, then AdaMax",
    reference=_adamax,
    cases=_UPDATES,
    tolerance=1e-6,
    mistakes=[
        (
            _adamax_wrong(plus=True),
            "The weights climb: the step goes against the gradient, w minus lr m / v.",
        ),
        (
            _adamax_wrong(clip=False),
            "Nothing is clipped. (A bound made of a v that has already seen this gradient clips nothing either.)",
        ),
        (
            _adamax_wrong(raw_v=True),
            "v must grow from the *clipped* gradient; yours takes the wild one, and the measure is ruined.",
        ),
        (
            _adamax_wrong(old_v=True),
            "The step divides by the new v; yours divides by the old one.",
        ),
        (
            _adamax_wrong(slack=0.0),
            "Without the 1e-4 an element that was 0 so far can never move.",
        ),
    ],
)


def _terms(difference, *, sign_of=lambda odd: 2 - odd % 4):
    """The signed terms, lowest place first; ``sign_of`` chooses the sign of an odd number's lowest term."""
    terms, k = [], 0
    while difference and k < 10_000:
        if difference % 2:
            sign = sign_of(difference)
            terms.append((sign, k))
            difference -= sign
        difference //= 2
        k += 1
    return terms


def _plain_binary(difference):
    sign = 1 if difference > 0 else -1
    return [(sign, k) for k in range(abs(difference).bit_length()) if abs(difference) >> k & 1]


signed_terms = Check(
    "9.3 signed terms",
    reference=_terms,
    cases=[(7,), (-8,), (0,), (1,), (-1,), (0b1011,), (-0b110111,), (2**70 - 2**33 + 5,), (-3 * 2**9,)],
    mistakes=[
        (
            _plain_binary,
            "That is plain binary: 7 needs three terms there, but 8 - 1 are two. After a remainder of 3 take -1.",
        ),
        (
            lambda difference: _terms(difference)[::-1],
            "The terms are right; the lowest k comes first.",
        ),
        (
            lambda difference: [(sign, 2**k) for sign, k in _terms(difference)],
            "You give 2^k; the place k is wanted.",
        ),
        (
            lambda difference: [(k, sign) for sign, k in _terms(difference)],
            "Sign and place are swapped: (sign, k).",
        ),
        (
            lambda difference: _terms(abs(difference)),
            "The sign of the difference is lost: -8 is [(-1, 3)].",
        ),
        (
            lambda difference: _terms(difference) if difference > 0 else [],
            "Negative differences give nothing: loop while difference is not 0.",
        ),
    ],
)  # fmt: skip


def _verdict(fits=True, new=True, wrong=True, in_time=True):
    return {"below 2^bits": fits, "new": new, "wrong": wrong, "right with time": in_time}


out_of_time = Check(
    "9.4 out of time",
    reference=_verdict,
    mistakes=[
        (
            lambda: _verdict(fits=False, new=False, wrong=False, in_time=False),
            "Two numbers from 0 to 2^bits - 1 are wanted, for each number of bits.",
        ),
        (
            lambda: _verdict(wrong=False),
            "The network gets one of them right: its last carry is short enough. More ones above it.",
        ),
        (
            lambda: _verdict(in_time=False),
            "Wrong, and wrong still with more steps: that is a slip, not a lack of time.",
        ),
        (
            lambda: _verdict(new=False),
            "That is the pair of the text, or the same two numbers swapped. Find another.",
        ),
        (
            lambda: _verdict(wrong=False, in_time=False),
            "The network gets one of them right, and one it gets wrong with more steps, too.",
        ),
    ],
)


def _chance_of_chain(bits, chain, *, propagate=0.5, restart=True, forgets=False):
    """The exact chance, by the length of the chain that is under way at each digit."""
    generate = stop = (1 - propagate) / 2
    under_way = [1.0] + [0.0] * chain
    for _ in range(bits):
        new = [0.0] * chain + [0.0 if forgets and chain == 1 else under_way[chain]]
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
