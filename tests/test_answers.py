"""No answer of a learner stops a later cell: whatever comes out of a stub, the lesson goes on."""

from __future__ import annotations

from importlib import import_module

import matplotlib.pyplot as plt
import pytest

from ngpu_lib import plots
from tests.conftest import ROOT
from tests.exercises.extract import TooLong
from tests.exercises.later import later_of, stops

LESSONS = [f"{number:02}" for number in range(10)]

#: Seconds of one exercise's later cells, with all answers.
SECONDS = 30


@pytest.mark.parametrize("lesson", LESSONS)
def test_no_answer_stops_a_later_cell(lesson, monkeypatch):
    monkeypatch.setattr(plots, "show", lambda fig, **options: plt.close(fig))
    path = next((ROOT / "course").glob(f"{lesson}_*.py"))
    known = import_module(f"tests.exercises.lesson{lesson}").STOPPED_BY_AN_ANSWER
    found = {}
    for later in later_of(path, import_module(f"ngpu_lib.checks.lesson{lesson}")):
        try:
            outcome = stops(later, SECONDS)
        except TooLong:
            outcome = {"all": f"takes more than {SECONDS} s"}
        finally:
            plt.close("all")
        if outcome:
            found[later.name] = outcome
    lines = [f"{name}, {kind}: {text}" for name, o in found.items() for kind, text in o.items()]
    assert set(found) == set(known), "\n".join(lines)
