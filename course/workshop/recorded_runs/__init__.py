"""Recorded runs: what takes longer than a lesson, made here and kept as numbers in ngpu_lib/recorded.

    python -m course.workshop.recorded_runs.lesson08 --seeds 5

One module for each lesson; each says what one run is, this file runs them. Resumable: runs that the
JSON file already holds are not made again, and it is written whole after every run.
"""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from course.workshop.editions import ROOT
from ngpu_lib import recorded
from ngpu_lib.files import write_whole

PACKAGE = "course.workshop.recorded_runs"


def options(seeds: int = 5, **more: Any) -> argparse.Namespace:
    """The command line that all scripts share: --seeds, --out, and ``more`` numbers by name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--out", type=Path)
    for name, default in more.items():
        many = isinstance(default, (list, tuple))
        kind = type(default[0] if many else default)
        parser.add_argument(
            f"--{name}", type=kind, default=default, nargs=len(default) if many else None
        )
    return parser.parse_args()


def record_runs(
    name: str,
    module: str,
    *,
    setting: Mapping[str, Any],
    variants: Mapping[str, Mapping[str, Any]],
    one_run: Callable[[dict[str, Any], int], dict[str, Any]],
    seeds: int,
    out: Path | None = None,
    **facts: Any,
) -> dict[str, Any]:
    """Run every variant with every seed that is not there yet; the whole of what is recorded.

    Args:
        name: of the JSON file in ngpu_lib/recorded. module: the script, for the command that is kept.
        setting: plain values. variants: what each changes in the setting.
        one_run: ``one_run(setting, seed)`` gives plain values. seeds: 0, 1, ... below it.
        out: another file. facts: more that the file says about all runs.

    Raises:
        ValueError: the file holds runs of another setting.
    """
    torch.set_num_threads(1)
    out = out or recorded.FOLDER / f"{name}.json"
    plain = json.loads(json.dumps({"setting": setting, **facts}))
    result = {"command": f"python -m {PACKAGE}.{module}", **plain, "variants": variants, "runs": {}}
    if out.exists():
        old = json.loads(out.read_text("utf-8"))
        if old["setting"] != plain["setting"]:
            raise ValueError(f"out: {out} holds runs of another setting; delete it or name another")
        result["runs"] = {k: runs for k, runs in old["runs"].items() if k in variants}
    for seed in range(seeds):
        for variant, changes in variants.items():
            runs = result["runs"].setdefault(variant, {})
            if str(seed) not in runs:
                runs[str(seed)] = run = one_run({**setting, **changes}, seed)
                write_whole(out, (json.dumps(result) + "\n").encode())
                print(f"{variant}, seed {seed}: {run.get('sequences', run)}", flush=True)
    return result


def make_parts(
    parts: Mapping[str, Callable[[int], Any]], prepare: Callable[[], Any] = lambda: None
) -> None:
    """Make the parts that --part asks for, after what all of them need: ``part(seeds)`` each."""
    given = options(seeds=5, part="all")
    if given.part not in ("all", *parts):
        raise SystemExit(f"--part: got {given.part!r}; needs all or one of {', '.join(parts)}")
    prepare()
    for name, part in parts.items():
        if given.part in ("all", name):
            part(given.seeds)


def definitions(lesson: str) -> dict[str, Any]:
    """A lesson's imports, functions, classes and CONSTANTS by name, without running the lesson.

    So that what is recorded is what stands in the lesson.
    """
    path = ROOT / "course" / f"{lesson}.py"
    tree = ast.parse(path.read_text("utf-8"))
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    tree.body = [
        node
        for node in tree.body
        if isinstance(node, kinds)
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).strip("()").isupper())
        and not any(isinstance(part, ast.Call) for part in ast.walk(node))
    ]
    names: dict[str, Any] = {"__name__": lesson}
    exec(compile(tree, str(path), "exec"), names)
    return names
