"""The optimizer of the improved Neural GPU."""

from __future__ import annotations

import torch

from ngpu_lib import require


class ClippedAdamax(torch.optim.Optimizer):
    """Adamax whose every gradient element is first clipped by what has been usual for it.

        g <- clip(g, -(1.2 v + 1e-4), 1.2 v + 1e-4)
        m <- 0.9 m + 0.1 g;   v <- max(b2 v, |g|);   w <- w - lr m / (v + 1e-8)
        b2 = 1 - max(5e-4, 0.01 * 2^(-t / 2000)) in update t

    v is the largest recent gradient of the element, so one wild batch moves nothing far.

    Args:
        lr: learning rate > 0; 0.01 * 48 / maps in the code of 2017.
        clip: switch the clipping off with False (an ablation).

    Source: Kingma & Ba 2015, algorithm 2 (``torch.optim.Adamax``), with the clipping and decay of
    Freivalds & Liepins 2017, by their code. Departures: no bias correction, as theirs; their faint noise
    on the gradients (1e-4 lr) is left out, and t counts from 1, not 0.
    """

    def __init__(self, parameters, lr: float, clip: bool = True):
        require.number("lr", lr, above=0)
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
