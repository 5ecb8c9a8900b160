"""One study for many: open it, claim a trial, search, run every seed exactly once.

A study is Optuna's. A trial is finished whole or not at all, so a killed worker loses only the one it
was running, and others do that again. Optuna is imported where it is needed.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ngpu_lib import require
from ngpu_lib.sweep.storage import load_optuna, open_storage, patiently
from ngpu_lib.sweep.trials import SEED_SPACE, Choice, Range, Space

Row = dict[str, Any]
#: ``objective(params)`` gives {"value": the number to maximise} and whatever else a row shall keep.
Objective = Callable[[dict[str, Any]], dict[str, Any]]
Report = Callable[[Row], None]

#: Seconds between two signs of life of a running trial, and of silence after which it counts as lost.
BEAT, GRACE = 20.0, 120.0


def open_study(where: str | Path | None, name: str, setting: Mapping[str, Any]):
    """Open the study called ``name``, or begin it.

    Args:
        where: a file (created where missing), ``postgresql://user:password@host/database``,
            ``grpc://host:port`` (Optuna's proxy before a database), or None for one in memory.
        setting: what all trials have in common, as plain values. Trials of another setting cannot be
            compared, so the study refuses them.

    Returns:
        An optuna.Study that is maximised.

    Raises:
        ValueError: another kind of address, no such server, or a study with another setting.
        ModuleNotFoundError: Optuna is missing; says how to install it.
    """
    optuna = load_optuna()
    require.instance("name", name, str, "a name")
    require.instance("setting", setting, Mapping, "a dict of what all trials have in common")
    require.instance("where", where, (str, Path, type(None)), "a file, postgresql://..., or None")
    storage = None if where is None else open_storage(optuna, str(where))
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", load_if_exists=True
    )
    wanted = {"name": name, **json.loads(json.dumps(setting))}
    if (found := study.user_attrs.get("setting")) is None:
        study.set_user_attr("setting", wanted)
    else:
        check_setting(f"study: {where}", found, wanted)
    return study


def check_setting(what: str, found: Any, wanted: dict[str, Any]) -> None:
    """Refuse what was run with another setting; says which part differs."""
    found = found if isinstance(found, dict) else {}
    differs = [key for key in {**wanted, **found} if found.get(key) != wanted.get(key)]
    if differs:
        parts = "; ".join(f"{key} {found.get(key)!r}, not {wanted.get(key)!r}" for key in differs)
        raise ValueError(f"{what} has another setting ({parts}); needs one study for each setting")


def distribution(optuna, setting: Choice | Range):
    """A setting as Optuna knows it."""
    if isinstance(setting, Choice):
        return optuna.distributions.CategoricalDistribution(setting.values)
    if setting.whole:
        low, high = int(setting.low), int(setting.high)
        return optuna.distributions.IntDistribution(low, high, log=setting.log)
    return optuna.distributions.FloatDistribution(setting.low, setting.high, log=setting.log)


def search(
    study,
    space: Space,
    objective: Objective,
    *,
    trials: int,
    fixed: Mapping[str, Any] | None = None,
    learner: str = "",
    seed: int | None = None,
    report: Report | None = None,
    grace: float = GRACE,
) -> list[Row]:
    """Run some trials; where to look next follows from the study's trials with the same fixed settings.

    Args:
        trials: how many, at least 0. fixed: settings this worker keeps. learner: whose rows they are.
        seed: of the sampler. report: called with each new row. grace: see ``fail_lost``.

    Returns:
        The new rows.

    Raises:
        ValueError: a negative number of trials, or a fixed setting outside the space.

    Source: Bergstra et al. 2011 (the tree-structured Parzen estimator), as Optuna has it.
    """
    optuna = load_optuna()
    require.whole("trials", trials)
    require.function("objective", objective)
    for name, value in (fixed or {}).items():
        if name not in space or not space[name].holds(value):
            raise ValueError(f"fixed: got {name} = {value!r}; needs {space.get(name, list(space))}")
    sampler = optuna.samplers.TPESampler(n_startup_trials=3, constant_liar=True, seed=seed)
    distributions = {name: distribution(optuna, setting) for name, setting in space.items()}
    new = []
    for _ in range(trials):
        fail_lost(study, grace)
        params = patiently(
            lambda: _propose(optuna, study, sampler, distributions, dict(fixed or {}))
        )
        # All is settled; the sampler itself remembers one study, and that is _propose's.
        study.sampler = optuna.samplers.PartialFixedSampler(params, optuna.samplers.RandomSampler())
        trial = patiently(lambda: study.ask(distributions))
        new += _run(study, trial, objective, learner, report)
    return new


def _propose(optuna, study, sampler, distributions, fixed: dict[str, Any]) -> dict[str, Any]:
    """The next settings, from trials with the same fixed ones: SGD's rates would mislead Adam."""
    state = optuna.trial.TrialState
    known = study.get_trials(deepcopy=False, states=(state.COMPLETE, state.RUNNING))
    part = optuna.create_study(direction="maximize", sampler=sampler)
    part.add_trials([trial for trial in known if fixed.items() <= trial.params.items()])
    free = {name: each for name, each in distributions.items() if name not in fixed}
    return part.ask(free).params | fixed


def search_seeds(
    study,
    objective: Objective,
    seeds: Iterable[int],
    *,
    learner: str = "",
    report: Report | None = None,
    grace: float = GRACE,
) -> list[Row]:
    """Run every seed that nobody has finished or is running: each once, however many workers there are.

    A seed waits in the study as a trial. Optuna hands a waiting trial to one worker only; should two
    workers have put the same seed there, the trial with the lower number keeps it. A seed whose worker
    fell silent is put there again by whoever comes next.

    Returns:
        The rows this worker made; seeds that others are still running are theirs.

    Raises:
        ValueError: no seed, or one below 0.
    """
    optuna = load_optuna()
    state = optuna.trial.TrialState
    require.function("objective", objective)
    if isinstance(seeds, (str, bytes)) or not isinstance(seeds, Iterable):
        raise ValueError(f"seeds: got {seeds!r}; needs whole numbers")
    seeds = sorted({require.whole("seeds", seed) for seed in seeds})
    if not seeds:
        raise ValueError("seeds: got none; needs at least one")
    distributions = {"seed": distribution(optuna, SEED_SPACE["seed"])}
    alive, new = (state.WAITING, state.RUNNING, state.COMPLETE), []
    while True:
        fail_lost(study, grace)
        living = patiently(lambda: study.get_trials(deepcopy=False, states=alive))
        taken, states = {_seed(trial) for trial in living}, {trial.state for trial in living}
        if missing := [seed for seed in seeds if seed not in taken]:
            seed = secrets.choice(missing) if state.RUNNING in states else missing[0]
            waiting = {"seed": seed}
            patiently(lambda waiting=waiting: study.enqueue_trial(waiting, user_attrs=waiting))
        elif state.WAITING not in states:
            return new
        trial = patiently(lambda: study.ask(distributions))
        seed = trial.user_attrs.get("seed")  # none: others took all that waited; a new trial came
        living = patiently(lambda: study.get_trials(deepcopy=False, states=alive))
        owners = [t.number for t in living if _seed(t) == seed]
        if seed is None or min(owners, default=trial.number) < trial.number:
            patiently(
                lambda trial=trial: study.tell(trial, state=state.FAIL, skip_if_finished=True)
            )
            continue
        new += _run(study, trial, objective, learner, report)


def _seed(trial) -> int | None:
    """The seed of a trial that waits, runs or has been merged."""
    return trial.user_attrs.get("seed", trial.params.get("seed"))


def _run(study, trial, objective: Objective, learner: str, report: Report | None) -> list[Row]:
    """Run one trial and tell the study: its row in a list, or nothing where it had been given up."""
    state = load_optuna().trial.TrialState
    begin = time.perf_counter()
    try:
        with _signs_of_life(trial):
            result = dict(objective(dict(trial.params)))
    except BaseException:
        study.tell(trial, state=state.FAIL, skip_if_finished=True)
        raise
    value = float(result.pop("value"))
    kept = {
        "id": uuid.uuid4().hex,
        "learner": learner or f"{socket.gethostname()}:{os.getpid()}",
        "seconds": round(time.perf_counter() - begin, 2),
        **result,
    }
    try:
        patiently(lambda: trial.set_user_attr("row", kept))
        patiently(lambda: study.tell(trial, value))
    except (RuntimeError, ValueError):  # finished already:
        if not _is_kept(study, trial, kept["id"]):
            return []  # it counted as lost, and another redoes it
    row = {**kept, "value": value, "params": dict(trial.params)}
    if report is not None:
        report(row)
    return [row]


def _is_kept(study, trial, row_id: str) -> bool:
    """Whether a row stands in the study: told before the database went away, which then could not say so."""
    found = patiently(lambda: study.get_trials(deepcopy=False))[trial.number]
    done = found.state == load_optuna().trial.TrialState.COMPLETE
    return done and found.user_attrs.get("row", {}).get("id") == row_id


@contextmanager
def _signs_of_life(trial):
    """Write the time into a running trial every BEAT seconds."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT):
            with suppress(Exception):  # it ended, or the server is away: the trial goes on
                trial.set_user_attr("alive", time.time())

    thread = threading.Thread(target=beat, daemon=True)
    patiently(lambda: trial.set_user_attr("alive", time.time()))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def fail_lost(study, grace: float = GRACE) -> int:
    """Mark running trials without a sign of life for ``grace`` seconds as failed; how many.

    Optuna has such a heartbeat for databases only; this one also serves a file.
    """
    state = load_optuna().trial.TrialState
    lost = 0
    for trial in patiently(lambda: study.get_trials(deepcopy=False, states=(state.RUNNING,))):
        started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
        if time.time() - trial.user_attrs.get("alive", started) > grace:
            with suppress(RuntimeError):  # another worker says so at this moment, or it has ended
                patiently(
                    lambda number=trial.number: study.tell(
                        number, state=state.FAIL, skip_if_finished=True
                    )
                )
                lost += 1
    return lost
