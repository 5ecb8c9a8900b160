"""No answer of a learner stops a later cell: whatever comes out of a stub, the lesson goes on."""

from __future__ import annotations

from importlib import import_module

import matplotlib.pyplot as plt
import pytest

from course.workshop.editions import lessons
from ngpu_lib import plots
from tests.conftest import ROOT
from tests.exercises import known
from tests.exercises.extract import TooLong
from tests.exercises.later import later_of, stops

LESSONS = [path.stem[:2] for path in lessons()]

#: Seconds of one exercise's later cells, with all answers.
SECONDS = 30


@pytest.mark.parametrize("lesson", LESSONS)
def test_no_answer_stops_a_later_cell(lesson, monkeypatch):
    monkeypatch.setattr(plots, "show", lambda fig, **options: plt.close(fig))
    path = next((ROOT / "course").glob(f"{lesson}_*.py"))
    allowed = known(lesson).STOPPED_BY_AN_ANSWER
    found = {}
    for later in later_of(path, import_module(f"ngpu_lib.checks.lesson{lesson}")):
        if later.name in known(lesson).NOT_FOLLOWED:  # nbval still runs them after the stub
            continue
        try:
            outcome = stops(later, SECONDS)
        except TooLong:
            outcome = {"all": f"takes more than {SECONDS} s"}
        finally:
            plt.close("all")
        if outcome:
            found[later.name] = outcome
    lines = [f"{name}, {kind}: {text}" for name, o in found.items() for kind, text in o.items()]
    assert set(found) == set(allowed), "\n".join(lines)
