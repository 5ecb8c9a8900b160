"""What a training adds to the loop, each a separate piece one can switch off."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ngpu_lib import require
from ngpu_lib.neural_gpu import NeuralGPU
from ngpu_lib.tasks import Batch, Task
from ngpu_lib.train import Callback, Record


class ClipGradient(Callback):
    """Scale all gradients together so that their norm is at most ``norm``."""

    def __init__(self, norm: float):
        self.norm = require.number("norm", norm, above=0)

    def after_backward(self, step: int, model: nn.Module) -> None:
        nn.utils.clip_grad_norm_(model.parameters(), self.norm)


class Schedule(Callback):
    """Set the learning rate before each update to ``lr(step)``, step counted from 1."""

    def __init__(self, lr: Callable[[int], float]):
        self.lr = require.function("lr", lr)

    def before_update(self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            group["lr"] = require.number("lr", self.lr(step), 0)


def one_cycle(peak: float, updates: int, warm_up: float = 0.25) -> Callable[[int], float]:
    """A learning rate that rises from peak / 25 to ``peak`` and falls to nearly 0, along cosines.

    Args:
        peak: more than 0. updates: length of the whole cycle, at least 1.
        warm_up: share of the updates spent rising, 0..1.

    Returns:
        lr(step), step counted from 1; for ``Schedule``.

    Raises:
        ValueError: an argument out of its range.

    Source: Smith & Topin 2017 (super-convergence). Departures: cosines in place of straight lines, and a
    quarter of the run to rise, where theirs rises as long as it falls.
    """
    require.number("peak", peak, above=0)
    require.whole("updates", updates, 1)
    require.number("warm_up", warm_up, 0, 1)
    rising = warm_up * updates

    def lr(step: int) -> float:
        if step <= rising:
            low, high, way = peak / 25, peak, step / rising
        else:
            falling = updates - rising or 1  # all of it spent rising: what comes later is the end
            low, high, way = peak, peak * 1e-3, min(1, (step - rising) / falling)
        return low + (high - low) * (1 - math.cos(math.pi * way)) / 2

    return lr


class SaturationWeight(Callback):
    """The weight of the saturation cost, which here soon fades to nothing.

    Every ``every`` updates: weight <- clip(weight lr CE / cost, 1e-20, 1e-3), with CE and cost averaged
    over those updates. The factor is far below 1, so within some 1,000 updates the weight is 1e-20, far
    below what float32 can add to anything, and stays there: the cost no longer ``counts``.

    Source: after the code of Freivalds & Liepins 2017. Departures: they divide by the cost *times* its
    weight, so that the weight becomes clip(lr CE / cost, 1e-20, 1e-3) and the weighted cost stays at lr
    times the cross-entropy. All shipped weights were trained with the rule above. ``start`` is a parameter;
    a run that goes on from trained weights starts small, because 1e-3 would dominate it.
    """

    LEAST = 1e-20

    def __init__(self, start: float = 1e-3, every: int = 200):
        self.weight, self.lr = require.number("start", start, 0), 0.0
        self.every = require.whole("every", every, 1)
        self.sums = [0.0, 0.0]

    @property
    def counts(self) -> bool:
        """Whether the cost still changes anything; once it does not, it need not be computed."""
        return self.weight > self.LEAST

    def before_update(self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.lr = optimizer.param_groups[0]["lr"]

    def after_update(self, step: int, model: nn.Module, record: Record) -> None:
        record["saturation_weight"] = self.weight
        if not self.counts:
            return
        self.sums = [self.sums[0] + record["cross_entropy"], self.sums[1] + record["saturation"]]
        if step % self.every == 0:
            ratio = self.sums[0] / max(self.sums[1], 1e-30)
            self.weight = min(max(self.weight * self.lr * ratio, self.LEAST), 1e-3)
            self.sums = [0.0, 0.0]

    def state_dict(self) -> dict[str, Any]:
        return {"weight": self.weight, "sums": self.sums}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weight, self.sums = state["weight"], list(state["sums"])


class AverageWeights(Callback):
    """An exponential moving average of the weights in ``self.model``, from update ``start`` on.

    average <- decay average + (1 - decay) weights. Far steadier from checkpoint to checkpoint than the
    raw weights (measured in lesson 09).
    """

    def __init__(self, model: nn.Module, decay: float = 0.99, start: int = 0):
        require.module("model", model)
        require.number("decay", decay, 0, below=1)
        self.start = require.whole("start", start)
        self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))

    @property
    def model(self) -> nn.Module:
        """The averaged model."""
        return self.average.module

    def after_update(self, step: int, model: nn.Module, record: Record) -> None:
        if step >= self.start:
            self.average.update_parameters(model)

    def state_dict(self) -> dict[str, Any]:
        return self.average.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.average.load_state_dict(state)


class Curriculum(Callback):
    """Short words first: a batch source whose words grow by one symbol whenever they are mastered.

    Give it to the loop twice, as ``batches`` and among ``callbacks``. A batch holds words of length
    ``longest``, or, with chance ``mixed``, of any length from ``first`` to ``last``. Once the mean
    ``sequence_accuracy`` of the latest ``every`` batches at ``longest`` exceeds ``passed``, longest
    grows by one, up to ``last``.

    Args:
        task: where words come from. first, last: shortest and longest length, 1 <= first <= last.
        passed, mixed: in [0, 1]; with ``mixed`` = 1 it is no curriculum, all lengths come at once.

    Source: Kaiser & Sutskever 2015 (a fifth of the batches of any length) and their code (fewer than 15 %
    wrong). Departure: the other batches hold the longest words alone; their code draws shorter ones too.
    """

    def __init__(
        self,
        task: Task,
        first: int,
        last: int,
        *,
        batch_size: int = 32,
        passed: float = 0.85,
        every: int = 5,
        mixed: float = 0.2,
    ):
        require.instance("task", task, Task, "a Task, such as make_task('copy')")
        require.whole("first", first, task.min_length)
        require.whole("last", last, first)
        task.check_length(last)
        for name, value in (("passed", passed), ("mixed", mixed)):
            require.number(name, value, 0, 1)
        require.whole("batch_size", batch_size, 1)
        require.whole("every", every, 1)
        self.task, self.first, self.last = task, first, last
        self.batch_size, self.passed, self.mixed = batch_size, passed, mixed
        self.longest, self.length = first, first
        self.recent: deque[float] = deque(maxlen=every)

    def __call__(self, step: int, generator: torch.Generator) -> Batch:
        """The batch of one update."""
        self.length = self.longest
        if torch.rand((), generator=generator) < self.mixed:
            self.length = int(torch.randint(self.first, self.last + 1, (), generator=generator))
        return self.task.sample(self.batch_size, self.length, generator)

    def after_update(self, step: int, model: nn.Module, record: Record) -> None:
        record["longest"] = self.longest
        if self.length != self.longest:
            return
        self.recent.append(record["sequence_accuracy"])
        full = len(self.recent) == self.recent.maxlen
        if full and sum(self.recent) > self.passed * len(self.recent) and self.longest < self.last:
            self.longest += 1
            self.recent.clear()

    def state_dict(self) -> dict[str, Any]:
        return {"longest": self.longest, "recent": list(self.recent)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.longest = state["longest"]
        self.recent = deque(state["recent"], maxlen=self.recent.maxlen)


class GradientNoise(Callback):
    """Add Gaussian noise to every gradient element, of variance scale / (1 + step)^0.55.

    Args:
        scale: eta in the paper, >= 0; there 0.01, 0.3 or 1. The standard deviation is its root:
            0.08 in the first update for 0.01, 0.022 after 500.

    Source: Neelakantan et al. 2015 (arXiv 1511.06807; eta, gamma = 0.55). The code of Kaiser & Sutskever
    2015 multiplies the variance by the fraction of wrong sequences, which ``scale`` leaves to the caller.
    """

    def __init__(self, scale: float):
        self.scale = require.number("scale", scale, 0)

    def after_backward(self, step: int, model: nn.Module) -> None:
        deviation = math.sqrt(self.scale / (1 + step) ** 0.55)
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad.add_(torch.randn_like(parameter.grad), alpha=deviation)


class DrawTogether(Callback):
    """Relaxation: pull a 2015 Neural GPU's parameter sets towards each other, then make them one.

    After each update every set moves ``pull`` of its way to the sets' average. Every ``every`` updates in
    which the mean loss was below ``passed``, pull <- 1.2 pull; once pull >= 0.1 the sets are averaged for good.

    Source: Kaiser & Sutskever 2015 and their code. Departures: the pull is applied to the weights
    directly instead of through a cost; a stretch passes by its mean loss, theirs by fewer than 15 % of
    sequences wrong, which lengthens the words as well.
    """

    def __init__(self, pull: float = 5e-4, every: int = 100, passed: float = 0.1):
        self.pull = require.number("pull", pull, 0, 1)
        self.every = require.whole("every", every, 1)
        self.passed = require.number("passed", passed, 0)
        self.total, self.unified = 0.0, False

    @torch.no_grad()
    def after_update(self, step: int, model: NeuralGPU, record: Record) -> None:
        self.total += record["loss"]
        if step % self.every == 0:
            if self.total / self.every < self.passed:
                self.pull *= 1.2
                self.unified = self.unified or self.pull >= 0.1
            self.total = 0.0
        model.draw_together(1.0 if self.unified else self.pull)
        record["relaxation_pull"] = self.pull

    def state_dict(self) -> dict[str, Any]:
        return {"pull": self.pull, "total": self.total, "unified": self.unified}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.pull, self.total, self.unified = state["pull"], state["total"], state["unified"]
