"""Algorithmic tasks: what goes in, what must come out, and an oracle in plain Python that knows.

Every task speaks one contract. A *word* is a tuple of symbol numbers; symbol 0 is padding and digit
``k`` is symbol ``k + 1``. ``sample`` draws words from a ``torch.Generator``, asks ``oracle`` for the
right answers and packs both into a ``Batch``.

>>> task = make_task("add")
>>> print(task.render(task.encode(5, 3, length=3)))
input   101+110
target  0001000
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

PADDING = 0
#: Cells of the largest batch that is drawn: what is far beyond any use is a slip, and would hang.
MOST_CELLS = 10**8
Word = tuple[int, ...]


@dataclass(frozen=True)
class Batch:
    """A batch of words of one task.

    inputs_BL: symbol numbers, int64. targets_BL: the right answers, int64.
    loss_mask_BL: True where an answer counts. valid_BL: True where the tape exists at all; behind a
    padded item there are cells that do not, which a Neural GPU keeps at zero.
    """

    inputs_BL: torch.Tensor
    targets_BL: torch.Tensor
    loss_mask_BL: torch.Tensor
    valid_BL: torch.Tensor

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    def __len__(self) -> int:
        return self.inputs_BL.shape[0]


class Task:
    """The contract. A task says which words exist, what the answers are, and how to print them."""

    #: The kinds of input ``sample`` understands; "random" is uniform over all words of a length.
    kinds: tuple[str, ...] = ("random",)
    #: The shortest word there is.
    min_length: int = 1

    def __init__(self, name: str, symbols: Sequence[str]):
        self.name = name
        self.symbols = tuple(symbols)

    @property
    def vocabulary(self) -> int:
        """V, the number of symbols, padding included."""
        return len(self.symbols)

    def positions(self, length: int) -> int:
        """Tape cells that a word of ``length`` needs (the number of steps a Neural GPU runs)."""
        return length

    def length_for(self, positions: int) -> int:
        """The longest word that fits into ``positions`` tape cells."""
        return positions

    def oracle(self, word: Word) -> Word:
        """The right answer for one word, in plain Python; as long as the word."""
        raise NotImplementedError

    def draw(self, length: int, generator: torch.Generator, kind: str) -> Word:
        """One input word, ``positions(length)`` symbols long."""
        raise NotImplementedError

    def loss_slice(self, positions: int) -> slice:
        """Which positions of the answer count."""
        return slice(0, positions)

    def check_length(self, length: int) -> None:
        """Raise ValueError unless ``length`` is a whole number of at least ``min_length``."""
        if not isinstance(length, int) or isinstance(length, bool) or length < self.min_length:
            raise ValueError(
                f"length: got {length!r}; {self.name} needs a whole number >= {self.min_length}"
            )

    def check_word(self, word: Word) -> None:
        """Raise ValueError for an empty word or a symbol that is not in the vocabulary."""
        if len(word) == 0:
            raise ValueError(f"word: got an empty sequence; {self.name} needs at least one symbol")
        for place, symbol in enumerate(word):
            if not 0 <= symbol < self.vocabulary:
                raise ValueError(
                    f"word: got symbol {symbol!r} at position {place}; "
                    f"{self.name} needs symbols 0..{self.vocabulary - 1}"
                )

    def sample(
        self,
        batch_size: int,
        length: int,
        generator: torch.Generator,
        *,
        inputs: str = "random",
        positions: int | None = None,
    ) -> Batch:
        """Draw a batch of words of one length.

        Args:
            batch_size: B >= 1.
            length: digits of one operand for arithmetic, symbols for the other tasks.
            generator: where all randomness comes from.
            inputs: one of ``kinds``.
            positions: tape cells L; the cells behind the word are padding. Default: just enough.

        Returns:
            A Batch of shape (B, L).

        Raises:
            ValueError: a batch size, length, kind or number of positions that cannot be.
        """
        self.check_length(length)
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size < 1:
            raise ValueError(f"batch_size: got {batch_size!r}; needs a whole number >= 1")
        if inputs not in self.kinds:
            raise ValueError(f"inputs: got {inputs!r}; {self.name} knows {', '.join(self.kinds)}")
        needed = self.positions(length)
        positions = needed if positions is None else positions
        if positions < needed:
            raise ValueError(f"positions: got {positions}; length {length} needs {needed}")
        if batch_size * positions > MOST_CELLS:
            raise ValueError(
                f"batch_size: got {batch_size} items of {positions} cells; needs at most "
                f"{MOST_CELLS:,} cells in all"
            )
        words = [self.draw(length, generator, inputs) for _ in range(batch_size)]
        return self.batch(words, positions)

    def batch(self, words: Sequence[Word], positions: int | None = None) -> Batch:
        """Pack words of one length, with the oracle's answers, into a Batch of shape (B, L)."""
        if not words:
            raise ValueError(f"words: got none; {self.name} needs at least one")
        for word in words:
            self.check_word(word)
            if len(word) != len(words[0]):
                raise ValueError(
                    f"words: got lengths {len(words[0])} and {len(word)}; needs one length"
                )
        needed = len(words[0])
        positions = needed if positions is None else positions
        shape = (len(words), positions)
        inputs_BL = torch.zeros(shape, dtype=torch.int64)
        targets_BL = torch.zeros(shape, dtype=torch.int64)
        inputs_BL[:, :needed] = torch.tensor(words)
        targets_BL[:, :needed] = torch.tensor([self.oracle(word) for word in words])
        loss_mask_BL = torch.zeros(shape, dtype=torch.bool)
        loss_mask_BL[:, self.loss_slice(needed)] = True
        valid_BL = torch.zeros(shape, dtype=torch.bool)
        valid_BL[:, :needed] = True
        return Batch(inputs_BL, targets_BL, loss_mask_BL, valid_BL)

    def text(self, word: Sequence[int]) -> str:
        """A word as it prints, one character or digit group a symbol."""
        return "".join(self.symbols[int(symbol)] for symbol in word)

    def render(self, word: Word, answer: Sequence[int] | None = None) -> str:
        """One instance as text: the input, the target, and where an ``answer`` is wrong."""
        self.check_word(word)
        target = self.oracle(word)
        lines = [f"input   {self.text(word)}", f"target  {self.text(target)}"]
        if answer is not None:
            count = self.loss_slice(len(word))
            marks = [" "] * len(word)
            for place in range(*count.indices(len(word))):
                marks[place] = " " if int(answer[place]) == target[place] else "^"
            lines += [f"answer  {self.text(answer)}", f"        {''.join(marks)}".rstrip()]
        return "\n".join(lines).rstrip()


#: How the digits of a base print: 0-9, then a-z, A-Z, and two marks.
DIGIT_NAMES = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@#"


def check_base(base: int) -> None:
    """Raise ValueError unless ``base`` is a whole number from 2 to 64."""
    if not isinstance(base, int) or isinstance(base, bool) or not 2 <= base <= 64:
        raise ValueError(f"base: got {base!r}; needs a whole number from 2 to 64")


def draw_digits(base: int, count: int, generator: torch.Generator) -> list[int]:
    """``count`` digits of a base, each uniform."""
    return torch.randint(base, (count,), generator=generator).tolist()


# The rules of the symbol tasks: a word in, the right answer out. Symbol k + 1 stands for k.


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
        check_base(base)
        super().__init__(name, [".", *DIGIT_NAMES[:base]])
        self.base, self.rule = base, RULES[name][0]
        self.cells = 2 if self.rule is duplicate else 1

    def positions(self, length: int) -> int:
        return self.cells * length

    def length_for(self, positions: int) -> int:
        return positions // self.cells

    def draw(self, length: int, generator: torch.Generator, kind: str) -> Word:
        word = [digit + 1 for digit in draw_digits(self.base, length, generator)]
        return tuple(word + [PADDING] * (self.positions(length) - length))

    def loss_slice(self, positions: int) -> slice:
        return slice(positions - 1 if self.rule is parity else 0, positions)

    def oracle(self, word: Word) -> Word:
        return self.rule(word)


ARITHMETIC = ("add", "multiply", "add-bcd", "multiply-bcd")
TASK_NAMES = (*RULES, *ARITHMETIC)


def suggest(name: str, known: Sequence[str]) -> str:
    """The end of an error message for an unknown name: the close matches, or all names."""
    close = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"needs one of {', '.join(known)}"


def make_task(name: str, base: int | None = None) -> Task:
    """The task called ``name``, over ``base`` digits or symbols.

    Raises:
        ValueError: an unknown name (with the close matches) or a base outside 2..64.

    >>> make_task("reverse", base=2).oracle((1, 1, 2))
    (2, 1, 1)
    """
    if name not in TASK_NAMES:
        raise ValueError(f"task: got {name!r}; {suggest(name, TASK_NAMES)}")
    if name in ARITHMETIC:
        from ngpu_lib.arithmetic import Arithmetic  # it builds on this file

        decimal = name.endswith("-bcd")
        if decimal and base not in (None, 10):
            raise ValueError(f"base: got {base}; {name} is decimal")
        usual, bits = (10, 4) if decimal else (2, 1)
        return Arithmetic(name, usual if base is None else base, bits_per_digit=bits)
    if name == "parity" and base not in (None, 2):
        raise ValueError(f"base: got {base}; parity is about bits, base 2")
    return SymbolTask(name, RULES[name][1] if base is None else base)
