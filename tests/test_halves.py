"""A network cut in two: two real processes, who waits counted, one of them killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest
import torch

from course.workshop.recorded_runs import definitions, lesson13_allreduce, lesson13_halves
from ngpu_lib import halves, pretrained, recorded
from ngpu_lib.data import load_mnist
from ngpu_lib.halves import process, start

UPDATES = 250


@pytest.fixture(scope="module")
def runs() -> dict[str, dict]:
    """A run of every way by two processes, started once."""
    return {run["way"]: run for run in halves.train(tuple(halves.WAYS), updates=UPDATES)}


def test_two_processes_learn_and_the_lower_never_waits_for_a_gradient(runs):
    """How old its messages are is up to the machine, so the learning is tested where that is bounded."""
    assert len({os.getpid(), *runs["guess"]["processes"]}) == 3
    for way in ("guess", "guess, at most 2 late", "guess, in step", "fixed"):
        assert runs[way]["waits"][0] == 0, "it never waited for a gradient before its update"
    assert runs["guess"]["holds"] == 0, "nor before its next batch"
    assert runs["back-propagation"]["waits"][0] > 0.8 * UPDATES, "which back-propagation does"
    mine = runs["guess, at most 2 late"]
    assert mine["oldest"] <= 2 and mine["too late"] <= 2
    first, last = (sum(part) / 10 for part in (mine["losses"][:10], mine["losses"][-10:]))
    assert last < first - 0.05, "the whole learns"
    if load_mnist(progress=False).is_real:  # the small digits need more than these updates
        still = sum(runs["fixed"]["losses"][-10:]) / 10
        assert last < 0.6 * first and last < still - 0.5, "the lower one as well"
    assert mine["unexplained"] < 0.9, "the gradient model has learned, too"


def test_in_step_two_processes_compute_what_the_lesson_computes_in_one(runs):
    """The same weights and batches give the same losses: with messages at once, and by back-propagation."""
    mnist, lesson = load_mnist(progress=False), definitions("13_many_machines")
    for way, update in (("guess, in step", lesson["apart"]), ("back-propagation", lesson["usual"])):
        torch.manual_seed(0)
        sizes = [784, 64, 64, 64, 10]
        pieces = [lesson["Piece"](sizes[k], sizes[k + 1], top=k == 3) for k in range(4)]
        for number, (x_BP, y_B) in enumerate(process.batches(mnist, 20)):
            with torch.no_grad():
                h_BU = x_BP
                for piece in pieces:
                    h_BU = piece(h_BU)
                loss = torch.nn.functional.cross_entropy(h_BU, y_B).item()
            assert abs(loss - runs[way]["losses"][number]) < 1e-3
            update(pieces, x_BP, y_B)


@pytest.mark.parametrize("killed", [0, 1])
def test_killing_one_half_ends_the_other_with_a_clear_error(killed):
    started = halves.Halves(["guess"], seeds=range(1000), updates=50)
    runs = iter(started)
    assert next(runs)["waits"][0] == 0
    os.kill(started.processes[killed].pid, signal.SIGKILL)
    killed_at = time.monotonic()
    with pytest.raises(ChildProcessError) as error:
        list(runs)
    assert time.monotonic() - killed_at < 60, "it did not hang"
    text = str(error.value)
    assert f"{halves.Halves.NAMES[killed]} was killed by signal 9" in text
    assert f"{halves.Halves.NAMES[1 - killed]} ended with status 2: " in text
    assert re.search(
        f"process {killed} has gone after .* of 50 messages|another rank has gone", text
    )
    assert all(each.poll() is not None for each in started.processes), "nobody is left"


def test_a_half_that_is_lost_before_they_have_met_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(start, "GRACE", 1.0)
    started = halves.Halves(["guess"])
    started.processes[0].kill()
    with pytest.raises(ChildProcessError, match="process 0 .* was killed by signal 9; process 1"):
        list(started)


def test_a_half_alone_or_one_of_three_is_refused(monkeypatch, capfd):
    command = [sys.executable, "-m", "ngpu_lib.halves.process"]
    alone = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert alone.returncode == 2
    assert "halves: world: got 1 processes; needs 2, as torchrun" in alone.stderr
    with pytest.raises(ValueError, match="ways: got 'gues'; did you mean guess"):
        halves.train(["gues"])
    with pytest.raises(ValueError, match="updates: got 0; needs a whole number"):
        halves.train(updates=0)


def test_what_is_recorded_holds_every_count_and_the_control_repeats():
    found = recorded.load(lesson13_halves.NAME)["runs"]
    assert set(found) == set(lesson13_halves.VARIANTS) > set(halves.WAYS)
    for way in halves.WAYS:
        assert len(found[way]) == 5
        for run in found[way].values():
            assert run["waits"][0] == 0 or way == "back-propagation"
    if load_mnist(progress=False).is_real:
        again = lesson13_halves.in_one_process(seed=0, late=4)["right"]
        assert abs(again - found["4 late"]["0"]["right"]) < 0.04


def test_the_all_reduce_was_timed_for_the_shipped_multiplier():
    times = recorded.load(lesson13_allreduce.NAME)["times"]
    weights = sum(p.numel() for p in pretrained.load("multiply").model.parameters())
    assert times["training pass"]["weights"] == weights and weights in lesson13_allreduce.SIZES
    for size in lesson13_allreduce.SIZES:
        for job in times[str(size)].values():
            assert 0 < job["shortest"] <= job["median"]
