"""What lesson 09 rests on: its sketch, all products of small numbers, and its recordings."""

from __future__ import annotations

import importlib
import json
import random

import numpy as np
import pytest
import torch

from course.workshop.recorded_runs import definitions
from ngpu_lib import pretrained, recorded


@pytest.fixture(scope="module")
def lesson():
    return definitions("09_multiplication")


def number(digits) -> int:
    return sum(int(digit) << k for k, digit in enumerate(digits))


def test_the_sketch_multiplies_when_it_has_time(lesson):
    rng = random.Random(0)
    pairs = [(a, b, 4) for a in range(16) for b in range(16)]
    pairs += [(rng.getrandbits(60), rng.getrandbits(60), 60) for _ in range(20)]
    for a, b, bits in pairs:
        assert number(lesson["sketch"](a, b, bits, 4 * bits)[-1]) == a * b


def test_the_sketch_meets_every_pair_once_in_its_column(lesson):
    """One digit of each number: the product appears in column i + j at step bits + 2 + j - i, and stays."""
    bits = 5
    for i in range(bits):
        for j in range(bits):
            history = lesson["sketch"](1 << i, 1 << j, bits, 4 * bits)
            first = bits + 2 + j - i
            assert not history[:first].any() and (history[first:, i + j] == 1).all()
            assert history.sum() == len(history) - first


def test_late_carries_run_out_of_steps_in_the_sketch_too(lesson):
    for bits in (12, 30):
        a, b = lesson["late"](bits)
        history = lesson["sketch"](a, b, bits, 4 * bits)
        assert number(history[2 * bits + 9]) != a * b == number(history[-1])


def test_what_is_expected_is_where_the_sketch_says(lesson):
    pairs = [(0b1011, 0b0110), (0b1111, 0b0001)]
    found = lesson["expected"](pairs, 4, 17)
    for name in ("digit of a", "digit of b"):
        where, values = found[name]
        assert where.shape == values.shape[:2] == (18, 8) and values.shape[2] == 2
    where, values = found["digit of a"]
    step, cell = 6, 2 * 1 + 6 - 4  # a's digit 1 at step 6
    assert where[step, cell] and values[step, cell].tolist() == [1, 1]
    where, values = found["digit of b"]
    step, cell = 6, 2 * 2 + 4 + 2 - 6  # b's digit 2 at step 6
    assert where[step, cell] and values[step, cell].tolist() == [1, 0]


def test_all_products_of_two_8_bit_numbers_are_right():
    make = importlib.import_module("course.workshop.recorded_runs.lesson09_opened")
    table = {"rows": 0, "wrong": []}
    make.every_product(pretrained.load("multiply-pushed"), 8, table, lambda: None)
    assert table == {"rows": 256, "wrong": []}


def test_the_optimizers_recording_is_that_of_its_script():
    found = recorded.load("lesson09_optimizers")
    make = importlib.import_module("course.workshop.recorded_runs.lesson09")
    assert found["setting"] == make.SETTING and found["variants"] == make.OPTIMIZERS
    assert set(found["runs"]) == set(make.OPTIMIZERS) and all(found["runs"].values())


def test_the_pushes_recording_is_that_of_its_script():
    found = recorded.load("lesson09_pushes")
    make = importlib.import_module("course.workshop.recorded_runs.lesson09_pushes")
    assert found["setting"] == json.loads(json.dumps(make.SETTING))
    assert set(found["runs"]) <= set(make.VARIANTS)
    assert set(found["runs"]["pushes"]) == set("0123456789")
    for variant, runs in found["runs"].items():
        for run in runs.values():
            assert run["updates"] == make.VARIANTS[variant].updates == run["curve"][-1]["step"]
            assert len(run["end"]) == len(make.AT_THE_END)


def test_the_opened_recording_is_of_the_shipped_weights_and_true():
    found = recorded.load("lesson09_opened")
    make = importlib.import_module("course.workshop.recorded_runs.lesson09_opened")
    card = pretrained.load("multiply").card
    assert found["weights_sha256"] == card["weights_sha256"]
    second = pretrained.load("multiply-pushed").card
    assert found["all"]["10"]["weights_sha256"] == second["weights_sha256"]
    assert all(set(row["terms"]) == set(make.DIALECTS) for row in found["dialects"])
    for row in found["wrong"]:
        assert row["terms"] and len(row["terms"]) == len(row["steps"])
        assert all(0 < step <= 2 * row["bits"] + 9 for step in row["steps"])


def test_a_column_settles_where_its_reading_changes_last():
    make = importlib.import_module("course.workshop.recorded_runs.lesson09_opened")
    read_TL = torch.zeros(22, 12, dtype=torch.bool)
    read_TL[:9, 5] = read_TL[12:, 5] = True  # column 5 of 6 bits is read at steps 3, 5, 7, ...
    assert make.settles(read_TL, place=5, bits=6) == 13
    assert make.settles(read_TL, place=4, bits=6) == 4


def test_a_late_carry_of_the_recording_is_still_wrong():
    make = importlib.import_module("course.workshop.recorded_runs.lesson09_opened")
    trained = pretrained.load("multiply")
    row = min(recorded.load("lesson09_opened")["wrong"], key=lambda row: row["bits"])
    a, b = int(row["a"], 16), int(row["b"], 16)
    assert make.off(make.ask(trained, a, b, row["bits"]), a, b) == row["terms"]
    assert make.off(make.ask(trained, a, b, row["bits"], row["bits"]), a, b) == []


def test_dialects_are_the_same_product(lesson):
    make = importlib.import_module("course.workshop.recorded_runs.lesson09_opened")
    for first, second, _ in make.DIALECTS.values():
        assert (first * 6) * (second * 7) // (first * second) == 42
    assert np.isclose(make.SHARE_OF_ONES, 0.9)
