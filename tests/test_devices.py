"""Devices: precision a processor has, and every model, the packed step and the loop on another one."""

from __future__ import annotations

import copy
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import ngpu_lib
from ngpu_lib import attention, automata, baselines, callbacks, cells, images, pretrained, recipes
from ngpu_lib.devices import native_precision
from ngpu_lib.evaluate import evaluate
from ngpu_lib.losses import SequenceLoss, answers
from ngpu_lib.neural_gpu import DiagonalNeuralGPU, NeuralGPU
from ngpu_lib.ntm import NTM
from ngpu_lib.optimizers import ClippedAdamax
from ngpu_lib.tasks import make_task
from ngpu_lib.trace import trace_run
from ngpu_lib.train import train
from tests.conftest import ROOT
from tests.elsewhere import Elsewhere, ElsewhereTensor

# What PyTorch says of its own meta tensors is not so of these: they have values to copy.
pytestmark = pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")


@pytest.mark.parametrize(
    ("capability", "precision"),
    [((6, 0), "float32"), ((7, 5), "float32"), ((8, 0), "bfloat16"), ((8, 9), "bfloat16"),
     ((9, 0), "bfloat16"), ((10, 3), "bfloat16")],
    ids=["P100", "T4", "A100", "L4", "H100", "B300"],
)  # fmt: skip
def test_bfloat16_is_for_gpus_that_have_it(monkeypatch, capability, precision):
    asked = []
    monkeypatch.setattr(
        torch.cuda, "get_device_capability", lambda device=None: asked.append(device) or capability
    )
    assert native_precision("cuda:1") == precision
    assert asked == [torch.device("cuda:1")]
    assert native_precision(torch.device("cuda")) == precision


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize(
    ("tiles", "able", "fast"),
    [
        (True, {"avx512_bf16": True, "cpu_name": "Intel Xeon"}, True),
        (False, {"avx512_bf16": True, "cpu_name": "Intel Xeon"}, False),
        (False, {"avx512_bf16": True, "cpu_name": "AMD EPYC"}, True),
        (False, {"avx512_bf16": False, "cpu_name": "AMD EPYC"}, False),
        (False, {"cpu_name": "Neoverse"}, False),
        (True, None, True),
        (None, None, False),
    ],
)
def test_bfloat16_is_for_processors_that_have_it(monkeypatch, tiles, able, fast, kernels):
    for name, told in (("_is_amx_tile_supported", tiles), ("get_capabilities", able)):
        if told is None:  # an older torch that cannot say
            monkeypatch.delattr(torch.cpu, name, raising=False)
        else:
            monkeypatch.setattr(torch.cpu, name, lambda told=told: told, raising=False)
    monkeypatch.setattr(
        torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: kernels, raising=False
    )
    assert native_precision("cpu") == ("bfloat16" if fast and kernels else "float32")
    assert native_precision("meta") == native_precision("mps") == "float32"


class Stays(DiagonalNeuralGPU):
    """A model that says it has moved: there may be no GPU here."""

    def to(self, device):
        return self


@pytest.mark.parametrize(("capability", "precision"), [((7, 5), "float32"), ((8, 0), "bfloat16")])
def test_no_recipe_asks_an_old_gpu_for_bfloat16(monkeypatch, capability, precision):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    asking = [name for name, recipe in recipes.RECIPES.items() if recipe.precision == "bfloat16"]
    assert asking
    for name in asking:
        run = recipes.start(name, device="cuda", make_model=Stays)
        assert run.loss.precision == precision


def test_an_older_processor_is_recognised():
    """oneDNN held to AVX2 is one: it would still multiply bfloat16, 40 times slower."""
    ask = "from ngpu_lib.devices import native_precision as p; print(p())"
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    told = subprocess.run(
        [sys.executable, "-c", ask],
        **{"env": environment, "cwd": ROOT, "capture_output": True, "text": True, "check": True},
    ).stdout
    assert told.strip() == "float32"


# Another device.

ONES = torch.ones


@pytest.mark.parametrize(
    "mixture",
    [
        lambda there: there @ ONES(4, 2),
        lambda there: there + ONES(4),
        lambda there: ONES(3, 4).add_(there),
        lambda there: F.linear(there, ONES(2, 4)),
        lambda there: F.conv1d(there[None], ONES(2, 3, 3)),
        lambda there: F.embedding(torch.zeros(5, dtype=torch.int64), there),
        lambda there: torch.bmm(there[None], ONES(1, 4, 2)),
        lambda there: torch.cat([there, ONES(3, 4)]),
        lambda there: torch.where(there > 0, there, ONES(3, 4)),
        lambda there: F.cross_entropy(there, torch.zeros(3, dtype=torch.int64)),
        lambda there: torch.mm(there, there.t(), out=torch.empty(3, 3)),
        lambda there: nn.Linear(4, 2)(there),
        lambda there: there.numpy(),
    ],
)
def test_the_other_device_refuses_what_a_gpu_would(mixture):
    """The instrument itself: without it PyTorch's meta tensors let about half of these pass."""
    with Elsewhere(), pytest.raises(RuntimeError):
        mixture(ONES(3, 4, device="meta"))


def test_the_other_device_computes():
    with Elsewhere():
        there = torch.arange(6.0, device="meta").view(2, 3)
        assert isinstance(there, ElsewhereTensor) and there.device.type == "meta"
        there[0] = torch.ones(3)  # copies cross, on a GPU as well
        assert (there @ there.t()).tolist() == [[3.0, 12.0], [12.0, 50.0]]
        assert there.sum().item() == 15 and there.cpu().device.type == "cpu"
        assert there[torch.tensor([1])].tolist() == [[3.0, 4.0, 5.0]]


def symbols(*shape: int, among: int = 4) -> torch.Tensor:
    return torch.randint(among, shape, generator=torch.Generator().manual_seed(1))


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


#: Every network of the library, small, and something to call it with.
MODELS = {
    "MLP": lambda: (baselines.MLP((784, 8, 10)), numbers(3, 28, 28)),
    "ConvNet": lambda: (baselines.ConvNet((2, 3, 4)), numbers(3, 28, 28)),
    "RNN": lambda: (cells.Scan(cells.RNN(2, 3)), numbers(2, 5, 2)),
    "Residual": lambda: (cells.Scan(cells.Residual(2, 3)), numbers(2, 5, 2)),
    "Highway": lambda: (cells.Scan(cells.Highway(2, 3)), numbers(2, 5, 2)),
    "GRU": lambda: (cells.Scan(cells.GRU(2, 3)), numbers(2, 5, 2)),
    "GRU before": lambda: (cells.Scan(cells.GRU(2, 3, reset="before")), numbers(2, 5, 2)),
    "LSTM": lambda: (cells.Scan(cells.LSTM(2, 3)), numbers(2, 5, 2)),
    "Reader": lambda: (cells.Reader(cells.Scan(cells.LSTM(2, 3)), 3, 2), numbers(2, 5, 2)),
    "CGRU": lambda: (cells.CGRU(4), numbers(2, 4, 3, 5)),
    "Encoder": lambda: (attention.Encoder(4, 6, 2), symbols(2, 5)),
    "Decoder": lambda: (attention.Decoder(4, 6, 2, looped=2), symbols(2, 5)),
    "NTM": lambda: (NTM(inputs=4, outputs=2, hidden=5, rows=6, row_size=3), numbers(2, 5, 4)),
    "NeuralGPU": lambda: (NeuralGPU(4, maps=4, width=2, relaxation=2), symbols(2, 5)),
    "DiagonalNeuralGPU": lambda: (DiagonalNeuralGPU(4, maps=6), symbols(2, 5)),
    "hand-set multiplier": lambda: (
        automata.hand_set_multiplier(),
        automata.multiplier_input(2, 3, 2),
    ),
}


def test_no_network_of_the_library_is_missing_here():
    made = {type(part) for make in MODELS.values() for part in make()[0].modules()}
    for info in pkgutil.iter_modules(ngpu_lib.__path__, "ngpu_lib."):
        for name, found in inspect.getmembers(importlib.import_module(info.name), inspect.isclass):
            ours = issubclass(found, nn.Module) and found.__module__ == info.name
            ours = ours and name != "_LossOf"  # no network: a loss that is averaged over ranks
            assert not ours or any(issubclass(one, found) for one in made), name


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_every_network_runs_on_another_device(make):
    """Forward, backward and, where there is one, the trace: bit for bit as on the CPU."""
    torch.manual_seed(0)
    model, inputs = make()

    def run(model, inputs):
        torch.manual_seed(2)
        output = model(inputs)
        output = output[0] if isinstance(output, tuple) else output
        assert output.device == inputs.device
        output.square().mean().backward()
        return [output, *(p.grad for p in model.parameters() if p.grad is not None)]

    here = run(copy.deepcopy(model), inputs)
    with Elsewhere():
        moved, given = copy.deepcopy(model).to("meta"), inputs.to("meta")
        there = run(moved, given)
        assert len(there) == len(here) > 1
        for one, other in zip(here, there, strict=True):
            assert isinstance(other, ElsewhereTensor) and torch.equal(one.detach(), other.held)
        if "trace" in inspect.signature(model.forward).parameters and not isinstance(
            model, (NTM, attention.Encoder)
        ):
            first, second = trace_run(model, inputs), trace_run(moved, given)
            assert all(np.array_equal(first[name], second[name]) for name in first)


def plain(record: dict) -> dict:
    return {name: value for name, value in record.items() if name != "seconds"}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_packed_training_on_another_device(monkeypatch, precision, tmp_path):
    """A recipe with every piece there is, interrupted and resumed: the same records as on the CPU."""
    monkeypatch.setattr(recipes, "native_precision", lambda device: precision)
    task, file = recipes.RECIPES["multiply"], tmp_path / "checkpoint.safetensors"
    phases = tuple(
        recipes.Phase(2, (5, 9), state_noise=0.1 * k, extra_steps=2 * k) for k in range(2)
    )
    changes = dict(phases=phases, maps=6, batch_size=2, gradient_noise=0.1, precision=precision)
    here = recipes.start(task, **changes)
    expected = {record["step"]: plain(record) for record in here.train(progress=False)}
    with Elsewhere():
        for updates in (3, 4):  # the second run starts from the file
            there = recipes.start(task, device="meta", **changes)
            records = list(there.train(file, updates=updates, progress=False))
            assert [record["step"] for record in records] == ([1, 2, 3] if updates == 3 else [4])
            assert all(plain(record) == expected[record["step"]] for record in records)
        score = evaluate(there.averaged, there.recipe.make_task(), 3, settings=there.settings)
    alike = evaluate(here.averaged, here.recipe.make_task(), 3, settings=here.settings)
    assert score.symbol_accuracy == alike.symbol_accuracy


def test_plain_training_on_another_device():
    """The 2015 model with every callback, the way that any tape model takes."""
    task = make_task("copy")

    def run(device):
        torch.manual_seed(0)
        model = NeuralGPU(task.vocabulary, maps=4, width=2, relaxation=2).to(device)
        source = callbacks.Curriculum(task, 2, 3, batch_size=3)
        pieces = [
            callbacks.Schedule(callbacks.one_cycle(0.01, 3)),
            callbacks.ClipGradient(1.0),
            callbacks.GradientNoise(0.1),
            callbacks.DrawTogether(),
            callbacks.AverageWeights(model),
            source,
        ]
        optimizer = ClippedAdamax(model.parameters(), lr=0.01)
        loss = SequenceLoss(dropout=0.1)
        options = {"updates": 3, "callbacks": pieces, "progress": False}
        return [plain(record) for record in train(model, source, loss, optimizer, **options)]

    with Elsewhere():
        there = run("meta")
    assert there == run("cpu")


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD, torch.optim.AdamW])
def test_images_on_another_device(optimizer):
    images_BHW = symbols(20, 28, 28, among=256).to(torch.uint8)
    batches = images.ImageBatches(images_BHW, symbols(20, among=10), 5, augment=images.shift_images)

    def run(device):
        torch.manual_seed(0)
        model = baselines.ConvNet((2, 3, 4)).to(device)
        steps = optimizer(model.parameters(), lr=0.01)
        run = train(model, batches, images.image_loss, steps, updates=3, progress=False)
        return [plain(record) for record in run], images.predict(model, images_BHW).tolist()

    with Elsewhere():
        there = run("meta")
    assert there == run("cpu")


def test_shipped_weights_on_another_device():
    trained = pretrained.load("multiply")
    batch = trained.task.sample(2, 5, torch.Generator().manual_seed(0))
    with Elsewhere():
        there = pretrained.load("multiply", device="meta")
        answered = there.answers(batch.to("meta"))
        readable = answers(copy.copy(there.model), batch.to("meta"), **there.settings)
        assert answered.tolist() == readable.tolist() == trained.answers(batch).tolist()
        shown = there.trace([int(symbol) for symbol in batch.inputs_BL[0]])
        assert shown.states_TCWL.shape[0] > 5
