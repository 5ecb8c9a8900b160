"""Tuning by many: one study, any number of processes, machines and people.

    study = open_study("class.journal", "mnist", setting)
    search(study, MNIST_SPACE, objective, trials=20, fixed=share("Ada"), learner="Ada")
    for row in leaderboard(rows(study)): ...

A study is Optuna's. It lies in a file on one machine or on a shared disk, in a PostgreSQL database, or
in memory; where nobody has a server, ``export`` and ``merge`` carry finished trials as JSON lines. A
trial is finished whole or not at all, so a killed worker loses only the one it was running.

Nothing here imports torch or Optuna before it is needed: reading and drawing rows takes neither.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
import socket
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

Row = dict[str, Any]
#: ``objective(params)`` gives {"value": the number to maximise} and whatever else a row shall keep.
Objective = Callable[[dict[str, Any]], dict[str, Any]]
Report = Callable[[Row], None]

#: Seconds between two signs of life of a running trial, and of silence after which it counts as lost.
BEAT, GRACE = 20.0, 120.0


@dataclass(frozen=True)
class Choice:
    """A setting that is one of some values."""

    values: tuple

    def holds(self, value: Any) -> bool:
        """Whether a trial may have this value."""
        return value in self.values

    def place(self, value: Any) -> float:
        """Where a value stands between the first, 0, and the last, 1."""
        return self.values.index(value) / max(1, len(self.values) - 1)

    def ticks(self) -> dict[float, str]:
        """The places of an axis and what stands there."""
        return {self.place(value): str(value) for value in self.values}


@dataclass(frozen=True)
class Range:
    """A setting that is a number from low to high; ``log``: drawn evenly in its logarithm."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def holds(self, value: Any) -> bool:
        """Whether a trial may have this value."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.low <= value <= self.high and (not self.whole or value % 1 == 0)

    def place(self, value: float) -> float:
        """Where a value stands between low, 0, and high, 1; evenly in its logarithm where ``log``."""
        scale = math.log if self.log else float
        low, high = scale(self.low), scale(self.high)
        return (scale(value) - low) / (high - low)

    def ticks(self) -> dict[float, str]:
        """The places of an axis and what stands there: low, the middle, high, or a few whole numbers.

        >>> Range(0.01, 1.0, log=True).ticks()
        {0.0: '0.01', 0.5: '0.1', 1.0: '1'}
        """
        if self.whole and self.high - self.low < 6:
            values = range(int(self.low), int(self.high) + 1)
            return {self.place(value): str(value) for value in values}
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        return {0.0: f"{self.low:g}", 0.5: f"{middle:.3g}", 1.0: f"{self.high:g}"}


Space = Mapping[str, Choice | Range]

#: What lesson 01 tunes. The first two settings are dealt out to the learners (see ``share``).
MNIST_SPACE: dict[str, Choice | Range] = {
    "optimiser": Choice(("SGD", "momentum", "RMSProp", "Adam", "AdaMax")),
    "layers": Choice((1, 2, 3)),
    "rate": Range(1e-4, 1.0, log=True),
    "units": Range(32, 512, log=True, whole=True),
    "dropout": Range(0.0, 0.6),
    "shift": Range(0, 3, whole=True),
}
SEED_SPACE: dict[str, Choice | Range] = {"seed": Range(0, 2**31 - 1, whole=True)}


def share(learner: str | int) -> dict[str, Any]:
    """The part of the MNIST search space that one learner tunes: an optimiser and a depth.

    Args:
        learner: a number (numbers 0 to 14 cover all 15 parts once) or a name, which is hashed.

    Raises:
        ValueError: an empty name, or a number below 0.

    >>> share(0)
    {'optimiser': 'SGD', 'layers': 1}
    >>> share("Ada") == share(" ada ")
    True
    """
    text = str(learner).strip().casefold()
    if not text or text.startswith("-"):
        raise ValueError(f"learner: got {learner!r}; needs a name, or a number from 0")
    number = int(text) if text.isdecimal() else int(hashlib.sha256(text.encode()).hexdigest(), 16)
    dealt = {name: MNIST_SPACE[name].values for name in ("optimiser", "layers")}
    parts = list(product(*dealt.values()))
    return dict(zip(dealt, parts[number % len(parts)], strict=True))


# The study.


def _optuna():
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
    optuna = _optuna()
    storage = None if where is None else _storage(optuna, str(where))
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", load_if_exists=True
    )
    wanted = {"name": name, **json.loads(json.dumps(setting))}
    if (found := study.user_attrs.get("setting")) is None:
        study.set_user_attr("setting", wanted)
    else:
        _same_setting(f"study: {where}", found, wanted)
    return study


def _same_setting(what: str, found: Any, wanted: dict[str, Any]) -> None:
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


def _distribution(optuna, setting: Choice | Range):
    if isinstance(setting, Choice):
        return optuna.distributions.CategoricalDistribution(setting.values)
    if setting.whole:
        low, high = int(setting.low), int(setting.high)
        return optuna.distributions.IntDistribution(low, high, log=setting.log)
    return optuna.distributions.FloatDistribution(setting.low, setting.high, log=setting.log)


# Running trials.


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
    optuna = _optuna()
    if trials < 0:
        raise ValueError(f"trials: got {trials}; needs at least 0")
    for name, value in (fixed or {}).items():
        if name not in space or not space[name].holds(value):
            raise ValueError(f"fixed: got {name} = {value!r}; needs {space.get(name, list(space))}")
    sampler = optuna.samplers.TPESampler(n_startup_trials=3, constant_liar=True, seed=seed)
    distributions = {name: _distribution(optuna, setting) for name, setting in space.items()}
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
    optuna = _optuna()
    state = optuna.trial.TrialState
    seeds = sorted(set(seeds))
    if not seeds or seeds[0] < 0:
        raise ValueError(f"seeds: got {seeds}; needs at least one, each from 0")
    distributions = {"seed": _distribution(optuna, SEED_SPACE["seed"])}
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
    state = _optuna().trial.TrialState
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
    except (
        RuntimeError,
        ValueError,
    ):  # finished already: it counted as lost, and another redoes it
        return []
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
            with suppress(
                Exception
            ):  # it ended meanwhile, or the server is away: the trial goes on
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
    state = _optuna().trial.TrialState
    lost = 0
    for trial in study.get_trials(deepcopy=False, states=(state.RUNNING,)):
        started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
        if time.time() - trial.user_attrs.get("alive", started) > grace:
            with suppress(
                RuntimeError
            ):  # another worker says so at the same moment, or it has ended
                study.tell(trial.number, state=state.FAIL, skip_if_finished=True)
                lost += 1
    return lost


# Rows: finished trials as plain values.


def rows(study) -> list[Row]:
    """Every finished trial once, in the order of the study."""
    finished = study.get_trials(deepcopy=False, states=(_optuna().trial.TrialState.COMPLETE,))
    found = {}
    for trial in finished:
        kept = trial.user_attrs.get("row", {"id": f"trial-{trial.number}"})
        row = {**kept, "value": trial.value, "params": dict(trial.params)}
        found.setdefault(row["id"], row)
    return list(found.values())


def leaderboard(found: Sequence[Row], count: int = 10) -> list[Row]:
    """The best rows, best first; of equal ones, the one found first."""
    return sorted(found, key=lambda row: -row["value"])[:count]


def export(study, path: str | Path) -> int:
    """Write every finished trial as a JSON line, for ``merge`` elsewhere; how many."""
    found, setting = rows(study), study.user_attrs["setting"]
    from ngpu_lib.train import write_whole

    lines = "".join(json.dumps({"study": setting, **row}) + "\n" for row in found)
    write_whole(path, lines.encode())
    return len(found)


def merge(study, space: Space, found: Iterable[Row], source: str = "rows") -> tuple[int, int]:
    """Add finished trials from elsewhere, each once; how many were new and how many known.

    Args:
        found: rows as ``export`` writes them. source: where they come from, for error messages.

    Raises:
        ValueError: a row that is none, or one of another study or setting. Then none is added.
    """
    optuna = _optuna()
    known = {row["id"] for row in rows(study)}
    setting, trials, twice = study.user_attrs["setting"], [], 0
    distributions = {name: _distribution(optuna, part) for name, part in space.items()}
    for number, row in enumerate(found, start=1):
        _check_row(f"{source}, row {number}", row, space, setting)
        if row["id"] in known:
            twice += 1
            continue
        known.add(row["id"])
        kept = {key: value for key, value in row.items() if key not in ("study", "value", "params")}
        trials.append(
            optuna.trial.create_trial(
                params=row["params"],
                distributions=distributions,
                value=float(row["value"]),
                user_attrs={"row": kept},
            )
        )
    study.add_trials(trials)
    return len(trials), twice


def _check_row(what: str, row: Any, space: Space, setting: dict[str, Any]) -> None:
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise ValueError(f"{what}: got no row; needs lines as `ngpu sweep --export` writes them")
    _same_setting(what, row.get("study"), setting)
    value, params = row.get("value"), row.get("params")
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{what}: got the value {value!r}; needs a finite number")
    if not isinstance(params, dict) or set(params) != set(space):
        raise ValueError(f"{what}: got the params {params!r}; needs {', '.join(space)}")
    for name, part in space.items():
        if not part.holds(params[name]):
            raise ValueError(f"{what}: got {name} = {params[name]!r}; needs {part}")


def read(path: str | Path) -> list[Row]:
    """The rows of an exported file.

    Raises:
        ValueError: no such file, or a line that is not JSON; names it.
    """
    found = []
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"merge: cannot read {path} ({error})") from None
    for number, line in enumerate(lines, start=1):
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            raise ValueError(f"merge: {path}, line {number} is not JSON") from None
    return found


def table(found: Sequence[Row]) -> str:
    """Rows as a Markdown table: value, settings, results all have, learner; numbers to three digits."""
    if not found:
        return "no finished trial"
    shared = set.intersection(*(set(row) for row in found))
    shared -= {"id", "study", "learner", "value", "params"}
    results = [key for key in found[0] if key in shared]
    head = ["value", *found[0]["params"], *results, "learner"]
    body = [
        [
            f"{row['value']:.4g}",
            *row["params"].values(),
            *(row[key] for key in results),
            row["learner"],
        ]
        for row in found
    ]
    text = [[f"{v:.3g}" if isinstance(v, float) else str(v) for v in line] for line in body]
    lines = [" | ".join(line) for line in (head, ["---"] * len(head), *text)]
    return "\n".join(f"| {line} |" for line in lines)


# The two objectives. torch comes in only here.


def mnist_setting(mnist, updates: int = 300) -> dict[str, Any]:
    """What all trials of an MNIST study have in common."""
    return {"data": mnist.source, "images": 1000, "updates": updates}


def mnist_trial(
    params: Mapping[str, Any], mnist, *, updates: int = 300, seed: int = 0, device: str = "cpu"
) -> dict[str, float]:
    """Train an MLP on MNIST's first 1,000 images with the settings of MNIST_SPACE.

    Returns:
        {"value": accuracy in per cent on the last 5,000 training images (of the stand-in: 500)}.
        Where the loss became infinite, that of the weights before it did.

    Raises:
        ValueError: settings that are not those of MNIST_SPACE.
    """
    from functools import partial

    import torch

    from ngpu_lib.baselines import MLP, accuracy, image_loss, shift_images
    from ngpu_lib.data import ImageBatches
    from ngpu_lib.train import train

    if set(params) != set(MNIST_SPACE):
        raise ValueError(f"params: got {', '.join(params)}; needs {', '.join(MNIST_SPACE)}")
    make = {
        "SGD": torch.optim.SGD,
        "momentum": partial(torch.optim.SGD, momentum=0.9),
        "RMSProp": torch.optim.RMSprop,
        "Adam": torch.optim.Adam,
        "AdaMax": torch.optim.Adamax,
    }[params["optimiser"]]
    torch.manual_seed(seed)
    sizes = (784, *[params["units"]] * params["layers"], 10)
    model = MLP(sizes, dropout=params["dropout"]).to(device)
    few = ImageBatches(
        mnist.train_images_BHW[:1000],
        mnist.train_labels_B[:1000],
        100,
        partial(shift_images, most=params["shift"]),
        seed=seed,
    )
    optimiser = make(model.parameters(), lr=params["rate"])
    with suppress(FloatingPointError):
        for _ in train(
            model, few, image_loss, optimiser, updates=updates, seed=seed, progress=False
        ):
            pass
    held = min(5000, len(mnist.train_labels_B) - 1000)
    right = accuracy(model, mnist.train_images_BHW[-held:], mnist.train_labels_B[-held:])
    return {"value": round(100 * right, 2)}


def recipe_setting(
    task: str,
    *,
    updates: int | None = None,
    lengths: Sequence[int] = (),
    examples: int = 100,
    **changes: Any,
) -> dict[str, Any]:
    """What all trials of a seed study have in common; lengths: the longest trained, twice and 5 times it.

    Raises:
        ValueError: a task without a recipe, a length it cannot have, or less than one update or example.
    """
    from ngpu_lib.recipes import RECIPES
    from ngpu_lib.tasks import suggest

    if task not in RECIPES:
        raise ValueError(f"task: got {task!r}; {suggest(task, ('mnist', *RECIPES))}")
    recipe = RECIPES[task]
    longest = recipe.make_task().length_for(max(max(phase.bins) for phase in recipe.phases))
    lengths = sorted(set(lengths)) or [longest, 2 * longest, 5 * longest]
    updates = recipe.updates if updates is None else updates
    for length in lengths:
        recipe.make_task().check_length(length)
    if updates < 1 or examples < 1:
        raise ValueError(f"updates, examples: got {updates}, {examples}; needs at least 1 each")
    return {"updates": updates, "lengths": lengths, "examples": examples, "changes": changes}


def recipe_trial(
    params: Mapping[str, Any],
    task: str,
    setting: Mapping[str, Any],
    *,
    folder: str | Path = "runs",
    device: str = "cpu",
) -> dict[str, Any]:
    """Train a recipe with one seed, going on from its checkpoint where there is one, and evaluate it.

    Returns:
        {"value": share of wholly right words, 0..1, at the longest length, "loss": the last update's,
        "right at n": the share at each other length n}.
    """
    from ngpu_lib.evaluate import evaluate
    from ngpu_lib.recipes import start

    seed = params["seed"]
    run = start(task, seed=seed, device=device, **setting["changes"])
    checkpoint = Path(folder) / f"{task}-seed{seed}" / "checkpoint.safetensors"
    loss = None
    for record in run.train(
        checkpoint, updates=setting["updates"], progress=f"{task}, seed {seed}"
    ):
        loss = round(record["loss"], 4)
    learned, examples = run.recipe.make_task(), setting["examples"]
    right = {
        length: evaluate(run.averaged, learned, length, examples=examples, seed=1).sequence_accuracy
        for length in setting["lengths"]
    }
    *others, last = setting["lengths"]
    return {
        "value": right[last],
        "loss": loss,
        **{f"right at {length}": right[length] for length in others},
    }
