"""Tasks over symbols: copy, reverse, duplicate, sort, repeat-even, parity, each a rule on words."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ngpu_lib import require
from ngpu_lib.contract import DIGIT_NAMES, PADDING, Task, Word, check_base, draw_digits

# The rules: a word in, the right answer out. Symbol k + 1 stands for k.


def copy(word: Word) -> Word:
    """The word itself."""
    return word


def reverse(word: Word) -> Word:
    """The word from its end."""
    return word[::-1]


def duplicate(word: Word) -> Word:
    """The first half of the cells, twice: the word stands there, padding behind it."""
    return word[: len(word) // 2] * 2


def sort(word: Word) -> Word:
    """The symbols in order."""
    return tuple(sorted(word))


def repeat_even(word: Word) -> Word:
    """At every odd position, counted from 0, the symbol before it."""
    return tuple(word[place - place % 2] for place in range(len(word)))


def parity(word: Word) -> Word:
    """At the last position whether the number of ones is odd; nothing before it."""
    ones = sum(symbol - 1 for symbol in word)
    return (PADDING,) * (len(word) - 1) + (1 + ones % 2,)


#: The symbol tasks by name: the rule, and the base where none is given.
RULES: dict[str, tuple[Callable[[Word], Word], int]] = {
    "copy": (copy, 8),
    "reverse": (reverse, 8),
    "duplicate": (duplicate, 8),
    "sort": (sort, 4),
    "repeat-even": (repeat_even, 2),
    "parity": (parity, 2),
}


class SymbolTask(Task):
    """A task over ``base`` symbols whose answer is one of ``RULES`` applied to the word.

    duplicate answers a word of n symbols on 2n cells. Of parity's answer only the last position
    counts.
    """

    def __init__(self, name: str, base: int):
        require.one_of("name", name, tuple(RULES))
        check_base(base)
        super().__init__(name, [".", *DIGIT_NAMES[:base]])
        self.base, self.rule = base, RULES[name][0]
        self.cells = 2 if self.rule is duplicate else 1

    def positions(self, length: int) -> int:
        self.check_length(length)
        return self.cells * length

    def length_for(self, positions: int) -> int:
        return require.whole("positions", positions) // self.cells

    def draw(self, length: int, generator: torch.Generator, kind: str) -> Word:
        word = [digit + 1 for digit in draw_digits(self.base, length, generator)]
        return tuple(word + [PADDING] * (self.positions(length) - length))

    def loss_slice(self, positions: int) -> slice:
        return slice(positions - 1 if self.rule is parity else 0, positions)

    def oracle(self, word: Word) -> Word:
        self.check_word(word)
        word = tuple(map(int, word))
        length, rest = divmod(len(word), self.cells)
        if rest or PADDING in word[:length] or any(word[length:]):
            padded = " and as many cells of padding" if self.cells > 1 else ", none of them padding"
            raise ValueError(f"word: got {self.text(word)!r}; {self.name} needs symbols{padded}")
        return self.rule(word)
