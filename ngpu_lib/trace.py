"""A run as plain numpy arrays: every state, every gate, and what the loss says about each of them.

arrays = trace_run(model, inputs_BL)
arrays["state"].shape      # (T, C, W, L): ready for the viewer and for plots
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

#: What a run carries from step to step; a gate exists only while a step is made.
CARRIED = ("state", "memory")


def trace_run(
    model: nn.Module,
    *inputs: Tensor,
    objective: Callable[[Any], Tensor] | None = None,
    item: int | None = 0,
    **options: Any,
) -> dict[str, np.ndarray]:
    """Run a model once in eval mode and keep what happened at every step.

    gradient_t = d objective / d state_t, by backpropagation through all later steps.

    Args:
        model: anything whose forward takes ``trace=list``: ``Scan`` and ``Reader`` over one of our
            cells, ``NeuralGPU``, ``DiagonalNeuralGPU``.
        inputs: what the model is called with, batch first.
        objective: a scalar made from the model's output; given, gradients are kept too.
        item: which item of the batch to keep; None keeps the batch as the axis after time.
        options: further keyword arguments of the model, e.g. ``steps``.

    Returns:
        dict of float arrays: ``state``, T + 1 of them, the first before any step: (T+1, H) for a
        cell, (T+1, C, L) and (T+1, C, W, L) for the two Neural GPUs; ``memory`` for an LSTM; each
        gate by name, T of them; ``answer``, what the model returned. With an objective also
        ``gradient`` and ``memory_gradient``, shaped as what they belong to (the memory's includes
        what flows through the output h it shows).

    Raises:
        ValueError: the model cannot be traced, there is no such item, the objective is no scalar.

    >>> from ngpu_lib.cells import RNN, Scan
    >>> arrays = trace_run(Scan(RNN(2, 3)), torch.zeros(1, 5, 2))
    >>> arrays["state"].shape
    (6, 3)
    """
    if item is not None and not 0 <= item < len(inputs[0]):
        raise ValueError(f"item: got {item}; the batch has items 0..{len(inputs[0]) - 1}")
    steps: list[dict[str, Tensor]] = []
    was_training = model.training
    model.eval()
    try:
        with torch.set_grad_enabled(objective is not None):
            output = model(*inputs, trace=steps, **options)
    except TypeError as error:
        if "trace" not in str(error):
            raise
        raise ValueError(
            f"model: got {type(model).__name__}; needs one whose forward takes trace="
        ) from None
    finally:
        model.train(was_training)
    tensors = _stack(steps)
    if objective is not None:
        tensors.update(_gradients(objective(output), steps))
    if item is not None:
        tensors = {name: tensor[:, item] for name, tensor in tensors.items()}
    answer = output[0] if isinstance(output, tuple) else output
    tensors["answer"] = answer if item is None else answer[item]
    return {name: tensor.detach().cpu().float().numpy() for name, tensor in tensors.items()}


def _stack(steps: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """One tensor per name, time first."""
    names = steps[-1].keys()
    return {name: torch.stack([step[name] for step in steps if name in step]) for name in names}


def _gradients(value: Tensor, steps: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """d value / d (what was carried into or out of each step), zero where nothing flows."""
    if value.ndim != 0:
        raise ValueError(f"objective: got shape {tuple(value.shape)}; needs a scalar")
    names = [name for name in CARRIED if name in steps[0]]
    carried = [step[name] for name in names for step in steps]
    wanted = [tensor for tensor in carried if tensor.requires_grad]
    found = iter(torch.autograd.grad(value, wanted, allow_unused=True))
    gradients = [next(found) if tensor.requires_grad else None for tensor in carried]
    filled = [
        torch.zeros_like(tensor) if gradient is None else gradient
        for tensor, gradient in zip(carried, gradients, strict=True)
    ]
    size = len(steps)
    return {
        "gradient" if name == "state" else f"{name}_gradient": torch.stack(
            filled[k * size : (k + 1) * size]
        )
        for k, name in enumerate(names)
    }
