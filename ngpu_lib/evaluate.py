"""Honest evaluation: symbol and whole-sequence accuracy side by side, by length, seed and kind of input.

Symbol accuracy flatters: 99.9 % of 4,001 symbols right can mean that no product at all is right.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from ngpu_lib import fast
from ngpu_lib.neural_gpu import DiagonalNeuralGPU
from ngpu_lib.tasks import Batch, Task

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
def answers(model: nn.Module, batch: Batch) -> Tensor:
    """What a model answers, (B, L) symbol numbers; by the fast path where there is one."""
    if isinstance(model, DiagonalNeuralGPU):
        return fast.predict(model, batch)
    return model(batch.inputs_BL, batch.live_BL).argmax(-1)


def evaluate(
    model: nn.Module,
    task: Task,
    length: int,
    *,
    examples: int = 100,
    inputs: str = "random",
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Score:
    """Measure a model on fresh words of one length.

    Args:
        model: takes (inputs_BL, live_BL) and gives logits_BLV; put into eval mode meanwhile.
        length: digits of one operand for arithmetic, symbols for the other tasks.
        examples: how many words, >= 1. inputs: kind of input (Task.kinds). seed: of the words.
        on_progress: called with (examples done, examples right so far).

    Raises:
        ValueError: impossible numbers, or a model with another vocabulary than the task's.
    """
    task.check_length(length)
    if examples < 1:
        raise ValueError(f"examples: got {examples}; needs at least 1")
    symbols = getattr(model, "symbols", task.vocabulary)
    if symbols != task.vocabulary:
        raise ValueError(f"model: it knows {symbols} symbols; {task.name} has {task.vocabulary}")
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
        wrong = (answers(model, batch) != batch.targets_BL) & batch.scored_BL
        all_symbols += int(batch.scored_BL.sum())
        right_symbols += int(batch.scored_BL.sum() - wrong.sum())
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


def table(
    models: Sequence[nn.Module],
    task: Task,
    lengths: Iterable[int],
    *,
    kinds: Sequence[str] = ("random",),
    examples: int = 100,
    seed: int = 0,
) -> list[list[Score]]:
    """Scores of several models (for instance one per training seed): a list per model."""
    lengths = list(lengths)
    return [
        [
            evaluate(model, task, length, examples=examples, inputs=kind, seed=seed)
            for kind in kinds
            for length in lengths
        ]
        for model in models
    ]
