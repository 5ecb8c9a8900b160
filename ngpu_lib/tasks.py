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
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

PADDING = 0
Word = tuple[int, ...]


@dataclass(frozen=True)
class Batch:
    """A batch of words of one task.

    inputs_BL: symbol numbers, int64. targets_BL: the right answers, int64.
    scored_BL: True where an answer counts. live_BL: True where the tape exists at all; a padded item
    has dead cells behind it, which a Neural GPU keeps at zero.
    """

    inputs_BL: torch.Tensor
    targets_BL: torch.Tensor
    scored_BL: torch.Tensor
    live_BL: torch.Tensor

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

    def scored(self, positions: int) -> slice:
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
        if batch_size < 1:
            raise ValueError(f"batch_size: got {batch_size}; needs at least 1")
        if inputs not in self.kinds:
            raise ValueError(f"inputs: got {inputs!r}; {self.name} knows {', '.join(self.kinds)}")
        needed = self.positions(length)
        positions = needed if positions is None else positions
        if positions < needed:
            raise ValueError(f"positions: got {positions}; length {length} needs {needed}")
        words = [self.draw(length, generator, inputs) for _ in range(batch_size)]
        return self.batch(words, positions)

    def batch(self, words: Sequence[Word], positions: int | None = None) -> Batch:
        """Pack words of one length, with the oracle's answers, into a Batch of shape (B, L)."""
        for word in words:
            self.check_word(word)
        needed = len(words[0])
        positions = needed if positions is None else positions
        shape = (len(words), positions)
        inputs_BL = torch.zeros(shape, dtype=torch.int64)
        targets_BL = torch.zeros(shape, dtype=torch.int64)
        inputs_BL[:, :needed] = torch.tensor(words)
        targets_BL[:, :needed] = torch.tensor([self.oracle(word) for word in words])
        scored_BL = torch.zeros(shape, dtype=torch.bool)
        scored_BL[:, self.scored(needed)] = True
        live_BL = torch.zeros(shape, dtype=torch.bool)
        live_BL[:, :needed] = True
        return Batch(inputs_BL, targets_BL, scored_BL, live_BL)

    def text(self, word: Sequence[int]) -> str:
        """A word as it prints, one character or digit group a symbol."""
        return "".join(self.symbols[int(symbol)] for symbol in word)

    def render(self, word: Word, answer: Sequence[int] | None = None) -> str:
        """One instance as text: the input, the target, and where an ``answer`` is wrong."""
        self.check_word(word)
        target = self.oracle(word)
        lines = [f"input   {self.text(word)}", f"target  {self.text(target)}"]
        if answer is not None:
            count = self.scored(len(word))
            marks = [" "] * len(word)
            for place in range(*count.indices(len(word))):
                marks[place] = " " if int(answer[place]) == target[place] else "^"
            lines += [f"answer  {self.text(answer)}", f"        {''.join(marks)}".rstrip()]
        return "\n".join(lines).rstrip()


def _digits_below(base: int, count: int, generator: torch.Generator) -> list[int]:
    return torch.randint(base, (count,), generator=generator).tolist()


def _chance(generator: torch.Generator) -> float:
    return torch.rand((), generator=generator).item()


def _check_base(base: int) -> None:
    if not isinstance(base, int) or not 2 <= base <= 64:
        raise ValueError(f"base: got {base!r}; needs a whole number from 2 to 64")


def digit_names(base: int) -> list[str]:
    """How the digits of a base print: 0-9, then a-z, A-Z, and two marks."""
    return list("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@#"[:base])


class SymbolTask(Task):
    """Tasks over ``base`` symbols: copy, reverse, duplicate, sort, repeat-even and parity.

    duplicate answers a word of n symbols with the word twice, on 2n cells. repeat-even shows at
    every odd position (counted from 0) the symbol before it. parity puts 1 at the last position
    when the number of ones is odd; no other position counts.
    """

    def __init__(self, name: str, base: int):
        _check_base(base)
        super().__init__(name, [".", *digit_names(base)])
        self.base = base

    def positions(self, length: int) -> int:
        return 2 * length if self.name == "duplicate" else length

    def length_for(self, positions: int) -> int:
        return positions // 2 if self.name == "duplicate" else positions

    def draw(self, length: int, generator: torch.Generator, kind: str) -> Word:
        word = [digit + 1 for digit in _digits_below(self.base, length, generator)]
        return tuple(word + [PADDING] * (self.positions(length) - length))

    def scored(self, positions: int) -> slice:
        return slice(positions - 1 if self.name == "parity" else 0, positions)

    def oracle(self, word: Word) -> Word:
        if self.name == "copy":
            return word
        if self.name == "reverse":
            return word[::-1]
        if self.name == "duplicate":
            return word[: len(word) // 2] * 2
        if self.name == "sort":
            return tuple(sorted(word))
        if self.name == "repeat-even":
            return tuple(word[place - place % 2] for place in range(len(word)))
        ones = sum(symbol - 1 for symbol in word)
        return (PADDING,) * (len(word) - 1) + (1 + ones % 2,)


def to_digits(number: int, base: int, count: int) -> list[int]:
    """The lowest ``count`` digits of a number, least significant first.

    >>> to_digits(6, 2, 4)
    [0, 1, 1, 0]
    """
    digits = []
    for _ in range(count):
        number, digit = divmod(number, base)
        digits.append(digit)
    return digits


def from_digits(digits: Sequence[int], base: int) -> int:
    """The number that digits, least significant first, stand for."""
    number = 0
    for digit in reversed(digits):
        if not 0 <= digit < base:
            raise ValueError(f"digits: got the digit {digit!r}; base {base} needs 0..{base - 1}")
        number = number * base + digit
    return number


class Arithmetic(Task):
    """Addition or multiplication of two numbers of ``length`` digits.

    A word is d digits least significant first, the operator, d digits: n = 2d + 1 symbols. The answer
    has n symbols too, padded with zero *digits* (stripping leading zeros would make every cell
    depend on the highest digit). With ``bits_per_digit`` > 1 each digit is written in that many
    bits, least significant first (decimal in binary: base 10, 4 bits).

    Source: Kaiser & Sutskever 2015, section 3.1 (order, separator); Freivalds & Liepins 2017 (length
    2d + 1). Departure: the papers pad the answer with a padding symbol, we pad it with zeros.

    Kinds of input:
        random     every digit uniform.
        carries    add: the carry runs through every digit (all ones + an odd number, complement
                   pairs) or just fails to start; multiply: operands made of long runs of the top digit.
        symmetric  both operands equal: half of them random, half with at most three nonzero digits.
        zeros      one operand is 0.            ones    one operand is 1.
        powers     both operands are powers of the base.
        biased     each digit is the top digit with chance d, else zero; d is drawn from 0..1 for each
                   operand. Columns of a product then add up to far more, or less, than random ones.
        mixed      for training: half random, 15 % a run of top digits and a small number, 20 % carries
                   at every scale, 15 % symmetric (after Price, Zaremba & Sutskever 2016, who take
                   60 % random, 20 % runs and 20 % complement pairs).
        stress     mixed, with 30 % biased operands in place of random ones.
    """

    kinds = (
        "random",
        "carries",
        "symmetric",
        "zeros",
        "ones",
        "powers",
        "biased",
        "mixed",
        "stress",
    )

    def __init__(self, name: str, base: int = 2, bits_per_digit: int = 1):
        _check_base(base)
        self.base = base
        self.bits_per_digit = bits_per_digit
        self.sign = {"add": "+", "multiply": "*"}[name.split("-")[0]]
        digit_base = base if bits_per_digit == 1 else 2
        super().__init__(name, [".", *digit_names(digit_base), self.sign])
        self.separator = len(self.symbols) - 1

    def positions(self, length: int) -> int:
        return 2 * length * self.bits_per_digit + 1

    def length_for(self, positions: int) -> int:
        return (positions - 1) // (2 * self.bits_per_digit)

    def _write(self, number: int, count: int) -> list[int]:
        symbols = []
        for digit in to_digits(number, self.base, count):
            if self.bits_per_digit == 1:
                symbols.append(digit + 1)
            else:
                symbols += [bit + 1 for bit in to_digits(digit, 2, self.bits_per_digit)]
        return symbols

    def _read(self, symbols: Sequence[int]) -> int:
        bits = self.bits_per_digit
        digits = [symbol - 1 for symbol in symbols]
        if bits > 1:
            digits = [from_digits(digits[k : k + bits], 2) for k in range(0, len(digits), bits)]
        return from_digits(digits, self.base)

    def encode(self, a: int, b: int, length: int | None = None) -> Word:
        """The word for a and b, each written with ``length`` digits (default: as many as needed)."""
        if a < 0 or b < 0:
            raise ValueError(f"operands: got {a} and {b}; needs numbers >= 0")
        needed = 1
        while self.base**needed <= max(a, b):
            needed += 1
        length = needed if length is None else length
        self.check_length(length)
        if length < needed:
            raise ValueError(f"length: got {length}; {max(a, b)} needs {needed} digits")
        return tuple([*self._write(a, length), self.separator, *self._write(b, length)])

    def decode(self, word: Word) -> tuple[int, int]:
        """The two operands of a word."""
        self.check_word(word)
        middle = len(word) // 2
        if len(word) < 3 or len(word) % 2 == 0 or word[middle] != self.separator:
            raise ValueError(
                f"word: got {self.text(word)!r}; needs d digits, {self.sign}, d digits (d >= 1)"
            )
        return self._read(word[:middle]), self._read(word[middle + 1 :])

    def value(self, answer: Sequence[int]) -> int | None:
        """The number an answer stands for, or None where it holds something that is no digit."""
        symbols = [int(symbol) for symbol in answer][: self.usable(len(answer))]
        try:
            return self._read(symbols)
        except ValueError:
            return None

    def usable(self, positions: int) -> int:
        """Positions that hold whole digits of the answer."""
        return positions - positions % self.bits_per_digit

    def oracle(self, word: Word) -> Word:
        a, b = self.decode(word)
        result = a + b if self.sign == "+" else a * b
        usable = self.usable(len(word))
        answer = self._write(result, usable // self.bits_per_digit)
        return tuple(answer + [1] * (len(word) - usable))

    def draw(self, length: int, generator: torch.Generator, kind: str) -> Word:
        def below(limit: int) -> int:  # torch.randint stops at 2**63
            digits = max(1, math.ceil(math.log(max(limit, 2), self.base))) + 8
            return from_digits(_digits_below(self.base, digits, generator), self.base) % limit

        def number(count: int = length) -> int:
            return from_digits(_digits_below(self.base, count, generator), self.base)

        top = self.base**length
        if kind == "random":
            a, b = number(), number()
        elif kind == "carries":
            a, b = self._carries(length, below, generator)
        elif kind == "symmetric":
            a = number() if _chance(generator) < 0.5 else self._sparse(length, below)
            b = a
        elif kind in ("zeros", "ones"):
            a, b = number(), 0 if kind == "zeros" else 1
            if _chance(generator) < 0.5:
                a, b = b, a
        elif kind == "powers":
            a, b = self.base ** below(length), self.base ** below(length)
        elif kind == "biased":
            a, b = self._biased(length, generator), self._biased(length, generator)
        else:
            part = _chance(generator)
            scale = length if _chance(generator) < 0.5 else 1 + below(length)
            if part < (0.2 if kind == "stress" else 0.5):
                a, b = number(), number()
            elif part < 0.5:
                a, b = self._biased(length, generator), self._biased(length, generator)
            elif part < 0.65:
                a = (self.base**scale - 1) * self.base ** below(length - scale + 1)
                b = below(min(top, self.base**3))
            elif part < 0.85:
                a, b = self._carries(scale, below, generator)
            else:
                a = number() if _chance(generator) < 0.5 else self._sparse(length, below)
                b = a
            if _chance(generator) < 0.5:
                a, b = b, a
        return self.encode(a, b, length)

    def _sparse(self, length: int, below) -> int:
        """A number with one to three nonzero digits."""
        total = 0
        for _ in range(1 + below(3)):
            total += (1 + below(self.base - 1)) * self.base ** below(length)
        return total % self.base**length

    def _biased(self, length: int, generator: torch.Generator) -> int:
        """A number whose digits are each the top digit with a chance drawn once, else zero."""
        share = _chance(generator)
        top_L = (torch.rand(length, generator=generator) < share).tolist()
        return from_digits([(self.base - 1) * top for top in top_L], self.base)

    def _carries(self, length: int, below, generator: torch.Generator) -> tuple[int, int]:
        top = self.base**length
        if self.sign == "*":
            a, b = ((top - 1 - below(min(top, self.base**3))) for _ in range(2))
            if _chance(generator) < 0.5:  # a run that does not reach the top
                a = (self.base ** (1 + below(length)) - 1) * self.base ** below(length) % top
            return a, b
        part = _chance(generator)
        if part < 1 / 3:  # all top digits plus a small number that starts a carry
            a = top - 1
            b = below(max(1, min(top, self.base**4) // self.base)) * self.base
            b += 1 + below(self.base - 1)
        else:
            a = below(max(1, top // self.base)) * self.base + 1 + below(self.base - 1)
            b = top - a if part < 2 / 3 else top - 1 - a  # the near miss: no carry anywhere
        return (a, b) if _chance(generator) < 0.5 else (b, a)


TASK_NAMES = (
    "copy",
    "reverse",
    "duplicate",
    "sort",
    "repeat-even",
    "parity",
    "add",
    "multiply",
    "add-bcd",
    "multiply-bcd",
)
DEFAULT_BASE = {"copy": 8, "reverse": 8, "duplicate": 8, "sort": 4}


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
    if name.endswith("-bcd"):
        if base not in (None, 10):
            raise ValueError(f"base: got {base}; {name} is decimal")
        return Arithmetic(name, base=10, bits_per_digit=4)
    if name in ("add", "multiply"):
        return Arithmetic(name, base=2 if base is None else base)
    if name == "parity" and base not in (None, 2):
        raise ValueError(f"base: got {base}; parity is about bits, base 2")
    return SymbolTask(name, DEFAULT_BASE.get(name, 2) if base is None else base)
