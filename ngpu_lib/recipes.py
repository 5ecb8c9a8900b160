"""Training recipes: everything a trained Neural GPU depends on, as plain values.

run = start("multiply", seed=0)
for record in run.train(checkpoint="runs/multiply.safetensors"):
    ...
run.model, run.averaged
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ngpu_lib import fast
from ngpu_lib.neural_gpu import DiagonalNeuralGPU
from ngpu_lib.optimizers import AdaMax, AverageWeights, GradientNoise, SaturationWeight, SlowDown
from ngpu_lib.tasks import Batch, Task, make_task, suggest
from ngpu_lib.train import Extra, Record, seed_for, train


@dataclass(frozen=True)
class Phase:
    """A stretch of training.

    updates: how many. bins: tape lengths L an update draws from. per_update: how many of the bins one
    update uses, drawn at random (0: all). noise: standard deviation of the state noise. rate: learning
    rate relative to the recipe's. inputs: kind of input (see Task.kinds). extra: steps beyond L.
    """

    updates: int
    bins: tuple[int, ...]
    per_update: int = 0
    noise: float = 0.0
    rate: float = 1.0
    inputs: str = "random"
    extra: int = 0


@dataclass(frozen=True)
class Recipe:
    """How one Neural GPU is trained; ``start`` turns it into a run.

    task, base: see tasks.make_task (base 0: the task's default). maps: C. keep: share that recurrent
    dropout keeps. batch_size: items per bin. rate: learning rate (0: the paper's 0.01 * 48 / maps).
    saturation: first weight of the saturation cost (0: off). clip: AdaMax's clipping of gradient
    elements. slow_down: lower the rate without progress. gradient_noise: its scale (0: off).
    average: decay of the weight average. shorter: share of items one to three digits shorter than the bin.
    precision: of the matrix products.
    """

    task: str
    phases: tuple[Phase, ...]
    base: int = 0
    maps: int = 96
    keep: float = 0.9
    batch_size: int = 32
    rate: float = 0.0
    saturation: float = 1e-3
    clip: bool = True
    slow_down: bool = False
    gradient_noise: float = 0.0
    average: float = 0.99
    shorter: float = 0.05
    precision: str = "float32"

    @property
    def updates(self) -> int:
        """Updates of all phases."""
        return sum(phase.updates for phase in self.phases)

    def flop(self, updates: int) -> float:
        """Floating-point operations of the gates in the first ``updates`` updates, both passes.

        A step of one cell is 9 C^2 multiply-adds forward and twice as many backward; an update that
        draws some of the bins counts their mean.
        """
        total = 0.0
        for step in range(1, updates + 1):
            phase = self.phase(step)
            cells = sum(n * (n + phase.extra) for n in phase.bins) / len(phase.bins)
            total += cells * (phase.per_update or len(phase.bins))
        return 6 * 9 * self.maps**2 * self.batch_size * total

    def phase(self, step: int) -> Phase:
        """The phase that update ``step`` (from 1) belongs to."""
        for phase in self.phases:
            if step <= phase.updates:
                return phase
            step -= phase.updates
        return self.phases[-1]

    def make_task(self) -> Task:
        """The recipe's task."""
        return make_task(self.task, self.base or None)


class Bins:
    """The batch source of a recipe: every update a list of batches, one per tape length."""

    def __init__(self, recipe: Recipe):
        self.recipe, self.task = recipe, recipe.make_task()
        for length in {length for phase in recipe.phases for length in phase.bins}:
            self.task.check_length(self.task.length_for(length))

    def __call__(self, step: int, generator: torch.Generator) -> list[Batch]:
        phase = self.recipe.phase(step)
        bins = list(phase.bins)
        if phase.per_update:
            chosen = torch.randperm(len(bins), generator=generator)[: phase.per_update]
            bins = [bins[k] for k in chosen.tolist()]
        return [self.batch(length, phase.inputs, generator) for length in bins]

    def batch(self, positions: int, inputs: str, generator: torch.Generator) -> Batch:
        """A batch for one tape length, some of its items shorter."""
        task, longest = self.task, self.task.length_for(positions)
        parts, sizes = [], torch.rand(self.recipe.batch_size, generator=generator)
        lengths = [longest] * self.recipe.batch_size
        for item, chance in enumerate(sizes.tolist()):
            if chance < self.recipe.shorter:
                less = int(torch.randint(1, 4, (), generator=generator))
                lengths[item] = max(task.min_length, longest - less)
        for length in sorted(set(lengths)):
            count = lengths.count(length)
            parts.append(task.sample(count, length, generator, inputs=inputs, positions=positions))
        names = Batch.__dataclass_fields__
        return Batch(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


class PhaseSettings(Extra):
    """Set noise, extra steps and learning rate as the recipe's phases say."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe
        self.rate = recipe.rate or 0.01 * 48 / recipe.maps

    def before_update(self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        phase = self.recipe.phase(step)
        model.noise, model.extra = phase.noise, phase.extra
        for group in optimizer.param_groups:
            group["lr"] = self.rate * phase.rate


class TapeLoss:
    """Mean cross-entropy per scored symbol over all batches, plus the weighted saturation cost."""

    def __init__(self, precision: str = "float32", weight: SaturationWeight | None = None):
        self.precision, self.weight = precision, weight

    def __call__(self, model: DiagonalNeuralGPU, batches: list[Batch]):
        packed = fast.pack(batches)
        logits, saturation = fast.unroll(model, packed, self.precision)
        losses = F.cross_entropy(logits, packed.targets, reduction="none")
        cross_entropy = losses @ packed.scored
        loss = (
            cross_entropy
            if self.weight is None
            else cross_entropy + self.weight.weight * saturation
        )
        scored = packed.scored > 0
        right = (logits.argmax(-1) == packed.targets) | ~scored
        whole = torch.cat([part.all(1) for part in packed.unpack(right)])
        return loss, {
            "cross_entropy": cross_entropy.item(),
            "saturation": saturation.item(),
            "symbol_accuracy": right[scored].float().mean().item(),
            "sequence_accuracy": whole.float().mean().item(),
        }


@dataclass
class Run:
    """A run of a recipe: its parts, ready to train."""

    recipe: Recipe
    seed: int
    model: DiagonalNeuralGPU
    optimizer: AdaMax
    loss: TapeLoss
    extras: list[Extra]
    averager: AverageWeights

    @property
    def averaged(self) -> DiagonalNeuralGPU:
        """The model with averaged weights, in eval mode."""
        self.averager.model.extra = self.model.extra
        return self.averager.model.eval()

    def train(self, checkpoint: str | Path | None = None, **options: Any) -> Iterator[Record]:
        """The records of train.train for this recipe; continues from ``checkpoint`` if it exists."""
        name = {**asdict(self.recipe)}
        return train(
            self.model,
            Bins(self.recipe),
            self.loss,
            self.optimizer,
            updates=options.pop("updates", self.recipe.updates),
            seed=self.seed,
            extras=self.extras,
            checkpoint=checkpoint,
            recipe=name,
            **{"progress": self.recipe.task, **options},
        )


def start(recipe: Recipe | str, seed: int = 0, device: str = "cpu", **changes: Any) -> Run:
    """Build a run from a recipe or the name of one, with some of its fields changed.

    Raises:
        ValueError: an unknown recipe (with the close matches) or impossible values.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise ValueError(f"recipe: got {recipe!r}; {suggest(recipe, tuple(RECIPES))}")
        recipe = RECIPES[recipe]
    recipe = replace(recipe, **changes)
    torch.manual_seed(seed_for(seed, 0))
    model = DiagonalNeuralGPU(recipe.make_task().vocabulary, recipe.maps, recipe.keep).to(device)
    settings = PhaseSettings(recipe)
    optimizer = AdaMax(model.parameters(), lr=settings.rate, clip=recipe.clip)
    averager = AverageWeights(model, recipe.average)
    extras: list[Extra] = [settings]
    if recipe.slow_down:
        extras.append(SlowDown())
    weight = None
    if recipe.saturation:
        weight = SaturationWeight(recipe.saturation)
        extras.append(weight)
    if recipe.gradient_noise:
        extras.append(GradientNoise(recipe.gradient_noise))
    extras.append(averager)
    loss = TapeLoss(recipe.precision, weight)
    return Run(recipe, seed, model, optimizer, loss, extras, averager)


SHORT, ALL = (8, 12, 16, 20), (8, 12, 16, 20, 25, 28, 31, 36, 41)
EVEN = (8, 12, 16, 20, 24, 28, 32, 36, 40)


def _symbol_recipe(task: str, short: int = 300, long: int = 500, noisy: int = 400) -> Recipe:
    """Copy, reverse, duplicate and sort: every word fills its tape.

    What moves one cell a step is back, or half across, after exactly L steps. A word shorter than its
    tape (or a few extra steps) would break that rhythm, and reverse then works at trained lengths only.
    """
    return Recipe(
        task=task,
        maps=48,
        shorter=0.0,
        phases=(
            Phase(short, SHORT),
            Phase(long, EVEN, per_update=3),
            Phase(noisy, EVEN, per_update=3, noise=0.06, rate=0.3),
            Phase(300, EVEN, per_update=3, noise=0.06, rate=0.05),
        ),
        precision="bfloat16",
    )


#: The recipes behind the shipped weights.
RECIPES: dict[str, Recipe] = {
    **{task: _symbol_recipe(task) for task in ("copy", "reverse", "duplicate")},
    "sort": _symbol_recipe("sort", short=600, long=900, noisy=500),
    "add": Recipe(
        task="add",
        maps=48,
        keep=0.5,
        phases=(
            Phase(1000, SHORT),
            Phase(1500, ALL, per_update=3),
            Phase(500, ALL, per_update=3, noise=0.06, rate=0.4, inputs="mixed"),
        ),
        precision="bfloat16",
    ),
    "multiply": Recipe(
        task="multiply",
        phases=(
            Phase(1200, SHORT),
            Phase(300, ALL),
            Phase(200, ALL, noise=0.06, rate=0.4),
            Phase(900, ALL, noise=0.06, rate=0.4, inputs="mixed"),
            Phase(300, ALL, noise=0.1, rate=0.2, inputs="mixed"),
            Phase(100, ALL, noise=0.1, rate=0.05, inputs="mixed"),
            Phase(500, ALL, noise=0.08, rate=0.15, inputs="mixed", extra=8),
            Phase(200, ALL, noise=0.08, rate=0.04, inputs="mixed", extra=8),
            Phase(600, ALL, noise=0.1, rate=0.2, inputs="stress", extra=8),
            Phase(300, ALL, noise=0.1, rate=0.05, inputs="stress", extra=8),
            Phase(200, ALL, noise=0.1, rate=0.015, inputs="stress", extra=8),
        ),
        precision="bfloat16",
    ),
}
