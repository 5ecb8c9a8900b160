"""Training recipes: everything a trained Neural GPU depends on, as plain values.

run = start("multiply", seed=0)
for record in run.train(checkpoint="runs/multiply.safetensors"):
    ...
run.model, run.averaged
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ngpu_lib import require
from ngpu_lib.callbacks import AverageWeights, GradientNoise, SaturationWeight
from ngpu_lib.devices import move, native_precision
from ngpu_lib.losses import SequenceLoss
from ngpu_lib.names import suggest
from ngpu_lib.neural_gpu import DiagonalNeuralGPU
from ngpu_lib.optimizers import ClippedAdamax
from ngpu_lib.ranks import Ranks
from ngpu_lib.schedule import Phase, Recipe
from ngpu_lib.tasks import Batch
from ngpu_lib.train import Callback, Record, seed_for, train


class BinnedBatches:
    """The batch source of a recipe: every update a list of batches, one per tape length."""

    def __init__(self, recipe: Recipe):
        require.instance("recipe", recipe, Recipe, "a Recipe")
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


class PhaseSettings(Callback):
    """Set the loss's run settings and the learning rate as the recipe's phases say."""

    def __init__(self, recipe: Recipe, loss: SequenceLoss):
        self.recipe, self.loss = recipe, loss
        self.lr = recipe.lr or 0.01 * 48 / recipe.maps

    def before_update(self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        phase = self.recipe.phase(step)
        self.loss.settings, self.loss.push = self.recipe.settings(step), phase.push
        for group in optimizer.param_groups:
            group["lr"] = self.lr * phase.lr_factor


@dataclass
class Run:
    """A run of a recipe: its parts, ready to train. ``updates`` have been made so far."""

    recipe: Recipe
    seed: int
    model: nn.Module
    optimizer: ClippedAdamax
    loss: SequenceLoss
    callbacks: list[Callback]
    averager: AverageWeights
    updates: int = 0

    @property
    def averaged(self) -> nn.Module:
        """The model with averaged weights, in eval mode."""
        return self.averager.model.eval()

    @property
    def settings(self) -> dict[str, Any]:
        """How the model is run to answer; what ``evaluate`` and a card take."""
        return self.recipe.answer_settings(self.updates)

    def train(
        self, checkpoint: str | Path | None = None, ranks: Ranks | None = None, **options: Any
    ) -> Iterator[Record]:
        """The records of train.train; continues from ``checkpoint`` if it exists. ranks: of ``ranks.join``."""
        last = options.pop("updates", self.recipe.updates)
        batches, loss = BinnedBatches(self.recipe), self.loss
        if ranks is not None:
            ranks.agree(asdict(self.recipe) | {"updates": last, "seed": self.seed})
            batches = ranks.share(batches, self.seed)
            loss = ranks.parallel(loss, self.model)
            options = {"progress": self.recipe.task if ranks.writes else False, **options}
            options["writes"] = ranks.writes
        yield from train(
            self.model,
            batches,
            loss,
            self.optimizer,
            updates=last,
            seed=self.seed,
            callbacks=[*self.callbacks, _CountUpdates(self)],
            checkpoint=checkpoint,
            recipe=asdict(self.recipe),
            **{"progress": self.recipe.task, **options},
        )


class _CountUpdates(Callback):
    """Keeps ``run.updates``, through checkpoints too: a finished run that is read back knows it is finished."""

    def __init__(self, run: Run):
        self.run = run

    def after_update(self, step: int, model: nn.Module, record: Record) -> None:
        self.run.updates = step

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.run.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.run.updates = state["updates"]


def start(
    recipe: Recipe | str,
    seed: int = 0,
    device: str = "cpu",
    make_model: Callable[[int, int], nn.Module] = DiagonalNeuralGPU,
    **changes: Any,
) -> Run:
    """Build a run from a recipe or the name of one, with some of its fields changed.

    Args:
        recipe: a Recipe, or its name in ``RECIPES``. seed: everything random follows from it.
        device: where it runs. make_model: ``make_model(symbols, maps)`` gives the model; a subclass of
            DiagonalNeuralGPU runs the plain way. changes: fields of the recipe.

    Raises:
        ValueError: an unknown recipe or field (with the close matches) or impossible values.
    """
    if isinstance(recipe, str):
        recipe = RECIPES[require.one_of("recipe", recipe, tuple(RECIPES))]
    require.instance("recipe", recipe, Recipe, "a Recipe, or the name of one")
    require.function("make_model", make_model)
    known = tuple(entry.name for entry in fields(Recipe))
    for name, value in changes.items():
        if name not in known:
            raise ValueError(f"recipe: got the field {name}={value!r}; {suggest(name, known)}")
    recipe = replace(recipe, **changes)
    torch.manual_seed(seed_for(seed, 0))
    model = move(make_model(recipe.make_task().vocabulary, recipe.maps), device)
    weight = SaturationWeight(recipe.saturation) if recipe.saturation else None
    slow = recipe.precision == "bfloat16" and native_precision(device) != "bfloat16"
    precision = "float32" if slow else recipe.precision
    loss = SequenceLoss(precision, weight, **recipe.settings(1))
    settings = PhaseSettings(recipe, loss)
    optimizer = ClippedAdamax(model.parameters(), lr=settings.lr, clip=recipe.clip)
    averager = AverageWeights(model, recipe.average_decay)
    noise = GradientNoise(recipe.gradient_noise) if recipe.gradient_noise else None
    callbacks = [piece for piece in (settings, weight, noise, averager) if piece is not None]
    return Run(recipe, seed, model, optimizer, loss, callbacks, averager)


SHORT, ALL = (8, 12, 16, 20), (8, 12, 16, 20, 25, 28, 31, 36, 41)
EVEN = (8, 12, 16, 20, 24, 28, 32, 36, 40)


def _symbol_recipe(
    task: str,
    short: int = 300,
    long: int = 500,
    noisy: int = 400,
    last: int = 300,
    noise: float = 0.06,
) -> Recipe:
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
            Phase(noisy, EVEN, per_update=3, state_noise=noise, lr_factor=0.3),
            Phase(last, EVEN, per_update=3, state_noise=noise, lr_factor=0.05),
        ),
        precision="bfloat16",
    )


def _pushed(updates: int, inputs: str = "varied", **more: float) -> Phase:
    """Every state noised, then pushed where it is weakest; nothing dropped."""
    common = dict(per_update=5, state_noise=0.05, dropout=0.0, extra_steps=8)
    return Phase(updates, ALL, inputs=inputs, **common, **more)


#: The recipes behind the shipped weights.
RECIPES: dict[str, Recipe] = {
    **{task: _symbol_recipe(task) for task in ("copy", "reverse")},
    "duplicate": _symbol_recipe("duplicate", noisy=800, last=400, noise=0.1),
    "sort": _symbol_recipe("sort", short=600, long=900, noisy=500, noise=0.1),
    "add": Recipe(
        task="add",
        maps=48,
        dropout=0.5,
        phases=(
            Phase(1000, SHORT),
            Phase(1500, ALL, per_update=3),
            Phase(500, ALL, per_update=3, state_noise=0.06, lr_factor=0.4, inputs="mixed"),
        ),
        precision="bfloat16",
    ),
    "multiply": Recipe(
        task="multiply",
        phases=(
            Phase(1200, SHORT),
            Phase(300, ALL),
            Phase(200, ALL, state_noise=0.06, lr_factor=0.4),
            Phase(900, ALL, state_noise=0.06, lr_factor=0.4, inputs="mixed"),
            Phase(300, ALL, state_noise=0.1, lr_factor=0.2, inputs="mixed"),
            Phase(100, ALL, state_noise=0.1, lr_factor=0.05, inputs="mixed"),
            Phase(500, ALL, state_noise=0.08, lr_factor=0.15, inputs="mixed", extra_steps=8),
            Phase(200, ALL, state_noise=0.08, lr_factor=0.04, inputs="mixed", extra_steps=8),
            Phase(600, ALL, state_noise=0.1, lr_factor=0.2, inputs="stress", extra_steps=8),
            Phase(300, ALL, state_noise=0.1, lr_factor=0.05, inputs="stress", extra_steps=8),
            Phase(200, ALL, state_noise=0.1, lr_factor=0.015, inputs="stress", extra_steps=8),
        ),
        precision="bfloat16",
    ),
    "multiply-pushed": Recipe(
        task="multiply",
        phases=(
            Phase(1200, SHORT),
            Phase(300, ALL),
            Phase(50, ALL, state_noise=0.06, lr_factor=0.4),
            _pushed(300, push=0.01, lr_factor=0.4, inputs="mixed"),
            _pushed(500, push=0.02, lr_factor=0.4),
            _pushed(400, push=0.02, lr_factor=0.15),
            _pushed(200, push=0.02, lr_factor=0.05),
            _pushed(100, push=0.02, lr_factor=0.015),
        ),
        precision="bfloat16",
    ),
}
