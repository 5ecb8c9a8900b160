"""Runs inside the kernel of a lesson that is being executed: keeps what a live lesson may need later.

After a slow cell the values it made are kept (the rescue of a live training that drags), and before a
cell that will be shown live, the values it takes (so that it can run without the lesson before it).
"""

from __future__ import annotations

import ast
import builtins
import copyreg
import functools
import hashlib
import json
import os
import random
import re
from pathlib import Path

import cloudpickle
import numpy as np
from IPython import get_ipython
from ipywidgets import Widget

MOST_BYTES = 80_000_000


def _by_value(cached):
    """A function under ``functools.cache``: pickled as what it wraps, for its name alone says nothing elsewhere."""
    return functools.cache, (cached.__wrapped__,)


copyreg.pickle(type(functools.cache(len)), _by_value)


def cell_key(source: str) -> str:
    """A cell's name: a hash of what it says."""
    return hashlib.sha256(source.strip().encode()).hexdigest()[:12]


def names(source: str) -> tuple[set[str], set[str]]:
    """The global names a cell reads and those it sets; line and cell magics are left out."""
    nodes = list(ast.walk(ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source))))
    found = [(node.id, isinstance(node.ctx, ast.Load)) for node in nodes if type(node) is ast.Name]
    read = {name for name, load in found if load} - set(dir(builtins))
    kinds = (ast.FunctionDef, ast.ClassDef)
    made = {node.name for node in nodes if isinstance(node, kinds)}
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            made |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return read, made | {name for name, load in found if not load}


class TooLarge(Exception):
    """What was to be kept is more than there is room for."""


class Room:
    """Takes bytes and keeps none: how large something would be, without the memory to hold it."""

    def __init__(self, most: int):
        self.size, self.most = 0, most

    def write(self, data) -> int:
        self.size += memoryview(data).nbytes
        if self.size > self.most:
            raise TooLarge
        return memoryview(data).nbytes


def keep(path: Path, values: dict) -> list[str]:
    """Write what can be written of ``values``, as one file so that what is shared stays shared."""
    kept, left = {}, MOST_BYTES
    for name, value in values.items():
        room = Room(left)
        try:
            cloudpickle.dump(value, room)
        except Exception:  # too large; a generator, a widget, an open file: its cell makes it again
            continue
        kept[name], left = value, left - room.size
    with path.open("wb") as file:
        cloudpickle.dump(kept, file)
    return sorted(kept)


def changes(values: dict, read: set[str], made: set[str]) -> dict:
    """What a cell may have made or changed: the names it sets, and what it reads that can change in place."""
    import torch

    mutable = (torch.nn.Module, torch.optim.Optimizer, list, dict, torch.Generator)
    wanted = made | {name for name in read if isinstance(values.get(name), mutable)}
    return {name: values[name] for name in sorted(wanted) if name in values and name[0] != "_"}


def answers(widget, statements: dict[str, str], namespace: dict) -> list[dict]:
    """What each statement changes in a widget, so that a page without a kernel can show it.

    The widget and the random generators are left as they were.
    """
    import torch

    def traits() -> dict:
        return {k: v for k, v in widget.get_state().items() if not k.startswith("_")}

    generators = random.getstate(), np.random.get_state(), torch.get_rng_state()
    before, found = traits(), []
    for text, statement in statements.items():
        exec(statement, namespace)
        now = traits()
        found.append({"text": text, "state": {k: now[k] for k in now if now[k] != before[k]}})
    changed = {name for answer in found for name in answer["state"]}
    for answer in found:  # each sets all that any of them changes, whatever was pressed before
        answer["state"] = {name: before[name] for name in sorted(changed)} | answer["state"]
    with widget.hold_trait_notifications():
        for name in sorted(changed):
            setattr(widget, name, before[name])
    random.setstate(generators[0])
    np.random.set_state(generators[1])
    torch.set_rng_state(generators[2])
    return found


def processor_seconds() -> float:
    """Seconds of the processor that this kernel and the processes it started, as far as ended, have had."""
    return sum(os.times()[:4])


class Recorder:
    """Watches a kernel's cells from ``start`` to ``finish``.

    Args:
        folder: where to keep things. ids: every cell's id by its key (see ``cell_key``).
        shown: the presets (text: statement) of each cell that will be shown live, by its id.
        at_end: names wanted at the end.
        slow: seconds of CPU from which on a cell's result is kept.
    """

    def __init__(self, folder: str, ids: dict, shown: dict, at_end: list[str], slow: float):
        self.shell, self.folder = get_ipython(), Path(folder)
        self.ids, self.shown, self.at_end, self.slow = ids, shown, at_end, slow
        self.record = {"cells": {}, "shown": {}, "presets": {}, "end": []}
        self.begun = 0.0
        self.shell.events.register("pre_run_cell", self.before)
        self.shell.events.register("post_run_cell", self.after)

    def taken(self, wanted) -> dict:
        """The values that the wanted names have now."""
        return {n: self.shell.user_ns[n] for n in sorted(wanted) if n in self.shell.user_ns}

    def before(self, info) -> None:
        key = self.ids.get(cell_key(info.raw_cell))
        if key in self.shown:
            wanted = names("\n".join((info.raw_cell, *self.shown[key].values())))[0]
            kept = keep(self.folder / f"before_{key}.pkl", self.taken(wanted))
            self.record["shown"][key] = kept
        self.begun = processor_seconds()

    def after(self, result) -> None:
        seconds = processor_seconds() - self.begun
        source = result.info.raw_cell
        key = self.ids.get(cell_key(source))
        if key is None:
            return
        found = self.record["cells"][key] = {"seconds": round(seconds, 2)}
        if seconds >= self.slow:
            values = changes(self.shell.user_ns, *names(source))
            found["kept"] = keep(self.folder / f"after_{key}.pkl", values)
        if key in self.shown and result.success:
            self.record["presets"][key] = answers(
                result.result, self.shown[key], self.shell.user_ns
            )

    def finish(self) -> None:
        """Write what was recorded, and what every widget shows now."""
        self.record["end"] = keep(self.folder / "end.pkl", self.taken(self.at_end))
        (self.folder / "record.json").write_text(json.dumps(self.record, indent=1))
        states = Widget.get_manager_state(drop_defaults=False)
        (self.folder / "widgets.json").write_text(json.dumps(states))


def start(*told) -> None:
    """Watch the cells from here on."""
    global watching
    watching = Recorder(*told)


def finish() -> None:
    """Write what was recorded."""
    watching.finish()
