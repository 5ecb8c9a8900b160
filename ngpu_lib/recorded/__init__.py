"""Recorded runs: the raw numbers of what takes longer than a lesson, made by course/workshop/recorded_runs.

>>> load("lesson09_ablation")["digits"]
[6, 10]
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ngpu_lib.names import suggest

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The recorded runs."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def load(name: str) -> Any:
    """The numbers of a recorded run, as its JSON file holds them.

    Raises:
        ValueError: no such run; names the close matches.
    """
    if name not in names():
        raise ValueError(f"name: got {name!r}; {suggest(name, names())}")
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
