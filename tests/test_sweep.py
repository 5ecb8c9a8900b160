"""Tuning by many: eight workers on one study, two of them killed; seeds run once; files merged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from ngpu_lib import cli, plots, pretrained, recipes, recorded, sweep
from ngpu_lib.sweep.storage import patiently
from tests.benchmarks.sweep import merge_class, run_class
from tests.postgresql import NEEDS, server, tools

optuna = pytest.importorskip("optuna")
SPACE = {"x": sweep.Range(0.0, 1.0), "kind": sweep.Choice(("a", "b"))}
SETTING = {"updates": 1}
WORKERS, DOOMED, EACH, SEEDS = 8, 2, 5, range(20)


@pytest.fixture(scope="module")
def restartable():
    """The address of a PostgreSQL server for as long as the module runs, and how to restart it."""
    if tools() is None or os.name == "nt":
        pytest.fail(NEEDS) if os.environ.get("CI") else pytest.skip(NEEDS)
    with server() as found:
        yield found


@pytest.fixture(scope="module")
def postgresql(restartable):
    return restartable[0]


@pytest.fixture(params=["file", "postgresql"])
def where(request, tmp_path) -> str:
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql")
    return str(tmp_path / "class.journal")


# Eight forks of one process that has imported Optuna, without torch. The first two stop within a trial,
# say so, and are killed there; of seeds they are left one each, as the others wait for that.
LAUNCHER = """
import json, os, signal, sys, time
from pathlib import Path
from ngpu_lib import sweep
import optuna, sqlalchemy, psycopg
assert "torch" not in sys.modules
where, name, folder, mode, workers, doomed, each, seeds = json.loads(sys.argv[1])
folder = Path(folder)
space = {"x": sweep.Range(0.0, 1.0), "kind": sweep.Choice(("a", "b"))}

def all_within():
    return all((folder / f"within-{number}").exists() for number in range(doomed))

def work(number):
    calls = 0
    def objective(params):
        nonlocal calls
        calls += 1
        if number < doomed and calls == (2 if mode == "search" else 1):
            (folder / f"within-{number}").touch()
            time.sleep(600)
        while mode == "seeds" and not all_within():
            time.sleep(0.01)
        return {"value": params.get("x", 0.5)}
    def report(row):
        with (folder / f"done-{number}").open("a") as stream:
            stream.write(json.dumps(row) + "\\n")
    study = sweep.open_study(where, name, {"updates": 1})
    if mode == "search":
        sweep.search(study, space, objective, trials=each, learner=str(number), report=report)
    else:
        sweep.search_seeds(study, objective, range(seeds), learner=str(number), report=report)

pids = []
for number in range(workers):
    pids.append(os.fork())
    if not pids[-1]:
        try:
            work(number)
        except BaseException as error:
            print(number, repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
limit = time.monotonic() + 240
try:
    while not all_within():
        assert time.monotonic() < limit, "the doomed workers never got to their trial"
        time.sleep(0.05)
finally:
    for pid in pids[:doomed]:
        os.kill(pid, signal.SIGKILL)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
assert codes == [-9] * doomed + [0] * (workers - doomed), codes
"""


def eight_workers(where, name, folder, mode) -> list[dict]:
    """Run them; what each says it finished."""
    arguments = json.dumps([where, name, str(folder), mode, WORKERS, DOOMED, EACH, len(SEEDS)])
    command = [sys.executable, "-c", LAUNCHER, arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for path in folder.glob("done-*") for line in path.open()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the workers are forks")
def test_eight_workers_two_killed_every_trial_once(where, tmp_path):
    said = eight_workers(where, "search", tmp_path, "search")
    assert len(said) == (WORKERS - DOOMED) * EACH + DOOMED * 1
    study = sweep.open_study(where, "search", SETTING)
    found = sweep.rows(study)
    assert sorted(row["id"] for row in found) == sorted(row["id"] for row in said)
    assert {row["id"]: row for row in found} == {row["id"]: row for row in said}
    states = [trial.state.name for trial in study.get_trials()]
    assert states.count("COMPLETE") == len(said) and states.count("RUNNING") == DOOMED
    assert sweep.fail_lost(study) == 0  # they may still be alive, as far as anybody can tell
    assert sweep.fail_lost(study, grace=0) == DOOMED
    assert sweep.rows(study) == found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the workers are forks")
def test_eight_workers_two_killed_every_seed_once(where, tmp_path):
    said = eight_workers(where, "seeds", tmp_path, "seeds")
    assert len(said) == len(SEEDS) - DOOMED
    study = sweep.open_study(where, "seeds", SETTING)
    assert sweep.search_seeds(study, lambda params: {"value": 0.5}, SEEDS) == []
    rest = sweep.search_seeds(study, lambda params: {"value": 0.5}, SEEDS, grace=0)
    assert len(rest) == DOOMED
    found = sweep.rows(study)
    assert sorted(row["params"]["seed"] for row in found) == list(SEEDS)
    assert {row["id"] for row in found} == {row["id"] for row in said + rest}


@pytest.mark.skipif(os.name == "nt", reason="the workers are forks")
def test_a_class_on_a_database_that_is_restarted(restartable, tmp_path):
    """A smaller class than that of `make bench ONLY=sweep`: every learner once all the same."""
    address, restart = restartable
    found = run_class(address, tmp_path, restart, learners=40, workers=8)
    assert found["finished"] + found["redone"] == 40


def test_a_class_that_sends_files(tmp_path):
    assert merge_class(tmp_path, learners=20)["finished"] == 20


def test_a_database_that_stays_away_is_said(monkeypatch):
    monkeypatch.setattr("ngpu_lib.sweep.storage.PATIENCE", 0.3)
    calls = []

    def fails():
        calls.append(1)
        raise optuna.exceptions.StorageInternalError("gone")

    with pytest.raises(ValueError, match="has not answered"):
        patiently(fails)
    assert len(calls) > 1 and patiently(lambda: 5) == 5


@pytest.mark.parametrize("where", ["grpc://host", "grpc://:5", "grpc://127.0.0.1:9"])
def test_a_proxy_that_is_none(where, monkeypatch):
    monkeypatch.setattr(
        optuna.storages.GrpcStorageProxy, "__init__", lambda self, **at: None, raising=True
    )
    monkeypatch.setattr(
        optuna.storages.GrpcStorageProxy, "wait_server_ready", lambda self, timeout: 1 / 0
    )
    with pytest.raises(ValueError, match="needs grpc://host:port|no proxy at 127.0.0.1:9"):
        sweep.open_study(where, "mine", SETTING)


def study_of(name="mine", where=None, trials=4, learner="Ada"):
    study = sweep.open_study(where, name, SETTING)
    sweep.search(study, SPACE, value_of, trials=trials, learner=learner, seed=0)
    return study


def value_of(params):
    return {"value": params["x"], "squared": params["x"] ** 2}


def test_files_are_merged_each_trial_once(tmp_path):
    first, second = study_of(), study_of(learner="Ben")
    assert sweep.export(first, tmp_path / "ada") == sweep.export(second, tmp_path / "ben") == 4
    study = sweep.open_study(str(tmp_path / "class.journal"), "mine", SETTING)
    for expected in ((4, 0), (0, 4)):
        assert sweep.merge(study, SPACE, sweep.read(tmp_path / "ada")) == expected
    assert sweep.merge(study, SPACE, sweep.read(tmp_path / "ben") * 2) == (4, 4)
    wanted = sweep.rows(first) + sweep.rows(second)
    strip = [{k: v for k, v in row.items() if k != "study"} for row in sweep.rows(study)]
    assert strip == wanted
    again = sweep.open_study(str(tmp_path / "class.journal"), "mine", SETTING)
    sweep.export(again, tmp_path / "all")
    assert sweep.merge(first, SPACE, sweep.read(tmp_path / "all")) == (4, 4)
    # later trials learn from merged ones: Optuna sees them as its own
    assert len(first.get_trials()) == 8 and first.best_value == max(r["value"] for r in wanted)


def test_merged_seeds_are_not_run_again(tmp_path):
    elsewhere = sweep.open_study(None, "add", SETTING)
    sweep.search_seeds(elsewhere, lambda params: {"value": 1.0}, [0, 1])
    sweep.export(elsewhere, tmp_path / "rows")
    study = sweep.open_study(None, "add", SETTING)
    sweep.merge(study, sweep.SEED_SPACE, sweep.read(tmp_path / "rows"))
    new = sweep.search_seeds(study, lambda params: {"value": 0.0}, [0, 1, 2])
    assert [row["params"]["seed"] for row in new] == [2]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"id": 3}, "no row"),
        ({"study": {"name": "other", "updates": 1}}, "another setting"),
        ({"study": None}, "another setting"),
        ({"value": float("nan")}, "finite"),
        ({"value": "high"}, "finite"),
        ({"params": {"x": 0.5}}, "needs x, kind"),
        ({"params": {"x": 2.0, "kind": "a"}}, "x = 2.0"),
        ({"params": {"x": 0.5, "kind": "c"}}, "kind = 'c'"),
    ],
)
def test_bad_rows_are_refused_and_none_is_added(change, words):
    good = {
        **{"id": "1", "value": 1.0, "params": {"x": 0.5, "kind": "a"}, "learner": ""},
        "study": {"name": "mine", **SETTING},
    }
    study = sweep.open_study(None, "mine", SETTING)
    with pytest.raises(ValueError, match=words) as error:
        sweep.merge(study, SPACE, [good, {**good, "id": "2", **change}], source="b.jsonl")
    assert "b.jsonl, row 2" in str(error.value)
    assert sweep.rows(study) == []
    assert sweep.merge(study, SPACE, [good]) == (1, 0)


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "torn").write_text('{"id": "1"}\n{"id"')
    with pytest.raises(ValueError, match="torn, line 2 is not JSON"):
        sweep.read(tmp_path / "torn")
    with pytest.raises(ValueError, match="cannot read .*missing"):
        sweep.read(tmp_path / "missing")


def test_studies_of_another_setting_or_address_are_refused(tmp_path):
    path = str(tmp_path / "a" / "class.journal")
    sweep.open_study(path, "mine", SETTING)
    sweep.open_study(path, "mine", SETTING)
    sweep.open_study(path, "other", {"updates": 2})
    with pytest.raises(ValueError, match="updates 1, not 2"):
        sweep.open_study(path, "mine", {"updates": 2})
    with pytest.raises(ValueError, match="mysql://...; needs"):
        sweep.open_study("mysql://host/base", "mine", SETTING)
    with pytest.raises(ValueError, match="a folder"):
        sweep.open_study(str(tmp_path), "mine", SETTING)
    with pytest.raises(ValueError, match="no PostgreSQL at 127.0.0.1:9/base") as error:
        sweep.open_study("postgresql://me:secret@127.0.0.1:9/base", "mine", SETTING)
    assert "secret" not in str(error.value)
    (tmp_path / "text").write_text("no study\nat all\n")
    with pytest.raises(ValueError, match="no study's file"):
        sweep.open_study(str(tmp_path / "text"), "mine", SETTING)


def test_a_part_is_kept_and_all_parts_cover_the_space():
    parts = [tuple(sweep.part_of(number).items()) for number in range(15)]
    assert len(set(parts)) == 15
    assert sweep.part_of(3) == sweep.part_of("3") == sweep.part_of(18)
    assert tuple(sweep.part_of("Ada").items()) in parts
    study = sweep.open_study(None, "mine", SETTING)
    seen = []

    def look(params):
        seen.append(params)
        return {"value": len(seen)}

    sweep.search(study, sweep.MNIST_SPACE, look, trials=15, fixed=sweep.part_of("Ada"))
    assert all(sweep.part_of("Ada").items() <= params.items() for params in seen)
    assert len({params["lr"] for params in seen}) == 15
    for params in seen:
        assert all(sweep.MNIST_SPACE[name].holds(value) for name, value in params.items())


def test_a_worker_learns_from_its_own_part():
    """What is good for one kind is bad for the other: each finds its own."""
    study, best = sweep.open_study(None, "mine", SETTING), {"a": 0.9, "b": 0.1}
    for kind, place in best.items():
        new = sweep.search(
            *(study, SPACE, lambda params: {"value": -abs(params["x"] - best[params["kind"]])}),
            **{"trials": 20, "fixed": {"kind": kind}, "seed": 0},
        )
        last = sorted(row["params"]["x"] for row in new[-5:])
        assert abs(last[2] - place) < 0.25, (kind, last)


@pytest.mark.parametrize("learner", ["", "  ", -1, "-4"])
def test_learners_without_a_name_are_refused(learner):
    with pytest.raises(ValueError, match="learner"):
        sweep.part_of(learner)


def test_bad_arguments_are_refused():
    study = sweep.open_study(None, "mine", SETTING)
    with pytest.raises(ValueError, match="trials: got -1"):
        sweep.search(study, SPACE, value_of, trials=-1)
    with pytest.raises(ValueError, match="fixed: got kind = 'c'"):
        sweep.search(study, SPACE, value_of, trials=1, fixed={"kind": "c"})
    with pytest.raises(ValueError, match="seeds: got"):
        sweep.search_seeds(study, value_of, [])
    with pytest.raises(ValueError, match="params: got x"):
        sweep.mnist_trial({"x": 1}, None)
    with pytest.raises(ValueError, match="did you mean multiply"):
        sweep.recipe_setting("multipl")
    with pytest.raises(ValueError, match="updates: got 0"):
        sweep.recipe_setting("add", updates=0)


def test_a_trial_that_raises_is_no_result():
    study = sweep.open_study(None, "mine", SETTING)

    def fails(params):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.search(study, SPACE, fails, trials=3)
    assert sweep.rows(study) == [] and [t.state.name for t in study.get_trials()] == ["FAIL"]


def test_a_trial_given_up_meanwhile_is_not_counted_twice():
    """A worker that slept too long: another has redone its seed when it comes back."""
    study = sweep.open_study(None, "mine", SETTING)

    def sleeps(params):
        assert sweep.fail_lost(study, grace=-1) == 1
        assert len(sweep.search_seeds(study, lambda params: {"value": 0.2}, [7])) == 1
        return {"value": 0.1}

    assert sweep.search_seeds(study, sleeps, [7]) == []
    assert [row["value"] for row in sweep.rows(study)] == [0.2]


def test_running_trials_show_signs_of_life(monkeypatch):
    monkeypatch.setattr("ngpu_lib.sweep.study.BEAT", 0.02)
    study = sweep.open_study(None, "mine", SETTING)
    seen = []

    def slow(params):
        for _ in range(2):
            (running,) = (t for t in study.get_trials() if t.state.name == "RUNNING")
            seen.append(running.user_attrs["alive"])
            time.sleep(0.3)
        return {"value": 0.0}

    sweep.search(study, SPACE, slow, trials=1)
    assert seen[1] > seen[0]


def test_table_and_leaderboard():
    found = sweep.rows(study_of())
    best = sweep.leaderboard(found, 2)
    assert [row["value"] for row in best] == sorted((r["value"] for r in found), reverse=True)[:2]
    head, rule, *body = sweep.table(best).splitlines()
    assert head == "| value | x | kind | seconds | squared | learner |" and len(body) == 2
    assert sweep.table([]) == "no finished trial"


def test_every_setting_has_a_place_on_an_axis():
    for name, setting in sweep.MNIST_SPACE.items():
        ends = setting.values if isinstance(setting, sweep.Choice) else (setting.low, setting.high)
        assert (setting.place(ends[0]), setting.place(ends[-1])) == (0, 1)
        ticks = setting.ticks()
        assert list(ticks) == sorted(ticks) and len(ticks) >= 3, name
    assert sweep.Range(1, 100, log=True).place(10) == pytest.approx(0.5)
    assert sweep.Range(0, 4).place(1) == 0.25


def test_parallel_coordinates():
    fig, ax = plots.figure()
    plots.parallel(ax, [[0, 1], [1, 0]], ["a", "b"], colour=[2, 1], ticks=[{0: "x"}, {}])
    lines = [list(line.get_ydata()) for line in ax.lines]
    assert lines[:2] == [[1, 0], [0, 1]]  # the higher number is drawn last
    assert [text.get_text() for text in ax.texts] == ["x"]
    assert plots.show(fig, alt="Two lines that cross.").png
    for values, colour in (([], []), ([[0]], [1]), ([[0, 1]], [1, 2])):
        with pytest.raises(ValueError, match="values: got"):
            plots.parallel(plots.figure()[1], values, ["a", "b"], colour=colour)


def test_without_optuna_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ModuleNotFoundError, match="pip install optuna"):
        sweep.open_study(None, "mine", SETTING)


def test_a_recipe_run_again_stores_the_same_weights_and_measures_the_same(tmp_path, monkeypatch):
    """The last phase has extra steps; the second run finds its training done and makes no update."""
    phases = (recipes.Phase(2, (8,)), recipes.Phase(2, (8,), extra_steps=3))
    tiny = recipes.Recipe("copy", phases=phases, maps=6, batch_size=2)
    monkeypatch.setitem(recipes.RECIPES, "tiny", tiny)
    setting = sweep.recipe_setting("tiny", examples=4, lengths=[8, 4])
    found, files = [], []
    for _ in range(2):
        found.append(sweep.recipe_trial({"seed": 5}, "tiny", setting, folder=tmp_path))
        folder = tmp_path / "tiny-seed5"
        files.append([(folder / f"weights.{end}").read_bytes() for end in ("safetensors", "json")])
    assert pretrained.load(folder / "weights.safetensors").settings["extra_steps"] == 3
    assert files[0] == files[1]
    assert set(found[0]) == {"value", "loss", "right at 4"}
    assert (
        found[0]["value"] == found[1]["value"] and found[0]["right at 4"] == found[1]["right at 4"]
    )


def test_a_recipe_measures_what_it_stored_beside_better_weights(tmp_path, monkeypatch):
    tiny = recipes.Recipe("copy", phases=(recipes.Phase(2, (8,)),), maps=6, batch_size=2)
    monkeypatch.setitem(recipes.RECIPES, "tiny", tiny)
    folder, loaded, load = tmp_path / "tiny-seed5", [], pretrained.load
    place = pretrained.store_run(folder / "weights.safetensors", recipes.start("tiny", seed=6))
    perfect = {"length": 8, "inputs": "random", "examples": 4, "sequence_accuracy": 1.0}
    pretrained.write_card(place, {**load(place).card, "measured": [perfect]})
    monkeypatch.setattr(pretrained, "load", lambda *given: loaded.append(given[0]) or load(*given))
    setting = sweep.recipe_setting("tiny", examples=4, lengths=[8])
    sweep.recipe_trial({"seed": 5}, "tiny", setting, folder=tmp_path)
    assert loaded[-1] == folder / "weights-seed5-2.safetensors"
    assert load(place).card["seed"] == 6 and load(loaded[-1]).card["seed"] == 5


def test_the_class_recorded_for_lesson_13_fits_the_space():
    rows = recorded.load("lesson13_class")
    study = sweep.open_study(
        None, "mnist", {k: v for k, v in rows[0]["study"].items() if k != "name"}
    )
    assert sweep.merge(study, sweep.MNIST_SPACE, rows) == (len(rows), 0)
    for row in rows:
        assert sweep.part_of(row["learner"]).items() <= row["params"].items()


# The command.


def ngpu(capsys, *arguments) -> tuple[dict, str]:
    assert cli.main(["sweep", *map(str, arguments)]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    return json.loads(out), err


def test_command_tunes_mnist_merges_and_exports(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("NGPU_DATA", raising=False)
    monkeypatch.setenv("NGPU_MIRRORS", "http://127.0.0.1:9/")  # nothing listens there: the stand-in
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    options = ("mnist", "--updates", 20, "--study")
    result, err = ngpu(
        *(capsys, *options, tmp_path / "a", "--trials", 2, "--learner", "Ada"),
        *("--export", tmp_path / "rows"),
    )
    assert result["finished"] == result["new"] == result["exported"] == 2
    assert result["best"]["learner"] == "Ada" and 0 < result["best"]["value"] <= 100
    assert sweep.part_of("Ada").items() <= result["best"]["params"].items()
    assert "best" in err and "| value | optimizer |" in err
    for known in (0, 2):
        merged, err = ngpu(capsys, *options, tmp_path / "b", "--merge", tmp_path / "rows")
        assert f"{2 - known} trials added, {known} known" in err
    assert merged == {"task": "mnist", "finished": 2, "new": 0, "best": result["best"]}


def test_command_runs_seeds_of_a_recipe(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ("copy", "--updates", 2, "--maps", 6, "--lengths", 6, 4, "--examples", 5)
    first, _ = ngpu(capsys, *options, "--seeds", "0-1")
    assert first["finished"] == 2 and first["unfinished"] == []
    second, err = ngpu(capsys, *options, "--seeds", "0-2")
    assert second["new"] == 1 and second["finished"] == 3
    assert err.count("\n| ") >= 5 and "right at 4" in err
    assert (tmp_path / "runs" / "copy-seed2" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["mnist", "--seeds", "0-9"], "seeds: got 0-9; mnist has none"),
        (["add", "--trials", "3"], "trials: got 3; add has none"),
        (["ad", "--seeds", "0"], "did you mean add?"),
        (["add", "--seeds", "1-"], "seeds: got '1-'"),
        (["add", "--seeds", "5-2"], "0 seeds"),
        (["add", "--lengths", "0", "--seeds", "0"], "length"),
    ],
)
def test_command_refuses_bad_input(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["sweep", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and words in err
