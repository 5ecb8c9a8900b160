"""The exercises of lesson 12: packing, an outlier, straight through, the largest, fewer maps, soft labels."""

from __future__ import annotations

from functools import partial
from math import ceil

import torch
from torch import Tensor
from torch.nn import functional as F

from ngpu_lib.checks import Check


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# 12.1


def _packed(codes, bits: int, *, high_first: bool = False, whole: bool = True) -> list[int]:
    row = [(int(code) >> j) & 1 for code in codes for j in range(bits)]
    if high_first:
        row = [(int(code) >> j) & 1 for code in codes for j in reversed(range(bits))]
    count = ceil(len(row) / 8) if whole else len(row) // 8
    return [sum(bit << j for j, bit in enumerate(row[8 * k : 8 * k + 8])) for k in range(count)]


def _from_the_top(codes, bits: int) -> list[int]:
    row = [(int(code) >> j) & 1 for code in codes for j in range(bits)]
    row += [0] * (-len(row) % 8)
    return [
        sum(bit << (7 - j) for j, bit in enumerate(row[k : k + 8])) for k in range(0, len(row), 8)
    ]


def _aligned(codes, bits: int) -> list[int]:
    each = 8 // bits
    return [
        sum(int(code) << (bits * j) for j, code in enumerate(codes[k : k + each]))
        for k in range(0, len(codes), each)
    ]


def _backwards(codes, bits: int) -> list[int]:
    return _packed(codes, bits)[::-1]


packed = Check(
    "12.1 packed",
    _packed,
    cases=[
        ([1, 7, 2], 3),
        ([0, 1, 2, 3, 3, 2, 1, 0, 1], 2),
        ([1, 0, 1, 1, 0, 0, 0, 1, 1, 1], 1),
        ([17, 30, 5, 9, 22, 3, 31, 12], 5),
        ([255, 3, 16], 8),
    ],
    mistakes=[
        (
            lambda codes, bits: [int(code) for code in codes],
            "One number a byte: nothing is saved yet. Let the bits follow each other without a gap.",
        ),
        (
            _aligned,
            "Each byte begins with a new number here, and the bits left over are lost. A number may begin in one "
            "byte and end in the next.",
        ),
        (
            partial(_packed, whole=False),
            "The last bytes are full, but what is left over is lost: a byte that is not full counts as well.",
        ),
        (
            _from_the_top,
            "The first bit of a byte is its lowest (worth 1), not its highest (worth 128).",
        ),
        (
            partial(_packed, high_first=True),
            "Each number stands with its highest bit first; the lowest comes first.",
        ),
        (
            _backwards,
            "The bytes are right and stand in the wrong order: the first numbers come first.",
        ),
    ],
)


# 12.2


def _spoiler(bits: int) -> float:
    return 2 * (2 ** (bits - 1) - 1)


spoiler = Check(
    "12.2 spoiler",
    _spoiler,
    cases=[(2,), (3,), (4,), (8,)],
    mistakes=[
        (
            lambda bits: 2 ** (bits - 1) - 1,
            "With this one the grid's step is 1, so a weight of 0.6 is rounded to 1. When is half a step 1?",
        ),
        (
            lambda bits: 2 * (2**bits - 1),
            "There are 2**bits - 1 numbers on the grid in all, and 2**(bits - 1) - 1 steps on each side of 0.",
        ),
        (
            lambda bits: 2**bits - 1,
            "This counts the grid's numbers. How long is a step, if the grid ends at x? And when is half of it 1?",
        ),
        (
            lambda bits: 2**bits,
            "Nearly: zero is on the grid, so there is one step less on each side.",
        ),
        (
            lambda bits: (2 ** (bits - 1) - 1) / 2,
            "The wrong way round: the step has to be twice as long as the weights, not half as long.",
        ),
    ],
)


# 12.3


def _grid(
    values: Tensor, bits: int, limit: float, *, clip=True, top=None, to=torch.round, back=True
):
    step = limit / ((2 ** (bits - 1) - 1) if top is None else top(bits))
    inside = values.clamp(-limit, limit) if clip else values
    steps = to(inside / step)
    return steps * step if back else steps


def _straight_through(values: Tensor, bits: int, limit: float) -> Tensor:
    return values + (_grid(values, bits, limit) - values).detach()


straight_through = Check(
    "12.3 straight_through",
    _straight_through,
    cases=[
        (_random(6), 3, 1.0),
        (_random(2, 3, seed=1), 2, 0.7),
        (_random(5, seed=2) * 3, 5, 2.0),
        (torch.tensor([-5.0, 0.1, 0.3, 4.0]), 4, 1.0),
    ],
    gradients=[0],
    mistakes=[
        (
            lambda v, bits, limit: _grid(v, bits, limit, clip=False),
            "What lies beyond the limit has to be clipped to it first.",
        ),
        (
            lambda v, bits, limit: _grid(v, bits, limit, top=lambda bits: 2**bits - 1),
            "There are 2**(bits - 1) - 1 steps on each side of zero; 2**bits - 1 counts the numbers of both sides.",
        ),
        (
            lambda v, bits, limit: _grid(v, bits, limit, top=lambda bits: 2 ** (bits - 1)),
            "One step too many on each side: zero is one of the 2**bits - 1 numbers.",
        ),
        (
            lambda v, bits, limit: _grid(v, bits, limit, to=torch.floor),
            "This takes the grid's next number below; take the nearest.",
        ),
        (
            lambda v, bits, limit: _grid(v, bits, limit, back=False),
            "These are numbers of steps; multiply by the step.",
        ),
        (
            lambda v, bits, limit: v.clamp(-limit, limit),
            "Clipped, and not rounded yet.",
        ),
        (
            lambda v, bits, limit: _grid(v, bits, limit) - v,
            "This is what rounding changes. Add it to the values, detached.",
        ),
    ],
)


# 12.4


def _largest(weights, share: float, *, sized=torch.abs, turned=False) -> list[Tensor]:
    sizes = torch.cat([sized(weight).flatten() for weight in weights])
    count = round(share * len(sizes))
    least = sizes.topk(count, largest=not turned).values[-1]
    return [sized(weight) <= least if turned else sized(weight) >= least for weight in weights]


def _each_by_itself(weights, share: float) -> list[Tensor]:
    return [_largest([weight], share)[0] for weight in weights]


_WEIGHTS = [_random(4, 5), 3 * _random(6, seed=1), 0.3 * _random(2, 5, seed=2)]
largest = Check(
    "12.4 largest",
    _largest,
    cases=[
        (_WEIGHTS, 0.25),
        (_WEIGHTS[:2], 0.5),
        ([_random(3, 4, seed=3)], 1.0),
        ([_random(10, seed=4), -_random(2, 5, seed=5)], 0.1),
    ],
    mistakes=[
        (
            _each_by_itself,
            "Each tensor keeps its own share here. One threshold for all of them together: a layer of large weights "
            "may keep more.",
        ),
        (
            partial(_largest, sized=lambda weight: weight),
            "A weight of -3 is large: compare sizes, without the sign.",
        ),
        (partial(_largest, turned=True), "These are the smallest."),
        (
            lambda weights, share: [~mask for mask in _largest(weights, share)],
            "The masks are True where a weight goes; they should be True where it stays.",
        ),
        (
            lambda weights, share: _largest(weights, max(1 - share, 0.01)),
            "`share` is what stays, not what goes.",
        ),
        (
            lambda weights, share: [
                w * m for w, m in zip(weights, _largest(weights, share), strict=True)
            ],
            "These are the weights that stay; return the masks, one a tensor, of True and False.",
        ),
    ],
)


# 12.5


def _fewer(first_CBKK: Tensor, bias_C: Tensor, second_DCKK: Tensor, kept):
    kept = list(kept)
    return first_CBKK[kept], bias_C[kept], second_DCKK[:, kept]


def _zeroed(first_CBKK: Tensor, bias_C: Tensor, second_DCKK: Tensor, kept):
    stays = torch.zeros(len(bias_C))
    stays[list(kept)] = 1
    return (
        first_CBKK * stays[:, None, None, None],
        bias_C * stays,
        second_DCKK * stays[:, None, None],
    )


def _the_others(first_CBKK: Tensor, bias_C: Tensor, second_DCKK: Tensor, kept):
    return _fewer(first_CBKK, bias_C, second_DCKK, [c for c in range(len(bias_C)) if c not in kept])


_LAYERS = _random(4, 3, 3, 3), _random(4, seed=1), _random(5, 4, 3, 3, seed=2)
_SQUARE = _random(3, 3, 1, 1, seed=3), _random(3, seed=4), _random(3, 3, 1, 1, seed=5)
fewer_maps = Check(
    "12.5 fewer_maps",
    _fewer,
    cases=[(*_SQUARE, [0, 2]), (*_LAYERS, [1, 3]), (*_LAYERS, [2]), (*_SQUARE, [1, 2])],
    mistakes=[
        (
            lambda first, bias, second, kept: (first[kept], bias[kept], second),
            "The second layer still expects all maps: it has to let go of the columns that belong to those taken out.",
        ),
        (
            lambda first, bias, second, kept: (first[kept], bias[kept], second[kept]),
            "In the second layer the maps that came in are the *second* axis; the first counts what it makes.",
        ),
        (
            lambda first, bias, second, kept: (first[:, kept], bias[kept], second[:, kept]),
            "In the first layer the maps that it makes are the *first* axis.",
        ),
        (
            lambda first, bias, second, kept: (first[kept], bias, second[:, kept]),
            "Each map of the first layer has a bias; those of the maps taken out go too.",
        ),
        (
            _zeroed,
            "Zeros still take their place and their time. Take the maps out: the tensors become smaller.",
        ),
        (_the_others, "These maps stay; `kept` lists the ones that should."),
    ],
)


# 12.6


def _soft_loss(logits_BV: Tensor, chances_BV: Tensor) -> Tensor:
    return -(chances_BV * logits_BV.log_softmax(1)).sum(1).mean()


def _chances(*shape: int, seed: int) -> Tensor:
    return _random(*shape, seed=seed).softmax(-1)


soft_loss = Check(
    "12.6 soft_loss",
    _soft_loss,
    cases=[
        (_random(3, 4), _chances(3, 4, seed=1)),
        (_random(2, 5, seed=2) * 3, _chances(2, 5, seed=3)),
        (_random(4, 4, seed=4), torch.eye(4)[[2, 0, 1, 3]]),
        (torch.tensor([[0.0, -200.0, 1.0]]), torch.tensor([[0.5, 0.25, 0.25]])),
    ],
    gradients=[0],
    mistakes=[
        (
            lambda logits, p: F.cross_entropy(logits, p.argmax(1)),
            "Only the teacher's first choice counts here, as a label would; weigh every digit with its chance.",
        ),
        (
            lambda logits, p: -(p * logits.softmax(1).log()).sum(1).mean(),
            "A chance can round to 0, and its logarithm is then minus infinity; log_softmax keeps it finite.",
        ),
        (
            lambda logits, p: -(p * logits.log_softmax(1)).mean(),
            "The mean goes over digits as well: sum over the digits, then take the mean over the images.",
        ),
        (
            lambda logits, p: -(p * logits.log_softmax(1)).sum(),
            "The sum over the images; take their mean.",
        ),
        (
            lambda logits, p: -(p * logits.log_softmax(0)).sum(1).mean(),
            "The softmax goes over the images here; over the digits, axis 1.",
        ),
        (lambda logits, p: -_soft_loss(logits, p), "The sign: a surprise is at least 0."),
        (
            lambda logits, p: ((logits.softmax(1) - p) ** 2).sum(1).mean(),
            "A squared distance; what is asked for is the surprise, -sum p log q.",
        ),
    ],
)
