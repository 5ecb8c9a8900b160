"""Honest evaluation: symbol and whole-sequence accuracy side by side, by length, seed and kind of input.

Symbol accuracy flatters: 99.9 % of 4,001 symbols right can mean that no product at all is right. For
binary sums and products there is a third figure, which can be compared between lengths: mistakes
per billion cell-steps, a mistake being one carry too many or too few.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from ngpu_lib import require
from ngpu_lib.arithmetic import Arithmetic
from ngpu_lib.losses import answers, check_known
from ngpu_lib.tasks import Task

#: Tape cells of one chunk: on a CPU so few that the state stays in its cache, on a GPU enough to fill it.
ROWS_AT_ONCE = {"cpu": 1024}
MOST_ROWS = 65_536


class Rate(NamedTuple):
    """A rate with its confidence interval."""

    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """Accuracy of one model at one length on one kind of input; both accuracies are in 0..1.

    mistakes: of all answers together, None for a task other than binary addition or multiplication (see
    ``count_mistakes``). cell_steps: cells times steps, of all examples together.
    """

    task: str
    length: int
    inputs: str
    examples: int
    symbol_accuracy: float
    sequence_accuracy: float
    seconds: float
    mistakes: int | None = None
    cell_steps: int = 0

    @property
    def mistakes_per_billion(self) -> Rate | None:
        """Mistakes per billion cell-steps with the exact 95 % interval of a Poisson count."""
        if self.mistakes is None or not self.cell_steps:
            return None
        low, high = poisson_interval(self.mistakes)
        return Rate(*(1e9 * count / self.cell_steps for count in (self.mistakes, low, high)))

    def as_dict(self) -> dict:
        """The score as plain values, in the order the command line prints; None is left out."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        if (rate := self.mistakes_per_billion) is not None:
            values["mistakes_per_billion"] = {k: round(v, 3) for k, v in rate._asdict().items()}
        return values


def signed_terms(difference: int) -> list[tuple[int, int]]:
    """A whole number as a sum of as few powers of two, added or taken away, as there can be.

        difference = sum of sign * 2^k over the (sign, k), no two k next to each other

    Returns:
        (sign, k) with sign 1 or -1, lowest k first; [] for 0.

    Raises:
        ValueError: not a whole number.

    Source: the non-adjacent form, Reitwiesner 1960 (Advances in Computers 1).

    >>> signed_terms(2**10 - 2**3)
    [(-1, 3), (1, 10)]
    """
    difference = require.whole("difference", difference, -math.inf)
    terms, k = [], 0
    while difference:
        zeros = (difference & -difference).bit_length() - 1
        difference >>= zeros
        k += zeros
        sign = 2 - (difference & 3)  # 1 for ...01, -1 for ...11
        terms.append((sign, k))
        difference -= sign
    return terms


def count_mistakes(task: Arithmetic, answer: Sequence[int], target: Sequence[int]) -> int:
    """How many carries an answer has too many or too few: the signed terms of answer minus target.

    Where the answer holds symbols that are no digits it has no value, and each wrong symbol counts.
    """
    found, right = task.value(answer), task.value(target)
    if found is None:
        return sum(x != y for x, y in zip(answer, target, strict=True))
    return len(signed_terms(found - right))


def poisson_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Between which means a Poisson count lies, exactly: neither tail holds more than (1 - confidence) / 2.

    Args:
        count: events seen, >= 0. confidence: between 0 and 1.

    Raises:
        ValueError: numbers out of their ranges.

    Source: Garwood 1936 (Biometrika 28), by the incomplete gamma function.
    """
    require.whole("count", count)
    require.number("confidence", confidence, above=0, below=1)
    from scipy.special import gammaincinv  # comes with scikit-learn; slow to import

    tail = (1 - confidence) / 2
    low = float(gammaincinv(count, tail)) if count else 0.0
    return low, float(gammaincinv(count + 1, 1 - tail))


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
    require.module("model", model)
    require.instance("task", task, Task, "a Task, such as make_task('add')")
    task.check_length(length)
    require.whole("examples", examples, 1)
    require.one_of("inputs", inputs, task.kinds)
    require.whole("seed", seed, 0, 2**63 - 1)
    symbols = getattr(model, "symbols", task.vocabulary)
    if symbols != task.vocabulary:
        raise ValueError(f"model: it knows {symbols} symbols; {task.name} has {task.vocabulary}")
    settings = {} if settings is None else settings
    check_known(model, settings)
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    was_training, begin = model.training, time.perf_counter()
    model.eval()
    cells = task.positions(length)
    steps = cells + settings.get("extra_steps", 0)
    chunk = max(1, ROWS_AT_ONCE.get(device.type, MOST_ROWS) // cells)
    counting = isinstance(task, Arithmetic) and task.base == 2
    right_symbols = all_symbols = right_words = done = mistakes = 0
    while done < examples:
        batch = task.sample(min(chunk, examples - done), length, generator, inputs=inputs).to(
            device
        )
        counted = batch.loss_mask_BL
        found_BL = answers(model, batch, **settings)
        wrong = (found_BL != batch.targets_BL) & counted
        all_symbols += int(counted.sum())
        right_symbols += int(counted.sum() - wrong.sum())
        right_words += int((~wrong.any(1)).sum())
        if counting:
            failed_B = wrong.any(1)
            pairs = zip(
                found_BL[failed_B].tolist(), batch.targets_BL[failed_B].tolist(), strict=True
            )
            mistakes += sum(count_mistakes(task, *pair) for pair in pairs)
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
        mistakes if counting else None,
        examples * cells * steps,
    )
