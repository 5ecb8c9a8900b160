"""Machines set by hand into the weights of a Neural GPU, exactly: a rule, any Turing machine, a multiplier.

No weight here is learned, and nothing is approximate. The units are the library's own ``CGRU``: at a
preactivation of +-10 its gates are exactly 0 or 1, and at +-20 its tanh is exactly +-1 in float32. So
with weights that are multiples of 20 a CGRU is a layer of threshold gates. Two of them do one step:

    unit 1  detects: a detector map, 0 before, becomes 1 where its threshold is passed (update gate)
    unit 2  acts: a state map keeps its value or takes the OR of detectors nearby (candidate)

State maps hold 0 or 1; cells beyond the tape are 0, as the convolution pads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ngpu_lib import require
from ngpu_lib.cells import CGRU
from ngpu_lib.neural_gpu import NeuralGPU

#: Steepness. 20 * 1/2 saturates every gate and 20 * 1 every tanh, exactly, in float32.
STEEP = 20.0


def blank_unit(maps: int) -> CGRU:
    """A CGRU that keeps everything: update and reset gates exactly 1, all weights 0."""
    unit = CGRU(maps)
    with torch.no_grad():
        for parameter in unit.parameters():
            parameter.zero_()
        unit.update.bias.fill_(STEEP / 2)
        unit.reset.bias.fill_(STEEP / 2)
    return unit


def rule_unit(keep: Sequence[int] = (0, 0, -1, 1), become: Sequence[int] = (-1, -1, 0, 2)) -> CGRU:
    """A CGRU with ONE map whose gate and candidate are the two threshold gates given.

    With (left, centre, right, bias) as integers, a cell keeps its bit where keep . (l, c, r, 1) >= 1
    and else becomes the sign of become . (l, c, r, 1). The default is rule 110: keep where the right
    neighbour is 0, and else become NOT (left AND centre).

    Args:
        keep, become: four integers each.

    Raises:
        ValueError: not four integers.

    >>> rule_of(rule_unit())
    110
    """
    for name, numbers in (("keep", keep), ("become", become)):
        if len(require.sequence(name, numbers)) != 4:
            raise ValueError(f"{name}: got {numbers!r}; needs 4 numbers: left, centre, right, bias")
        for number in numbers:
            require.whole(name, number, -1000, 1000)
    unit = blank_unit(1)
    with torch.no_grad():
        unit.update.weight[0, 0, 1] = STEEP * torch.tensor(keep[:3], dtype=torch.float32)
        unit.update.bias.fill_(STEEP * (keep[3] - 0.5))
        unit.candidate.weight[0, 0, 1] = STEEP * torch.tensor(become[:3], dtype=torch.float32)
        unit.candidate.bias.fill_(STEEP * become[3])
    return unit


def rule_of(unit: CGRU) -> int | None:
    """The number of the rule that a one-map unit computes; None where it gives anything but 0 or 1."""
    if require.instance("unit", unit, CGRU, "a CGRU").maps != 1:
        raise ValueError(f"unit: got {unit.maps} maps; needs 1")
    rows_BL = [[n >> 2 & 1, n >> 1 & 1, n & 1] for n in range(8)]
    tape_BCL = torch.tensor(rows_BL, dtype=torch.float32)[:, None]
    bits = run_units([unit], tape_BCL, 1)[1, :, 0, 1].tolist()
    if any(bit not in (0.0, 1.0) for bit in bits):
        return None
    return sum(int(bit) << n for n, bit in enumerate(bits))


def run_units(units: Sequence[CGRU], tape_BCL: Tensor, steps: int) -> Tensor:
    """The tapes at times 0..steps, (T + 1, B, C, L): each step applies every unit once."""
    require.tensor("tape_BCL", tape_BCL, "B", "C", "L", kind="float")
    require.affordable("steps", (require.whole("steps", steps) + 1) * tape_BCL.numel(), "tapes")
    tapes = [tape_BCL]
    with torch.no_grad():
        for _ in range(steps):
            tape_BCWL = tapes[-1][:, :, None]
            for unit in units:
                tape_BCWL, _ = unit(tape_BCWL)
            tapes.append(tape_BCWL[:, :, 0])
    return torch.stack(tapes)


class Wiring:
    """A list of named maps and the two units that act on them; the methods set weights.

    Offsets say where a map is looked at: -1 is the cell to the left, +1 the cell to the right.
    """

    def __init__(self, state: Sequence[str], detectors: Sequence[str]):
        self.names = [*state, *detectors]
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"state, detectors: got a name twice in {self.names}")
        self.map = {name: place for place, name in enumerate(self.names)}
        self.detect_unit, self.act_unit = blank_unit(len(self.names)), blank_unit(len(self.names))
        for name in detectors:
            self.clear(name)

    @property
    def units(self) -> list[CGRU]:
        return [self.detect_unit, self.act_unit]

    def detect(self, name: str, weights: Mapping[str, float], at_least: float) -> None:
        """Unit 1: map ``name`` becomes 1 where the weighted sum of maps at the cell >= ``at_least``."""
        place = self.map[name]
        with torch.no_grad():
            for source, weight in weights.items():
                self.detect_unit.update.weight[place, self.map[source], 1, 1] = -STEEP * weight
            self.detect_unit.update.bias[place] = STEEP * (at_least - 0.5)
            self.detect_unit.candidate.bias[place] = STEEP

    def clear(self, name: str) -> None:
        """Unit 2: map ``name`` does not keep its value (it becomes 0, or what ``collect`` says)."""
        with torch.no_grad():
            self.act_unit.update.weight[self.map[name]] = 0
            self.act_unit.update.bias[self.map[name]] = -STEEP / 2

    def replace_where(self, name: str, triggers: Sequence[str]) -> None:
        """Unit 2: map ``name`` keeps its value except where one of the ``triggers`` is 1."""
        with torch.no_grad():
            for trigger in triggers:
                self.act_unit.update.weight[self.map[name], self.map[trigger], 1, 1] = -STEEP

    def collect(self, name: str, source: str, offset: int = 0, weight: float = 1.0) -> None:
        """Unit 2: the new value of map ``name`` is the sign of the sum of its sources."""
        with torch.no_grad():
            place, column = self.map[name], 1 + offset
            self.act_unit.candidate.weight[place, self.map[source], 1, column] += STEEP * weight


# A Turing machine.

#: state and symbol read -> new state, symbol written, move (-1 left, 0 stay, +1 right)
Table = Mapping[tuple[str, str], tuple[str, str, int]]
#: state, head place, tape; the place is None once the head has walked off the tape
Configuration = tuple[str, int | None, tuple[str, ...]]


def check_table(table: Table) -> None:
    """Raise ValueError for a move other than -1, 0 or 1 and for an empty table."""
    if not isinstance(table, Mapping) or not table:
        raise ValueError("table: got no transition; needs at least one")
    for (state, symbol), (_, _, move) in table.items():
        if move not in (-1, 0, 1):
            raise ValueError(f"table: got move {move!r} in {state!r} on {symbol!r}; needs -1, 0, 1")


def simulate(table: Table, tape: Sequence[str], state: str, place: int, steps: int):
    """An ordinary Turing machine: the configurations at times 0..steps, in plain Python.

    Where the table has no entry the machine stands still: it has halted. A head that walks off the
    tape is gone, and nothing moves any more.

    >>> simulate({("s", "0"): ("s", "1", 1)}, "00", "s", 0, 2)[-1]
    ('s', None, ('1', '1'))
    """
    check_table(table)
    cells = list(tape)
    head: int | None = require.whole("place", place, 0, len(cells) - 1)
    require.affordable("steps", (require.whole("steps", steps) + 1) * len(cells), "tapes")
    history: list[Configuration] = [(state, head, tuple(cells))]
    for _ in range(steps):
        if head is not None and (state, cells[head]) in table:
            state, cells[head], move = table[state, cells[head]]
            head = head + move if 0 <= head + move < len(cells) else None
        history.append((state, head, tuple(cells)))
    return history


@dataclass(frozen=True)
class CompiledMachine:
    """A Turing machine as two CGRUs, with the code between words and tapes.

    One map per symbol and one per state. A cell has a 1 in its symbol's map; the cell under the head
    has a 1 in the state's map too.
    """

    wiring: Wiring
    states: tuple[str, ...]
    symbols: tuple[str, ...]

    def encode(self, tape: Sequence[str], state: str, place: int) -> Tensor:
        """The tape as a tensor (1, C, L).

        Raises:
            ValueError: a symbol or state the machine does not know, or a head off the tape.
        """
        if state not in self.states:
            raise ValueError(f"state: got {state!r}; needs one of {self.states}")
        require.whole("place", place, 0, len(tape) - 1)
        tape_BCL = torch.zeros(1, len(self.wiring.names), len(tape))
        for position, symbol in enumerate(tape):
            if symbol not in self.symbols:
                raise ValueError(f"tape: got {symbol!r}; needs one of {self.symbols}")
            tape_BCL[0, self.wiring.map["symbol " + symbol], position] = 1
        tape_BCL[0, self.wiring.map["state " + state], place] = 1
        return tape_BCL

    def decode(self, tape_CL: Tensor) -> tuple[str | None, int | None, tuple[str, ...]]:
        """State, head place and tape of one tensor (C, L); no head: the state is None."""
        symbols = tape_CL[: len(self.symbols)].argmax(0).tolist()
        states_QL = tape_CL[len(self.symbols) : len(self.symbols) + len(self.states)]
        tape = tuple(self.symbols[s] for s in symbols)
        if not states_QL.any():
            return None, None, tape
        state, place = divmod(int(states_QL.flatten().argmax()), tape_CL.shape[1])
        return self.states[state], place, tape

    def run(self, tape: Sequence[str], state: str, place: int, steps: int) -> Tensor:
        """The tapes at times 0..steps, (T + 1, C, L)."""
        return run_units(self.wiring.units, self.encode(tape, state, place), steps)[:, 0]


def compile_turing_machine(table: Table, symbols: Sequence[str] = ()) -> CompiledMachine:
    """Put a transition table into the weights of two CGRUs. One step of theirs is one of its.

    A detector per entry (q, a) finds the cell with state q and symbol a. Then that cell's symbol is
    replaced, and the state's map gets a 1 there, one cell to the left or one cell to the right.

    Args:
        table: the transitions. symbols: symbols that may stand on the tape beside those in the table.
    """
    check_table(table)
    states = sorted({q for q, _ in table} | {new for new, _, _ in table.values()})
    symbols = sorted({a for _, a in table} | {new for _, new, _ in table.values()} | set(symbols))
    entries = {(q, a): table.get((q, a), (q, a, 0)) for q in states for a in symbols}
    names = {entry: f"see {entry[0]},{entry[1]}" for entry in entries}
    symbol_maps, state_maps = [f"symbol {a}" for a in symbols], [f"state {q}" for q in states]
    wiring = Wiring(symbol_maps + state_maps, list(names.values()))
    for name in state_maps:
        wiring.clear(name)
    for name in symbol_maps:
        wiring.replace_where(name, list(names.values()))
    for (state, symbol), (new_state, written, move) in entries.items():
        see = names[state, symbol]
        wiring.detect(see, {f"state {state}": 1, f"symbol {symbol}": 1}, at_least=2)
        wiring.collect(f"symbol {written}", see)
        wiring.collect(f"state {new_state}", see, offset=-move)
    return CompiledMachine(wiring, tuple(states), tuple(symbols))


# Long multiplication.

MULTIPLIER_STATE = ("walker", "a", "digit", "start", "b", "carry", "sum", "product")
MULTIPLIER_DETECTORS = ("one", "two", "three", "leave")


def multiplier_wiring() -> Wiring:
    """The cells of the multiplier: eight state maps and four detectors.

    The digits of the first number walk to the right, one cell a step; those of the second stand
    still. Where a walking digit a meets a standing digit b, with its carry c and a sum bit s that
    was left behind by the digit before it, the cell adds

        a b + c + s  =  new sum bit + 2 * new carry.

    The carry walks on with its digit; the sum bit waits in ``product`` for the next walking digit, and
    where none comes it stays for good: that is a digit of the answer. The threshold
    a + b + 2 c + 2 s >= 2 k holds exactly when a b + c + s >= k, so the AND of a and b costs nothing.

    ``start`` is the separator: it runs ahead of the walkers and turns on the digits it passes, so
    that only the second number becomes ``b``.
    """
    wiring = Wiring(MULTIPLIER_STATE, MULTIPLIER_DETECTORS)
    for k, name in enumerate(("one", "two", "three"), start=1):
        wiring.detect(name, {"a": 1, "b": 1, "carry": 2, "sum": 2}, at_least=2 * k)
    wiring.detect("leave", {"walker": 1, "product": 1}, at_least=2)
    for name in ("walker", "a", "start", "carry", "sum"):
        wiring.clear(name)
    for name, source in [("walker", "walker"), ("a", "a"), ("start", "start")]:
        wiring.collect(name, source, offset=-1)
    wiring.collect("carry", "two", offset=-1)
    wiring.collect("sum", "leave", offset=-1)
    wiring.replace_where("b", ["start"])
    wiring.collect("b", "digit")
    wiring.replace_where("product", ["walker"])
    for name, weight in [("one", 1), ("two", -1), ("three", 1)]:
        wiring.collect("product", name, weight=weight)
    return wiring


def hand_set_multiplier() -> NeuralGPU:
    """A Neural GPU of 2015 (12 maps, tape width 1, two units a step) that multiplies, set by hand.

    The input is the word of ``make_task("multiply")`` for two d-digit binary numbers, followed by d
    blank cells: L = 3d + 1 cells. After the usual L steps cells d + 1 .. 3d hold the 2d digits
    of the product, least significant first; the other cells show 0. Exact for every d.

    Source: a serial-parallel carry-save multiplier on a moving frame, after the idea of Atrubin
    1965 that a row of identical finite cells can multiply. Departure: Atrubin's array works in real
    time, digit by digit; this one has the operands on its tape and takes 3d + 1 steps.
    """
    wiring = multiplier_wiring()
    model = NeuralGPU(symbols=4, maps=len(wiring.names), width=1, layers=2)
    model.sets[0][0], model.sets[0][1] = wiring.units
    zero, one, times = 1, 2, 3
    with torch.no_grad():
        for parameter in (model.write.weight, model.read.weight, model.read.bias):
            parameter.zero_()
        for symbol, names in {
            zero: ("walker",),
            one: ("walker", "a", "digit"),
            times: ("start",),
        }.items():
            for name in names:
                model.write.weight[symbol, wiring.map[name]] = STEEP
        model.read.weight[one, wiring.map["product"]] = 2.0
        model.read.bias += torch.tensor([-9.0, 1.0, 0.0, -9.0])
    return model.eval()


def multiplier_input(a: int, b: int, digits: int) -> Tensor:
    """inputs_BL (1, 3d + 1) for ``hand_set_multiplier``: a, the sign, b, and d blank cells.

    Raises:
        ValueError: a number that is negative or has more than ``digits`` binary digits.
    """
    require.whole("digits", digits, 1, 10**6)
    for name, number in (("a", a), ("b", b)):
        if require.whole(name, number) >= 2**digits:
            raise ValueError(f"{name}: got {number}; needs 0..2^{digits} - 1")
    cells_a, cells_b = ([1 + (n >> k & 1) for k in range(digits)] for n in (a, b))
    return torch.tensor([[*cells_a, 3, *cells_b, *[0] * digits]])


def multiply(model: NeuralGPU, a: int, b: int, digits: int) -> int:
    """What the machine answers for a times b, as a Python integer."""
    with torch.no_grad():
        answer_L = model(multiplier_input(a, b, digits))[0].argmax(-1)
    return sum(1 << k for k, symbol in enumerate(answer_L[digits + 1 :].tolist()) if symbol == 2)
