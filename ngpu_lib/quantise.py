"""How many bits does a number in a network need? Rounding to an even grid, for weights and states."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from ngpu_lib import require


def round_to_grid(values: Tensor, bits: int, limit: float | None = None) -> Tensor:
    """Round every number to the nearest of 2**bits - 1 evenly spaced ones, zero among them.

    With q = 2**(bits - 1) - 1 steps on each side of zero and the step d = limit / q:
    round(clip(values, -limit, limit) / d) * d.

    Args:
        values: any shape, floating point, finite.
        bits: 2 to 64; 2 bits are the three numbers -limit, 0, limit.
        limit: the largest number of the grid, more than 0. Default: the largest of ``|values|``.

    Returns:
        A new tensor of the same shape and type; off by at most d / 2 inside the limit.

    Raises:
        ValueError: values that are not finite numbers, other bits, or a limit that is not above 0.

    Source: uniform symmetric quantisation, e.g. Jacob et al. 2018 (arXiv 1712.05877), eq. 1 with the
    zero point at 0. Departure: one step for the whole tensor, and the result stays floating point.

    >>> round_to_grid(torch.tensor([-1.0, 0.2, 0.4]), bits=3)
    tensor([-1.0000,  0.3333,  0.3333])
    """
    require.tensor("values", values, kind="float")
    require.whole("bits", bits, 2, 64)
    if limit is not None:
        require.number("limit", limit, above=0)
    if not values.isfinite().all():
        raise ValueError("values: got NaN or infinity; needs finite numbers")
    if not values.numel():
        return values.clone()
    limit = values.detach().abs().max().item() if limit is None else limit
    if limit == 0:
        return values.clone()
    step = limit / (2 ** (bits - 1) - 1)
    exact = values.double() if step < 1e-30 else values  # a step that float32 cannot hold
    return ((exact.clamp(-limit, limit) / step).round() * step).to(values.dtype)


def fake_quantise(model: nn.Module, bits: int) -> nn.Module:
    """A copy of a model whose weights and biases each lie on a grid of ``bits`` bits, still as floats.

    Every parameter tensor is rounded by itself (see round_to_grid), its largest number being the
    largest of its grid. Buffers stay as they are.

    Args:
        model: any module; it is not changed.
        bits: 2 to 64.

    Returns:
        The copy, on the same device and in the same mode.

    Raises:
        ValueError: fewer than 2 bits.
    """
    require.whole("bits", bits, 2, 64)
    coarse = copy.deepcopy(require.module("model", model))
    with torch.no_grad():
        for parameter in coarse.parameters():
            parameter.copy_(round_to_grid(parameter, bits))
    return coarse
