"""The one training loop: any module, any batch source, any loss.

    for record in train(model, batches, loss, optimizer, updates=1000, seed=0):
        ...  # record["step"], record["loss"], ...

Everything random in update t is drawn after seeding with (seed, t), so a run continues bit for bit
from its last checkpoint, whatever the caller did with random numbers in between.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from tqdm import tqdm

Record = dict[str, Any]
BatchSource = Callable[[int, torch.Generator], Any]
Loss = Callable[[nn.Module, Any], Tensor | tuple[Tensor, dict[str, float]]]


class Extra:
    """A small separate piece of training that can be switched on and off (see optimizers.py).

    A piece overrides what it needs. ``record`` is the update's record, still without metrics of
    later pieces. State that must survive a checkpoint goes through state_dict / load_state_dict.
    """

    def before_update(self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Called before the batch of update ``step`` (counted from 1) is drawn."""

    def after_backward(self, step: int, model: nn.Module) -> None:
        """Called when the gradients are there and not yet used."""

    def after_update(self, step: int, model: nn.Module, record: Record) -> None:
        """Called when the weights have moved."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values to put into a checkpoint."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what state_dict gave."""


class ClipGradient(Extra):
    """Scale all gradients together so that their norm is at most ``norm``."""

    def __init__(self, norm: float):
        if norm <= 0:
            raise ValueError(f"norm: got {norm}; needs more than 0")
        self.norm = norm

    def after_backward(self, step: int, model: nn.Module) -> None:
        nn.utils.clip_grad_norm_(model.parameters(), self.norm)


class Schedule(Extra):
    """Set the learning rate before each update to ``rate(step)``, step counted from 1."""

    def __init__(self, rate: Callable[[int], float]):
        self.rate = rate

    def before_update(self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            group["lr"] = self.rate(step)


def seed_for(seed: int, step: int) -> int:
    """A 32-bit seed for one update, well mixed, so that neighbouring seeds share nothing."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])


def train(
    model: nn.Module,
    batches: BatchSource,
    loss: Loss,
    optimizer: torch.optim.Optimizer,
    *,
    updates: int,
    seed: int = 0,
    extras: Sequence[Extra] = (),
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None,
    evaluate_every: int = 0,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 100,
    recipe: dict[str, Any] | None = None,
    progress: str | bool = True,
) -> Iterator[Record]:
    """Train, yielding one plain record per update.

    Args:
        model: any module; its device is the device of the run.
        batches: ``batches(step, generator)`` gives the batch of update ``step`` (from 1), a tensor or
            any structure with ``.to(device)``, or a list or tuple of those.
        loss: ``loss(model, batch)`` gives a scalar, or a scalar and a dict of metrics to record.
        optimizer: any torch optimizer over the model's parameters.
        updates: stop when this many updates have been made in all, resumed ones included.
        seed: everything random follows from it.
        extras: pieces of training (see Extra), applied in order.
        evaluate: ``evaluate(model)`` gives metrics; called in eval mode every ``evaluate_every``
            updates and after the last one.
        checkpoint: a .safetensors file; where it exists, the run continues from it.
        checkpoint_every: updates between two writes; the last update always writes.
        recipe: plain values that name the run; a checkpoint of another recipe is refused.
        progress: False for silence, or a word to put before the progress line.

    Yields:
        dict with ``step``, ``loss``, ``seconds`` (since this call began) and all metrics.

    Raises:
        ValueError: impossible arguments, or a checkpoint that is damaged or of another recipe.
        FloatingPointError: the loss is not a number; names the step. The last checkpoint is intact.
    """
    if updates < 0:
        raise ValueError(f"updates: got {updates}; needs at least 0")
    if checkpoint_every < 1:
        raise ValueError(f"checkpoint_every: got {checkpoint_every}; needs at least 1")
    if evaluate is not None and evaluate_every < 0:
        raise ValueError(f"evaluate_every: got {evaluate_every}; needs at least 0")
    device = next(model.parameters()).device
    run = {"recipe": recipe or {}, "seed": seed}
    done = 0
    if checkpoint is not None and Path(checkpoint).exists():
        done = load_checkpoint(checkpoint, model, optimizer, extras, run)
    generator = torch.Generator()
    begin = time.perf_counter()
    with _progress_line(progress, done, updates) as line:
        for step in range(done + 1, updates + 1):
            torch.manual_seed(seed_for(seed, step))
            generator.manual_seed(seed_for(seed + 2**32, step))
            model.train()
            for extra in extras:
                extra.before_update(step, model, optimizer)
            batch = _to_device(batches(step, generator), device)
            optimizer.zero_grad(set_to_none=True)
            result = loss(model, batch)
            value, metrics = result if isinstance(result, tuple) else (result, {})
            record: Record = {"step": step, "loss": value.item(), **metrics}
            if not math.isfinite(record["loss"]):
                raise FloatingPointError(
                    f"the loss is {record['loss']} at step {step}; the weights are those after step "
                    f"{step - 1}. Try a smaller learning rate or gradient clipping."
                )
            value.backward()
            for extra in extras:
                extra.after_backward(step, model)
            optimizer.step()
            for extra in extras:
                extra.after_update(step, model, record)
            last = step == updates
            if evaluate is not None and (last or (evaluate_every and step % evaluate_every == 0)):
                model.eval()
                with torch.no_grad():
                    record.update(evaluate(model))
                model.train()
            if checkpoint is not None and (last or step % checkpoint_every == 0):
                save_checkpoint(checkpoint, step, model, optimizer, extras, run)
            record["seconds"] = time.perf_counter() - begin
            line.set_postfix_str(f"loss {record['loss']:.4g}", refresh=False)
            line.update()
            yield record
    model.eval()


def _progress_line(progress: str | bool, done: int, updates: int) -> tqdm:
    """One updating plain line with rate and remaining time: on stdout in a notebook, else stderr."""
    ipython = sys.modules.get("IPython")
    in_notebook = ipython is not None and ipython.get_ipython() is not None
    return tqdm(
        desc=progress if isinstance(progress, str) else "training",
        initial=done,
        total=updates,
        disable=progress is False,
        file=sys.stdout if in_notebook else sys.stderr,
        unit=" updates",
        ncols=96,
        mininterval=0.5,
        ascii=" =",
    )


def _to_device(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, (list, tuple)):
        return type(batch)(_to_device(part, device) for part in batch)
    return batch.to(device)


# Checkpoints: one safetensors file with tensors by dotted name and everything else as JSON.


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


def write_whole(path: str | Path, data: bytes) -> None:
    """Write a file whole or not at all: into a neighbour first, then moved over the old one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_safetensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        ValueError: the file is missing, cut short or no safetensors file.
    """
    try:
        with safe_open(str(path), framework="pt") as stream:
            return {key: stream.get_tensor(key) for key in stream.keys()}, stream.metadata() or {}
    except (SafetensorError, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no readable safetensors file ({error})") from None


def save_checkpoint(
    path: str | Path,
    step: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    extras: Sequence[Extra],
    run: dict[str, Any],
) -> None:
    """Write everything the next update depends on, whole or not at all."""
    tensors: dict[str, Tensor] = {}
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "extras": [extra.state_dict() for extra in extras],
    }
    plain = {"step": step, "run": run, "state": _flatten("run", state, tensors)}
    write_whole(path, save(tensors, metadata={"ngpu": json.dumps(plain)}))


def load_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    extras: Sequence[Extra],
    run: dict[str, Any],
) -> int:
    """Put a checkpoint's state back and return its step.

    Raises:
        ValueError: the file is damaged, no checkpoint, or of another recipe; names what differs.
    """
    tensors, metadata = read_safetensors(path)
    if "ngpu" not in metadata:
        raise ValueError(f"checkpoint: {path} holds weights but no training state")
    plain = json.loads(metadata["ngpu"])
    saved, wanted = plain["run"], json.loads(json.dumps(run))
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
    state = _restore(plain["state"], tensors)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    if len(state["extras"]) != len(extras):
        raise ValueError(
            f"checkpoint: {path} holds {len(state['extras'])} extras, this run has {len(extras)}"
        )
    for extra, inner in zip(extras, state["extras"], strict=True):
        extra.load_state_dict(inner)
    return plain["step"]


def _differences(name: str, old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted({*old, *new})
        return [
            (f"{key}", old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)
        ]
    return [] if old == new else [(name, old, new)]
