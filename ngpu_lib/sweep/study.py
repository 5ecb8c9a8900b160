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
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ngpu_lib.sweep.trials import SEED_SPACE, Choice, Range, Space

Row = dict[str, Any]
#: ``objective(params)`` gives {"value": the number to maximise} and whatever else a row shall keep.
Objective = Callable[[dict[str, Any]], dict[str, Any]]
Report = Callable[[Row], None]

#: Seconds between two signs of life of a running trial, and of silence after which it counts as lost.
BEAT, GRACE = 20.0, 120.0


def load_optuna():
    """Optuna, quiet; the one line that installs it where it is missing."""
    try:
        import optuna
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "tuning needs Optuna, which is not installed here: pip install optuna", name="optuna"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def open_study(where: str | Path | None, name: str, setting: Mapping[str, Any]):
    """Open the study called ``name``, or begin it.

    Args:
        where: a file (created where missing), ``postgresql://user:password@host/database``, or None
            for one in memory.
        setting: what all trials have in common, as plain values. Trials of another setting cannot be
            compared, so the study refuses them.

    Returns:
        An optuna.Study that is maximised.

    Raises:
        ValueError: another kind of address, no such server, or a study with another setting.
        ModuleNotFoundError: Optuna is missing; says how to install it.
    """
    optuna = load_optuna()
    storage = None if where is None else _storage(optuna, str(where))
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


def _storage(optuna, where: str):
    if "://" not in where:
        path = Path(where).expanduser()
        if path.is_dir():
            raise ValueError(f"study: got {where}, a folder; needs a file or postgresql://...")
        path.parent.mkdir(parents=True, exist_ok=True)
        journal = optuna.storages.journal
        lock = journal.JournalFileOpenLock(str(path)) if os.name == "nt" else None
        try:
            return optuna.storages.JournalStorage(journal.JournalFileBackend(str(path), lock))
        except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise ValueError(f"study: {where} is no study's file ({error})") from None
    scheme, rest = where.split("://", 1)
    if scheme not in ("postgresql", "postgres"):
        raise ValueError(f"study: got {scheme}://...; needs a file or postgresql://...")
    import sqlalchemy.exc

    for attempt in range(5):
        try:
            return optuna.storages.RDBStorage(
                f"postgresql+psycopg://{rest}", engine_kwargs={"pool_pre_ping": True}
            )
        except (ImportError, sqlalchemy.exc.ArgumentError) as error:
            raise ValueError(f"study: {error}; needs pip install 'psycopg[binary]'") from None
        except sqlalchemy.exc.OperationalError as error:
            host = rest.rpartition("@")[2]
            raise ValueError(f"study: no PostgreSQL at {host} ({error.orig})") from None
        except sqlalchemy.exc.DBAPIError:  # another worker makes the tables at this moment
            if attempt == 4:
                raise
            time.sleep(0.5 + attempt)


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
    if trials < 0:
        raise ValueError(f"trials: got {trials}; needs at least 0")
    for name, value in (fixed or {}).items():
        if name not in space or not space[name].holds(value):
            raise ValueError(f"fixed: got {name} = {value!r}; needs {space.get(name, list(space))}")
    sampler = optuna.samplers.TPESampler(n_startup_trials=3, constant_liar=True, seed=seed)
    distributions = {name: distribution(optuna, setting) for name, setting in space.items()}
    new = []
    for _ in range(trials):
        fail_lost(study, grace)
        params = _propose(optuna, study, sampler, distributions, dict(fixed or {}))
        # All is settled; the sampler itself remembers one study, and that is _propose's.
        study.sampler = optuna.samplers.PartialFixedSampler(params, optuna.samplers.RandomSampler())
        new += _run(study, study.ask(distributions), objective, learner, report)
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
    seeds = sorted(set(seeds))
    if not seeds or seeds[0] < 0:
        raise ValueError(f"seeds: got {seeds}; needs at least one, each from 0")
    distributions = {"seed": distribution(optuna, SEED_SPACE["seed"])}
    alive, new = (state.WAITING, state.RUNNING, state.COMPLETE), []
    while True:
        fail_lost(study, grace)
        living = study.get_trials(deepcopy=False, states=alive)
        taken, states = {_seed(trial) for trial in living}, {trial.state for trial in living}
        if missing := [seed for seed in seeds if seed not in taken]:
            seed = secrets.choice(missing) if state.RUNNING in states else missing[0]
            study.enqueue_trial({"seed": seed}, user_attrs={"seed": seed})
        elif state.WAITING not in states:
            return new
        trial = study.ask(distributions)
        seed = trial.user_attrs.get("seed")  # none: others took all that waited; a new trial came
        owners = [t for t in study.get_trials(deepcopy=False, states=alive) if _seed(t) == seed]
        if seed is None or min(t.number for t in owners) < trial.number:
            study.tell(trial, state=state.FAIL)
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
        trial.set_user_attr("row", kept)
        study.tell(trial, value)
    except (RuntimeError, ValueError):
        return []  # finished already: it counted as lost, and another redoes it
    row = {**kept, "value": value, "params": dict(trial.params)}
    if report is not None:
        report(row)
    return [row]


@contextmanager
def _signs_of_life(trial):
    """Write the time into a running trial every BEAT seconds."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT):
            with suppress(Exception):  # it ended, or the server is away: the trial goes on
                trial.set_user_attr("alive", time.time())

    thread = threading.Thread(target=beat, daemon=True)
    trial.set_user_attr("alive", time.time())
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
    for trial in study.get_trials(deepcopy=False, states=(state.RUNNING,)):
        started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
        if time.time() - trial.user_attrs.get("alive", started) > grace:
            with suppress(RuntimeError):  # another worker says so at this moment, or it has ended
                study.tell(trial.number, state=state.FAIL, skip_if_finished=True)
                lost += 1
    return lost
