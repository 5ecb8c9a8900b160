"""An adversary for states: where is the machine weakest, and does it hold when pushed there?

Random noise seldom points where a state is weak; the loss's gradient does. The multiplier trained with
noise alone stands noise of 0.05 after every step and falls over pushes of 0.02; the one trained with
pushes stands both (tests/test_push.py).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ngpu_lib import require


class Push:
    """A small push of every state, in the direction that harms most.

    A run with gradients notes, step by step, the sign of the loss's gradient in the state that the step
    made; each later run adds ``size`` times that sign to the state and clips the sum to [-1, 1].

    Source: the fast gradient sign method (Goodfellow, Shlens & Szegedy 2015, arXiv 1412.6572, section 4).
    Departure: states in place of inputs, after every step.

    Args:
        size: largest change of an element, more than 0.
    """

    def __init__(self, size: float):
        self.size = require.number("size", size, above=0)
        self._signs: dict[int, Tensor] = {}

    @property
    def known(self) -> bool:
        """Whether a run has noted where to push."""
        return bool(self._signs)

    def note(self, step: int, gradient: Tensor) -> None:
        """Keep the direction for the state that ``step`` (from 0) makes."""
        self._signs[step] = gradient.sign().to(torch.int8)

    def of(self, step: int, state: Tensor) -> Tensor:
        """What is added to that state.

        Raises:
            ValueError: noted for a state of another shape, or for fewer steps.
        """
        signs = self._signs.get(step)
        if signs is None or signs.shape != state.shape:
            got = "none" if signs is None else f"shape {tuple(signs.shape)}"
            raise ValueError(f"push: got {got} for step {step}; needs {tuple(state.shape)}")
        return self.size * signs.to(state.dtype)
