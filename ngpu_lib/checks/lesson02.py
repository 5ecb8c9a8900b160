"""Checks of lesson 02: description length, one-hot vectors, the best a window allows, a clock for the even bit."""

from __future__ import annotations

import torch

from . import Check


def _vote(fits):
    weights = {}
    for program, term in fits:
        weights[term] = weights.get(term, 0.0) + 8.0 ** -len(program)
    total = sum(weights.values())
    return {term: weight / total for term, weight in weights.items()}


def _head_count(fits):
    terms = [term for _, term in fits]
    return {term: terms.count(term) / len(terms) for term in terms}


def _no_division(fits):
    weights = {}
    for program, term in fits:
        weights[term] = weights.get(term, 0.0) + 8.0 ** -len(program)
    return weights


def _last_program_only(fits):
    weights = {term: 8.0 ** -len(program) for program, term in fits}
    return {term: weight / sum(weights.values()) for term, weight in weights.items()}


def _two_a_symbol(fits):
    total = sum(2.0 ** -len(program) for program, _ in fits)
    shares = [(term, 2.0 ** -len(program) / total) for program, term in fits]
    return {term: sum(share for other, share in shares if other == term) for term, _ in shares}


_FITS = [("n1+", 4), ("n2*1+", 7), ("nn*1+", 7), ("1n+n*", 5), ("n1+1*", 4), ("2n*2-", 5)]

vote = Check(
    name="2.1 vote",
    reference=_vote,
    cases=[(_FITS,), ([("n", 3)],), ([("n2+", 8), ("nn+", 6), ("n1+1+", 8)],)],
    mistakes=[
        (_head_count, "Every program has the same vote here. A symbol more must cost a factor 8."),
        (_no_division, "Right weights; now divide by their sum, so that the votes add up to 1."),
        (
            _last_program_only,
            "Several programs name the same term: add their weights, do not replace.",
        ),
        (_two_a_symbol, "A symbol is three bits long, so it costs a factor 8, not 2."),
    ],
)


def _hold(bits, period):
    return [bits[place - place % period] for place in range(len(bits))]


hold = Check(
    name="2.2 hold",
    reference=_hold,
    cases=[([1, 0, 0, 1, 0, 1, 1], 2), ([3, 1, 4, 1, 5, 9, 2, 6], 3), ([1, 0], 1), ([7, 8, 9], 5)],
    mistakes=[
        (
            lambda bits, period: [
                bits[max(0, p - 1)] if p % period else b for p, b in enumerate(bits)
            ],
            "This repeats the neighbour before. For a period above 2 the held bit lies further back.",
        ),
        (
            lambda bits, period: [bits[p // period] for p in range(len(bits))],
            "p // period is the number of the block. You need the position where that block begins.",
        ),
        (
            lambda bits, period: [
                bits[min(p - p % period + period - 1, len(bits) - 1)] for p in range(len(bits))
            ],
            "This shows the last bit of each block; the first one is wanted.",
        ),
        (
            lambda bits, period: [bits[p - p % 2] for p in range(len(bits))],
            "Right for a period of 2 only: the block has `period` positions.",
        ),
        (
            lambda bits, period: [bits[p % period] for p in range(len(bits))],
            "p % period says how far p is from the beginning of its block; subtract it from p.",
        ),
    ],
)


def _one_hot(symbols_BL, count):
    return (symbols_BL[:, None, :] == torch.arange(count)[:, None]).float()


_SYMBOLS = torch.tensor([[0, 2, 1, 1], [3, 0, 0, 2]])

one_hot = Check(
    name="2.3 one_hot",
    reference=_one_hot,
    cases=[(_SYMBOLS, 4), (_SYMBOLS, 6), (torch.tensor([[1], [0]]), 2)],
    mistakes=[
        (
            lambda s, count: _one_hot(s, count).transpose(1, 2),
            "The vectors lie in the last axis, (B, L, V). A convolution reads its channels from axis 1.",
        ),
        (
            lambda s, count: _one_hot(s - 1, count),
            "Symbol v must light channel v, and symbol 0 channel 0: you are one off.",
        ),
        (
            lambda s, count: 1 - _one_hot(s, count),
            "Ones and zeros are swapped: exactly one channel of each position is 1.",
        ),
        (
            lambda s, count: _one_hot(s, count) * s[:, None, :],
            "The channel of the symbol is 1, whatever the symbol: you put its number there.",
        ),
    ],
)


def _wanted(pairs):
    answers = {}
    for window, answer in pairs:
        answers.setdefault(window, []).append(answer)
    return answers


def _ceiling(pairs):
    wanted = _wanted(pairs).values()
    return sum(max(seen.count(0), seen.count(1)) for seen in wanted) / len(pairs)


def _last_seen(pairs):
    last = dict(pairs)
    return sum(last[window] == answer for window, answer in pairs) / len(pairs)


_PAIRS = [
    (3, 1),
    (3, 1),
    (3, 0),
    (5, 0),
    (5, 0),
    (5, 0),
    (5, 1),
    (8, 1),
    (9, 0),
    (9, 1),
    (3, 0),
    (3, 1),
]

ceiling = Check(
    name="2.4 ceiling",
    reference=_ceiling,
    cases=[
        (_PAIRS,),
        ([((None, 1), 1), ((1, 0), 0), ((1, 0), 1), ((0, None), 0), ((1, 0), 0)],),
        ([("a", 1), ("b", 1), ("a", 1)],),
        ([("a", 0), ("b", 0), ("b", 1), ("b", 1)],),
    ],
    mistakes=[
        (
            lambda pairs: (
                sum(max(a.count(0), a.count(1)) / len(a) for a in _wanted(pairs).values())
                / len(_wanted(pairs))
            ),
            "Every window counts the same here. A window that many cells see must count more.",
        ),
        (
            lambda pairs: _ceiling([(0, answer) for _, answer in pairs]),
            "This gives every cell the same answer. Cells with different windows may differ.",
        ),
        (
            lambda pairs: _ceiling(pairs) * len(pairs),
            "That is how many cells are right; divide by how many there are.",
        ),
        (
            lambda pairs: _ceiling(pairs) * len(pairs) / len(_wanted(pairs)),
            "You divide by the number of windows. An accuracy is right cells by all cells.",
        ),
        (
            lambda pairs: (
                sum(len(set(a)) == 1 for a in _wanted(pairs).values()) / len(_wanted(pairs))
            ),
            "This counts the windows that are never in doubt; in the others some cells are right, too.",
        ),
        (_last_seen, "The last answer seen for a window need not be its most frequent one."),
    ],
)

clock = Check(
    name="2.5 clock",
    reference=lambda n: 1 - 2 * (torch.arange(n) % 2).float(),
    cases=[(6,), (7,), (1,), (40,)],
    mistakes=[
        (
            lambda n: 2 * (torch.arange(n) % 2).float() - 1,
            "The sign is turned: position 0 is even, +1.",
        ),
        (
            lambda n: torch.arange(n) / n,
            "That is the normalised number, which the lesson saw fail.",
        ),
        (
            lambda n: torch.cos(torch.arange(n).float()),
            "A wave, but its period is 2 pi = 6.28 positions; the task has period 2.",
        ),
        (
            lambda n: (torch.arange(n) % 2).float(),
            "The right period; the values wanted are +1 and -1.",
        ),
    ],
)
