"""The machines of lesson 07 are exact: at least 1,000 random cases each, against independent code."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ngpu_lib import automata
from ngpu_lib.cells import CGRU
from ngpu_lib.neural_gpu import NeuralGPU
from ngpu_lib.tasks import make_task


def rule_on_integers(bits: list[int], number: int, steps: int) -> list[list[int]]:
    """A cellular automaton on one Python integer per row: bit i is cell i, zeros beyond the ends."""
    size, rows = len(bits), [bits]
    word, everywhere = sum(bit << i for i, bit in enumerate(bits)), (1 << len(bits)) - 1
    for _ in range(steps):
        left, right, new = word << 1 & everywhere, word >> 1, 0
        for k in range(8):
            if number >> k & 1:
                term = everywhere
                for value, wanted in ((left, k >> 2 & 1), (word, k >> 1 & 1), (right, k & 1)):
                    term &= value if wanted else ~value
                new |= term
        word = new & everywhere
        rows.append([word >> i & 1 for i in range(size)])
    return rows


def test_rule_110_equals_integer_arithmetic_on_1000_tapes():
    draw = random.Random(0)
    for size, count in [(1, 4), (2, 8), (3, 20), (17, 400), (40, 400), (90, 200)]:
        tapes = [[draw.randrange(2) for _ in range(size)] for _ in range(count)]
        tape_BCL = torch.tensor(tapes, dtype=torch.float32)[:, None]
        history = automata.run_units([automata.rule_unit()], tape_BCL, 25)[:, :, 0]
        for item, tape in enumerate(tapes):
            assert history[:, item].tolist() == rule_on_integers(tape, 110, 25)


@given(
    keep=st.tuples(*[st.integers(-3, 3)] * 4),
    become=st.tuples(*[st.integers(-3, 3)] * 4),
    bits=st.lists(st.integers(0, 1), min_size=1, max_size=30),
)
@settings(max_examples=150, deadline=None)
def test_a_unit_whose_rule_can_be_read_off_computes_it(keep, become, bits):
    unit = automata.rule_unit(keep, become)
    number = automata.rule_of(unit)
    if number is not None:
        tape_BCL = torch.tensor([[bits]], dtype=torch.float32)
        history = automata.run_units([unit], tape_BCL, 8)[:, 0, 0]
        assert history.tolist() == rule_on_integers(bits, number, 8)


def random_machine(draw: random.Random, mark: str):
    """A table whose states A, B, ... carry a mark, and its symbols; H is where any machine halts."""
    states, symbols = "ABCD"[: draw.randint(1, 4)], "01x"[: draw.randint(2, 3)]
    news = [*(q + mark for q in states), "H"]
    table = {
        (q + mark, a): (draw.choice(news), draw.choice(symbols), draw.choice((-1, 0, 1)))
        for q in states
        for a in symbols
        if draw.random() < 0.9 or (q, a) == ("A", "0")
    }
    return table, symbols


def as_tapes(compiled: automata.CompiledMachine, histories) -> torch.Tensor:
    """The tapes (T, B, C, L) of simulated histories: a 1 for each symbol and each head, else 0."""
    ones = []
    for item, history in enumerate(histories):
        for t, (state, head, cells) in enumerate(history):
            seen = [(f"symbol {symbol}", place) for place, symbol in enumerate(cells)]
            seen += [] if head is None else [(f"state {state}", head)]
            ones += [(t, item, compiled.wiring.map[name], place) for name, place in seen]
    steps, size = len(histories[0]), len(histories[0][0][2])
    tapes_TBCL = torch.zeros(steps, len(histories), len(compiled.wiring.names), size)
    tapes_TBCL[torch.tensor(ones).unbind(1)] = 1
    return tapes_TBCL


def test_compiled_machines_equal_the_simulator_on_1000_random_machines_and_tapes():
    """Four machines at a time are compiled into the same weights, each with states and a tape of its own."""
    draw = random.Random(1)
    for _ in range(250):
        machines = [random_machine(draw, mark) for mark in "1234"]
        together = {key: value for table, _ in machines for key, value in table.items()}
        compiled = automata.compile_turing_machine(together, "01x")
        size, histories, tapes = draw.randint(1, 12), [], []
        for (table, symbols), mark in zip(machines, "1234", strict=True):
            tape, place = [draw.choice(symbols) for _ in range(size)], draw.randrange(size)
            histories.append(automata.simulate(table, tape, "A" + mark, place, 15))
            tapes.append(compiled.encode(tape, "A" + mark, place))
        found_TBCL = automata.run_units(compiled.wiring.units, torch.cat(tapes), 15)
        assert torch.equal(found_TBCL, as_tapes(compiled, histories)), histories
        for tape_CL, history in zip(found_TBCL[-1], histories, strict=True):
            state, head, cells = history[-1]
            wanted = (None if head is None else state, head, cells)
            assert compiled.decode(tape_CL) == wanted, history


def test_simulator_by_hand():
    table = {("s", "1"): ("s", "0", 1), ("s", "0"): ("halt", "1", 0)}
    assert automata.simulate(table, "1101", "s", 0, 4) == [
        ("s", 0, ("1", "1", "0", "1")),
        ("s", 1, ("0", "1", "0", "1")),
        ("s", 2, ("0", "0", "0", "1")),
        ("halt", 2, ("0", "0", "1", "1")),
        ("halt", 2, ("0", "0", "1", "1")),
    ]


@pytest.fixture(scope="module")
def multiplier() -> NeuralGPU:
    return automata.hand_set_multiplier()


def products(model: NeuralGPU, pairs, digits: int, steps: int | None = None) -> list[int]:
    words = torch.cat([automata.multiplier_input(a, b, digits) for a, b in pairs])
    with torch.no_grad():
        answers = model(words, steps=steps).argmax(-1)[:, digits + 1 :]
    assert set(answers.unique().tolist()) <= {1, 2}
    return [sum((symbol - 1) << k for k, symbol in enumerate(row)) for row in answers.tolist()]


@pytest.mark.parametrize("digits", [1, 2, 3, 4, 5])
def test_all_products_of_short_numbers(multiplier, digits):
    pairs = [(a, b) for a in range(2**digits) for b in range(2**digits)]
    assert products(multiplier, pairs, digits) == [a * b for a, b in pairs]


def test_1000_random_products(multiplier):
    draw = random.Random(2)
    for digits, count in [(7, 400), (12, 300), (20, 200), (33, 100), (64, 50)]:
        pairs = [(draw.getrandbits(digits), draw.getrandbits(digits)) for _ in range(count)]
        assert products(multiplier, pairs, digits) == [a * b for a, b in pairs]


def test_the_inputs_that_break_trained_multipliers(multiplier):
    digits, ones = 60, 2**60 - 1
    pairs = [(ones, ones), (ones, 1), (1, ones), (2, 2), (0, ones), (ones, 0), (1 << 59, 1 << 59)]
    assert products(multiplier, pairs, digits) == [a * b for a, b in pairs]


def test_300_digits_and_an_answer_that_stays(multiplier):
    draw = random.Random(3)
    a, b = draw.getrandbits(300), draw.getrandbits(300)
    assert automata.multiply(multiplier, a, b, 300) == a * b
    assert products(multiplier, [(5, 7)], 3, steps=10) == [35]  # 3 d + 1 steps, the default
    assert products(multiplier, [(5, 7)], 3, steps=50) == [35]


def test_the_multipliers_first_cells_are_the_courses_own_word():
    a, b, digits = 11, 6, 4
    word = make_task("multiply").encode(a, b, digits)
    assert automata.multiplier_input(a, b, digits)[0].tolist() == [*word, *[0] * digits]


def test_weights_are_whole_multiples_and_states_are_bits(multiplier):
    for unit in multiplier.sets[0]:
        for parameter in unit.parameters():
            assert torch.equal(parameter / 10, (parameter / 10).round())
    trace = []
    multiplier(automata.multiplier_input(13, 11, 4), trace=trace)
    for record in trace:
        assert set(record["state"].unique().tolist()) <= {0.0, 1.0}


def test_one_gated_step_sees_two_cells_and_no_further():
    """No further: cells out of reach keep every bit. Two cells: the first step shows it well above rounding."""
    torch.manual_seed(0)
    unit = CGRU(4).double()
    tape_BCL = torch.randn(1, 4, 41, dtype=torch.float64)
    nudged = tape_BCL.clone()
    nudged[:, :, 20] += 0.1
    histories = [automata.run_units([unit], tape, 6) for tape in (tape_BCL, nudged)]
    differences = (histories[0] - histories[1]).abs().amax((1, 2))
    for t, difference in enumerate(differences):
        out_of_reach = (torch.arange(41) - 20).abs() > 2 * t
        assert torch.equal(difference[out_of_reach], torch.zeros(int(out_of_reach.sum())).double())
    assert differences[1, [18, 19, 20, 21, 22]].min() > 1e-6


@torch.no_grad()
def test_a_bit_can_move_two_cells_a_step():
    """Gates fully open or shut: a reset gate opens beside the bit, and a candidate reads beside that gate."""
    unit = automata.blank_unit(4)  # maps: two bits that move, and a one for each
    for bit, before in ((0, 0), (1, 2)):  # from the cell before, from the cell behind
        unit.update.bias[bit], unit.update.bias[bit + 2] = -20, 20  # bits are replaced, ones kept
        unit.reset.weight[bit + 2, bit, 1, before], unit.reset.bias[bit + 2] = 20, -10
        unit.candidate.weight[bit, bit + 2, 1, before] = 20
    tape_BCL = torch.zeros(1, 4, 41)
    tape_BCL[:, 2:] = tape_BCL[:, :2, 20] = 1
    for t, state_BCL in enumerate(automata.run_units([unit], tape_BCL, 9)):
        assert state_BCL[0, :2].nonzero().tolist() == [[0, 20 + 2 * t], [1, 20 - 2 * t]]
        assert set(state_BCL.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: automata.rule_unit((1, 2)), "keep"),
        (lambda: automata.rule_unit(become=(1, 2, 3, 0.5)), "become"),
        (lambda: automata.run_units([], torch.zeros(1, 1, 3), -1), "steps"),
        (lambda: automata.compile_turing_machine({}), "table"),
        (lambda: automata.simulate({("s", "0"): ("s", "0", 2)}, "0", "s", 0, 1), "move"),
        (lambda: automata.multiplier_input(8, 1, 3), "a: got 8"),
        (lambda: automata.multiplier_input(1, -1, 3), "b: got -1"),
        (lambda: automata.multiplier_input(0, 0, 0), "digits"),
        (lambda: automata.Wiring(["x"], ["x"]), "twice"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_bad_words_for_a_compiled_machine():
    machine = automata.compile_turing_machine({("s", "0"): ("s", "1", 1)})
    with pytest.raises(ValueError, match="tape: got '7'"):
        machine.encode("070", "s", 0)
    with pytest.raises(ValueError, match="state: got 'q'"):
        machine.encode("00", "q", 0)
    with pytest.raises(ValueError, match="place: got 2"):
        machine.encode("00", "s", 2)
