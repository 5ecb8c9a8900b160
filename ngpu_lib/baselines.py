"""Networks to compare with: a multilayer perceptron and a small convolutional network.

    model = ConvNet()
    batches = ImageBatches(images_BHW, labels_B, 256, augment=shift_images)
    optimizer = torch.optim.Adam(model.parameters())
    run = train(model, batches, image_loss, optimizer, updates=468, extras=[Schedule(one_cycle(0.01, 468))])

In this file H and W are the height and width of an image, U counts hidden units and V classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MLP(nn.Module):
    """A multilayer perceptron: linear layers with a non-linearity between any two.

        h_0 = pixels,   h_k = f(h_{k-1} W_k + b_k),   logits = h_last W + b

    Args:
        sizes: units of each layer, pixels first and classes last; two sizes make a linear model.
        activation: makes the non-linearity f, e.g. nn.ReLU, nn.Tanh, nn.Sigmoid.
        dropout: share of each hidden layer set to zero in training, 0 <= dropout < 1.
        batch_norm: normalise each hidden unit over the batch before f.

    Raises:
        ValueError: fewer than two sizes, a size below 1, or dropout out of range.

    Source: Rumelhart, Hinton & Williams 1986; dropout: Srivastava et al. 2014; batch norm:
    Ioffe & Szegedy 2015.

    >>> MLP((784, 32, 10))(torch.zeros(5, 28, 28)).shape
    torch.Size([5, 10])
    """

    def __init__(
        self,
        sizes: Sequence[int] = (784, 256, 10),
        *,
        activation: Callable[[], nn.Module] = nn.ReLU,
        dropout: float = 0.0,
        batch_norm: bool = False,
    ):
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"sizes: got {tuple(sizes)}; needs two or more, each at least 1")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout: got {dropout}; needs 0 <= dropout < 1")
        layers: list[nn.Module] = []
        for size, next_size in zip(sizes[:-2], sizes[1:-1], strict=True):
            layers.append(nn.Linear(size, next_size))
            if batch_norm:
                layers.append(nn.BatchNorm1d(next_size))
            layers.append(activation())
            if dropout:
                layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))
        self.pixels = sizes[0]

    def forward(self, images_BHW: Tensor) -> Tensor:
        """The logits of images with values 0..1: (B, H, W) with H W = sizes[0] to (B, V).

        Raises:
            ValueError: images with another number of pixels.
        """
        images_BP = images_BHW.flatten(1)
        if images_BP.shape[1] != self.pixels:
            raise ValueError(
                f"images_BHW: got shape {tuple(images_BHW.shape)}, {images_BP.shape[1]} pixels each; "
                f"needs {self.pixels}"
            )
        return self.layers(images_BP)


class ConvNet(nn.Module):
    """Look for small patterns everywhere, halve the picture, repeat; then classify what was found.

        h_k = relu(batch_norm(max_pool(W_k * h_{k-1} + b_k))),   logits = flatten(h_last) W + b

    ``*`` slides 3x3 kernels over the image (zero padding keeps its size); max_pool keeps the largest
    of each 2x2 square. The weights lie channels last in memory, about 1.7 times as fast on a CPU.

    Args:
        channels: maps after each convolution; a 28x28 image allows one to four.
        classes: V, at least 1.

    Raises:
        ValueError: an impossible number of layers, maps or classes.

    Source: LeCun et al. 1998 (LeNet), with ReLU and batch norm. Departure: pooling stands before
    batch norm and ReLU, which then work on a quarter of the values.

    >>> ConvNet()(torch.zeros(5, 28, 28)).shape
    torch.Size([5, 10])
    """

    def __init__(self, channels: Sequence[int] = (16, 32, 64), classes: int = 10):
        super().__init__()
        if not 1 <= len(channels) <= 4 or min(channels) < 1:
            raise ValueError(f"channels: got {tuple(channels)}; needs one to four, each at least 1")
        if classes < 1:
            raise ValueError(f"classes: got {classes}; needs at least 1")
        layers: list[nn.Module] = []
        for before, after in zip((1, *channels[:-1]), channels, strict=True):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.MaxPool2d(2)]
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
        side = 28 // 2 ** len(channels)
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(channels[-1] * side**2, classes)
        )
        self.to(memory_format=torch.channels_last)

    def forward(self, images_BHW: Tensor) -> Tensor:
        """The logits of images with values 0..1: (B, 28, 28) to (B, V).

        Raises:
            ValueError: images of another size.
        """
        if images_BHW.ndim != 3 or images_BHW.shape[1:] != (28, 28):
            raise ValueError(f"images_BHW: got shape {tuple(images_BHW.shape)}; needs (B, 28, 28)")
        return self.layers(images_BHW[:, None])


def image_loss(model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    """The mean surprise at the right label: -mean_b log softmax(logits_b)[label_b], at least 0.

    Args:
        model: gives logits_BV. batch: images_BHW and labels_B, as ImageBatches makes them.
    """
    images_BHW, labels_B = batch
    return F.cross_entropy(model(images_BHW), labels_B)


@torch.no_grad()
def predict(model: nn.Module, images_BHW: Tensor, batch_size: int = 500) -> Tensor:
    """The model's probabilities, made in eval mode: uint8 images (B, H, W) to (B, V) on the CPU.

    Raises:
        ValueError: images that are not whole numbers 0..255, or a batch size below 1.
    """
    if images_BHW.dtype != torch.uint8:
        raise ValueError(f"images_BHW: got {images_BHW.dtype}; needs torch.uint8, values 0..255")
    if batch_size < 1:
        raise ValueError(f"batch_size: got {batch_size}; needs at least 1")
    device, training = next(model.parameters()).device, model.training
    model.eval()
    parts = [
        model(part.to(device).float() / 255).softmax(-1).cpu()
        for part in images_BHW.split(batch_size)
    ]
    model.train(training)
    return torch.cat(parts)


def accuracy(model: nn.Module, images_BHW: Tensor, labels_B: Tensor) -> float:
    """The share of images, 0..1, whose most probable class is the label.

    Raises:
        ValueError: not one label per image, or no image.
    """
    if not len(images_BHW) or labels_B.shape != images_BHW.shape[:1]:
        raise ValueError(
            f"labels_B: got shape {tuple(labels_B.shape)} for {len(images_BHW)} images; "
            "needs one label per image, and at least one image"
        )
    return (predict(model, images_BHW).argmax(1) == labels_B).float().mean().item()


def shift_images(images_BHW: Tensor, generator: torch.Generator, most: int = 1) -> Tensor:
    """Each image moved by up to ``most`` pixels in each direction, a place of its own; zeros come in.

    Args:
        images_BHW: (B, H, W). generator: decides the moves. most: pixels, at least 0.

    Raises:
        ValueError: a negative ``most``.
    """
    if most < 0:
        raise ValueError(f"most: got {most}; needs at least 0")
    (count, height, width), places = images_BHW.shape, 2 * most + 1
    windows = F.pad(images_BHW, (most,) * 4).unfold(1, height, 1).unfold(2, width, 1)
    down, right = torch.randint(places, (2, count), generator=generator)
    return windows[torch.arange(count), down, right]


def one_cycle(peak: float, updates: int, warm_up: float = 0.25) -> Callable[[int], float]:
    """A learning rate that rises from peak / 25 to ``peak`` and falls to nearly 0, along cosines.

    Args:
        peak: more than 0. updates: length of the whole cycle, at least 1.
        warm_up: share of the updates spent rising, 0..1.

    Returns:
        rate(step), step counted from 1; for ``Schedule``.

    Raises:
        ValueError: an argument out of its range.

    Source: Smith & Topin 2017 (super-convergence), with cosines in place of straight lines.
    """
    if not peak > 0:
        raise ValueError(f"peak: got {peak}; needs more than 0")
    if updates < 1:
        raise ValueError(f"updates: got {updates}; needs at least 1")
    if not 0 <= warm_up <= 1:
        raise ValueError(f"warm_up: got {warm_up}; needs 0..1")
    rising = warm_up * updates

    def rate(step: int) -> float:
        if step <= rising:
            low, high, share = peak / 25, peak, step / rising
        else:
            low, high, share = peak, peak * 1e-3, min(1, (step - rising) / (updates - rising))
        return low + (high - low) * (1 - math.cos(math.pi * share)) / 2

    return rate
