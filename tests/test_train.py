"""The one training loop: it repeats, resumes, refuses and survives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ngpu_lib import files
from ngpu_lib.callbacks import ClipGradient, Schedule
from ngpu_lib.checkpoints import load_checkpoint
from ngpu_lib.files import write_whole
from ngpu_lib.train import Callback, seed_for, train


class Average(Callback):
    """A callback with state: a moving average of the weights, and a number drawn each update."""

    def __init__(self):
        self.average, self.draws = {}, []

    def after_update(self, step, model, record):
        for name, weight in model.named_parameters():
            old = self.average.get(name, weight.detach())
            self.average[name] = 0.9 * old + 0.1 * weight.detach()
        self.draws.append(torch.rand(()).item())
        record["draw"] = self.draws[-1]

    def state_dict(self):
        return {"average": self.average, "draws": self.draws}

    def load_state_dict(self, state):
        self.average, self.draws = state["average"], state["draws"]


def setting(learning_rate=0.01):
    """A small net with dropout and batch norm, its optimizer and a callback with state."""
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2)
    )
    return model, torch.optim.Adam(model.parameters(), lr=learning_rate), Average()


def batches(step, generator):
    inputs_BH = torch.randn(16, 4, generator=generator)
    return [inputs_BH, (inputs_BH.sum(1) > 0).long()]


def test_random_numbers_of_an_update_are_those_of_its_seed():
    model, optimizer, _ = setting()
    drawn = []

    def drawing_loss(model, batch):
        drawn.append(torch.rand(3))
        return loss(model, batch)

    for _ in train(model, batches, drawing_loss, optimizer, updates=2, seed=5, progress=False):
        pass
    for step, draw in enumerate(drawn, start=1):
        torch.manual_seed(seed_for(5, step))
        assert torch.equal(draw, torch.rand(3))


def loss(model, batch):
    inputs_BH, targets_B = batch
    logits_BV = model(inputs_BH)
    right = (logits_BV.argmax(1) == targets_B).float().mean().item()
    return F.cross_entropy(logits_BV, targets_B), {"accuracy": right}


def run(updates, *, seed=0, checkpoint=None, learning_rate=0.01, **options):
    model, optimizer, average = setting(learning_rate)
    records = list(
        train(
            model,
            batches,
            loss,
            optimizer,
            updates=updates,
            seed=seed,
            callbacks=[ClipGradient(1.0), average],
            checkpoint=checkpoint,
            progress=False,
            **options,
        )
    )
    return model, optimizer, average, records


def values(records):
    return [{name: value for name, value in r.items() if name != "seconds"} for r in records]


def assert_same_weights(one: nn.Module, other: nn.Module):
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_records_are_plain_and_complete():
    model, _, _, records = run(5, evaluate=lambda model: {"size": 10.0}, evaluate_every=2)
    assert [record["step"] for record in records] == [1, 2, 3, 4, 5]
    for record in records:
        assert set(record) - {"size"} == {"step", "loss", "accuracy", "draw", "seconds"}
        assert all(isinstance(value, (int, float)) for value in record.values())
    assert [record["step"] for record in records if "size" in record] == [2, 4, 5]
    assert not model.training


def test_evaluation_does_not_change_the_run():
    def evaluate(model):
        assert not model.training
        return {"noise": torch.rand(3).sum().item()}

    plain = run(6)[0]
    evaluated = run(6, evaluate=evaluate, evaluate_every=1)[0]
    assert_same_weights(plain, evaluated)


def test_same_seed_same_run_other_seed_another():
    model, _, _, records = run(10)
    again, _, _, records_again = run(10)
    assert values(records) == values(records_again)
    assert_same_weights(model, again)
    other = run(10, seed=1)[3]
    assert values(other) != values(records)


def test_random_numbers_of_the_caller_do_not_matter():
    model, optimizer, average = setting()
    records = []
    for record in train(
        model,
        batches,
        loss,
        optimizer,
        updates=10,
        callbacks=[ClipGradient(1.0), average],
        progress=False,
    ):
        torch.rand(record["step"])
        records.append(record)
    assert values(records) == values(run(10)[3])


@pytest.mark.parametrize("stop", [3, 4, 7])
def test_resume_is_bit_exact(tmp_path, stop):
    """Weights, batch norm's averages, Adam's moments, the callback's state, dropout and batches."""
    whole = run(12, checkpoint=tmp_path / "whole.safetensors", checkpoint_every=5)
    file = tmp_path / "parts.safetensors"
    first = run(stop, checkpoint=file, checkpoint_every=2)[3]
    torch.rand(100)  # another process, another history of random numbers
    model, optimizer, average, rest = run(12, checkpoint=file, checkpoint_every=2)
    assert values(first + rest) == values(whole[3])
    assert_same_weights(model, whole[0])
    assert average.draws == whole[2].draws
    for name, tensor in average.average.items():
        assert torch.equal(tensor, whole[2].average[name])
    moments, wanted = optimizer.state_dict()["state"], whole[1].state_dict()["state"]
    for index in wanted:
        for name in wanted[index]:
            assert torch.equal(moments[index][name], wanted[index][name])


def test_resume_from_a_run_that_broke_off(tmp_path):
    """Updates after the last checkpoint are made again, the same."""
    file = tmp_path / "run.safetensors"
    model, optimizer, average = setting()
    steps = train(
        *(model, batches, loss, optimizer),
        updates=12,
        callbacks=[ClipGradient(1.0), average],
        checkpoint=file,
        checkpoint_every=5,
        progress=False,
    )
    for _ in range(8):
        next(steps)
    steps.close()
    resumed, _, _, rest = run(12, checkpoint=file, checkpoint_every=5)
    assert rest[0]["step"] == 6
    assert_same_weights(resumed, run(12)[0])


def test_a_finished_run_is_not_run_again(tmp_path):
    file = tmp_path / "run.safetensors"
    model = run(4, checkpoint=file)[0]
    again, _, _, records = run(4, checkpoint=file)
    assert records == []
    assert_same_weights(model, again)


def test_schedule_sets_the_rate_of_each_update():
    model, optimizer, _ = setting()
    rates = []

    class Watch(Callback):
        def before_update(self, step, model, optimizer):
            rates.append(optimizer.param_groups[0]["lr"])

    callbacks = [Schedule(lambda step: 0.1 / step), Watch()]
    list(train(model, batches, loss, optimizer, updates=3, callbacks=callbacks, progress=False))
    assert rates == [0.1, 0.05, 0.1 / 3]


def test_clipping_bounds_the_norm():
    model, optimizer, _ = setting()
    norms = []

    class Watch(Callback):
        def after_backward(self, step, model):
            squares = [(weight.grad**2).sum() for weight in model.parameters()]
            norms.append(sum(squares).sqrt().item())

    callbacks = [Watch(), ClipGradient(0.01), Watch()]
    list(train(model, batches, loss, optimizer, updates=3, callbacks=callbacks, progress=False))
    assert all(norm > 0.01 for norm in norms[::2])
    assert norms[1::2] == pytest.approx([0.01] * 3, rel=1e-3)


# Faults


def test_a_crash_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "run.safetensors"
    run(4, checkpoint=file)
    before = file.read_bytes()

    def crash(*_):
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "replace", crash)
    with pytest.raises(OSError, match="disk full"):
        run(8, checkpoint=file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file], "the half-written neighbour is gone"


def test_a_kill_while_writing_leaves_the_old_file(tmp_path):
    """The process dies in the middle of the second write; nothing gets a chance to tidy up."""
    file = tmp_path / "file"
    code = f"""
        import os
        from ngpu_lib import files
        files.write_whole({str(file)!r}, b"old")
        os.fsync = lambda handle: os._exit(9)
        files.write_whole({str(file)!r}, b"new" * 1000)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)])
    assert run.returncode == 9
    assert file.read_bytes() == b"old"


def test_write_whole_makes_folders_and_replaces(tmp_path):
    file = tmp_path / "new" / "folder" / "file"
    write_whole(file, b"one")
    write_whole(str(file), b"two")
    assert file.read_bytes() == b"two"
    assert list(file.parent.iterdir()) == [file]


def test_ctrl_c_leaves_the_last_checkpoint(tmp_path):
    """A real interrupt, sent while update 8 is computed; the run then goes on from update 5."""
    file = tmp_path / "run.safetensors"
    code = f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from ngpu_lib.train import train
        from tests import test_train as t

        signal.signal(signal.SIGINT, signal.default_int_handler)  # a job of nohup's ignores it

        def batches(step, generator):
            if step == 8:
                os.kill(os.getpid(), signal.SIGINT)
            return t.batches(step, generator)

        model, optimizer, average = t.setting()
        callbacks = [t.ClipGradient(1.0), average]
        list(train(model, batches, t.loss, optimizer, updates=12, callbacks=callbacks, checkpoint={str(file)!r},
                   checkpoint_every=5, progress=False))
    """
    threads = str(torch.get_num_threads())  # other threads add in another order
    environment = os.environ | {"PYTHONFAULTHANDLER": "", "OMP_NUM_THREADS": threads}
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert "KeyboardInterrupt" in process.stderr
    assert process.returncode in (-signal.SIGINT, 130, 1)
    resumed, _, _, rest = run(12, checkpoint=file, checkpoint_every=5)
    assert rest[0]["step"] == 6
    assert_same_weights(resumed, run(12)[0])


def test_nan_names_the_step_and_keeps_the_checkpoint(tmp_path):
    file = tmp_path / "run.safetensors"

    def spoilt(step, generator):
        inputs_BH, targets_B = batches(step, generator)
        return [inputs_BH * (float("nan") if step == 7 else 1.0), targets_B]

    model, optimizer, average = setting()
    steps = train(
        *(model, spoilt, loss, optimizer),
        updates=12,
        callbacks=[ClipGradient(1.0), average],
        checkpoint=file,
        checkpoint_every=5,
        progress=False,
    )
    with pytest.raises(FloatingPointError, match="the loss is nan at step 7; .* after step 6"):
        list(steps)
    resumed = run(12, checkpoint=file, checkpoint_every=5)
    assert resumed[3][0]["step"] == 6


@pytest.mark.parametrize(
    ("recipe", "seed", "said"),
    [
        ({"task": "copy", "maps": 24}, 0, "task: the file has 'add', this run 'copy'"),
        ({"task": "add", "maps": 48}, 0, "maps: the file has 24, this run 48"),
        ({"task": "add"}, 0, "maps: the file has 24, this run None"),
        ({"task": "add", "maps": 24}, 1, "seed: the file has 0, this run 1"),
    ],
)
def test_another_recipe_is_refused_and_nothing_overwritten(tmp_path, recipe, seed, said):
    file = tmp_path / "run.safetensors"
    run(3, checkpoint=file, recipe={"task": "add", "maps": 24})
    before = file.read_bytes()
    with pytest.raises(ValueError) as caught:
        run(6, checkpoint=file, recipe=recipe, seed=seed)
    assert said in str(caught.value) and str(file) in str(caught.value)
    assert file.read_bytes() == before


@pytest.mark.parametrize("fault", ["cut short", "empty", "another kind", "weights only"])
def test_a_damaged_checkpoint_is_named_and_kept(tmp_path, fault):
    from safetensors.torch import save

    file = tmp_path / "run.safetensors"
    run(3, checkpoint=file)
    whole = file.read_bytes()
    damaged = {
        "cut short": whole[: len(whole) // 2],
        "empty": b"",
        "another kind": b"PK\x03\x04 this is a zip file, at least at its beginning",
        "weights only": save({"weight": torch.zeros(3)}),
    }[fault]
    file.write_bytes(damaged)
    model, optimizer, average = setting()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match="run.safetensors"):
        list(train(model, batches, loss, optimizer, updates=6, checkpoint=file, progress=False))
    assert file.read_bytes() == damaged
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), "a refused file changed the model"


def test_another_model_is_refused(tmp_path):
    """A checkpoint whose tensors do not fit says so; no file is written over."""
    file = tmp_path / "run.safetensors"
    run(3, checkpoint=file)
    before = file.read_bytes()
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises((ValueError, RuntimeError)):
        list(train(model, batches, loss, optimizer, updates=6, checkpoint=file, progress=False))
    assert file.read_bytes() == before


def test_a_missing_checkpoint_is_a_value_error(tmp_path):
    model, optimizer, _ = setting()
    with pytest.raises(ValueError, match="nowhere.safetensors"):
        load_checkpoint(tmp_path / "nowhere.safetensors", model, optimizer, [], {})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"updates": -1}, "updates: got -1; needs a whole number >= 0"),
        (
            {"updates": 3, "checkpoint_every": 0},
            "checkpoint_every: got 0; needs a whole number >= 1",
        ),
        (
            {"updates": 3, "evaluate": lambda model: {}, "evaluate_every": -2},
            "evaluate_every: got -2; needs a whole number >= 0",
        ),
    ],
)
def test_bad_numbers_are_named(options, said):
    model, optimizer, _ = setting()
    with pytest.raises(ValueError, match=said):
        next(train(model, batches, loss, optimizer, progress=False, **options))
    with pytest.raises(ValueError, match="norm: got 0; needs more than 0"):
        ClipGradient(0)


@pytest.mark.parametrize("in_notebook", [False, True])
def test_progress_line_has_rate_and_remaining_time(capsys, monkeypatch, in_notebook):
    """On stderr, so that stdout stays for results; in a notebook on stdout, where it is not red."""
    shell = object() if in_notebook else None
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    model, optimizer, _ = setting()
    list(train(model, batches, loss, optimizer, updates=4, progress="copying"))
    written = capsys.readouterr()
    assert (written.err if in_notebook else written.out) == ""
    line = (written.out if in_notebook else written.err).split("\r")[-1]
    assert line.startswith("copying") and "4/4" in line and "loss" in line
    assert "updates/s" in line and "<" in line  # elapsed < remaining


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_needs_no_change(tmp_path):
    file = tmp_path / "run.safetensors"
    model, _, average = setting()
    model.cuda()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for updates in (5, 10):
        records = list(
            train(
                *(model, batches, loss, optimizer),
                updates=updates,
                callbacks=[average],
                checkpoint=file,
                progress=False,
            )
        )
    assert [record["step"] for record in records] == [6, 7, 8, 9, 10]
    assert all(weight.is_cuda for weight in model.parameters())
