"""What the Neural GPU's training adds to the loop, each a separate piece one can switch off.

AdaMax is an optimizer; everything else is an ``Extra`` of train.py.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ngpu_lib.neural_gpu import NeuralGPU
from ngpu_lib.tasks import Batch, Task
from ngpu_lib.train import Extra, Record


class AdaMax(torch.optim.Optimizer):
    """AdaMax whose every gradient element is first clipped by what has been usual for it.

        g <- clip(g, -(1.2 v + 1e-4), 1.2 v + 1e-4)
        m <- 0.9 m + 0.1 g;   v <- max(b2 v, |g|);   w <- w - lr m / (v + 1e-8)
        b2 = 1 - max(5e-4, 0.01 * 2^(-t / 2000)) in update t

    v is the largest recent gradient of the element, so one wild batch moves nothing far.

    Args:
        lr: learning rate > 0; 0.01 * 48 / maps in the paper.
        clip: switch the clipping off with False (an ablation).

    Source: Kingma & Ba 2015, algorithm 2, with the clipping and decay of Freivalds & Liepins 2017
    (section 3.3 and code). Departure from Kingma & Ba: no bias correction.
    """

    def __init__(self, parameters, lr: float, clip: bool = True):
        if not lr > 0:
            raise ValueError(f"lr: got {lr}; needs more than 0")
        super().__init__(parameters, {"lr": lr, "clip": clip})

    @torch.no_grad()
    def step(self, closure=None):
        """One update from the gradients; returns the closure's loss, if there is a closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["t"] = 0
                    state["m"] = torch.zeros_like(parameter)
                    state["v"] = torch.zeros_like(parameter)
                state["t"] += 1
                beta2 = 1 - max(5e-4, 0.01 * 2 ** (-state["t"] / 2000))
                gradient = parameter.grad
                if group["clip"]:
                    bound = 1.2 * state["v"] + 1e-4
                    gradient = gradient.clamp(-bound, bound)
                state["m"].lerp_(gradient, 0.1)
                torch.maximum(state["v"] * beta2, gradient.abs(), out=state["v"])
                parameter.addcdiv_(state["m"], state["v"] + 1e-8, value=-group["lr"])
        return loss


class SaturationWeight(Extra):
    """The weight of the saturation cost, which as published soon fades to nothing.

    Every ``every`` updates: weight <- clip(weight lr CE / cost, 1e-20, 1e-3), with CE and cost averaged
    over those updates. The factor is far below 1, so within some 1,000 updates the weight is 1e-20.

    Source: Freivalds & Liepins 2017, code. Departure: ``start`` is a parameter; a run that goes on
    from trained weights starts small, because 1e-3 would dominate it.
    """

    def __init__(self, start: float = 1e-3, every: int = 200):
        self.weight, self.every, self.rate = start, every, 0.0
        self.sums = [0.0, 0.0]

    def before_update(self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.rate = optimizer.param_groups[0]["lr"]

    def after_update(self, step: int, model: nn.Module, record: Record) -> None:
        record["saturation_weight"] = self.weight
        self.sums = [self.sums[0] + record["cross_entropy"], self.sums[1] + record["saturation"]]
        if step % self.every == 0:
            ratio = self.sums[0] / max(self.sums[1], 1e-30)
            self.weight = min(max(self.weight * self.rate * ratio, 1e-20), 1e-3)
            self.sums = [0.0, 0.0]

    def state_dict(self) -> dict[str, Any]:
        return {"weight": self.weight, "sums": self.sums}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weight, self.sums = state["weight"], list(state["sums"])


class SlowDown(Extra):
    """Multiply the learning rate by 0.7 when three checkpoints in a row bring no progress.

    A checkpoint is the mean cross-entropy of ``every`` updates. The rate never falls below its start
    divided by 60. Source: Freivalds & Liepins 2017, code.
    """

    def __init__(self, every: int = 200):
        self.every, self.factor = every, 1.0
        self.total = 0.0
        self.history: deque[float] = deque(maxlen=4)

    def before_update(self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            group["lr"] *= self.factor

    def after_update(self, step: int, model: nn.Module, record: Record) -> None:
        self.total += record["cross_entropy"]
        if step % self.every == 0:
            self.history.append(self.total / self.every)
            self.total = 0.0
            if len(self.history) == 4 and min(list(self.history)[1:]) >= self.history[0]:
                self.factor = max(self.factor * 0.7, 1 / 60)
                self.history.clear()

    def state_dict(self) -> dict[str, Any]:
        return {"factor": self.factor, "total": self.total, "history": list(self.history)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.factor, self.total = state["factor"], state["total"]
        self.history = deque(state["history"], maxlen=4)


class AverageWeights(Extra):
    """An exponential moving average of the weights in ``self.model``, from update ``start`` on.

    average <- decay average + (1 - decay) weights. Far steadier from checkpoint to checkpoint than the
    raw weights (measured in lesson 09).
    """

    def __init__(self, model: nn.Module, decay: float = 0.99, start: int = 0):
        if not 0 <= decay < 1:
            raise ValueError(f"decay: got {decay}; needs 0 <= decay < 1")
        self.start = start
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


class Curriculum(Extra):
    """Short words first: a batch source whose words grow by one symbol whenever they are mastered.

    Give it to the loop twice, as ``batches`` and among ``extras``. A batch holds words of length
    ``longest``, or, with chance ``mixed``, of any length from ``first`` to ``last``. Once the mean
    ``sequence_accuracy`` of the latest ``every`` batches at ``longest`` exceeds ``passed``, longest
    grows by one, up to ``last``.

    Args:
        task: where words come from. first, last: shortest and longest length, 1 <= first <= last.
        passed, mixed: in [0, 1]; with ``mixed`` = 1 it is no curriculum, all lengths come at once.

    Source: Kaiser & Sutskever 2015, section 3 and code (fewer than 15 % wrong, 20 % of any length).
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
        task.check_length(first)
        if last < first:
            raise ValueError(f"last: got {last}; needs at least first, {first}")
        for name, share in (("passed", passed), ("mixed", mixed)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name}: got {share}; needs 0 <= {name} <= 1")
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


class GradientNoise(Extra):
    """Add Gaussian noise to every gradient element: standard deviation scale / step^0.55.

    Source: Neelakantan et al. 2015, equation 1 (their eta, gamma = 0.55); Kaiser & Sutskever 2015 scale
    it by the share of wrong sequences, which ``scale`` leaves to the caller.
    """

    def __init__(self, scale: float):
        if scale < 0:
            raise ValueError(f"scale: got {scale}; needs at least 0")
        self.scale = scale

    def after_backward(self, step: int, model: nn.Module) -> None:
        for parameter in model.parameters():
            if parameter.grad is not None:
                noise = torch.randn_like(parameter.grad)
                parameter.grad.add_(noise, alpha=self.scale / step**0.55)


class DrawTogether(Extra):
    """Relaxation: pull a 2015 Neural GPU's parameter sets towards each other, then make them one.

    After each update every set moves ``pull`` of its way to the sets' average. Every ``every`` updates in
    which the mean loss was below ``passed``, pull <- 1.2 pull; once pull >= 0.1 the sets are averaged for good.

    Source: Kaiser & Sutskever 2015, section 2.2 and code. Departure: the pull is applied to the
    weights directly instead of through a cost.
    """

    def __init__(self, pull: float = 5e-4, every: int = 100, passed: float = 0.1):
        self.pull, self.every, self.passed = pull, every, passed
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
