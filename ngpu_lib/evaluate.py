"""Honest evaluation: symbol and whole-sequence accuracy side by side, by length, seed and kind of input.

Symbol accuracy flatters: 99.9 % of 4,001 symbols right can mean that no product at all is right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from ngpu_lib.losses import answers, check_known
from ngpu_lib.tasks import Task

ROWS_AT_ONCE = 8192  # tape cells of one chunk; keeps the state in the processor's cache


@dataclass(frozen=True)
class Score:
    """Accuracy of one model at one length on one kind of input; both accuracies are in 0..1."""

    task: str
    length: int
    inputs: str
    examples: int
    symbol_accuracy: float
    sequence_accuracy: float
    seconds: float

    def as_dict(self) -> dict:
        """The score as plain values, in the order the command line prints."""
        return asdict(self)


@torch.no_grad()
def evaluate(
    model: nn.Module,
    task: Task,
    length: int,
    *,
    examples: int = 100,
    inputs: str = "random",
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Score:
    """Measure a model on fresh words of one length.

    Args:
        model: takes (inputs_BL, valid_BL) and gives logits_BLV; put into eval mode meanwhile.
        length: digits of one operand for arithmetic, symbols for the other tasks.
        examples: how many words, >= 1. inputs: kind of input (Task.kinds). seed: of the words.
        settings: of the run, e.g. {"extra_steps": 8} (what pretrained.load gives as ``settings``).
        on_progress: called with (examples done, examples right so far).

    Raises:
        ValueError: impossible numbers, a model with another vocabulary than the task's, or a setting
            that the model does not have.
    """
    task.check_length(length)
    if examples < 1:
        raise ValueError(f"examples: got {examples}; needs at least 1")
    symbols = getattr(model, "symbols", task.vocabulary)
    if symbols != task.vocabulary:
        raise ValueError(f"model: it knows {symbols} symbols; {task.name} has {task.vocabulary}")
    settings = dict(settings or {})
    check_known(model, settings)
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    was_training, begin = model.training, time.perf_counter()
    model.eval()
    chunk = max(1, ROWS_AT_ONCE // task.positions(length))
    right_symbols = all_symbols = right_words = done = 0
    while done < examples:
        batch = task.sample(min(chunk, examples - done), length, generator, inputs=inputs).to(
            device
        )
        counted = batch.loss_mask_BL
        wrong = (answers(model, batch, **settings) != batch.targets_BL) & counted
        all_symbols += int(counted.sum())
        right_symbols += int(counted.sum() - wrong.sum())
        right_words += int((~wrong.any(1)).sum())
        done += len(batch)
        if on_progress is not None:
            on_progress(done, right_words)
    model.train(was_training)
    return Score(
        task.name,
        length,
        inputs,
        examples,
        right_symbols / all_symbols,
        right_words / examples,
        round(time.perf_counter() - begin, 3),
    )
