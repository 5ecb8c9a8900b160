"""What lessons 08 and 09 rest on: the curriculum, and the scripts behind their recorded runs."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
import torch

from ngpu_lib import recorded
from ngpu_lib.callbacks import Curriculum
from ngpu_lib.tasks import make_task


def script(name):
    return importlib.import_module(f"course.workshop.recorded_runs.{name}")


def test_an_unknown_recorded_run_is_named_with_the_close_matches():
    with pytest.raises(ValueError, match="lesson08_ablation"):
        recorded.load("lesson8_ablation")


def feed(curriculum, accuracy, times=5):
    generator = torch.Generator().manual_seed(0)
    for _ in range(times):
        curriculum(1, generator)
        curriculum.after_update(1, torch.nn.Identity(), {"sequence_accuracy": accuracy})


def test_curriculum_grows_when_words_are_mastered_and_stops_at_the_last_length():
    curriculum = Curriculum(make_task("reverse", 2), 2, 3, mixed=0.0)
    feed(curriculum, 0.8)
    assert curriculum.longest == 2
    feed(curriculum, 1.0, times=1)  # mean of the latest five: 0.84
    assert curriculum.longest == 2
    feed(curriculum, 1.0, times=2)
    assert curriculum.longest == 3
    feed(curriculum, 1.0, times=20)
    assert curriculum.longest == 3


def test_curriculum_draws_the_longest_length_or_any():
    task, generator = make_task("copy", 2), torch.Generator().manual_seed(0)
    steady = Curriculum(task, 4, 9, mixed=0.0, batch_size=3)
    assert steady(1, generator).inputs_BL.shape == (3, 4)
    every = Curriculum(task, 4, 9, mixed=1.0, batch_size=3)
    lengths = {every(1, generator).inputs_BL.shape[1] for _ in range(100)}
    assert lengths == set(range(4, 10))


def test_curriculum_goes_on_from_its_state():
    task = make_task("copy", 2)
    first, second = (Curriculum(task, 1, 9, mixed=0.0) for _ in range(2))
    feed(first, 1.0, times=8)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.longest == first.longest == 2
    feed(first, 1.0, times=2)
    feed(second, 1.0, times=2)
    assert second.longest == first.longest == 3


@pytest.mark.parametrize(
    "arguments, options, name",
    [((0, 5), {}, "first"), ((5, 4), {}, "last"), ((1, 5), {"mixed": 1.5}, "mixed")],
)
def test_curriculum_refuses_what_cannot_be(arguments, options, name):
    with pytest.raises(ValueError, match=name):
        Curriculum(make_task("copy", 2), *arguments, **options)


def test_a_run_of_each_script_has_what_its_lesson_reads():
    make = script("lesson08")
    run = make.one_run(make.SETTING | {"updates": 2, "relaxation": 2}, seed=0)
    assert len(run["sequences"]) == len(run["symbols"]) == len(make.LENGTHS)
    assert run["curve"][-1][0] == 2 and run["distance"] > 0
    sums = make.one_adder(make.SUMS | {"updates": 1, "digits": 2}, seed=0)
    assert np.shape(sums["known"]) == (6, 5, 5)  # steps and the start, cells, symbols
    kept = recorded.load("lesson08_sums")
    assert kept["setting"] == make.SUMS and len(kept["runs"]["add"]) == 3
    make = script("lesson09")
    still = make.one_run(make.SETTING | {"updates": [1, 1], "diagonal": False}, seed=0)
    assert len(still["sequences"]) == len(make.DIGITS)


@pytest.mark.parametrize("name", ["lesson08_ablation", "lesson09_ablation"])
def test_recorded_runs_are_those_of_their_script(name):
    ablation = recorded.load(name)
    make = script(f"{name.split('_')[0]}")
    assert ablation["setting"] == make.SETTING and ablation["variants"] == make.VARIANTS
    assert ablation["runs"] and set(ablation["runs"]) <= set(make.VARIANTS)
    columns = ablation.get("lengths") or make.DIGITS
    for runs in ablation["runs"].values():
        for run in runs.values():
            assert len(run["sequences"]) == len(run["symbols"]) == len(columns)
            assert all(0 <= share <= 1 for share in run["sequences"])
