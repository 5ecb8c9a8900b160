"""Several processes train as one does: real processes, started by torchrun, one of them killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ngpu_lib import cli, ranks
from ngpu_lib.losses import SequenceLoss
from ngpu_lib.ranks import Ranks
from ngpu_lib.recipes import RECIPES, Phase, Recipe, start
from ngpu_lib.tasks import make_task

#: A recipe for the processes: some words are shorter than their tape, so that parts count differently.
PROGRAM = """
import os
import sys
from ngpu_lib import cli
from ngpu_lib.recipes import RECIPES, Phase, Recipe
noise, dropout, batch = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
maps = 6 + 6 * ("--uneven" in sys.argv and os.environ["RANK"] == "1")
sys.argv = [word for word in sys.argv if word != "--uneven"]
phases = (Phase({updates}, (5, 7, 9), state_noise=noise, push=noise / 5),)
RECIPES["add"] = Recipe("add", phases, maps=maps, batch_size=batch, dropout=dropout, shorter=0.5, gradient_noise=noise)
sys.exit(cli.main(["train", "add", *sys.argv[4:]]))
"""


def torchrun(folder: Path, *arguments: str, updates: int = 6, options: tuple[str, ...] = ()):
    """Two processes of the program above, as a command that subprocess takes."""
    program = folder / "program.py"
    program.write_text(PROGRAM.replace("{updates}", str(updates)))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--standalone", *options, str(program), *arguments]
    clean = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")}
    return command, clean | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}


def two_ranks(folder: Path, *arguments: str, **more) -> dict[str, torch.Tensor]:
    command, environment = torchrun(folder, *arguments, "--out", str(folder / "out"), **more)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return load_file(folder / "out" / "weights.safetensors")


def alone(folder: Path, monkeypatch, updates: int = 6) -> dict[str, torch.Tensor]:
    phases = (Phase(updates, (5, 7, 9)),)
    recipe = Recipe("add", phases, maps=6, batch_size=8, dropout=0.0, shorter=0.5)
    monkeypatch.setitem(RECIPES, "add", recipe)
    assert cli.main(["train", "add", "--out", str(folder)]) == 0
    return load_file(folder / "weights.safetensors")


def test_two_ranks_of_half_the_batch_give_the_weights_of_one_process(tmp_path, monkeypatch):
    one = alone(tmp_path / "one", monkeypatch)
    two = two_ranks(tmp_path, "0", "0", "8")
    fresh = start("add").model.state_dict()
    moved = max((one[name] - fresh[name]).abs().max() for name in one)
    assert moved > 1e-3
    assert max((one[name] - two[name]).abs().max() for name in one) < 1e-5
    lines = (tmp_path / "out" / "records.jsonl").read_text().splitlines()
    assert len(lines) == 6, "rank 0 alone writes"


def test_with_noise_each_rank_draws_its_own_and_a_run_can_be_repeated(tmp_path):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    first = two_ranks(tmp_path / "a", "0.1", "0.2", "4", updates=3)
    again = two_ranks(tmp_path / "b", "0.1", "0.2", "4", updates=3)
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_rank_with_another_recipe_is_a_clear_error(tmp_path):
    command, environment = torchrun(
        tmp_path, "0", "0", "4", "--out", str(tmp_path / "out"), "--uneven"
    )
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode != 0
    assert "maps: rank 1 got 12, rank 0 6; all ranks need the same" in done.stderr
    assert not (tmp_path / "out" / "weights.safetensors").exists()


def test_a_killed_rank_ends_the_run_and_a_restart_goes_on_from_the_checkpoint(tmp_path):
    """The second rank is killed after the first checkpoint; both processes start again by themselves."""
    options = ("--max-restarts", "1", "--monitor-interval", "0.2")
    arguments = ("0", "0", "4", "--out", str(tmp_path / "out"))
    command, environment = torchrun(tmp_path, *arguments, updates=400, options=options)
    log = (tmp_path / "log.txt").open("w")
    run = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        checkpoint = tmp_path / "out" / "checkpoint.safetensors"
        until = time.monotonic() + 120
        while not checkpoint.exists() and time.monotonic() < until and run.poll() is None:
            time.sleep(0.05)
        assert checkpoint.exists(), (tmp_path / "log.txt").read_text()[-3000:]
        os.kill(second_rank(run.pid), signal.SIGKILL)
        assert run.wait(timeout=240) == 0, (tmp_path / "log.txt").read_text()[-3000:]
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        log.close()
    assert "another rank has gone, so this one stops" in (tmp_path / "log.txt").read_text()
    steps = [line.split('"step": ')[1].split(",")[0] for line in records(tmp_path / "out")]
    assert int(steps[-1]) == 400 and steps.count("1") == 1, "it went on and did not begin again"
    assert (tmp_path / "out" / "weights.safetensors").exists()


def records(folder: Path) -> list[str]:
    return (folder / "records.jsonl").read_text().splitlines()


def second_rank(parent: int) -> int:
    """The process that torchrun has started as rank 1."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            about = (place / "environ").read_bytes().split(b"\0")
            above = (place / "stat").read_text().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue
        if b"RANK=1" in about and int(above) == parent:
            return int(place.name)
    raise AssertionError("no rank 1 is running")


def test_a_lost_rank_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(ranks.distributed, "rendezvous", lambda url: iter([(None, 0, 2)]))
    monkeypatch.setattr(ranks.distributed, "PrefixStore", lambda prefix, store: None)
    monkeypatch.setattr(ranks.distributed, "init_process_group", lambda backend, **options: None)
    monkeypatch.setattr(ranks.distributed, "destroy_process_group", lambda: None)
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    with pytest.raises(
        ConnectionError, match="rank 0: another rank has gone.*checkpoint is intact"
    ):
        with ranks.join():
            raise RuntimeError("[../gloo/transport/tcp/pair.cc:553] Connection closed by peer")
    with pytest.raises(RuntimeError, match="another matter"), ranks.join():
        raise RuntimeError("another matter")


def test_a_world_of_one_is_refused(monkeypatch, capsys):
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "1")):
        monkeypatch.setenv(name, value)
    assert cli.main(["train", "add"]) == 2
    assert "world: got 1 process; needs 2 or more" in capsys.readouterr().err
    monkeypatch.setenv("RANK", "first")
    with pytest.raises(ValueError, match="RANK: got 'first'; needs a whole number"), ranks.join():
        pass


def test_a_port_in_use_is_said(monkeypatch, capsys):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = str(held.getsockname()[1])
        here = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for name, value in here.items():
            monkeypatch.setenv(name, value)
        assert cli.main(["train", "add"]) == 2
    assert f"cannot meet at 127.0.0.1:{port} (it is in use)" in capsys.readouterr().err


def test_ranks_with_different_recipes_do_not_train(monkeypatch):
    def gather(found, what):
        found[:] = [what, {**what, "lr": 0.5}]

    monkeypatch.setattr(ranks.distributed, "all_gather_object", gather)
    with pytest.raises(ValueError, match="lr: rank 1 got 0.5, rank 0 0.1; all ranks need the same"):
        Ranks(0, 2, "cpu").agree({"lr": 0.1, "seed": 3})


def test_each_rank_draws_its_own_dropout_and_all_draw_alike_behind_the_loss(monkeypatch):
    monkeypatch.setattr(Ranks, "agree", lambda self, what: None)
    drawn = []
    for rank in range(2):
        own = Ranks(rank, 2, "cpu")
        batch = make_task("add").sample(4, 3, torch.Generator().manual_seed(0))
        source = own.share(lambda step, generator, batch=batch: [batch], seed=5)
        source(1, torch.Generator())
        first = torch.rand(3)
        source(1, torch.Generator())
        assert torch.equal(torch.rand(3), first), "it can be repeated"
        drawn.append((first, own._alike))
    assert not torch.equal(drawn[0][0], drawn[1][0]) and drawn[0][1] == drawn[1][1]


def test_a_batch_without_equal_parts_is_refused():
    batch = make_task("add").sample(5, 3, torch.Generator())
    with pytest.raises(
        ValueError, match="batch_size: got 5 items for 2 ranks; needs a multiple of 2"
    ):
        Ranks(0, 2, "cpu").part(batch)
    with pytest.raises(ValueError, match="world: got 1"):
        Ranks(0, 1, "cpu")
    with pytest.raises(ValueError, match="rank: got 2"):
        Ranks(2, 2, "cpu")


def test_parts_hold_every_item_once_and_their_losses_average_to_the_whole():
    """Divided by the mean count of the parts, uneven parts give the whole batch's loss, exactly summed."""
    task, generator = make_task("add"), torch.Generator().manual_seed(0)
    short = task.sample(3, 2, generator, positions=9)
    long = task.sample(3, 4, generator, positions=9)
    batch = type(long)(
        *(torch.cat([getattr(short, n), getattr(long, n)]) for n in long.__dataclass_fields__)
    )
    parts = [Ranks(rank, 2, "cpu").part(batch) for rank in range(2)]
    rows = sorted(tuple(row.tolist()) for part in parts for row in part.inputs_BL)
    assert rows == sorted(tuple(row.tolist()) for row in batch.inputs_BL)
    assert parts[0].loss_mask_BL.sum() != parts[1].loss_mask_BL.sum()
    model, loss = start("add", maps=6).model.double(), SequenceLoss()
    whole = loss(model, batch)[0].item()
    loss.counts = [batch.loss_mask_BL.sum().item() / 2]
    assert abs(sum(loss(model, part)[0].item() for part in parts) / 2 - whole) < 1e-12
