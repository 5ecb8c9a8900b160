"""A run as plain numpy arrays: every state, every gate, and what the loss says about each of them.

arrays = trace_run(model, inputs_BL)
arrays["state"].shape      # (T, C, L) or (T, C, W, L)

trace = trace_word(model, task, word)
ActivationViewer(trace)    # the one door from a run to its picture
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ngpu_lib import require
from ngpu_lib.tasks import Task, Word

#: What a run carries from step to step; a gate exists only while a step is made.
CARRIED = ("state", "memory")


def trace_run(
    model: nn.Module,
    *inputs: Tensor,
    objective: Callable[[Any], Tensor] | None = None,
    item: int | None = 0,
    **settings: Any,
) -> dict[str, np.ndarray]:
    """Run a model once in eval mode and keep what happened at every step.

    gradient_t = d objective / d state_t, by backpropagation through all later steps.

    Args:
        model: anything whose forward takes ``trace=list``: ``Scan`` and ``Reader`` over one of our
            cells, ``NeuralGPU``, ``DiagonalNeuralGPU``.
        inputs: what the model is called with, batch first.
        objective: a scalar made from the model's output; given, gradients are kept too.
        item: which item of the batch to keep; None keeps the batch as the axis after time.
        settings: of the run, e.g. ``steps`` or ``extra_steps``.

    Returns:
        dict of float arrays: ``state``, T + 1 of them, the first before any step: (T+1, H) for a
        cell, (T+1, C, L) and (T+1, C, W, L) for the two Neural GPUs; ``memory`` for an LSTM; each
        gate by name, T of them; ``answer``, what the model returned; for a Neural GPU ``read``, the
        symbols (T+1, L) that would be read off each state. With an objective also
        ``gradient`` and ``memory_gradient``, shaped as what they belong to (the memory's includes
        what flows through the output h it shows).

    Raises:
        ValueError: the model cannot be traced, there is no such item, the objective is no scalar.

    >>> from ngpu_lib.cells import RNN, Scan
    >>> arrays = trace_run(Scan(RNN(2, 3)), torch.zeros(1, 5, 2))
    >>> arrays["state"].shape
    (6, 3)
    """
    require.module("model", model)
    for value in require.sequence("inputs", inputs):
        require.tensor("inputs", value)
    if item is not None and require.whole("item", item) >= len(inputs[0]):
        raise ValueError(f"item: got {item}; the batch has items 0..{len(inputs[0]) - 1}")
    if objective is not None:
        require.function("objective", objective)
    steps: list[dict[str, Tensor]] = []
    was_training = model.training
    model.eval()
    try:
        with torch.set_grad_enabled(objective is not None):
            output = model(*inputs, trace=steps, **settings)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        if "trace" in str(error):
            needs = f"model: got {type(model).__name__}; needs one whose forward takes trace="
        else:
            needs = (
                f"settings: got {settings}; {type(model).__name__} does not know them all ({error})"
            )
        raise ValueError(needs) from None
    finally:
        model.train(was_training)
    if not steps or not isinstance(steps[0], dict):
        raise ValueError(f"model: got {type(model).__name__}; needs one that traces its states")
    tensors = _stack(steps)
    if hasattr(model, "readout"):
        with torch.no_grad():
            read = [model.readout(step["state"]).argmax(-1) for step in steps]
        tensors["read"] = torch.stack(read)
    if objective is not None:
        tensors.update(_gradients(objective(output), steps))
    if item is not None:
        tensors = {name: tensor[:, item] for name, tensor in tensors.items()}
    answer = output[0] if isinstance(output, tuple) else output
    tensors["answer"] = answer if item is None else answer[item]
    arrays = {name: tensor.detach().cpu().float().numpy() for name, tensor in tensors.items()}
    if "read" in arrays:
        arrays["read"] = arrays["read"].astype(np.int64)
    return arrays


@dataclass(frozen=True)
class TapeTrace:
    """One word's run on a Neural GPU, step by step; the viewer takes it as it is.

    states_TCWL: the state before the first step and after each (W = 1 for the diagonal model). gates:
    arrays (T, C, W, L) by name. symbols_TL: what would be read off each state. inputs, targets: the
    word and its right answer as text. outputs: ``symbols_TL`` as text, one a state.
    """

    states_TCWL: np.ndarray
    gates: dict[str, np.ndarray]
    symbols_TL: np.ndarray
    inputs: str
    outputs: list[str]
    targets: str


def trace_word(model: nn.Module, task: Task, word: Word, **settings: Any) -> TapeTrace:
    """Run a Neural GPU on one word and keep states, gates and what would be read after every step.

    Args:
        model: NeuralGPU or DiagonalNeuralGPU (anything with ``readout``). task: whose word it is.
        word: symbol numbers. settings: of the run, e.g. ``extra_steps``.

    Raises:
        ValueError: a model without a tape to read, one of another vocabulary than the task's, or a word
            that the task does not know.
    """
    require.instance("task", task, Task, "a Task, such as make_task('copy')")
    if not hasattr(model, "readout"):
        raise ValueError(
            f"model: got {type(model).__name__}; needs one with a tape, such as NeuralGPU"
        )
    if getattr(model, "symbols", task.vocabulary) != task.vocabulary:
        raise ValueError(
            f"model: it knows {model.symbols} symbols; {task.name} has {task.vocabulary}"
        )
    task.check_word(word)
    device = next(model.parameters()).device
    arrays = trace_run(model, torch.tensor([word], device=device), **settings)
    read, state = arrays.pop("read"), arrays.pop("state")
    arrays.pop("answer")
    widen = state.ndim == 3
    gates = {name: array[:, :, None] if widen else array for name, array in arrays.items()}
    return TapeTrace(
        states_TCWL=state[:, :, None] if widen else state,
        gates=gates,
        symbols_TL=read,
        inputs=task.text(word),
        outputs=[task.text(row) for row in read.tolist()],
        targets=task.text(task.oracle(word)),
    )


def _stack(steps: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """One tensor per name, time first."""
    names = steps[-1].keys()
    return {name: torch.stack([step[name] for step in steps if name in step]) for name in names}


def _gradients(value: Tensor, steps: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """d value / d (what was carried into or out of each step), zero where nothing flows."""
    require.tensor("objective", value)
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


def whereabouts(
    model: nn.Module,
    task: Task,
    length: int,
    *,
    examples: int = 200,
    seed: int = 3,
    **settings: Any,
) -> np.ndarray:
    """Where is symbol i now? How often a linear reader of one cell's numbers names input symbol i.

    For every step t, cell l and input position i a reader is fitted (least squares, with a small ridge)
    on the cell's C W numbers over some words, and tried on as many others.

    Args:
        model: a Neural GPU. task: over two symbols, or arithmetic in base 2. length: see Task.sample.
        examples: words to fit on, and as many to try on. seed: of the words. settings: of the run.

    Returns:
        known_TLI, (T+1, L, I): shares of right readings; 1 means the cell knows the symbol, 0.5 that it has
        no idea.

    Source: linear probes, Alain & Bengio 2016 (arXiv 1610.01644), per cell and step.
    """
    require.instance("task", task, Task, "a Task, such as make_task('copy', 2)")
    if getattr(task, "base", 2) != 2:
        raise ValueError(f"task: got {task.name} in base {task.base}; needs base 2, a bit a symbol")
    require.whole("examples", examples, 1)
    require.whole("seed", seed)
    batch = task.sample(2 * examples, length, torch.Generator().manual_seed(seed))
    state = torch.tensor(trace_run(model, batch.inputs_BL, item=None, **settings)["state"]).double()
    state_TLBX = state.flatten(2, -2).permute(0, 3, 1, 2)
    state_TLBX = torch.cat([state_TLBX, torch.ones_like(state_TLBX[..., :1])], -1)
    seen, fresh = state_TLBX.split(examples, dim=2)
    bits_BI = batch.inputs_BL.double() * 2 - 3  # digit 0 is symbol 1, digit 1 is symbol 2
    square = seen.mT @ seen + 0.01 * torch.eye(seen.shape[-1], dtype=seen.dtype)
    reader = torch.linalg.solve(square, seen.mT @ bits_BI[:examples])
    right = (fresh @ reader > 0) == (bits_BI[examples:] > 0)
    return right.double().mean(2).numpy()
