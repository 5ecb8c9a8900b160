"""MLP, ConvNet and what trains them on images."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ngpu_lib.baselines import MLP, ConvNet
from ngpu_lib.callbacks import Schedule, one_cycle
from ngpu_lib.images import ImageBatches, accuracy, image_loss, predict, shift_images
from ngpu_lib.train import train


def pictures(count: int, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 28, 28), generator=draw, dtype=torch.uint8)


def test_mlp_is_the_product_of_its_matrices():
    torch.manual_seed(0)
    model = MLP((784, 7, 5, 3), activation=nn.Tanh)
    images_BHW = pictures(4).float() / 255
    w1, b1, w2, b2, w3, b3 = model.parameters()
    hidden_BU = torch.tanh(torch.tanh(images_BHW.flatten(1) @ w1.T + b1) @ w2.T + b2)
    assert torch.allclose(model(images_BHW), hidden_BU @ w3.T + b3, atol=1e-5)


def test_mlp_with_two_sizes_is_linear():
    model = MLP((784, 10), dropout=0.5, batch_norm=True)
    assert [type(layer) for layer in model.layers] == [nn.Linear]


@torch.no_grad()
def test_convnet_by_loops():
    """One pixel of the first map, and its pooling, computed without any convolution."""
    torch.manual_seed(0)
    model = ConvNet((2,), classes=3).eval()
    image_HW = torch.rand(28, 28)
    convolution, _, norm, _, _, linear = model.layers
    padded = F.pad(image_HW, (1, 1, 1, 1))
    maps = torch.stack(
        [
            torch.tensor(
                [
                    [(padded[i : i + 3, j : j + 3] * kernel[0]).sum() + bias for j in range(28)]
                    for i in range(28)
                ]
            )
            for kernel, bias in zip(convolution.weight, convolution.bias, strict=True)
        ]
    )
    pooled = maps.view(2, 14, 2, 14, 2).amax((2, 4))
    wanted = linear((pooled / math.sqrt(1 + norm.eps)).relu().flatten())
    assert torch.allclose(model(image_HW[None])[0], wanted, atol=1e-4)


def test_convnet_weights_are_channels_last_and_counted():
    model = ConvNet()
    assert model.layers[4].weight.is_contiguous(memory_format=torch.channels_last)
    assert sum(p.numel() for p in model.parameters()) == 29_290
    assert sum(p.numel() for p in MLP().parameters()) == 203_530


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLP((784,)), "sizes: got"),
        (lambda: MLP((784, 0, 10)), "sizes: got"),
        (lambda: MLP(dropout=1.0), "dropout: got 1.0; needs 0 <= dropout < 1"),
        (lambda: MLP(dropout=-0.1), "dropout: got -0.1"),
        (lambda: MLP()(torch.zeros(2, 27, 28)), "images_BHW: got shape"),
        (lambda: ConvNet(()), "channels: got"),
        (lambda: ConvNet((8,) * 5), "channels: got"),
        (lambda: ConvNet((8, -1)), "channels: got"),
        (lambda: ConvNet(classes=0), "classes: got 0"),
        (lambda: ConvNet()(torch.zeros(2, 1, 28, 28)), "images_BHW: got shape"),
        (lambda: predict(MLP(), torch.zeros(2, 28, 28)), "images_BHW: got torch.float32"),
        (lambda: predict(MLP(), pictures(2), batch_size=0), "batch_size: got 0"),
        (lambda: accuracy(MLP(), pictures(2), torch.zeros(3).long()), "labels_B: got shape"),
        (lambda: accuracy(MLP(), pictures(0), torch.zeros(0).long()), "at least one image"),
        (lambda: shift_images(torch.zeros(1, 4, 4), torch.Generator(), most=-1), "most: got -1"),
        (lambda: one_cycle(0, 10), "peak: got 0"),
        (lambda: one_cycle(math.nan, 10), "peak: got nan"),
        (lambda: one_cycle(0.1, 0), "updates: got 0"),
        (lambda: one_cycle(0.1, 10, warm_up=2), "warm_up: got 2"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)


def test_image_loss_is_the_mean_surprise():
    model = MLP((784, 10))
    images_BHW, labels_B = pictures(6).float() / 255, torch.tensor([0, 1, 2, 3, 4, 9])
    shares = model(images_BHW).softmax(1).detach()
    wanted = -sum(math.log(shares[b, labels_B[b]]) for b in range(6)) / 6
    assert image_loss(model, [images_BHW, labels_B]).item() == pytest.approx(wanted, rel=1e-4)


def test_predict_uses_eval_mode_and_leaves_the_model_as_it_was():
    torch.manual_seed(0)
    model = MLP((784, 20, 10), dropout=0.5, batch_norm=True).train()
    first, second = (predict(model, pictures(7), batch_size=size) for size in (7, 3))
    assert torch.allclose(first, second, atol=1e-6)
    assert torch.allclose(first.sum(1), torch.ones(7), atol=1e-5)
    assert model.training
    predict(model.eval(), pictures(2))
    assert not model.training


def test_accuracy_counts():
    images = pictures(8)
    guesses = predict(model := MLP((784, 10)), images).argmax(1)
    labels = guesses.clone()
    labels[:2] = (labels[:2] + 1) % 10
    assert accuracy(model, images, labels) == pytest.approx(6 / 8)


def test_shift_images_moves_each_image_and_fills_with_zeros():
    images = torch.zeros(200, 9, 9)
    images[:, 4, 4] = 1
    moved = shift_images(images, torch.Generator().manual_seed(0), most=2)
    assert (moved.sum((1, 2)) == 1).all() and moved.shape == images.shape
    places = {tuple(map(int, place[1:])) for place in torch.nonzero(moved)}
    assert places == {(i, j) for i in range(2, 7) for j in range(2, 7)}
    edge = torch.zeros(50, 3, 3)
    edge[:, 0, 0] = 1
    assert shift_images(edge, torch.Generator().manual_seed(0)).sum() < 50  # some moved out
    assert torch.equal(shift_images(images, torch.Generator(), most=0), images)


def test_shift_images_follows_its_generator():
    images = pictures(5).float()
    first, second, third = (
        shift_images(images, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, second) and not torch.equal(first, third)


def test_one_cycle_rises_to_its_peak_and_falls():
    rate = one_cycle(0.1, 100)
    rates = [rate(step) for step in range(1, 101)]
    assert rates.index(max(rates)) == 24 and max(rates) == pytest.approx(0.1)
    assert rates[:25] == sorted(rates[:25]) and rates[24:] == sorted(rates[24:], reverse=True)
    assert rates[-1] == pytest.approx(1e-4) and rate(200) == pytest.approx(1e-4)
    assert one_cycle(0.1, 1)(1) > 0 and one_cycle(0.1, 5, warm_up=1)(5) == pytest.approx(0.1)
    assert one_cycle(0.1, 5, warm_up=0)(1) <= 0.1


@pytest.mark.parametrize("make", [lambda: MLP((784, 32, 10)), lambda: ConvNet((4, 8))])
def test_both_learn_to_tell_two_patterns_apart(make):
    """Half of the images are brighter on the left, half on the right; the library's loop is used."""
    images, labels = pictures(128), torch.arange(128) % 2
    images[labels == 0, :, 14:] //= 4
    images[labels == 1, :, :14] //= 4
    torch.manual_seed(0)
    model = make()
    adam = torch.optim.Adam(model.parameters())
    batches = ImageBatches(images, labels, 32, shift_images)
    callbacks = [Schedule(one_cycle(0.01, 40))]
    for _ in train(
        model, batches, image_loss, adam, updates=40, callbacks=callbacks, progress=False
    ):
        pass
    assert accuracy(model, images, labels) == 1
