"""Lesson 12's own functions by other ways: few bits, masks, maps taken out, packed files, ONNX."""

import sys

import jupytext
import pytest
import torch
from torch import nn

from course.workshop.recorded_runs import definitions
from ngpu_lib.baselines import ConvNet
from ngpu_lib.cells import Reader
from tests.conftest import ROOT

L = definitions("12_small")
GLOBALS = L["read"].__globals__
GLOBALS.update(torch=torch, device="cpu")


def lesson(name):
    """A function of the lesson, with what the lesson's first cells give it."""
    return L[name]


def a_network(seed=0, channels=(4, 6, 8)):
    """A conv net whose batch norms have counted something."""
    torch.manual_seed(seed)
    network = ConvNet(channels)
    network(torch.rand(50, 28, 28))
    return network.eval()


@pytest.mark.parametrize("bits", [1, 2, 3, 5])
def test_few_bits_are_few_numbers_and_the_gradient_passes(bits):
    torch.manual_seed(bits)
    values = torch.randn(200, requires_grad=True)
    seen = lesson("few_bits")(values, bits)
    levels = seen.detach().mul(1e5).round().unique()
    assert len(levels) <= max(2, 2**bits - 1)
    (slope,) = torch.autograd.grad(seen.sum(), values)
    assert (slope == 1).all()


def test_a_better_end_of_the_grid_is_never_a_worse_one():
    for seed in range(20):
        torch.manual_seed(seed)
        values = torch.randn(50) ** 3
        on_grid = lesson("on_grid")
        best, usual = on_grid(values, 3), on_grid(values, 3, None)
        assert (best - values).norm() <= (usual - values).norm() + 1e-6


@pytest.mark.parametrize("at_random", [False, True])
def test_masks_keep_a_share_of_all_weights(at_random):
    network = a_network()
    masks = lesson("keep_masks")(network, 0.25, at_random)
    total = sum(mask.numel() for mask in masks.values())
    assert sum(int(mask.sum()) for mask in masks.values()) == round(0.25 * total)
    lesson("hold")(network, masks)
    left = sum(int((w != 0).sum()) for w in lesson("weights_of")(network).values())
    assert left == round(0.25 * total)


def test_all_maps_kept_is_the_same_network():
    network, images = a_network(), torch.rand(3, 28, 28)
    same = lesson("without_maps")(network, 1.0)
    assert torch.allclose(network(images), same(images), atol=1e-5)


def test_a_map_taken_out_answers_as_one_that_is_silent():
    network, images = a_network(), torch.rand(3, 28, 28)
    small = lesson("without_maps")(network, 0.5)
    with torch.no_grad():
        for k in (0, 4, 8):
            conv, norm = network.layers[k], network.layers[k + 2]
            size = conv.weight.abs().sum((1, 2, 3))
            gone = size.argsort()[: len(size) - round(0.5 * len(size))]
            norm.weight[gone] = norm.bias[gone] = 0
    assert torch.allclose(network(images), small(images), atol=1e-5)
    assert [c.out_channels for c in small.layers if isinstance(c, nn.Conv2d)] == [2, 3, 4]


def test_the_readers_loop_is_pytorchs():
    torch.manual_seed(0)
    reader = Reader(nn.RNN(1, 8, batch_first=True), hidden=8, outputs=1)
    bits_BT = torch.randint(2, (5, 7)).float()
    expected = reader((2 * bits_BT - 1)[..., None])[:, -1, 0]
    assert torch.allclose(lesson("read")(reader, bits_BT), expected, atol=1e-6)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_a_packed_file_gives_the_same_answers(bits, tmp_path):
    network = lesson("rounded")(a_network(), bits)
    lesson("save_packed")(network, bits, tmp_path / "small")
    back = lesson("load_packed")(ConvNet((4, 6, 8)), bits, tmp_path / "small")
    images = torch.rand(3, 28, 28)
    assert torch.allclose(network(images), back(images), atol=1e-4)


def test_onnx_runtime_answers_as_pytorch():
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxruntime.quantization")
    GLOBALS["onnxruntime"] = runtime
    found = lesson("run_elsewhere")(a_network(0, (16, 32, 64)), torch.rand(8, 28, 28))
    assert found["off by"] < 1e-4 and found["bytes"]["int8"] < found["bytes"]["float32"] / 2


def test_without_the_extra_it_says_what_is_left_out(monkeypatch, capsys):
    cells = jupytext.read(ROOT / "course/12_small.py").cells
    (cell,) = [cell for cell in cells if cell.source.startswith("try:\n")]
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    names = {"warnings": __import__("warnings"), "logging": __import__("logging")}
    exec(cell.source, names)
    assert names["onnxruntime"] is None and "left out" in capsys.readouterr().out


def test_without_an_int8_product_the_float_is_timed_alone(monkeypatch):
    monkeypatch.setitem(GLOBALS, "int8_layer", lambda layer: None)
    monkeypatch.setitem(GLOBALS, "microseconds", lambda work: 1.0)
    found = lesson("time_layers")((8,))
    assert found == {"8, 1 at once": {"float32": 1.0}, "8, 64 at once": {"float32": 1.0}}


def test_parity_is_asked_of_long_words(monkeypatch):

    def odd(reader, bits_BT):
        return (bits_BT.sum(1) % 2 - 0.5) * (bits_BT.shape[1] == 100)

    monkeypatch.setitem(GLOBALS, "read", odd)
    assert lesson("right_far")(None) == 1.0
