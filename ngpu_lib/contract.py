"""The contract of a task: what goes in, what must come out, and an oracle in plain Python that knows.

Every task speaks it. A *word* is a tuple of symbol numbers; symbol 0 is padding and digit
``k`` is symbol ``k + 1``. ``sample`` draws words from a ``torch.Generator``, asks ``oracle`` for the
right answers and packs both into a ``Batch``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ngpu_lib import require

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

    def __post_init__(self):
        require.tensor("inputs_BL", self.inputs_BL, "B", "L", kind="whole")
        for name in ("targets_BL", "loss_mask_BL", "valid_BL"):
            require.tensor(name, getattr(self, name), *self.inputs_BL.shape)

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
        require.instance("name", name, str, "a name")
        require.sequence("symbols", symbols, least=2)
        self.name = name
        self.symbols = tuple(symbols)

    @property
    def vocabulary(self) -> int:
        """V, the number of symbols, padding included."""
        return len(self.symbols)

    def positions(self, length: int) -> int:
        """Tape cells that a word of ``length`` needs (the number of steps a Neural GPU runs)."""
        self.check_length(length)
        return length

    def length_for(self, positions: int) -> int:
        """The longest word that fits into ``positions`` tape cells."""
        return require.whole("positions", positions)

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
        require.whole("length", length, self.min_length)
        require.whole("length", length, high=MOST_CELLS)

    def check_word(self, word: Word) -> None:
        """Raise ValueError for an empty word or a symbol that is not in the vocabulary."""
        if len(require.sequence("word", word, least=0)) == 0:
            raise ValueError(f"word: got an empty sequence; {self.name} needs at least one symbol")
        for place, symbol in enumerate(word):
            if not hasattr(symbol, "__index__") or not 0 <= symbol < self.vocabulary:
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
        require.whole("batch_size", batch_size, 1)
        require.instance("generator", generator, torch.Generator, "a torch.Generator")
        require.one_of("inputs", inputs, self.kinds)
        needed = self.positions(length)
        positions = needed if positions is None else require.whole("positions", positions)
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
        require.sequence("words", words)
        for word in words:
            self.check_word(word)
            if len(word) != len(words[0]):
                raise ValueError(
                    f"words: got lengths {len(words[0])} and {len(word)}; needs one length"
                )
        needed = len(words[0])
        positions = (
            needed
            if positions is None
            else require.whole("positions", positions, needed, MOST_CELLS)
        )
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
        if len(require.sequence("word", word, least=0)):
            self.check_word(word)
        return "".join(self.symbols[int(symbol)] for symbol in word)

    def render(self, word: Word, answer: Sequence[int] | None = None) -> str:
        """One instance as text: the input, the target, and where an ``answer`` is wrong."""
        self.check_word(word)
        target = self.oracle(word)
        lines = [f"input   {self.text(word)}", f"target  {self.text(target)}"]
        if answer is not None:
            if len(require.sequence("answer", answer)) != len(word):
                raise ValueError(f"answer: got {len(answer)} symbols; needs {len(word)}")
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
    require.whole("base", base, 2, len(DIGIT_NAMES))


def draw_digits(base: int, count: int, generator: torch.Generator) -> list[int]:
    """``count`` digits of a base, each uniform.

    Raises:
        ValueError: a base below 2, a count below 0 or absurd, or no generator.
    """
    require.whole("base", base, 2)
    require.whole("count", count, 0, MOST_CELLS)
    require.instance("generator", generator, torch.Generator, "a torch.Generator")
    return torch.randint(base, (count,), generator=generator).tolist()
