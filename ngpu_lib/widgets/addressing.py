"""A Neural Turing Machine's head on a small memory, in its four steps."""

from __future__ import annotations

import numpy as np
import traitlets

from ngpu_lib.widgets.base import Widget, in_range, module, plain_array, row_in_range


class Addressing(Widget):
    """A Neural Turing Machine's head on a small memory, in its four steps.

        content       w_c(i)  = softmax_i(beta cos(key, M_i))
        interpolation w_g     = gate w_c + (1 - gate) w_previous
        shift         w_s(i)  = sum_j w_g(j) shift(i - j)       (circular convolution)
        sharpening    w(i)    = w_s(i)^gamma / sum_j w_s(j)^gamma

    The shift control in [-1, 1] splits its weight between the two nearest of -1, 0, +1; +1 moves the
    focus to the next row. Everything is computed in the page; "Use as previous" feeds w back.

    Args:
        memory: (N, M), 2..16 rows of 1..12 numbers in [-1, 1]; default eight rows of random signs.
        key: M numbers in [-1, 1]; default row 2 of the memory.
        previous: w of the step before, N weights that sum to 1; default all on row 0.
        beta: key strength, 0 to 50. gate: 0 to 1. shift: -1 to 1. gamma: sharpening, 1 to 20.
        title: what a screen reader calls the explorer.

    ``explorer.weights`` holds the four rows computed in Python.

    Source: Graves et al. 2014, equations 5-9. Departure: 1e-16 is added to the denominators.

    Raises:
        ValueError: a value out of its range or a row of the wrong length.
    """

    _esm = module("addressing")

    memory = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    key = traitlets.List(traitlets.Float()).tag(sync=True)
    previous = traitlets.List(traitlets.Float()).tag(sync=True)
    beta = traitlets.Float(5.0).tag(sync=True)
    gate = traitlets.Float(1.0).tag(sync=True)
    shift = traitlets.Float(0.0).tag(sync=True)
    gamma = traitlets.Float(1.0).tag(sync=True)

    def __init__(
        self,
        memory=None,
        *,
        key=None,
        previous=None,
        beta: float = 5.0,
        gate: float = 1.0,
        shift: float = 0.0,
        gamma: float = 1.0,
        title: str = "Addressing",
        **options,
    ):
        if memory is None:
            memory = np.random.default_rng(3).choice([-1.0, 1.0], (8, 6))
        memory = plain_array("memory", memory)
        if memory.ndim != 2 or not (2 <= len(memory) <= 16 and 1 <= memory.shape[1] <= 12):
            raise ValueError(
                f"memory: got shape {memory.shape}; needs (N, M), N in 2..16, M in 1..12"
            )
        for value in memory.ravel():
            in_range("memory", value, -1, 1)
        key = memory[min(2, len(memory) - 1)] if key is None else key
        previous = np.eye(1, len(memory))[0] if previous is None else previous
        super().__init__(
            memory=memory.tolist(),
            beta=beta,
            gate=gate,
            shift=shift,
            gamma=gamma,
            title=title,
            **options,
        )
        self.key, self.previous = key, previous

    def __setattr__(self, name: str, value) -> None:
        if name in ("key", "previous"):
            value = plain_array(name, value).tolist()
        super().__setattr__(name, value)

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """content, interpolation, shift and sharpening, each N weights that sum to 1."""
        memory, key = np.array(self.memory), np.array(self.key)
        norms = np.linalg.norm(memory, axis=1) * np.linalg.norm(key)
        score = self.beta * (memory @ key) / (norms + 1e-16)
        content = np.exp(score - score.max())
        content /= content.sum()
        gated = self.gate * content + (1 - self.gate) * np.array(self.previous)
        back, stay, on = max(-self.shift, 0), 1 - abs(self.shift), max(self.shift, 0)
        shifted = back * np.roll(gated, -1) + stay * gated + on * np.roll(gated, 1)
        powered = (shifted / shifted.max()) ** self.gamma
        sharp = powered / (powered.sum() + 1e-16)
        return {"content": content, "interpolation": gated, "shift": shifted, "sharpening": sharp}

    @property
    def read(self) -> np.ndarray:
        """sum_i w(i) M_i, what the head reads: M numbers."""
        return self.weights["sharpening"] @ np.array(self.memory)

    @traitlets.validate("key", "previous")
    def _valid_row(self, proposal):
        name, value = proposal.trait.name, proposal.value
        needed = len(self.memory[0]) if name == "key" else len(self.memory)
        row_in_range(name, value, needed, -1 if name == "key" else 0, 1)
        if name == "previous" and abs(sum(value) - 1) > 1e-6:
            raise ValueError(f"previous: got weights that sum to {sum(value):g}; needs a sum of 1")
        return value

    @traitlets.validate("beta", "gate", "shift", "gamma")
    def _valid_number(self, proposal):
        name = proposal.trait.name
        low, high = {"beta": (0, 50), "gate": (0, 1), "shift": (-1, 1), "gamma": (1, 20)}[name]
        return in_range(name, proposal.value, low, high)
