"""Addition and multiplication as tasks, and the kinds of operands they are tried on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ngpu_lib import require
from ngpu_lib.contract import DIGIT_NAMES, MOST_CELLS, Task, Word, check_base, draw_digits

MOST_DIGITS = 10**7  # of one number; more is a slip, and would hang


def to_digits(number: int, base: int, count: int) -> list[int]:
    """The lowest ``count`` digits of a whole number >= 0, least significant first.

    Raises:
        ValueError: a negative number, one that is not whole, a base below 2, or an absurd count.

    >>> to_digits(6, 2, 4)
    [0, 1, 1, 0]
    """
    number, base = require.whole("number", number), require.whole("base", base, 2)
    require.whole("count", count, 0, MOST_DIGITS)
    digits = []
    for _ in range(count):
        number, digit = divmod(number, base)
        digits.append(digit)
    return digits


def from_digits(digits: Sequence[int], base: int) -> int:
    """The number that digits, least significant first, stand for.

    Raises:
        ValueError: a base below 2, or a digit that is not one of 0..base - 1.
    """
    require.whole("base", base, 2)
    number = 0
    for digit in reversed(require.sequence("digits", digits, least=0)):
        if not hasattr(digit, "__index__") or not 0 <= digit < base:
            raise ValueError(f"digits: got the digit {digit!r}; base {base} needs 0..{base - 1}")
        number = number * base + digit
    return number


@dataclass(frozen=True)
class _Dice:
    """What operands are drawn with: the base, the task's sign, digits of an operand, the generator."""

    base: int
    sign: str
    length: int
    generator: torch.Generator

    @property
    def top(self) -> int:
        """The smallest number that has too many digits."""
        return self.base**self.length

    def chance(self) -> float:
        """Uniform in [0, 1)."""
        return torch.rand((), generator=self.generator).item()

    def number(self) -> int:
        """Every digit uniform."""
        return from_digits(draw_digits(self.base, self.length, self.generator), self.base)

    def below(self, limit: int) -> int:
        """A whole number 0..limit - 1, nearly uniform (torch.randint stops at 2**63)."""
        digits = max(1, math.ceil(math.log(max(limit, 2), self.base))) + 8
        return from_digits(draw_digits(self.base, digits, self.generator), self.base) % limit

    def shorter(self, length: int) -> _Dice:
        """The same for operands of another length."""
        return _Dice(self.base, self.sign, length, self.generator)


Operands = tuple[int, int]


def random(dice: _Dice) -> Operands:
    """Every digit uniform."""
    return dice.number(), dice.number()


def carries(dice: _Dice) -> Operands:
    """Operands whose result rests on one long carry, or on one that just fails to start."""
    base, top, below = dice.base, dice.top, dice.below
    if dice.sign == "*":
        a, b = ((top - 1 - below(min(top, base**3))) for _ in range(2))
        if dice.chance() < 0.5:  # a run that does not reach the top
            a = (base ** (1 + below(dice.length)) - 1) * base ** below(dice.length) % top
        return a, b
    part = dice.chance()
    if part < 1 / 3:  # all top digits plus a small number that starts a carry
        a = top - 1
        b = below(max(1, min(top, base**4) // base)) * base
        b += 1 + below(base - 1)
    else:
        a = below(max(1, top // base)) * base + 1 + below(base - 1)
        b = top - a if part < 2 / 3 else top - 1 - a  # the near miss: no carry anywhere
    return (a, b) if dice.chance() < 0.5 else (b, a)


def symmetric(dice: _Dice) -> Operands:
    """Both operands equal: half of them random, half with one to three nonzero digits."""
    a = dice.number() if dice.chance() < 0.5 else _sparse(dice)
    return a, a


def zeros(dice: _Dice) -> Operands:
    """One operand is 0."""
    return _with_constant(dice, 0)


def ones(dice: _Dice) -> Operands:
    """One operand is 1."""
    return _with_constant(dice, 1)


def powers(dice: _Dice) -> Operands:
    """Both operands are powers of the base."""
    return dice.base ** dice.below(dice.length), dice.base ** dice.below(dice.length)


def lone(dice: _Dice) -> Operands:
    """One operand has a single nonzero digit, the other is random."""
    digit = 1 + dice.below(dice.base - 1)
    return _with_constant(dice, digit * dice.base ** dice.below(dice.length))


def biased(dice: _Dice) -> Operands:
    """Each digit is the top digit with a chance that is drawn once for each operand, else zero."""
    return _dense(dice), _dense(dice)


def stretches(dice: _Dice) -> Operands:
    """Numbers in stretches: top digits only, zeros only, random digits, or a share of its own."""
    return _stretched(dice), _stretched(dice)


def mixed(dice: _Dice) -> Operands:
    """For training: half random, the rest hard (see Arithmetic)."""
    return _training_mix(dice, random_part=0.5)


def stress(dice: _Dice) -> Operands:
    """For training: ``mixed`` with 30 % biased operands in place of random ones."""
    return _training_mix(dice, random_part=0.2)


def varied(dice: _Dice) -> Operands:
    """For training: 30 % random, 40 % stretches, the rest as the hard part of ``mixed``."""
    part = dice.chance()
    if part < 0.3:
        return random(dice)
    return stretches(dice) if part < 0.7 else _training_mix(dice, random_part=0.0)


#: The kinds of operands, by the name that ``sample`` takes.
OPERANDS: dict[str, Callable[[_Dice], Operands]] = {
    rule.__name__: rule
    for rule in (
        random,
        carries,
        symmetric,
        zeros,
        ones,
        powers,
        lone,
        biased,
        stretches,
        mixed,
        stress,
        varied,
    )
}


def _training_mix(dice: _Dice, random_part: float) -> Operands:
    base, below = dice.base, dice.below
    part = dice.chance()
    scale = dice.length if dice.chance() < 0.5 else 1 + below(dice.length)
    if part < random_part:
        a, b = random(dice)
    elif part < 0.5:
        a, b = biased(dice)
    elif part < 0.65:
        a = (base**scale - 1) * base ** below(dice.length - scale + 1)
        b = below(min(dice.top, base**3))
    elif part < 0.85:
        a, b = carries(dice.shorter(scale))
    else:
        a, b = symmetric(dice)
    return (b, a) if dice.chance() < 0.5 else (a, b)


def _with_constant(dice: _Dice, constant: int) -> Operands:
    a = dice.number()
    return (constant, a) if dice.chance() < 0.5 else (a, constant)


def _sparse(dice: _Dice) -> int:
    """A number with one to three nonzero digits."""
    total = 0
    for _ in range(1 + dice.below(3)):
        total += (1 + dice.below(dice.base - 1)) * dice.base ** dice.below(dice.length)
    return total % dice.top


def _dense(dice: _Dice) -> int:
    """A number whose digits are each the top digit with a chance drawn once, else zero."""
    chance = dice.chance()
    top_L = (torch.rand(dice.length, generator=dice.generator) < chance).tolist()
    return from_digits([(dice.base - 1) * top for top in top_L], dice.base)


def _stretched(dice: _Dice) -> int:
    """A number whose share of top digits changes along it; stretches of 1 to ``longest`` digits."""
    digits: list[int] = []
    longest = 1 + dice.below(dice.length)
    while len(digits) < dice.length:
        part = dice.chance()
        if part < 0.55:
            share = 1.0 if part < 0.3 else 0.0
        else:
            share = 0.5 if part < 0.85 else dice.chance()
        count = 1 + dice.below(longest)
        digits += [(dice.base - 1) * (dice.chance() < share) for _ in range(count)]
    return from_digits(digits[: dice.length], dice.base)


class Arithmetic(Task):
    """Addition or multiplication of two numbers of ``length`` digits.

    A word is d digits least significant first, the operator, d digits: n = 2d + 1 symbols. The answer
    has n symbols too, padded with zero *digits* (stripping leading zeros would make every cell
    depend on the highest digit). With ``bits_per_digit`` > 1 each digit is written in that many
    bits, least significant first (decimal in binary: base 10, 4 bits).

    Source: Kaiser & Sutskever 2015 (order, separator); Freivalds & Liepins 2017 (length 2d + 1, products
    padded with zeros). Departure: their codes pad sums, that of 2015 products too, with a padding symbol.

    Kinds of input (the functions behind them are ``OPERANDS``):
        random     every digit uniform.
        carries    add: the carry runs through every digit (all ones + an odd number, complement
                   pairs) or just fails to start; multiply: operands made of long runs of the top digit.
        symmetric  both operands equal: half of them random, half with at most three nonzero digits.
        zeros      one operand is 0.            ones    one operand is 1.
        powers     both operands are powers of the base.
        lone       one operand has a single nonzero digit, in a sea of zeros; the other is random.
        biased     each digit is the top digit with chance d, else zero; d is drawn from 0..1 for each
                   operand. Columns of a product then add up to far more, or less, than random ones.
        stretches  stretches of top digits, of zeros, and of random digits: the share changes along a number.
        mixed      for training: half random, 15 % a run of top digits and a small number, 20 % carries
                   at every scale, 15 % symmetric (after Price, Zaremba & Sutskever 2016, whose code
                   takes 60 % random, 20 % runs and 20 % complement pairs, for sums).
        stress     mixed, with 30 % biased operands in place of random ones.
        varied     for training: 30 % random, 40 % stretches, the rest as the hard part of mixed.
    """

    kinds = tuple(OPERANDS)

    def __init__(self, name: str, base: int = 2, bits_per_digit: int = 1):
        require.one_of("name", name, ("add", "multiply", "add-bcd", "multiply-bcd"))
        check_base(base)
        require.whole("bits_per_digit", bits_per_digit, 1, 6)
        if bits_per_digit > 1 and 2**bits_per_digit < base:
            raise ValueError(f"bits_per_digit: got {bits_per_digit}; base {base} needs more")
        self.base = base
        self.bits_per_digit = bits_per_digit
        self.sign = {"add": "+", "multiply": "*"}[name.split("-")[0]]
        digit_base = base if bits_per_digit == 1 else 2
        super().__init__(name, [".", *DIGIT_NAMES[:digit_base], self.sign])
        self.separator = len(self.symbols) - 1

    def positions(self, length: int) -> int:
        self.check_length(length)
        return 2 * length * self.bits_per_digit + 1

    def length_for(self, positions: int) -> int:
        return max(0, require.whole("positions", positions) - 1) // (2 * self.bits_per_digit)

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
        a, b = (require.whole("operands", operand) for operand in (a, b))
        needed = 1
        while self.base**needed <= max(a, b):
            needed += 1
        length = needed if length is None else length
        require.whole("length", self.positions(length), high=MOST_CELLS)
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
        symbols = [require.whole("answer", symbol) for symbol in require.sequence("answer", answer)]
        symbols = symbols[: self.usable(len(answer))]
        try:
            return self._read(symbols)
        except ValueError:
            return None

    def usable(self, positions: int) -> int:
        """Positions that hold whole digits of the answer."""
        require.whole("positions", positions)
        return positions - positions % self.bits_per_digit

    def oracle(self, word: Word) -> Word:
        a, b = self.decode(word)
        result = a + b if self.sign == "+" else a * b
        usable = self.usable(len(word))
        answer = self._write(result, usable // self.bits_per_digit)
        return tuple(answer + [1] * (len(word) - usable))

    def draw(self, length: int, generator: torch.Generator, kind: str) -> Word:
        a, b = OPERANDS[kind](_Dice(self.base, self.sign, length, generator))
        return self.encode(a, b, length)
