"""Every task's targets against an independent way of computing them, on words that hypothesis picks."""

from itertools import groupby

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ngpu_lib.arithmetic import Arithmetic, from_digits, to_digits
from ngpu_lib.tasks import PADDING, TASK_NAMES, make_task

ARITHMETIC = [name for name in TASK_NAMES if name.split("-")[0] in ("add", "multiply")]
OTHERS = [name for name in TASK_NAMES if name not in ARITHMETIC]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def schoolbook(sign, a, b, base):
    """Digit lists in, digit list of twice the length out, with carries done by hand."""
    columns = [0] * (2 * len(a) + 1)
    if sign == "+":
        for place, (x, y) in enumerate(zip(a, b, strict=True)):
            columns[place] = x + y
    else:
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                columns[i + j] += x * y
    for place in range(len(columns) - 1):
        columns[place + 1] += columns[place] // base
        columns[place] %= base
    return columns


def by_hand(name, symbols):
    """The target of a non-arithmetic word, by a method unlike the oracle's."""
    n = len(symbols)
    if name == "copy":
        return [symbols[k] for k in range(n)]
    if name == "reverse":
        stack, out = list(symbols), []
        while stack:
            out.append(stack.pop())
        return out
    if name == "duplicate":
        return [symbols[k % n] for k in range(2 * n)]
    if name == "sort":  # counting sort
        return [s for s in range(max(symbols) + 1) for _ in range(symbols.count(s))]
    if name == "repeat-even":
        out, last = [], None
        for k, symbol in enumerate(symbols):
            last = symbol if k % 2 == 0 else last
            out.append(last)
        return out
    state = 1  # parity: a two-state automaton
    for symbol in symbols:
        state = {(1, 1): 1, (1, 2): 2, (2, 1): 2, (2, 2): 1}[state, symbol]
    return [PADDING] * (n - 1) + [state]


@pytest.mark.parametrize("name", OTHERS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_symbol_tasks(name, data):
    base = 2 if name == "parity" else data.draw(st.integers(2, 12))
    task = make_task(name, base)
    symbols = data.draw(st.lists(st.integers(1, base), min_size=1, max_size=30))
    word = tuple(symbols + [PADDING] * (task.positions(len(symbols)) - len(symbols)))
    assert list(task.oracle(word)) == by_hand(name, symbols)


@pytest.mark.parametrize("sign", ["add", "multiply"])
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_arithmetic(sign, data):
    base = data.draw(st.integers(2, 20))
    digits = st.integers(0, base - 1)
    a = data.draw(st.lists(digits, min_size=1, max_size=25))
    b = data.draw(st.lists(digits, min_size=len(a), max_size=len(a)))
    task = make_task(sign, base)
    word = tuple([d + 1 for d in a] + [base + 1] + [d + 1 for d in b])
    target = task.oracle(word)
    assert [s - 1 for s in target] == schoolbook(task.sign, a, b, base)
    assert task.value(target) == from_digits(schoolbook(task.sign, a, b, base), base)


@pytest.mark.parametrize("name", ["add-bcd", "multiply-bcd"])
@given(a=st.integers(0, 99999), b=st.integers(0, 99999))
@settings(max_examples=60, deadline=None)
def test_decimal_in_binary(name, a, b):
    task = make_task(name)
    word = task.encode(a, b, 5)
    assert len(word) == task.positions(5) == 41
    assert task.decode(word) == (a, b)
    target = task.oracle(word)
    bits = "".join(str(s - 1) for s in target[:40])
    decimal = "".join(str(int(bits[k : k + 4][::-1], 2)) for k in range(0, 40, 4))[::-1]
    assert int(decimal) == (a + b if name == "add-bcd" else a * b)


@given(number=st.integers(0, 10**30), base=st.integers(2, 64))
def test_digits_there_and_back(number, base):
    assert from_digits(to_digits(number, base, 110), base) == number


@given(data=st.data(), base=st.integers(2, 64), room=st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_operands_there_and_back_in_every_base(data, base, room):
    """Whatever the base and the leading zeros: decode gives the operands, value the result, text one symbol each."""
    numbers = st.integers(0, base**12)
    a, b = data.draw(numbers), data.draw(numbers)
    for name in ("add", "multiply"):
        task = make_task(name, base)
        shortest = task.encode(a, b)
        digits = (len(shortest) - 1) // 2 + room
        word = task.encode(a, b, digits)
        assert task.decode(word) == task.decode(shortest) == (a, b)
        assert len(word) == task.positions(digits) == len(task.oracle(word)) == len(task.text(word))
        right = (a + b if name == "add" else a * b) % base ** len(word)
        assert task.value(task.oracle(word)) == right


@pytest.mark.parametrize("name", TASK_NAMES)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_batch_holds_its_words_and_pads_behind_them(name, data):
    """Any words of one length, any room behind them: rows are the words, nothing counts outside."""
    task = make_task(name)
    length, count = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 4))
    draw, room = generator(data.draw(st.integers(0, 2**32))), data.draw(st.integers(0, 4))
    kind = data.draw(st.sampled_from(task.kinds))
    words = [task.draw(length, draw, kind) for _ in range(count)]
    cells = task.positions(length)
    batch = task.batch(words, cells + room)
    assert [tuple(row) for row in batch.inputs_BL[:, :cells].tolist()] == words
    assert [tuple(row) for row in batch.targets_BL[:, :cells].tolist()] == list(
        map(task.oracle, words)
    )
    for part in (batch.inputs_BL, batch.targets_BL, batch.loss_mask_BL, batch.valid_BL):
        assert not part[:, cells:].any()
    assert batch.valid_BL[:, :cells].all() and batch.loss_mask_BL.any(1).all()


@pytest.mark.parametrize("name", TASK_NAMES)
def test_sample_keeps_the_contract(name):
    task = make_task(name)
    for kind in task.kinds:
        batch = task.sample(6, 5, generator(), inputs=kind, positions=task.positions(5) + 3)
        needed = task.positions(5)
        assert batch.inputs_BL.shape == batch.targets_BL.shape == (6, needed + 3)
        assert batch.valid_BL.sum().item() == 6 * needed
        assert not batch.inputs_BL[:, needed:].any() and not batch.loss_mask_BL[:, needed:].any()
        for row, target, scored in zip(
            batch.inputs_BL, batch.targets_BL, batch.loss_mask_BL, strict=True
        ):
            word = tuple(row[:needed].tolist())
            assert tuple(target[:needed].tolist()) == task.oracle(word)
            assert scored.any()
    again = task.sample(6, 5, generator())
    assert torch.equal(again.inputs_BL, task.sample(6, 5, generator()).inputs_BL)


def test_kinds_are_what_they_say():
    for name in ("add", "multiply"):
        task = make_task(name)
        for kind, holds in {
            "symmetric": lambda a, b: a == b,
            "zeros": lambda a, b: 0 in (a, b),
            "ones": lambda a, b: 1 in (a, b),
            "powers": lambda a, b: bin(a).count("1") == bin(b).count("1") == 1,
            "lone": lambda a, b: 1 in (bin(a).count("1"), bin(b).count("1")),
        }.items():
            batch = task.sample(40, 12, generator(), inputs=kind)
            pairs = [task.decode(tuple(row.tolist())) for row in batch.inputs_BL]
            assert all(holds(a, b) for a, b in pairs), (name, kind)
            assert len(set(pairs)) > 5


def test_a_lone_digit_is_any_nonzero_digit_at_any_place_of_either_operand():
    task = make_task("multiply", 10)
    batch = task.sample(1500, 4, generator(), inputs="lone")
    pairs = [task.decode(tuple(row.tolist())) for row in batch.inputs_BL]
    lone = {digit * 10**place for digit in range(1, 10) for place in range(4)}
    assert all(a in lone or b in lone for a, b in pairs)
    assert all({pair[side] for pair in pairs} >= lone for side in (0, 1))


@pytest.mark.parametrize("base", [2, 10])
def test_biased_operands_differ_in_their_share_of_top_digits(base):
    """The share is uniform from 0 to 1, drawn for each operand: mean 1/2, and both ends are met."""
    task = make_task("multiply", base)
    batch = task.sample(400, 40, generator(), inputs="biased")
    digits = [
        to_digits(number, base, 40)
        for row in batch.inputs_BL
        for number in task.decode(tuple(row.tolist()))
    ]
    assert {digit for number in digits for digit in number} == {0, base - 1}
    shares = [number.count(base - 1) / 40 for number in digits]
    assert abs(sum(shares) / len(shares) - 0.5) < 0.03
    assert min(shares) < 0.05 and max(shares) > 0.95


@pytest.mark.parametrize("base", [2, 10])
def test_stretches_meet_long_runs_that_random_digits_do_not(base):
    """Half of the stretches are all top digits or all zeros: runs of eight digits in most of the numbers."""

    def with_a_run(kind):
        batch = make_task("multiply", base).sample(200, 40, generator(), inputs=kind)
        pairs = [make_task("multiply", base).decode(tuple(row.tolist())) for row in batch.inputs_BL]
        numbers = [to_digits(number, base, 40) for pair in pairs for number in pair]
        runs = [max(len(list(run)) for _, run in groupby(number)) for number in numbers]
        return sum(run >= 8 for run in runs) / len(runs)

    assert with_a_run("stretches") > 0.5 > 0.2 > with_a_run("random")


def test_carries_run_through_every_digit_or_nowhere():
    task = make_task("add", base=10)
    batch = task.sample(200, 15, generator(), inputs="carries")
    full = none = 0
    for row in batch.inputs_BL:
        a, b = task.decode(tuple(row.tolist()))
        carry, carries = 0, []
        for x, y in zip(to_digits(a, 10, 15), to_digits(b, 10, 15), strict=True):
            carry = (x + y + carry) // 10
            carries.append(carry)
        assert all(carries) or not any(carries)
        full += all(carries)
        none += not any(carries)
    assert full > 100 and none > 40


def test_render_marks_wrong_symbols():
    task = make_task("add")
    word = task.encode(5, 3, length=3)
    answer = list(task.oracle(word))
    answer[1] = 2
    assert task.render(word, answer) == (
        "input   101+110\ntarget  0001000\nanswer  0101000\n         ^"
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: make_task("multiplication"), ["multiplication", "multiply"]),
        (lambda: make_task("copy", 1), ["base", "1", "2 to 64"]),
        (lambda: make_task("parity", 3), ["base", "3"]),
        (lambda: make_task("add-bcd", 2), ["base", "decimal"]),
        (lambda: make_task("add").sample(4, 0, generator()), ["length", "0", ">= 1"]),
        (lambda: make_task("add").sample(4, -3, generator()), ["length", "-3"]),
        (lambda: make_task("add").sample(0, 3, generator()), ["batch_size", "0"]),
        (lambda: make_task("copy").sample(4, 3, generator(), inputs="carries"), ["inputs"]),
        (lambda: make_task("add").sample(4, 3, generator(), positions=6), ["positions", "7"]),
        (lambda: make_task("add").oracle(()), ["word", "empty"]),
        (lambda: make_task("add").oracle((1, 1)), ["word", "d digits"]),
        (lambda: make_task("add").oracle((1, 3, 3)), ["digit"]),
        (lambda: make_task("add").encode(9, 1, 3), ["length", "4 digits"]),
        (lambda: make_task("add").encode(-1, 1), ["operands", "-1"]),
        (lambda: make_task("copy").render((1, 99)), ["symbol 99", "position 1"]),
        (lambda: from_digits([7], 2), ["digit 7", "base 2"]),
    ],
)
def test_bad_input_says_what_is_needed(call, words):
    with pytest.raises(ValueError) as error:
        call()
    for word in words:
        assert word in str(error.value)


def test_length_for_is_the_inverse_of_positions():
    for name in TASK_NAMES:
        task = make_task(name)
        for length in (1, 2, 7, 20):
            assert task.length_for(task.positions(length)) == length
    assert isinstance(make_task("add", 16), Arithmetic)
