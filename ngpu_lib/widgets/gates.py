"""One gated cell over time, its gates under the hand."""

from __future__ import annotations

import numpy as np
import traitlets

from ngpu_lib.widgets.base import Widget, in_range, module, plain_array, row_in_range


class Gates(Widget):
    """One gated cell over time: drag its gates, feed it a pulse, see what stays.

        s_t = u_t s_{t-1} + (1 - u_t) tanh(x_t + w r_t s_{t-1}),   s_{-1} = 0

    so u = 1 keeps, u = 0 replaces (as in the Neural GPU and in torch.nn.GRU, where u is z).
    Everything is computed in the page.

    Args:
        steps: T, 6 to 80.
        update, reset: T gate values in [0, 1], or one for all steps.
        pulse: T inputs x_t in [-3, 3]; default 3 at steps 3 to 5.
        weight: w, how strongly the cell feeds itself, 0 to 2.
        title: what a screen reader calls the explorer.

    ``explorer.state`` is the same row of states computed in Python.

    Raises:
        ValueError: a gate outside [0, 1], a pulse out of range, or rows of another length.
    """

    _esm = module("gates")

    update = traitlets.List(traitlets.Float()).tag(sync=True)
    reset = traitlets.List(traitlets.Float()).tag(sync=True)
    pulse = traitlets.List(traitlets.Float()).tag(sync=True)
    weight = traitlets.Float(0.0).tag(sync=True)

    def __init__(
        self,
        steps: int = 40,
        *,
        update=0.9,
        reset=1.0,
        pulse=None,
        weight: float = 0.0,
        title: str = "Gates",
        **options,
    ):
        self._steps = int(in_range("steps", steps, 6, 80))
        pulse = 3.0 * np.isin(np.arange(steps), (3, 4, 5)) if pulse is None else pulse
        super().__init__(weight=weight, title=title, **options)
        self.update, self.reset, self.pulse = update, reset, pulse

    def __setattr__(self, name: str, value) -> None:
        """A single number for a row means the same number at every step."""
        if name in ("update", "reset", "pulse"):
            array = plain_array(name, value)
            value = (np.full(self._steps, array) if array.ndim == 0 else array).tolist()
        super().__setattr__(name, value)

    @property
    def state(self) -> np.ndarray:
        """s_t for t = 0..T-1, float64."""
        states, s = [], 0.0
        for u, r, x in zip(self.update, self.reset, self.pulse, strict=True):
            s = u * s + (1 - u) * np.tanh(x + self.weight * r * s)
            states.append(s)
        return np.array(states)

    @traitlets.validate("update", "reset", "pulse")
    def _valid_row(self, proposal):
        name = proposal.trait.name
        low, high = (-3, 3) if name == "pulse" else (0, 1)
        return row_in_range(name, proposal.value, self._steps, low, high)

    @traitlets.validate("weight")
    def _valid_weight(self, proposal):
        return in_range("weight", proposal.value, 0, 2)
