"""Checks of lesson 02: a vote, a hidden rule, one-hot vectors, the best a window allows, a clock."""

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


def _value(word):
    return sum(bit << place for place, bit in enumerate(word))


def _digits(number, size):
    return [number >> place & 1 for place in range(size)]


def _third(first, second):
    return _digits(_value(first) * _value(second), len(first) + len(second))


def _sum(first, second):
    return _digits(_value(first) + _value(second), len(first) + len(second))


def _by_columns(first, second, limit=None):
    """Digit products added place by place, without a carry: their sum, or all but its last bit."""
    total = [0] * (len(first) + len(second))
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            total[i + j] += a * b
    return [digit % limit for digit in total] if limit else total


_LONG = [1, 0, 1, 1, 0, 0, 1] * 7, [1, 1, 0, 1, 1] * 8

third = Check(
    name="2.2 third",
    reference=_third,
    cases=[
        ([1, 1, 1, 0], [1, 1, 1, 0]),
        ([1, 1, 0, 1], [1, 0, 1, 1]),
        ([0, 1], [1, 0, 1, 0, 1]),
        ([1, 1, 1, 1, 1], [0, 1, 1]),
        ([0, 0], [1, 1]),
        ([1], [1]),
        _LONG,
    ],
    mistakes=[
        (
            lambda first, second: _third(first[::-1], second[::-1])[::-1],
            "The rule is right and read from the wrong end: the first digit of a word is worth 1.",
        ),
        (
            lambda first, second: _third(first, second)[::-1],
            "The right digits in the wrong order: the third word begins with the digit worth 1, too.",
        ),
        (
            _sum,
            "This adds the two numbers. 0100 is 2, 1101 is 11, and 01101000 is 22.",
        ),
        (
            lambda first, second: _by_columns(first, second, limit=2),
            "Right where no two ones meet at one place. Where they do, a carry goes to the next place.",
        ),
        (
            _by_columns,
            "These sums stand at the right places, but a digit is 0 or 1: what is more must be carried.",
        ),
        (
            lambda first, second: [a & b for a, b in zip(first, second, strict=False)],
            "Digit by digit the two words do not decide it: 0100 makes 01101000 of 1101.",
        ),
        (
            lambda first, second: _value(first) * _value(second),
            "That is the right number. Now write its digits, the one worth 1 first.",
        ),
        (
            lambda first, second: _digits(
                _value(first) * _value(second), (_value(first) * _value(second)).bit_length()
            ),
            "The zeros at the end are missing: the third word is as long as both together.",
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
