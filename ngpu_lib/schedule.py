"""What a recipe is: stretches of training, and everything else that decides a run but its seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ngpu_lib import require
from ngpu_lib.neural_gpu import check_settings
from ngpu_lib.packed import PRECISIONS
from ngpu_lib.tasks import Task, make_task


@dataclass(frozen=True)
class Phase:
    """A stretch of training.

    updates: how many. bins: tape lengths L an update draws from. per_update: how many of the bins one
    update uses, drawn at random (0: all). state_noise: its standard deviation. push: size of the push
    against every state (see losses.SequenceLoss; an update then costs two thirds more). lr_factor: learning
    rate relative to the recipe's. inputs: kind of input (see Task.kinds). extra_steps: steps beyond L.
    dropout: as the recipe's (None: that one).
    """

    updates: int
    bins: tuple[int, ...]
    per_update: int = 0
    state_noise: float = 0.0
    lr_factor: float = 1.0
    inputs: str = "random"
    extra_steps: int = 0
    push: float = 0.0
    dropout: float | None = None

    def __post_init__(self):
        require.whole("updates", self.updates)
        for length in require.sequence("bins", self.bins):
            require.whole("bins", length, 1)
        require.whole("per_update", self.per_update, 0, len(self.bins))
        require.number("lr_factor", self.lr_factor, above=0)
        require.number("push", self.push, 0)
        dropout = 0.0 if self.dropout is None else self.dropout
        check_settings(extra_steps=self.extra_steps, dropout=dropout, noise=self.state_noise)


@dataclass(frozen=True)
class Recipe:
    """How one Neural GPU is trained; ``recipes.start`` turns it into a run.

    task, base: see tasks.make_task (base 0: the task's default). maps: C. dropout: fraction of candidate
    values that recurrent dropout sets to zero. batch_size: items per bin. lr: learning rate (0: the
    paper's 0.01 * 48 / maps). saturation: first weight of the saturation cost (0: off). clip: the
    optimizer's clipping of gradient elements. gradient_noise: its scale (0: off). average_decay: of the
    weight average. shorter: fraction of items one to three digits shorter than the bin. precision: of
    the matrix products; bfloat16 only where the processor has it, float32 elsewhere.
    """

    task: str
    phases: tuple[Phase, ...]
    base: int = 0
    maps: int = 96
    dropout: float = 0.1
    batch_size: int = 32
    lr: float = 0.0
    saturation: float = 1e-3
    clip: bool = True
    gradient_noise: float = 0.0
    average_decay: float = 0.99
    shorter: float = 0.05
    precision: str = "float32"

    def __post_init__(self):
        for phase in require.sequence("phases", self.phases):
            require.instance("phases", phase, Phase, "Phases")
        require.whole("batch_size", self.batch_size, 1)
        require.number("dropout", self.dropout, 0, below=1)
        for name in ("lr", "saturation", "gradient_noise"):
            require.number(name, getattr(self, name), 0)
        require.number("average_decay", self.average_decay, 0, below=1)
        require.number("shorter", self.shorter, 0, 1)
        require.one_of("precision", self.precision, tuple(PRECISIONS))

    @property
    def updates(self) -> int:
        """Updates of all phases."""
        return sum(phase.updates for phase in self.phases)

    def flop(self, updates: int) -> float:
        """Floating-point operations of the gates in the first ``updates`` updates, both passes.

        A step of one cell is 9 C^2 multiply-adds forward and twice as many backward, once where a push
        is only noted; an update that draws some of the bins counts their mean.
        """
        total, left = 0.0, require.whole("updates", updates)
        for phase in self.phases:
            made = left if phase is self.phases[-1] else min(left, phase.updates)
            cells = sum(n * (n + phase.extra_steps) for n in phase.bins) / len(phase.bins)
            cells *= (phase.per_update or len(phase.bins)) * (5 / 3 if phase.push else 1)
            total += made * cells
            left -= made
        return 6 * 9 * self.maps**2 * self.batch_size * total

    def phase(self, step: int) -> Phase:
        """The phase that update ``step`` (from 1) belongs to."""
        require.whole("step", step)
        for phase in self.phases:
            if step <= phase.updates:
                return phase
            step -= phase.updates
        return self.phases[-1]

    def settings(self, step: int) -> dict[str, Any]:
        """The settings of the run in update ``step`` (from 1), for the model's unroll."""
        phase = self.phase(step)
        dropout = self.dropout if phase.dropout is None else phase.dropout
        return dict(dropout=dropout, noise=phase.state_noise, extra_steps=phase.extra_steps)

    def answer_settings(self, updates: int) -> dict[str, Any]:
        """How the model is run to answer, after so many updates: the steps it was trained with."""
        return {"extra_steps": self.phase(updates).extra_steps}

    def make_task(self) -> Task:
        """The recipe's task."""
        return make_task(self.task, self.base or None)
