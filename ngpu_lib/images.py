"""Learning from images: shuffled batches, the loss, predictions, and moved copies.

    model = ConvNet()
    batches = ImageBatches(images_BHW, labels_B, 256, augment=shift_images)
    optimizer = torch.optim.Adam(model.parameters())
    run = train(model, batches, image_loss, optimizer, updates=468, callbacks=[Schedule(one_cycle(0.01, 468))])

In this file H and W are the height and width of an image and V classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ngpu_lib import require
from ngpu_lib.data import CLASSES

#: ``augment(images_BHW, generator)`` gives changed images of the same shape.
Augment = Callable[[Tensor, torch.Generator], Tensor]


class ImageBatches:
    """Shuffled batches of images: ``batches(step, generator)`` gives [images_BHW, labels_B].

    Each epoch visits the images in an order of its own, which depends on ``seed`` and the epoch's
    number only. So a resumed run sees the very batches it would have seen. The last few images of
    an epoch that fill no whole batch are left out; another order leaves out others.

    Args:
        images_BHW: uint8, (images, height, width). labels_B: whole numbers 0..9, (images,).
        batch_size: B, from 1 to the number of images.
        augment: ``augment(images_BHW, generator)`` gives changed images of the same shape.
        seed: which sequence of orders.

    Raises:
        ValueError: a wrong shape or kind of number, labels out of range, an impossible batch size.

    >>> images_BHW = torch.zeros(6, 28, 28, dtype=torch.uint8)
    >>> batches = ImageBatches(images_BHW, torch.arange(6), batch_size=2)
    >>> images_BHW, labels_B = batches(1, torch.Generator())
    >>> images_BHW.shape, images_BHW.dtype, labels_B.shape
    (torch.Size([2, 28, 28]), torch.float32, torch.Size([2]))
    """

    def __init__(
        self,
        images_BHW: Tensor,
        labels_B: Tensor,
        batch_size: int,
        augment: Augment | None = None,
        *,
        seed: int = 0,
    ):
        require.tensor("images_BHW", images_BHW)
        require.tensor("labels_B", labels_B, kind="whole")
        if images_BHW.ndim != 3 or images_BHW.dtype != torch.uint8:
            raise ValueError(
                f"images_BHW: got {images_BHW.dtype} of shape {tuple(images_BHW.shape)}; "
                "needs torch.uint8 of shape (images, height, width)"
            )
        if labels_B.shape != images_BHW.shape[:1]:
            raise ValueError(
                f"labels_B: got {labels_B.dtype} of shape {tuple(labels_B.shape)}; needs whole "
                f"numbers of shape ({len(images_BHW)},), one per image"
            )
        if len(labels_B) and not 0 <= labels_B.min() <= labels_B.max() < CLASSES:
            raise ValueError(
                f"labels_B: got labels from {int(labels_B.min())} to {int(labels_B.max())}; "
                f"needs 0..{CLASSES - 1}"
            )
        require.whole("batch_size", batch_size, 1, len(images_BHW))
        require.whole("seed", seed)
        if augment is not None:
            require.function("augment", augment)
        self.images_BHW, self.labels_B = images_BHW, labels_B.long()
        self.batch_size, self.augment, self.seed = batch_size, augment, seed
        self._epoch, self._order = -1, torch.empty(0)

    @property
    def batches_per_epoch(self) -> int:
        """Updates in which (nearly) every image is seen once."""
        return len(self.images_BHW) // self.batch_size

    def __call__(self, step: int, generator: torch.Generator) -> list[Tensor]:
        """The batch of update ``step``, counted from 1: images float32 in 0..1, labels int64.

        Raises:
            ValueError: a step below 1.
        """
        require.whole("step", step, 1)
        epoch, place = divmod(step - 1, self.batches_per_epoch)
        if epoch != self._epoch:
            order = np.random.default_rng((self.seed, epoch)).permutation(len(self.labels_B))
            self._epoch, self._order = epoch, torch.from_numpy(order)
        chosen = self._order[place * self.batch_size : (place + 1) * self.batch_size]
        images_BHW = self.images_BHW[chosen].float() / 255
        if self.augment is not None:
            images_BHW = self.augment(images_BHW, generator)
        return [images_BHW, self.labels_B[chosen]]


def image_loss(model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    """The mean surprise at the right label: -mean_b log softmax(logits_b)[label_b], at least 0.

    Args:
        model: gives logits_BV. batch: images_BHW and labels_B, as ImageBatches makes them.

    Raises:
        ValueError: no such pair, or a label that is none of the model's classes.
    """
    if not isinstance(batch, (list, tuple)) or len(batch) != 2:
        raise ValueError(f"batch: got {require.shown(batch)}; needs images_BHW and labels_B")
    images_BHW, labels_B = batch
    require.tensor("images_BHW", images_BHW)
    require.tensor("labels_B", labels_B, len(images_BHW), kind="whole")
    logits_BV = require.function("model", model)(images_BHW)
    try:
        return F.cross_entropy(logits_BV, labels_B)
    except IndexError as error:  # a GPU says so later, and otherwise
        raise ValueError(f"labels_B: {error}; needs 0..{logits_BV.shape[1] - 1}") from None


@torch.no_grad()
def predict(model: nn.Module, images_BHW: Tensor, batch_size: int = 500) -> Tensor:
    """The model's probabilities, made in eval mode: uint8 images (B, H, W) to (B, V) on the CPU.

    Raises:
        ValueError: images that are not whole numbers 0..255, or a batch size below 1.
    """
    require.module("model", model)
    require.tensor("images_BHW", images_BHW, "B", "H", "W")
    if images_BHW.dtype != torch.uint8:
        raise ValueError(f"images_BHW: got {images_BHW.dtype}; needs torch.uint8, values 0..255")
    require.whole("batch_size", batch_size, 1)
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
    require.tensor("images_BHW", images_BHW, "B", "H", "W")
    require.tensor("labels_B", labels_B)
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
        ValueError: images of another shape, a negative ``most`` or one beyond the image.
    """
    require.tensor("images_BHW", images_BHW, "B", "H", "W")
    require.instance("generator", generator, torch.Generator, "a torch.Generator")
    require.whole("most", most, 0, max(1, *images_BHW.shape[1:]))
    (count, height, width), places = images_BHW.shape, 2 * most + 1
    windows = F.pad(images_BHW, (most,) * 4).unfold(1, height, 1).unfold(2, width, 1)
    down, right = torch.randint(places, (2, count), generator=generator)
    return windows[torch.arange(count), down, right]
