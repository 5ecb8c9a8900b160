"""Lesson 10, attention: the checks."""

from __future__ import annotations

import math

import torch

from ngpu_lib.checks import Check


def _look(q_LH, k_LH, v_LH, seen_LL, *, scale=None, late=False, across=-1, refill=False):
    """Scaled, masked attention; the options are what goes wrong in it."""
    fits_LL = q_LH @ k_LH.T / (math.sqrt(q_LH.shape[1]) if scale is None else scale(q_LH.shape[1]))
    if not late:
        fits_LL = fits_LL.masked_fill(~seen_LL, 0.0 if refill else -torch.inf)
    w_LL = fits_LL.softmax(across)
    return (w_LL * seen_LL if late else w_LL) @ v_LH


def _look_cases():
    generator = torch.Generator().manual_seed(10)
    cases = []
    for queries, keys, size, width in ((5, 5, 4, 3), (3, 6, 9, 2), (4, 2, 2, 5)):
        q_LH, k_LH = (
            2 * torch.randn(n, size, generator=generator).round(decimals=2) for n in (queries, keys)
        )
        v_LH = torch.randn(keys, width, generator=generator).round(decimals=2)
        seen_LL = torch.rand(queries, keys, generator=generator) < 0.6
        seen_LL[:, 0] = True  # everybody may look somewhere
        seen_LL[0, 1] = False
        cases.append((q_LH, k_LH, v_LH, seen_LL))
    return cases


look = Check(
    "10.1 one look",
    reference=_look,
    cases=_look_cases(),
    tolerance=1e-5,
    gradients=[0],
    mistakes=[
        (
            lambda *case: _look(*case, scale=lambda size: 1),
            "The fits are not divided by the root of H.",
        ),
        (
            lambda *case: _look(*case, scale=lambda size: size),
            "You divide by H; a sum of H products of size 1 is about as large as its root.",
        ),
        (
            lambda *case: _look(*case, late=True),
            "You set weights to 0 after the softmax: a row then sums to less than 1. Forbid before it.",
        ),
        (
            lambda *case: _look(*case, refill=True),
            "A fit of 0 is not 'do not look': exp(0) = 1. What may not be seen needs minus infinity.",
        ),
        (
            lambda q_LH, k_LH, v_LH, seen_LL: _look(
                q_LH, k_LH, v_LH, torch.ones_like(seen_LL)
            ),
            "Everybody sees everything: seen_LL is not used.",
        ),
        (
            lambda *case: _look(*case, across=0),
            "Your softmax runs over the queries. Each query's shares (a row) must sum to 1.",
        ),
        (
            lambda q_LH, k_LH, v_LH, seen_LL: _look(q_LH, k_LH, v_LH, ~seen_LL),
            "Your mask is the wrong way round: True is what may be seen.",
        ),
    ],
)  # fmt: skip


def _fast_weights(q_LH, k_LH, v_LH, *, late=0, turned=False, fresh=False, all_first=False):
    """Write v k^T, then read with q; the options are what goes wrong in it."""
    memory, found = torch.zeros(v_LH.shape[1], q_LH.shape[1], dtype=q_LH.dtype), []
    total = v_LH.T @ k_LH
    for q_H, k_H, v_H in zip(q_LH, k_LH, v_LH, strict=True):
        before = memory
        written = torch.outer(k_H, v_H) if turned else torch.outer(v_H, k_H)
        memory = written if fresh else memory + written
        found.append((total if all_first else before if late else memory) @ q_H)
    return torch.stack(found)


def _fast_cases():
    generator = torch.Generator().manual_seed(102)
    return [
        tuple(
            torch.randn(length, size, generator=generator).round(decimals=2)
            for size in (keys, keys, values)
        )
        for length, keys, values in ((5, 3, 3), (4, 2, 5), (1, 4, 2))
    ]


fast_weights = Check(
    "10.2 a memory of outer products",
    reference=_fast_weights,
    cases=_fast_cases(),
    tolerance=1e-5,
    mistakes=[
        (
            lambda *case: _fast_weights(*case, late=1),
            "You read before you write: position l must see its own pair as well.",
        ),
        (
            lambda *case: _fast_weights(*case, fresh=True),
            "Your memory holds the latest pair alone. Add to what is there.",
        ),
        (
            lambda *case: _fast_weights(*case, all_first=True),
            "Everything is written before anything is read, so position 0 sees what comes later.",
        ),
        (
            lambda *case: _fast_weights(*case, turned=True),
            "Key and value are swapped in the product: memory @ q must give v (k . q), so write the outer "
            "product of v and k.",
        ),
        (
            lambda q_LH, k_LH, v_LH: torch.softmax(
                (q_LH @ k_LH.T).masked_fill(
                    ~torch.ones(len(q_LH), len(q_LH), dtype=torch.bool).tril(), -torch.inf
                ),
                -1,
            )
            @ v_LH,
            "That is attention with its softmax. Here a fit is used as it is.",
        ),
    ],
)  # fmt: skip

_BLIND = {"two sums": True, "the same symbols": True, "the same result": False}

blind_pair = Check(
    "10.3 two sums it cannot tell apart",
    reference=lambda: dict(_BLIND),
    mistakes=[
        (
            lambda: _BLIND | {"the same result": True},
            "The same symbols, and the same result: it need not tell these apart. Swap digits of different "
            "places.",
        ),
        (
            lambda: _BLIND | {"the same symbols": False},
            "It can tell these apart by counting: one has more ones, or more symbols, than the other.",
        ),
        (
            lambda: _BLIND | {"the same symbols": False, "the same result": True},
            "Other symbols and the same result: that is the opposite of what is wanted.",
        ),
        (
            lambda: {"two sums": False, "the same symbols": False, "the same result": False},
            "Two texts are wanted, each a sum of two binary numbers of one length, such as '01+10'.",
        ),
    ],
)  # fmt: skip


def _number(word, *, starts=(("+", 0), ("=", 1)), first=0):
    found, place = [], first
    for symbol in word:
        place = dict(starts).get(symbol, place + 1)
        found.append(place)
    return found


number_digits = Check(
    "10.4 numbers for digits",
    reference=_number,
    cases=[("101+011=0001",), ("1+0=1",), ("0110+1111=1010",), ("11+",), ("=",), ("",)],
    mistakes=[
        (
            lambda word: list(range(1, len(word) + 1)),
            "You count along the word: the digits of one place get different numbers.",
        ),
        (
            lambda word: _number(word, starts=[("=", 1)]),
            "The count does not start anew after '+': the digits of b belong to those of a.",
        ),
        (
            lambda word: _number(word, starts=[("+", 0)]),
            "At '=' the count must start anew as well: the sum has digits, too.",
        ),
        (
            lambda word: _number(word, starts=[("+", 0), ("=", 0)]),
            "'=' is followed by the first digit of the sum, so it has that digit's number, 1.",
        ),
        (
            lambda word: _number(word, starts=[("+", -1), ("=", 0)], first=-1),
            "The first digit of a number has the number 1, not 0.",
        ),
    ],
)


def _choose(logits, temperature, u, *, power=None, keep=False):
    logits_V = torch.as_tensor(logits, dtype=torch.float64)
    if temperature == 0 and power is None:
        return int(logits_V.argmax())
    by = (lambda x, t: x / t) if power is None else power
    shares_V = torch.softmax(by(logits_V, temperature), -1)
    below_V = shares_V.cumsum(-1)
    return int((below_V <= u).sum()) - (1 if keep else 0)


choose = Check(
    "10.5 the next symbol",
    reference=_choose,
    cases=[
        ([1.0, 3.0, 2.0], 1.0, 0.05),
        ([1.0, 3.0, 2.0], 1.0, 0.5),
        ([1.0, 3.0, 2.0], 1.0, 0.95),
        ([1.0, 3.0, 2.0], 0.25, 0.2),
        ([1.0, 3.0, 2.0], 0.25, 0.95),
        ([1.0, 3.0, 2.0], 0.25, 0.999),
        ([1.0, 3.0, 2.0], 5.0, 0.2),
        ([1.0, 3.0, 2.0], 5.0, 0.3),
        ([1.0, 3.0, 2.0], 5.0, 0.6),
        ([1.0, 3.0, 2.0], 5.0, 0.75),
        ([1.0, 3.0, 2.0], 0, 0.999),
        ([-1.0, -4.0], 0, 0.999),
        ([0.5, -0.5, 0.1, 0.9], 2.0, 0.0),
        ([1.0, 1.0], 1.0, 0.5),
    ],
    mistakes=[
        (
            lambda logits, temperature, u: max(range(len(logits)), key=lambda i: logits[i]),
            "That is always the likeliest symbol. Above temperature 0, u decides.",
        ),
        (
            lambda logits, temperature, u: _choose(logits, 1.0 if temperature else 0, u),
            "The temperature has no effect: divide the logits by it.",
        ),
        (
            lambda logits, temperature, u: _choose(
                logits, temperature, u, power=lambda x, t: x * t
            )
            if temperature
            else _choose(logits, 0, u),
            "You multiply by the temperature: a high one must make the chances more alike.",
        ),
        (
            lambda logits, temperature, u: _choose([x / temperature for x in logits], 1.0, u),
            "At temperature 0 you divide by 0. It stands for the likeliest symbol.",
        ),
        (
            lambda logits, temperature, u: _choose(logits, temperature, 1 - u)
            if temperature
            else _choose(logits, 0, u),
            "You count from the last symbol down: symbol 0 has the lowest u.",
        ),
    ],
)  # fmt: skip
