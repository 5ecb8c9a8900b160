"""The one training loop: any module, any batch source, any loss.

    for record in train(model, batches, loss, optimizer, updates=1000, seed=0):
        ...  # record["step"], record["loss"], ...

Everything random in update t is drawn after seeding with (seed, t), so a run continues bit for bit
from its last checkpoint, whatever the caller did with random numbers in between.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ngpu_lib import require
from ngpu_lib.checkpoints import load_checkpoint, save_checkpoint

Record = dict[str, Any]
BatchSource = Callable[[int, torch.Generator], Any]
Loss = Callable[[nn.Module, Any], Tensor | tuple[Tensor, dict[str, float]]]


class Callback:
    """A small separate piece of training that can be switched on and off (see callbacks.py).

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


def seed_for(seed: int, step: int) -> int:
    """A 32-bit seed for one update, well mixed, so that neighbouring seeds share nothing."""
    require.whole("seed", seed)
    require.whole("step", step)
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])


def train(
    model: nn.Module,
    batches: BatchSource,
    loss: Loss,
    optimizer: torch.optim.Optimizer,
    *,
    updates: int,
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None,
    evaluate_every: int = 0,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 100,
    writes: bool = True,
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
        callbacks: pieces of training, applied in order.
        evaluate: ``evaluate(model)`` gives metrics; called in eval mode every ``evaluate_every``
            updates and after the last one.
        checkpoint: a .safetensors file; where it exists, the run continues from it.
        checkpoint_every: updates between two writes; the last update always writes.
        writes: False to continue from a checkpoint and write none (see ranks.py).
        recipe: plain values that name the run; a checkpoint of another recipe is refused.
        progress: False for silence, or a word to put before the progress line.

    Yields:
        dict with ``step``, ``loss``, ``seconds`` (since this call began) and all metrics.

    Raises:
        ValueError: impossible arguments, or a checkpoint that is damaged or of another recipe.
        FloatingPointError: the loss is not a number; names the step. The last checkpoint is intact.
    """
    require.whole("updates", updates)
    require.whole("seed", seed)
    require.whole("checkpoint_every", checkpoint_every, 1)
    require.whole("evaluate_every", evaluate_every)
    if not list(require.module("model", model).parameters()):
        raise ValueError(f"model: got {type(model).__name__} without weights; needs some to train")
    for name, given in (("batches", batches), ("loss", loss)):
        require.function(name, given)
    if evaluate is not None:
        require.function("evaluate", evaluate)
    require.instance("optimizer", optimizer, torch.optim.Optimizer, "a torch optimizer")
    for piece in require.sequence("callbacks", callbacks, least=0):
        require.instance("callbacks", piece, Callback, "Callbacks")
    device = next(model.parameters()).device
    run = {"recipe": recipe or {}, "seed": seed}
    done = 0
    if checkpoint is not None and Path(checkpoint).exists():
        done = load_checkpoint(checkpoint, model, optimizer, callbacks, run)
    generator = torch.Generator()
    begin = time.perf_counter()
    parts = list(model.modules())
    with _progress_line(progress, done, updates) as line:
        for step in range(done + 1, updates + 1):
            _seed_everything(seed_for(seed, step), device)
            generator.manual_seed(seed_for(seed + 2**32, step))
            if not all(part.training for part in parts):  # asked first: the call alone takes long
                model.train()
            for callback in callbacks:
                callback.before_update(step, model, optimizer)
            batch = _to_device(batches(step, generator), device)
            optimizer.zero_grad(set_to_none=True)
            result = loss(model, batch)
            value, metrics = result if isinstance(result, tuple) else (result, {})
            require.tensor("loss", value, kind="float")
            if value.numel() != 1 or not value.requires_grad:
                raise ValueError(
                    f"loss: got shape {tuple(value.shape)}, "
                    f"{'with' if value.requires_grad else 'without'} gradient; needs a scalar with one"
                )
            record: Record = {"step": step, "loss": value.item(), **metrics}
            if not math.isfinite(record["loss"]):
                raise FloatingPointError(
                    f"the loss is {record['loss']} at step {step}; the weights are those after step "
                    f"{step - 1}. Try a smaller learning rate or gradient clipping."
                )
            value.backward()
            for callback in callbacks:
                callback.after_backward(step, model)
            optimizer.step()
            for callback in callbacks:
                callback.after_update(step, model, record)
            last = step == updates
            if evaluate is not None and (last or (evaluate_every and step % evaluate_every == 0)):
                model.eval()
                with torch.no_grad():
                    record.update(evaluate(model))
                model.train()
            if checkpoint is not None and writes and (last or step % checkpoint_every == 0):
                save_checkpoint(checkpoint, step, model, optimizer, callbacks, run)
            record["seconds"] = time.perf_counter() - begin
            line.set_postfix_str(f"loss {record['loss']:.4g}", refresh=False)
            line.update()
            yield record
    model.eval()


def _seed_everything(seed: int, device: torch.device) -> None:
    """torch.manual_seed; on a CPU without what it does for other devices, a third of a small net's update."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


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
