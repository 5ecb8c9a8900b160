"""Networks to compare with: a multilayer perceptron and a small convolutional network.

In this file H and W are the height and width of an image, U counts hidden units and V classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ngpu_lib import require


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
        sizes = [require.whole("sizes", size, 1) for size in require.sequence("sizes", sizes, 2)]
        pairs = zip(sizes[:-1], sizes[1:], strict=True)
        require.affordable("sizes", sum(before * after for before, after in pairs), "weights")
        require.function("activation", activation)
        require.number("dropout", dropout, 0, below=1)
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
        require.tensor("images_BHW", images_BHW, kind="float")
        images_BP = images_BHW.flatten(1) if images_BHW.ndim > 1 else images_BHW.reshape(1, -1)
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

    Source: after LeCun et al. 1998 (LeNet). Departures: 3x3 kernels for their 5x5, the largest of a square
    for its mean, ReLU, batch norm, one linear layer at the end. Batch norm and ReLU stand behind the
    pooling, where they work on a quarter of the values.

    >>> ConvNet()(torch.zeros(5, 28, 28)).shape
    torch.Size([5, 10])
    """

    def __init__(self, channels: Sequence[int] = (16, 32, 64), classes: int = 10):
        super().__init__()
        if not 1 <= len(require.sequence("channels", channels, 0)) <= 4:
            raise ValueError(f"channels: got {tuple(channels)}; needs one to four, each at least 1")
        channels = [require.whole("channels", maps, 1, 10_000) for maps in channels]
        require.whole("classes", classes, 1, 10_000)
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
        require.tensor("images_BHW", images_BHW, "B", 28, 28, kind="float")
        return self.layers(images_BHW[:, None])
