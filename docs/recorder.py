"""Runs inside the kernel of a lesson that is being executed: keeps what a live lesson may need later.

After a slow cell the values it made are kept (the rescue of a live training that drags), and before a
cell that will be shown live, the values it takes (so that it can run without the lesson before it).
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import json
import random
import re
import time
from pathlib import Path

import cloudpickle
import numpy as np

MOST_BYTES = 80_000_000


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


def keep(path: Path, values: dict) -> list[str]:
    """Write what can be written of ``values``, as one file so that what is shared stays shared."""
    kept, total = {}, 0
    for name, value in values.items():
        try:
            size = len(cloudpickle.dumps(value))
        except Exception:  # a generator, a widget, an open file: its cell makes it again
            continue
        if total + size <= MOST_BYTES:
            kept[name], total = value, total + size
    path.write_bytes(cloudpickle.dumps(kept))
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


def start(folder: str, ids: dict[str, str], shown: dict, at_end: list[str], slow: float) -> None:
    """Watch the cells from here on.

    Args:
        folder: where to keep things. ids: every cell's id by its key (see ``cell_key``).
        shown: the presets (text: statement) of each cell that will be shown live, by its id.
        at_end: names wanted at the end.
        slow: seconds of CPU from which on a cell's result is kept.
    """
    shell, out = get_ipython(), Path(folder)  # noqa: F821 (there, in a kernel)
    record = {"cells": {}, "shown": {}, "presets": {}, "end": []}
    begun = [0.0]

    def before(info):
        key = ids.get(cell_key(info.raw_cell))
        if key in shown:
            wanted = names("\n".join((info.raw_cell, *shown[key].values())))[0]
            values = {n: shell.user_ns[n] for n in sorted(wanted) if n in shell.user_ns}
            record["shown"][key] = keep(out / f"before_{key}.pkl", values)
        begun[0] = time.process_time()

    def after(result):
        seconds = time.process_time() - begun[0]
        source = result.info.raw_cell
        key = ids.get(cell_key(source))
        if key is not None:
            record["cells"][key] = {"seconds": round(seconds, 2)}
            if seconds >= slow:
                values = changes(shell.user_ns, *names(source))
                record["cells"][key]["kept"] = keep(out / f"after_{key}.pkl", values)
            if key in shown and result.success:
                found = answers(result.result, shown[key], shell.user_ns)
                record["presets"][key] = found
        elif source.startswith("# recorder: end"):
            values = {n: shell.user_ns[n] for n in at_end if n in shell.user_ns}
            record["end"] = keep(out / "end.pkl", values)
        (out / "record.json").write_text(json.dumps(record, indent=1))

    shell.events.register("pre_run_cell", before)
    shell.events.register("post_run_cell", after)
