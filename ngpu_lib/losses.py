"""The one loss and the one way to ask for answers, for every model that works on a tape.

loss = SequenceLoss(dropout=0.1, noise=0.06, extra_steps=8)
value, metrics = loss(model, batches)
answers(model, batch, extra_steps=8)

Behind both stand two back ends: the packed path where it serves the model (packed.py), the model's own
forward otherwise. They compute the same; only the random draws of dropout and noise differ.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ngpu_lib import packed, require
from ngpu_lib.callbacks import SaturationWeight
from ngpu_lib.names import suggest
from ngpu_lib.packing import pack
from ngpu_lib.push import Push
from ngpu_lib.tasks import Batch

#: What a model is called with; everything else its ``unroll`` or ``forward`` takes is a setting of the run.
_NOT_SETTINGS = {"self", "inputs_BL", "valid_BL", "trace", "steps", "push"}


def setting_names(model: nn.Module) -> tuple[str, ...]:
    """The settings of a run that a model knows, e.g. ("extra_steps", "dropout", "noise")."""
    require.module("model", model)
    parameters = inspect.signature(getattr(model, "unroll", model.forward)).parameters
    named = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    return tuple(n for n, p in parameters.items() if p.kind in named and n not in _NOT_SETTINGS)


def check_known(model: nn.Module, settings: Mapping[str, Any]) -> None:
    """Raise ValueError for a setting that the model's run does not have."""
    known = setting_names(model)
    require.instance("settings", settings, Mapping, "a dict, such as {'extra_steps': 8}")
    for name, value in settings.items():
        if name not in known:
            hint = suggest(name, known) if known else f"{type(model).__name__} has none"
            raise ValueError(f"settings: got {name}={value!r}; {hint}")


class SequenceLoss:
    """Mean cross-entropy per symbol that counts, and the weighted saturation cost where there is one.

    Every batch counts the same, whatever its length.

    Args:
        precision: of the matrix products, "float32" or "bfloat16" (the packed path only).
        saturation: holds the weight of the saturation cost (None: the cost is left out).
        push: size of a push against the states (0: none). Each batch is then run twice: the first run
            finds where the states are weakest, the second, pushed there, gives loss and metrics. Each
            draws noise and dropout of its own.
        settings: of the run, e.g. dropout, noise, extra_steps; plain values that may change between
            updates.

    Calling it gives the loss, a scalar, and the metrics cross_entropy, saturation (the cost before its
    weight, while it counts), symbol_accuracy and sequence_accuracy, each a float.

    Raises:
        ValueError: a setting that the model does not have; bfloat16 for a model that is not packed.
    """

    def __init__(
        self,
        precision: str = "float32",
        saturation: SaturationWeight | None = None,
        push: float = 0.0,
        **settings: Any,
    ):
        self.precision = require.one_of("precision", precision, tuple(packed.PRECISIONS))
        if saturation is not None:
            require.instance("saturation", saturation, SaturationWeight, "a SaturationWeight")
        self.push = require.number("push", push, 0)
        self.saturation, self.settings = saturation, settings
        #: What each batch's sum is divided by; None: its own symbols that count (see ranks.py).
        self.counts: list[float] | None = None

    def __call__(
        self, model: nn.Module, batches: Batch | Sequence[Batch]
    ) -> tuple[Tensor, dict[str, float]]:
        batches = [batches] if isinstance(batches, Batch) else batches
        for batch in require.sequence("batches", batches):
            require.instance("batches", batch, Batch, "a Batch, or a list of them")
            if not batch.loss_mask_BL.any():
                raise ValueError(
                    "batches: got one in which nothing counts; needs a loss_mask_BL that does"
                )
        check_known(model, self.settings)
        if self.push and not (hasattr(model, "unroll") and torch.is_grad_enabled()):
            raise ValueError(
                f"push: got {self.push} for {type(model).__name__}; needs an unroll that takes a push, and gradients"
            )
        run = _packed if packed.serves(model) else _plain
        pushes = [Push(self.push) if self.push else None for _ in batches]
        common = (model, batches, self.precision, self.settings, self.counts, pushes)
        saturation = self.saturation if self.saturation and self.saturation.counts else None
        if self.push:
            cross_entropy, _, _ = run(*common, costs=False)
            # Its backward notes where to push; the packed one leaves out the weights' gradients.
            torch.autograd.grad(cross_entropy, list(model.parameters()), allow_unused=True)
        cross_entropy, cost, right = run(*common, costs=saturation is not None)
        loss, metrics = cross_entropy, {"cross_entropy": cross_entropy.item()}
        if saturation is not None:
            loss = cross_entropy + saturation.weight * cost
            metrics["saturation"] = cost.item()
        counted = torch.cat([batch.loss_mask_BL.flatten() for batch in batches])
        symbols = torch.cat([part.flatten() for part in right])[counted]
        whole = torch.cat([part.all(1) for part in right])
        return loss, {
            **metrics,
            "symbol_accuracy": symbols.float().mean().item(),
            "sequence_accuracy": whole.float().mean().item(),
        }


def _packed(model, batches, precision, settings, counts, pushes, costs):
    """Cross-entropy, saturation cost and, per batch, which symbols are right or do not count (B, L)."""
    rows = pack(batches, model.write.weight.dtype, counts)
    options = dict(precision=precision, push=pushes[0], costs=costs)
    logits, cost = packed.unroll(model, rows, **options, **settings)
    losses = F.cross_entropy(logits, rows.targets, reduction="none")
    right = (logits.argmax(-1) == rows.targets) | (rows.loss_weight == 0)
    return losses @ rows.loss_weight, cost, rows.unpack(right)


def _plain(model, batches, precision, settings, counts, pushes, costs):
    """The same by the model's own forward, one batch after the other; it computes costs in any case."""
    if precision != "float32":
        raise ValueError(
            f"precision: got {precision!r}; {type(model).__name__} runs the plain way, in float32"
        )
    entropies, costs, right = [], [], []
    for place, (batch, push) in enumerate(zip(batches, pushes, strict=True)):
        if hasattr(model, "unroll"):
            if push is not None:
                settings = {**settings, "push": push}
            state, cost = model.unroll(batch.inputs_BL, batch.valid_BL, **settings)
            logits_BLV = model.readout(state)
        else:
            logits_BLV = model(batch.inputs_BL, batch.valid_BL, **settings)
            cost = logits_BLV.new_zeros(())
        counted = batch.loss_mask_BL
        number = int(counted.sum()) if counts is None else counts[place]
        total = F.cross_entropy(logits_BLV[counted], batch.targets_BL[counted], reduction="sum")
        entropies.append(total / number)
        costs.append(cost)
        right.append((logits_BLV.argmax(-1) == batch.targets_BL) | ~counted)
    return torch.stack(entropies).mean(), torch.stack(costs).mean(), right


@torch.no_grad()
def answers(model: nn.Module, batch: Batch, **settings: Any) -> Tensor:
    """What a model answers to a batch, (B, L) symbol numbers, run with these settings.

    Raises:
        ValueError: a setting that the model does not have.
    """
    check_known(model, settings)
    require.instance("batch", batch, Batch, "a Batch, such as task.sample gives")
    if packed.serves(model):
        rows = pack([batch], model.write.weight.dtype)
        logits, _ = packed.unroll(model, rows, **settings)
        return rows.unpack(logits.argmax(-1))[0]
    return model(batch.inputs_BL, batch.valid_BL, **settings).argmax(-1)
