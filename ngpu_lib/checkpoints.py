"""Checkpoints: everything the next update depends on, in one safetensors file.

Tensors stand there by dotted name, everything else as JSON in the file's metadata.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import save
from torch import Tensor, nn

from ngpu_lib import require
from ngpu_lib.files import read_safetensors, write_whole

#: Raised when what a checkpoint holds changes; a file of another layout is refused.
LAYOUT = 2


class Stateful(Protocol):
    """What a checkpoint keeps of a callback."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def _flatten(prefix: str, value: Any, tensors: dict[str, Tensor]) -> Any:
    """Move the tensors of a nested structure into ``tensors``; return what is left, as plain JSON."""
    if isinstance(value, Tensor):
        tensors[prefix] = value.detach().contiguous().cpu().clone()
        return {"__tensor__": prefix}
    if isinstance(value, dict):
        items = [[key, _flatten(f"{prefix}.{key}", inner, tensors)] for key, inner in value.items()]
        return {"__dict__": items}
    if isinstance(value, (list, tuple)):
        return [_flatten(f"{prefix}.{k}", inner, tensors) for k, inner in enumerate(value)]
    return value


def _restore(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict) and "__tensor__" in value:
        return tensors[value["__tensor__"]]
    if isinstance(value, dict) and "__dict__" in value:
        return {key: _restore(inner, tensors) for key, inner in value["__dict__"]}
    if isinstance(value, list):
        return [_restore(inner, tensors) for inner in value]
    return value


def save_checkpoint(
    path: str | Path,
    step: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    callbacks: Sequence[Stateful],
    run: dict[str, Any],
) -> None:
    """Write everything the next update depends on, whole or not at all."""
    require.whole("step", step)
    tensors: dict[str, Tensor] = {}
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "callbacks": [callback.state_dict() for callback in callbacks],
    }
    plain = {"layout": LAYOUT, "step": step, "run": run, "state": _flatten("run", state, tensors)}
    text = json.dumps(plain)
    write_whole(path, save(tensors, metadata={"ngpu": text, "sha256": _digest(text, tensors)}))


def _digest(text: str, tensors: dict[str, Tensor]) -> str:
    """What a damaged file no longer agrees with: safetensors itself checks no values."""
    found = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()


def load_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    callbacks: Sequence[Stateful],
    run: dict[str, Any],
) -> int:
    """Put a checkpoint's state back and return its step.

    Raises:
        ValueError: the file is damaged, no checkpoint, or of another recipe; names what differs.
    """
    tensors, metadata = read_safetensors(path)
    if "ngpu" not in metadata:
        raise ValueError(f"checkpoint: {path} holds weights but no training state")
    if metadata.get("sha256", "") not in ("", _digest(metadata["ngpu"], tensors)):
        raise ValueError(f"checkpoint: {path} is damaged; its SHA-256 is another")
    try:
        plain = json.loads(metadata["ngpu"])
    except ValueError as error:
        raise ValueError(f"checkpoint: {path} is damaged ({error})") from None
    plain = plain if isinstance(plain, dict) else {}
    if plain.get("layout") != LAYOUT:
        raise ValueError(
            f"checkpoint: {path} has layout {plain.get('layout', 1)}, of an earlier version of ngpu_lib; "
            f"this one needs layout {LAYOUT}. Choose another file or delete this one"
        )
    if not {"run", "state", "step"} <= plain.keys() or not isinstance(plain["run"], dict):
        raise ValueError(f"checkpoint: {path} is damaged; needs a run, its state and its step")
    saved = plain["run"]
    wanted = json.loads(json.dumps(run))
    differing = [
        f"{name}: the file has {old!r}, this run {new!r}"
        for part, defaults in (("recipe", {}), ("seed", None))
        for name, old, new in _differences(part, saved.get(part), wanted.get(part))
    ]
    if differing:
        raise ValueError(
            f"checkpoint: {path} is of another recipe ({'; '.join(differing)}); "
            "choose another file or delete this one"
        )
    try:
        state = _restore(plain["state"], tensors)
        if len(state["callbacks"]) != len(callbacks):
            raise ValueError(
                f"it holds {len(state['callbacks'])} callbacks, this run has {len(callbacks)}"
            )
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        for callback, inner in zip(callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(inner)
        return require.whole("step", plain["step"])
    except (ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"checkpoint: {path} does not fit this run, or is damaged ({reason})"
        ) from None


def _differences(name: str, old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted({*old, *new})
        return [
            (f"{key}", old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)
        ]
    return [] if old == new else [(name, old, new)]
