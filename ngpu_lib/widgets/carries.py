"""Two numbers through a network that adds or multiplies, digit by digit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import traitlets

from ngpu_lib.widgets.base import AskingWidget, in_range, module, plain_array


class Carries(AskingWidget):
    """Two numbers, digit by digit, through a network that adds or multiplies; wrong digits are marked.

    Args:
        compute: called as compute(a, b, digits) with two whole numbers of at most ``digits`` digits;
            returns the 2 * digits digits of the answer, least significant first, or (T, 2 * digits):
            the answer as it would be read after each step, the final one last. Anything that is no
            digit of the base (such as -1) is drawn as a gap.
        operation: "add" or "multiply".
        a, b: the first two numbers.
        digits: 1 to 32, digits of each operand.
        base: 2 to 10.
        title: what a screen reader calls the explorer.
        network: the network behind ``compute``, as ``page.page_network`` gives it (base 2): then the page
            computes the answers too, with a kernel and without.

    From a cell: ``explorer.ask(a, b)``, then ``explorer.wrong`` is the number of wrong digits.

    Raises:
        ValueError: an operand that does not fit, or an answer of the wrong shape.
    """

    _esm = module("arrays", "networks", "machine", "asker", "carries")

    operation = traitlets.Unicode("add").tag(sync=True)
    base = traitlets.Int(2).tag(sync=True)
    digits = traitlets.Int(8).tag(sync=True)
    operands = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)  # lowest digit first
    network = traitlets.Dict().tag(sync=True)
    reply = traitlets.Dict().tag(sync=True)  # the operands asked about, and the answer step by step

    def __init__(
        self,
        compute: Callable,
        operation: str = "add",
        *,
        a: int = 0,
        b: int = 0,
        digits: int = 8,
        base: int = 2,
        title: str = "Carries",
        network: Mapping | None = None,
        **options,
    ):
        if operation not in ("add", "multiply"):
            raise ValueError(f"operation: got {operation!r}; needs add or multiply")
        self._compute = compute
        digits, base = in_range("digits", digits, 1, 32), in_range("base", base, 2, 10)
        if network and (base != 2 or not network.get("task")):
            raise ValueError(f"network: got one for base {base}, or without a task; needs base 2")
        options |= {"network": dict(network or {})}
        super().__init__(operation=operation, base=base, digits=digits, title=title, **options)
        self.ask(a, b)

    def ask(self, a: int, b: int) -> None:
        """Put two numbers in."""
        self.operands = [self._write("a", a), self._write("b", b)]

    @property
    def a(self) -> int:
        """The first operand."""
        return self._read(self.operands[0])

    @property
    def b(self) -> int:
        """The second operand."""
        return self._read(self.operands[1])

    @property
    def target(self) -> list[int]:
        """The right 2 * digits digits, least significant first."""
        value = self.a + self.b if self.operation == "add" else self.a * self.b
        return [value // self.base**place % self.base for place in range(2 * self.digits)]

    @property
    def answer(self) -> list[int]:
        """The network's 2 * digits digits, least significant first; -1 where it gave no digit."""
        return self.reply["answer"][-1]

    @property
    def wrong(self) -> int:
        """How many digits of the answer are wrong."""
        return sum(got != right for got, right in zip(self.answer, self.target, strict=True))

    def _write(self, name: str, value: int) -> list[int]:
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise ValueError(f"{name}: got {value!r}; needs a whole number")
        in_range(name, value, 0, self.base**self.digits - 1)
        return [int(value) // self.base**place % self.base for place in range(self.digits)]

    def _read(self, digits: Sequence[int]) -> int:
        return sum(digit * self.base**place for place, digit in enumerate(digits))

    @traitlets.validate("operands")
    def _valid_operands(self, proposal):
        rows = proposal.value
        good = len(rows) == 2 and all(len(row) == self.digits for row in rows)
        if not good or any(not 0 <= digit < self.base for row in rows for digit in row):
            raise ValueError(
                f"operands: got {rows}; needs two rows of {self.digits} digits 0..{self.base - 1}"
            )
        return rows

    @traitlets.observe("operands")
    def _answer(self, _) -> None:
        with self._answering():
            operands = self.operands
            answer = self._ask_network(*map(self._read, operands))
            self.reply = {"operands": operands, "answer": answer.tolist()}

    def _ask_network(self, a: int, b: int) -> np.ndarray:
        answer = plain_array("compute", self._compute(a, b, self.digits))
        if answer.ndim not in (1, 2) or answer.shape[-1] != 2 * self.digits or answer.size == 0:
            needed = f"({2 * self.digits},) or (T, {2 * self.digits})"
            raise ValueError(f"compute: got shape {answer.shape}; needs {needed}")
        answer = np.atleast_2d(answer)
        digit = (answer >= 0) & (answer < self.base) & (answer == np.rint(answer))
        return np.where(digit, answer, -1).astype(int)
