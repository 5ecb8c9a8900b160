"""What is tuned: a search space, the part of it that is a learner's, and the trials.

torch is imported where a trial needs it: to read and draw rows takes none.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from ngpu_lib import require


@dataclass(frozen=True)
class Choice:
    """A setting that is one of some values."""

    values: tuple

    def __post_init__(self):
        require.sequence("values", self.values)

    def holds(self, value: Any) -> bool:
        """Whether a trial may have this value."""
        return value in self.values

    def place(self, value: Any) -> float:
        """Where a value stands between the first, 0, and the last, 1."""
        if not self.holds(value):
            raise ValueError(f"value: got {value!r}; needs one of {self.values}")
        return self.values.index(value) / max(1, len(self.values) - 1)

    def ticks(self) -> dict[float, str]:
        """The places of an axis and what stands there."""
        return {self.place(value): str(value) for value in self.values}


@dataclass(frozen=True)
class Range:
    """A setting that is a number from low to high; ``log``: drawn evenly in its logarithm."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self):
        require.number("low", self.low, **({"above": 0} if self.log else {}))
        require.number("high", self.high, above=self.low)

    def holds(self, value: Any) -> bool:
        """Whether a trial may have this value."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.low <= value <= self.high and (not self.whole or value % 1 == 0)

    def place(self, value: float) -> float:
        """Where a value stands between low, 0, and high, 1; evenly in its logarithm where ``log``."""
        if not self.holds(value):
            raise ValueError(f"value: got {value!r}; needs a number from {self.low} to {self.high}")
        scale = math.log if self.log else float
        low, high = scale(self.low), scale(self.high)
        return (scale(value) - low) / (high - low)

    def ticks(self) -> dict[float, str]:
        """The places of an axis and what stands there: low, the middle, high, or a few whole numbers.

        >>> Range(0.01, 1.0, log=True).ticks()
        {0.0: '0.01', 0.5: '0.1', 1.0: '1'}
        """
        if self.whole and self.high - self.low < 6:
            values = range(int(self.low), int(self.high) + 1)
            return {self.place(value): str(value) for value in values}
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        return {0.0: f"{self.low:g}", 0.5: f"{middle:.3g}", 1.0: f"{self.high:g}"}


Space = Mapping[str, Choice | Range]

#: What lesson 13 tunes. The first two settings are dealt out to the learners (see ``part_of``).
MNIST_SPACE: dict[str, Choice | Range] = {
    "optimizer": Choice(("SGD", "momentum", "RMSProp", "Adam", "AdaMax")),
    "layers": Choice((1, 2, 3)),
    "lr": Range(1e-4, 1.0, log=True),
    "units": Range(32, 512, log=True, whole=True),
    "dropout": Range(0.0, 0.6),
    "shift": Range(0, 3, whole=True),
}
SEED_SPACE: dict[str, Choice | Range] = {"seed": Range(0, 2**31 - 1, whole=True)}


def part_of(learner: str | int) -> dict[str, Any]:
    """The part of the MNIST search space that one learner tunes: an optimizer and a depth.

    Args:
        learner: a number (numbers 0 to 14 cover all 15 parts once) or a name, which is hashed.

    Raises:
        ValueError: an empty name, or a number below 0.

    >>> part_of(0)
    {'optimizer': 'SGD', 'layers': 1}
    >>> part_of("Ada") == part_of(" ada ")
    True
    """
    text = str(learner).strip().casefold() if isinstance(learner, (str, int)) else ""
    if not text or text.startswith("-"):
        raise ValueError(f"learner: got {learner!r}; needs a name, or a number from 0")
    number = int(text) if text.isdecimal() else int(hashlib.sha256(text.encode()).hexdigest(), 16)
    dealt = {name: MNIST_SPACE[name].values for name in ("optimizer", "layers")}
    parts = list(product(*dealt.values()))
    return dict(zip(dealt, parts[number % len(parts)], strict=True))


def mnist_setting(mnist, updates: int = 300) -> dict[str, Any]:
    """What all trials of an MNIST study have in common."""
    if not hasattr(mnist, "source"):
        raise ValueError(f"mnist: got {require.shown(mnist)}; needs what load_mnist gives")
    require.whole("updates", updates, 1)
    return {"data": mnist.source, "images": 1000, "updates": updates}


def mnist_trial(
    params: Mapping[str, Any], mnist, *, updates: int = 300, seed: int = 0, device: str = "cpu"
) -> dict[str, float]:
    """Train an MLP on MNIST's first 1,000 images with the settings of MNIST_SPACE.

    Returns:
        {"value": accuracy in per cent on the last 5,000 training images (of the stand-in: 500)}.
        Where the loss became infinite, that of the weights before it did.

    Raises:
        ValueError: settings that are not those of MNIST_SPACE.
    """
    from functools import partial

    import torch

    from ngpu_lib.baselines import MLP
    from ngpu_lib.images import ImageBatches, accuracy, image_loss, shift_images
    from ngpu_lib.train import train

    if set(require.instance("params", params, Mapping, "a dict")) != set(MNIST_SPACE):
        raise ValueError(f"params: got {', '.join(params)}; needs {', '.join(MNIST_SPACE)}")
    for name, part in MNIST_SPACE.items():
        if not part.holds(params[name]):
            raise ValueError(f"params: got {name} = {params[name]!r}; needs {part}")
    make = {
        "SGD": torch.optim.SGD,
        "momentum": partial(torch.optim.SGD, momentum=0.9),
        "RMSProp": torch.optim.RMSprop,
        "Adam": torch.optim.Adam,
        "AdaMax": torch.optim.Adamax,
    }[params["optimizer"]]
    torch.manual_seed(seed)
    sizes = (784, *[params["units"]] * params["layers"], 10)
    model = MLP(sizes, dropout=params["dropout"]).to(device)
    few = ImageBatches(
        mnist.train_images_BHW[:1000],
        mnist.train_labels_B[:1000],
        100,
        partial(shift_images, most=params["shift"]),
        seed=seed,
    )
    optimizer = make(model.parameters(), lr=params["lr"])
    with suppress(FloatingPointError):
        for _ in train(
            model, few, image_loss, optimizer, updates=updates, seed=seed, progress=False
        ):
            pass
    held = min(5000, len(mnist.train_labels_B) - 1000)
    right = accuracy(model, mnist.train_images_BHW[-held:], mnist.train_labels_B[-held:])
    return {"value": round(100 * right, 2)}


def recipe_setting(
    task: str,
    *,
    updates: int | None = None,
    lengths: Sequence[int] = (),
    examples: int = 100,
    **changes: Any,
) -> dict[str, Any]:
    """What all trials of a seed study have in common; lengths: the longest trained, twice and 5 times it.

    Raises:
        ValueError: a task without a recipe, a length it cannot have, or less than one update or example.
    """
    from ngpu_lib.names import suggest
    from ngpu_lib.recipes import RECIPES

    if not isinstance(task, str) or task not in RECIPES:
        raise ValueError(f"task: got {task!r}; {suggest(task, ('mnist', *RECIPES))}")
    recipe = RECIPES[task]
    longest = recipe.make_task().length_for(max(max(phase.bins) for phase in recipe.phases))
    lengths = sorted(set(lengths)) or [longest, 2 * longest, 5 * longest]
    updates = recipe.updates if updates is None else updates
    for length in lengths:
        recipe.make_task().check_length(length)
    require.whole("updates", updates, 1)
    require.whole("examples", examples, 1)
    return {"updates": updates, "lengths": lengths, "examples": examples, "changes": changes}


def recipe_trial(
    params: Mapping[str, Any],
    task: str,
    setting: Mapping[str, Any],
    *,
    folder: str | Path = "runs",
    device: str = "cpu",
) -> dict[str, Any]:
    """Train a recipe with one seed, going on from its checkpoint where there is one, and evaluate it.

    Checkpoint and averaged weights lie in ``folder``/TASK-seedN.

    Returns:
        {"value": share of wholly right words, 0..1, at the longest length, "loss": the last update's,
        "right at n": the share at each other length n}.
    """
    from ngpu_lib import pretrained
    from ngpu_lib.evaluate import evaluate
    from ngpu_lib.recipes import start

    run = start(task, seed=params["seed"], device=device, **setting["changes"])
    here, loss = Path(folder) / f"{task}-seed{params['seed']}", None
    updates, progress = setting["updates"], f"{task}, seed {params['seed']}"
    for record in run.train(here / "checkpoint.safetensors", updates=updates, progress=progress):
        loss = round(record["loss"], 4)
    weights = pretrained.store_run(here / "weights.safetensors", run)
    trained = pretrained.load(weights, device)  # what is measured is what was stored
    measure = {"examples": setting["examples"], "seed": 1, "settings": trained.settings}
    right = {
        length: evaluate(trained.model, trained.task, length, **measure).sequence_accuracy
        for length in setting["lengths"]
    }
    *others, last = setting["lengths"]
    return {
        "value": right[last],
        "loss": loss,
        **{f"right at {length}": right[length] for length in others},
    }
