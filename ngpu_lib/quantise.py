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
    zero point at 0; one step for the whole tensor, as there. Departure: the result stays floating point.

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


def straight_through(values: Tensor, bits: int, limit: float | None = None) -> Tensor:
    """The values on their grid, with a gradient as if nothing had been rounded or clipped.

        forward: round_to_grid(v, bits, limit),   backward: d out / d v = 1

    Rounding is flat almost everywhere, so that its own gradient is 0 and nothing would be learned. Here
    v goes on as it is and the rounded number is what the network sees: v adds up updates that are far
    smaller than a step of the grid.

    Args:
        values, bits, limit: see round_to_grid.

    Returns:
        A new tensor of the same shape and type.

    Raises:
        ValueError: as round_to_grid.

    Source: Bengio, Leonard & Courville 2013 (arXiv 1308.3432), who do it for the outputs of random binary
    neurons and name a lecture of Hinton's; for weights Courbariaux et al. 2015 (arXiv 1511.00363).

    >>> w = torch.tensor([-1.0, 0.2, 0.4], requires_grad=True)
    >>> straight_through(w, bits=3).sum().backward()
    >>> w.grad
    tensor([1., 1., 1.])
    """
    coarse = round_to_grid(values, bits, limit)
    return values + (coarse - values).detach()


def pack(codes: Tensor, bits: int) -> Tensor:
    """Whole numbers of ``bits`` bits each, one after the other without a gap, in bytes.

    Bit j of number i is bit (i bits + j) of the row of bits; eight of these make a byte, the first of
    them the lowest. What is left of the last byte is 0.

    Args:
        codes: whole numbers from 0 to 2**bits - 1, any shape.
        bits: 1 to 32.

    Returns:
        uint8, (ceil(numbers * bits / 8),).

    Raises:
        ValueError: other numbers or bits.

    >>> pack(torch.tensor([1, 7, 2]), bits=3)
    tensor([185,   0], dtype=torch.uint8)
    """
    require.whole("bits", bits, 1, 32)
    require.tensor("codes", codes, kind="whole")
    if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < 2**bits:
        low, high = int(codes.min()), int(codes.max())
        raise ValueError(f"codes: got {low} to {high}; needs 0..{2**bits - 1}, {bits} bits")
    row = ((codes.long().flatten()[:, None] >> torch.arange(bits)) & 1).flatten()
    row = torch.cat([row, row.new_zeros(-len(row) % 8)]).view(-1, 8)
    return (row << torch.arange(8)).sum(1).to(torch.uint8)


def unpack(data: Tensor, bits: int, count: int) -> Tensor:
    """The ``count`` whole numbers that ``pack`` has put into bytes, (count,) int64.

    Raises:
        ValueError: not as many bytes as that takes, or impossible numbers.

    >>> unpack(pack(torch.tensor([1, 7, 2]), 3), bits=3, count=3)
    tensor([1, 7, 2])
    """
    require.whole("bits", bits, 1, 32)
    require.whole("count", count)
    require.tensor("data", data, "bytes", kind="whole")
    if data.dtype != torch.uint8 or len(data) != -(-count * bits // 8):
        raise ValueError(
            f"data: got {data.dtype} of shape {tuple(data.shape)}; needs torch.uint8 of shape "
            f"({-(-count * bits // 8)},)"
        )
    row = ((data.long()[:, None] >> torch.arange(8)) & 1).flatten()[: count * bits]
    return (row.view(-1, bits) << torch.arange(bits)).sum(1)
