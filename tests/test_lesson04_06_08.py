"""What lessons 04, 06 and 08 have recorded is what their scripts make, and what the lessons read."""

from __future__ import annotations

import importlib

import pytest

from ngpu_lib import recorded


def script(name):
    return importlib.import_module(f"course.workshop.recorded_runs.{name}")


def plain(values):
    """As JSON gives them back."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def test_the_bit_40_steps_back():
    make, found = script("lesson04"), recorded.load("lesson04_gap")
    assert found["setting"] == make.SETTING and found["variants"] == make.VARIANTS
    runs = [run for runs in found["runs"].values() for run in runs.values()]
    assert len(runs) == 7 and {len(run["right"]) for run in runs} == {100}
    small = make.one_run(make.SETTING | {"updates": 20}, seed=0)
    assert len(small["right"]) == 2


@pytest.mark.parametrize("part", ["copy", "without", "gru", "repeat"])
def test_recordings_of_the_turing_machine_are_those_of_their_script(part):
    _, seeds, setting, variants = script("lesson06").PARTS[part]
    found = recorded.load(f"lesson06_{part}")
    assert found["setting"] == plain(setting) and found["variants"] == plain(variants)
    assert {way: len(runs) for way, runs in found["runs"].items()} == dict.fromkeys(variants, seeds)


def test_a_repeat_copier_is_asked_what_the_lesson_shows(monkeypatch):
    make = script("lesson06")
    monkeypatch.setattr(make, "SIZES", (1, 2))
    run = make.repeat({"updates": 2}, seed=0)
    assert len(run["right"]) == len(run["right"][0]) == 2 and len(run["heads"]) == 17
    assert all(0 <= share <= 1 for row in run["right"] for share in row)


@pytest.mark.parametrize("part", ["RATES", "OWN"])
def test_recordings_of_the_two_machines_are_those_of_their_script(part):
    names = {"RATES": "lesson08_rates", "OWN": "lesson08_machines"}
    make, found = script("lesson08_machines"), recorded.load(names[part])
    assert found["setting"] == make.SETTING and found["variants"] == getattr(make, part)
    for runs in found["runs"].values():
        for run in runs.values():
            assert run["updates"] == len(run["exam"]) * make.SETTING["every"]
            assert run["learned"] == (min(run["exam"][-2:]) >= make.SETTING["passed"])


def test_the_machine_of_2015_has_the_best_of_its_rates():
    make, runs = script("lesson08_machines"), recorded.load("lesson08_rates")["runs"]
    best = max(make.RATES, key=lambda rate: max(runs[rate]["0"]["exam"]))
    assert make.RATES[best] == make.OWN["2015, its own training"]


@pytest.mark.parametrize("pair", ["2015, its own training", "2017, its own training"])
def test_each_machine_can_be_trained(pair):
    make = script("lesson08_machines")
    changes = {"updates": 2, "every": 1, "words": 8, "examples": 4} | make.OWN[pair]
    run = make.one_run(make.SETTING | changes, seed=0)
    assert run["updates"] == 2 and not run["learned"] and len(run["exam"]) == 2
