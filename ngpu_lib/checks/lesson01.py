"""The exercises of lesson 01: XOR, tensors, loss, chain rule, convolution."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ngpu_lib.checks import Check


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# 1.1

xor = Check(
    "1.1 xor",
    lambda: [0.0, 1.0, 1.0, 0.0],
    mistakes=[
        (
            lambda: [0.0, 1.0, 1.0, 2.0],
            "This counts the ones: 0, 1, 1, 2. What answers to (1, 1) alone, and can be taken away twice?",
        ),
        (
            lambda: [0.0, 1.0, 1.0, 1.0],
            "This is OR: it says 1 for (1, 1) too. Take away twice what the second unit finds there.",
        ),
        (
            lambda: [0.0, 0.0, 0.0, 1.0],
            "This is AND, one half of the way: the other unit has to answer to a single 1 as well.",
        ),
        (
            lambda: [1.0, 0.0, 0.0, 1.0],
            "This is the opposite of XOR: turn the signs of v_U round and mend c.",
        ),
        (
            lambda: [0.0, 1.0, 1.0, -2.0],
            "The second unit answers 2 at (1, 1): is its b_U the one that leaves 1 there, and 0 elsewhere?",
        ),
    ],
)


# 1.2


def _to_channels_first(images_BHWC: Tensor) -> Tensor:
    return images_BHWC.permute(0, 3, 1, 2)


def _reshaped(images_BHWC: Tensor) -> Tensor:
    batch, height, width, channels = images_BHWC.shape
    return images_BHWC.reshape(batch, channels, height, width)


to_channels_first = Check(
    "1.2 to_channels_first",
    _to_channels_first,
    cases=[(_random(2, 4, 3, 3),), (_random(1, 5, 5, 2, seed=1),)],
    mistakes=[
        (
            _reshaped,
            "The shape is right, the picture is scrambled: reshape keeps the order of the numbers in "
            "memory and only cuts it elsewhere. Axes change places with permute.",
        ),
        (
            lambda images_BHWC: images_BHWC.permute(0, 3, 2, 1),
            "Channels are where they belong, but height and width have changed places too: "
            "every picture lies on its side.",
        ),
        (
            lambda images_BHWC: images_BHWC,
            "This is still [batch, height, width, channels]: nothing has moved.",
        ),
        (
            lambda images_BHWC: images_BHWC.permute(3, 0, 1, 2),
            "This is [channels, batch, height, width]: the batch comes first, the channels second.",
        ),
    ],
)


# 1.3


def _cross_entropy(logits_BV: Tensor, labels_B: Tensor) -> Tensor:
    return F.cross_entropy(logits_BV, labels_B)


def _naive(logits_BV: Tensor, labels_B: Tensor) -> Tensor:
    shares_BV = logits_BV.exp() / logits_BV.exp().sum(1, keepdim=True)
    return -shares_BV[torch.arange(len(labels_B)), labels_B].log().mean()


cross_entropy = Check(
    "1.3 cross_entropy",
    _cross_entropy,
    cases=[
        (_random(4, 3), torch.tensor([0, 2, 1, 2])),
        (_random(3, 10, seed=1), torch.tensor([9, 0, 4])),
        (torch.tensor([[1000.0, 0.0, -5.0]]), torch.tensor([1])),
        (torch.tensor([[900.0, 0.0], [-900.0, -901.0]]), torch.tensor([0, 1])),
    ],
    mistakes=[
        (
            _naive,
            "Right for small logits, and inf or nan at 1000: exp overflows. Subtract each row's largest "
            "logit first (the softmax does not change), or use torch.logsumexp.",
        ),
        (
            lambda logits_BV, labels_B: F.cross_entropy(logits_BV, labels_B, reduction="sum"),
            "This is the sum over the batch; the loss is the mean, so that it does not grow with B.",
        ),
        (
            lambda logits_BV, labels_B: -F.cross_entropy(logits_BV, labels_B),
            "The sign is missing: log of a probability is negative, the loss is its negative.",
        ),
        (
            lambda logits_BV, labels_B: F.nll_loss(logits_BV.log_softmax(0), labels_B),
            "The softmax runs over the batch; it must run over the classes (the last axis).",
        ),
        (
            lambda logits_BV, labels_B: F.cross_entropy(logits_BV, labels_B, reduction="none"),
            "This is one loss for each image; the mean over the batch is missing.",
        ),
    ],
    forbids={
        name: f"The text asks for the formula itself, without PyTorch's {name}."
        for name in ("F.cross_entropy", "nll_loss", "CrossEntropyLoss", "NLLLoss")
    },
    gradients=[0],
)


# 1.4


def _residual_backward(x_BU, w1_UU, w2_UU, dy_BU, *, skip=True, mask="input"):
    z_BU = x_BU @ w1_UU
    dh_BU = dy_BU @ w2_UU.T
    keep = {
        "input": z_BU > 0,
        "at 0": z_BU >= 0,
        "gradient": dh_BU > 0,
        "none": torch.ones_like(z_BU),
    }[mask]
    return (dh_BU * keep) @ w1_UU.T + (dy_BU if skip else 0)


def _not_transposed(x_BU, w1_UU, w2_UU, dy_BU):
    return dy_BU + ((dy_BU @ w2_UU) * (x_BU @ w1_UU > 0)) @ w1_UU


residual_backward = Check(
    "1.4 residual_backward",
    _residual_backward,
    cases=[
        tuple(
            _random(*shape, seed=seed + k)
            for k, shape in enumerate([(4, 3), (3, 3), (3, 3), (4, 3)])
        )
        for seed in (0, 10)
    ]
    + [(torch.zeros(1, 2), *(_random(n, 2, seed=n + 20) for n in (2, 2, 1)))],
    mistakes=[
        (
            lambda *arguments: _residual_backward(*arguments, skip=False),
            "The path through the two layers is right; x also reaches y directly, and what arrives along "
            "that path has to be added.",
        ),
        (
            lambda *arguments: _residual_backward(*arguments, mask="none"),
            "The ReLU is missing on the way back: where x W1 was negative, nothing passes.",
        ),
        (
            lambda *arguments: _residual_backward(*arguments, mask="gradient"),
            "The mask asks where the gradient is positive; it must ask where the ReLU's input x W1 was.",
        ),
        (
            lambda *arguments: _residual_backward(*arguments, mask="at 0"),
            "Where x W1 is exactly 0 the slope counts as 0 here: keep what is *above* 0.",
        ),
        (
            _not_transposed,
            "Going back through a matrix multiplies by its transpose: if y = h W, then dh = dy W.T.",
        ),
    ],
)


# 1.5


def _convolve(image_HW: Tensor, kernel_KK: Tensor) -> Tensor:
    return F.conv2d(image_HW[None, None], kernel_KK[None, None])[0, 0]


convolve = Check(
    "1.5 convolve",
    _convolve,
    cases=[(_random(5, 8), _random(3, 3, seed=1)), (_random(4, 4, seed=2), _random(2, 2, seed=3))],
    mistakes=[
        (
            lambda image_HW, kernel_KK: _convolve(image_HW, kernel_KK.flip(0, 1)),
            "The kernel is turned by 180 degrees. That is what mathematics calls convolution; networks use "
            "the kernel as it is (cross-correlation).",
        ),
        (
            lambda image_HW, kernel_KK: _convolve(image_HW, kernel_KK.T),
            "The kernel's rows and columns are exchanged: row offset goes with row, column with column.",
        ),
        (
            lambda image_HW, kernel_KK: _convolve(image_HW, kernel_KK)[:-1, :-1],
            "The last row and column are missing: there are H - K + 1 places for the kernel, not H - K.",
        ),
        (
            lambda image_HW, kernel_KK: (
                _convolve(image_HW, torch.ones_like(kernel_KK)) * kernel_KK.sum()
            ),
            "Each pixel must be multiplied by its own weight of the kernel before the sum.",
        ),
    ],
)
