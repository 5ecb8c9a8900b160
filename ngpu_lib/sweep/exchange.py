"""Finished trials as rows: listed, ranked, shown, and carried from study to study as JSON lines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ngpu_lib import require
from ngpu_lib.sweep.study import Row, check_setting, distribution, load_optuna
from ngpu_lib.sweep.trials import Space


def rows(study) -> list[Row]:
    """Every finished trial once, in the order of the study."""
    finished = study.get_trials(deepcopy=False, states=(load_optuna().trial.TrialState.COMPLETE,))
    found = {}
    for trial in finished:
        kept = trial.user_attrs.get("row", {"id": f"trial-{trial.number}"})
        row = {**kept, "value": trial.value, "params": dict(trial.params)}
        found.setdefault(row["id"], row)
    return list(found.values())


def leaderboard(found: Sequence[Row], count: int = 10) -> list[Row]:
    """The best rows, best first; of equal ones, the one found first."""
    require.whole("count", count)
    return sorted(found, key=lambda row: -row["value"])[:count]


def export(study, path: str | Path) -> int:
    """Write every finished trial as a JSON line, for ``merge`` elsewhere; how many."""
    from ngpu_lib.files import write_whole  # brings torch

    found, setting = rows(study), study.user_attrs["setting"]
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
    optuna = load_optuna()
    known = {row["id"] for row in rows(study)}
    setting, trials, twice = study.user_attrs["setting"], [], 0
    distributions = {name: distribution(optuna, part) for name, part in space.items()}
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
    check_setting(what, row.get("study"), setting)
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
    require.instance("path", path, (str, Path), "a file that `ngpu sweep --export` wrote")
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
