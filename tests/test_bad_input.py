"""Every public door with what cannot work: a ValueError that names the argument, and nothing hangs.

A line of ``DOORS`` holds a call that works and, for each of its arguments, what must be refused there. A
public function or class that is neither there nor in ``NO_DOOR`` fails the first test.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import math
import pkgutil
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import ngpu_lib
from ngpu_lib import (
    arithmetic,
    attention,
    automata,
    baselines,
    callbacks,
    cells,
    checkpoints,
    cli,
    cluster,
    contract,
    data,
    devices,
    environments,
    evaluate,
    files,
    halves,
    images,
    live,
    losses,
    neural_gpu,
    ntm,
    optimizers,
    packed,
    packing,
    page,
    plots,
    pretrained,
    push,
    quantise,
    recipes,
    recorded,
    require,
    schedule,
    sweep,
    symbol_tasks,
    tasks,
    texts,
    threads,
    trace,
    train,
)
from ngpu_lib.sweep.command import numbers

NAN, INF = math.nan, math.inf
SECONDS = 10  # a refusal takes microseconds; what is not refused may hang


# What must be refused.


def whole(low: int = 0, high: int | None = None, none: bool = False) -> list:
    """In place of a whole number; ``none``: None stands for a default there."""
    over = [] if high is None else [high + 1, 10**30]
    return ["3", 1.5, NAN, INF, [2], low - 1, -(10**30), *over, *([] if none else [None])]


def real(*out: float, none: bool = False) -> list:
    """In place of a finite number; ``out``: numbers out of its range."""
    return ["0.5", NAN, INF, -INF, [0.5], torch.ones(2), *out, *([] if none else [None])]


def shape(*sizes: int, kind: str = "float", fixed: bool = True, none: bool = False) -> list:
    """In place of a tensor of this shape; ``fixed``: its last axis may have no other size."""
    good = torch.zeros(sizes) if kind == "float" else torch.zeros(sizes, dtype=torch.int64)
    other = good.long() if kind == "float" else good.float()
    wrong = [good[None], good[0], other, *([good[..., :-1]] if fixed else [])]
    return ["x", 1.0, [[1.0]], good.numpy(), *wrong, *([] if none else [None])]


JUNK = [None, 3, 1.5, NAN, [1, 2], {}, object()]
TEXT = [None, 3, 1.5, [], "nonsense", ""]
CALL = [None, 3, "x", []]
NETWORK = [None, 3, "x", [], torch.zeros(2), nn.Linear]


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


TAPE = neural_gpu.DiagonalNeuralGPU(4, 6)
WIDE = neural_gpu.NeuralGPU(4, maps=4, width=2, relaxation=2)
DECODER = attention.Decoder(4, 4, 2, 1)
MACHINE = ntm.NTM(3, 2, hidden=4, rows=5, row_size=4)
ADD, COPY = tasks.make_task("add"), tasks.make_task("copy", 2)
WORDS = COPY.sample(2, 3, dice())
SYMBOLS = torch.tensor([[1, 2, 3, 1, 2]])
ALL = torch.ones(1, 5, dtype=torch.bool)
GREYS, LABELS = torch.zeros(6, 28, 28, dtype=torch.uint8), torch.arange(6)
LINEAR = baselines.MLP((784, 10))
WEIGHTS = [nn.Parameter(torch.zeros(2))]
TURING = {("s", "0"): ("s", "1", 1), ("s", "1"): ("s", "0", 1)}
COMPILED = automata.compile_turing_machine(TURING)
TINY = recipes.Recipe("copy", (recipes.Phase(2, (4, 6)),), maps=6, batch_size=2)
ROW = {"id": "a", "value": 1.0, "params": {"x": 1}, "learner": "Ada"}


def train_call(**given):
    """train.train with a network of one weight, to its end."""
    model = nn.Linear(1, 1)
    good = {
        "model": model,
        "batches": lambda step, generator: torch.ones(1, 1),
        "loss": lambda model, batch: model(batch).sum(),
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "updates": 1,
    }
    return list(train.train(**good | given, progress=False))


def wrong_parts(good: dict, **wrong) -> list:
    """A dict with one part after the other spoilt."""
    return [good | {name: value} for name, values in wrong.items() for value in values]


class Door:
    """A call, arguments with which it works, and for each argument what must be refused there.

    ``says``: what the message calls an argument, where that is not its own name.
    """

    def __init__(self, call: Callable, good: dict, says: dict | None = None, **refused: list):
        self.call, self.good, self.says, self.refused = call, good, says or {}, refused


def method(owner, name: str, good: dict, says: dict | None = None, **refused: list) -> Door:
    return Door(getattr(owner, name), good, says, **refused)


def closing(draw: Callable) -> Callable:
    """The same, and its figures are closed whatever happens."""

    def call(**given):
        try:
            return draw(**given)
        finally:
            plt.close("all")

    return call


LABELLED = {"xlabel": "x", "ylabel": "y", "alt": "It rises."}
NO_WORDS = {name: ["", " ", None, 3] for name in LABELLED}
PARAMS = {
    "optimizer": "Adam", "layers": 1, "lr": 0.01, "units": 32, "dropout": 0.0, "shift": 0
}  # fmt: skip
FEW_JOBS = {"task": "copy", "seeds": [0], "minutes": 1, "cores": 1, "place": "local"}
ONE_HALF = {"ways": ["fixed"], "seeds": [0], "updates": 1}
ANY_MNIST = data.MNIST(GREYS, LABELS, GREYS, LABELS)

#: module.name or module.Class.method -> Door
DOORS: dict[str, Door] = {
    # ground
    "files.write_whole": Door(
        lambda path, data: None if path == "good" else files.write_whole(path, data),
        {"path": "good", "data": b"x"},
        path=[None, 3, "", "/"],
    ),
    "files.file_path": Door(files.file_path, {"path": "a"}, path=[None, 3, "", b"a", "/"]),
    "devices.place": Door(
        devices.place, {"device": "cpu"}, device=[None, "gpu", 1.5, [], "cuda:x"]
    ),
    "devices.move": Door(
        devices.move,
        {"model": nn.Linear(1, 1), "device": "cpu"},
        device=[None, "gpu", [], "xpu:99"],
    ),
    "devices.native_precision": Door(
        devices.native_precision, {"device": "cpu"}, device=[None, "gpu", 1.5, []]
    ),
    "threads.defaults": Door(
        threads.defaults, {"environment": {}, "granted": 2}, granted=[0, -1, NAN]
    ),
    # data
    "data.load_mnist": Door(
        lambda folder: folder and data.load_mnist(folder), {"folder": None}, folder=[3, 1.5, ["x"]]
    ),
    "images.ImageBatches": Door(
        images.ImageBatches,
        {"images_BHW": GREYS, "labels_B": LABELS, "batch_size": 2, "augment": None, "seed": 0},
        images_BHW=[None, "x", [[1]], GREYS.float(), GREYS[0], GREYS.numpy()],
        labels_B=[None, "x", [1], LABELS.float(), LABELS[:5], LABELS + 5, LABELS - 1, LABELS > 2],
        batch_size=whole(1, 6),
        augment=CALL[1:],
        seed=whole(),
    ),
    "images.ImageBatches.__call__": Door(
        images.ImageBatches(GREYS, LABELS, 2), {"step": 1, "generator": dice()}, step=whole(1)
    ),
    "images.image_loss": Door(
        lambda model, batch: images.image_loss(model, batch),
        {"model": LINEAR, "batch": [GREYS.float(), LABELS]},
        says={"batch": "images_BHW|labels_B|batch"},
        model=CALL,
        batch=[
            None,
            [],
            "xy",
            GREYS,
            [GREYS.float(), LABELS[:3]],
            [GREYS.float(), LABELS + 9],
            [GREYS.float(), LABELS.float()],
            [GREYS.float()[:, :5], LABELS],
            [GREYS, LABELS],
            [None, LABELS],
        ],
    ),
    "images.predict": Door(
        images.predict,
        {"model": LINEAR, "images_BHW": GREYS, "batch_size": 500},
        model=NETWORK,
        images_BHW=[None, "x", GREYS.float(), GREYS[0], GREYS[:, :5], GREYS.numpy()],
        batch_size=whole(1),
    ),
    "images.accuracy": Door(
        images.accuracy,
        {"model": LINEAR, "images_BHW": GREYS, "labels_B": LABELS},
        model=NETWORK,
        images_BHW=[None, "x", GREYS.float(), GREYS[0]],
        labels_B=[None, "x", [1], LABELS[:5]],
    ),
    "images.shift_images": Door(
        images.shift_images,
        {"images_BHW": GREYS.float(), "generator": dice(), "most": 1},
        images_BHW=[None, "x", GREYS[0], GREYS.numpy()],
        generator=JUNK,
        most=whole(0, 28),
    ),
    # tasks
    "contract.Batch": Door(
        contract.Batch,
        dict(inputs_BL=SYMBOLS, targets_BL=SYMBOLS, loss_mask_BL=ALL, valid_BL=ALL),
        says={"inputs_BL": "_BL"},
        inputs_BL=shape(1, 5, kind="whole"),
        targets_BL=[None, "x", [[1]], SYMBOLS[:, :2], SYMBOLS[0]],
        loss_mask_BL=[None, "x", ALL[:, :2], ALL[0]],
        valid_BL=[None, "x", ALL[:, :2], ALL[0]],
    ),
    "contract.check_base": Door(contract.check_base, {"base": 2}, base=whole(2, 64)),
    "contract.draw_digits": Door(
        contract.draw_digits,
        {"base": 2, "count": 3, "generator": dice()},
        base=whole(2),
        count=whole(0, contract.MOST_CELLS),
        generator=JUNK,
    ),
    "contract.Task": Door(
        contract.Task,
        {"name": "a", "symbols": ".0"} | {"symbols": [".", "0"]},
        name=[None, 3],
        symbols=[None, 3, ["."], "x"],
    ),  # fmt: skip
    "contract.Task.sample": method(
        ADD,
        "sample",
        dict(batch_size=2, length=3, generator=dice(), inputs="random", positions=9),
        batch_size=whole(1, 10**9),
        length=whole(1, 10**9),
        generator=JUNK,
        inputs=TEXT,
        positions=[6, *whole(0, none=True)],
    ),
    "contract.Task.batch": method(
        ADD,
        "batch",
        {"words": [(1, 3, 2)], "positions": 4},
        says={"words": "word"},
        words=[None, 3, "x", [], [()], [(1, 3, 9)], [(1, 3, 2), (1, 3)], [(1.0, 3.0, 2.0)], [5]],
        positions=[2, *whole(0, 10**9, none=True)],
    ),
    "contract.Task.check_word": method(
        COPY,
        "check_word",
        {"word": (1, 2)},
        word=[None, 3, "12", (), (1, 9), (-1,), (1.5,), (NAN,), (None,), ("1",)],
    ),
    "contract.Task.check_length": method(
        COPY, "check_length", {"length": 1}, length=whole(1, 10**9)
    ),
    "contract.Task.positions": method(ADD, "positions", {"length": 2}, length=whole(1, 10**9)),
    "contract.Task.length_for": method(ADD, "length_for", {"positions": 5}, positions=whole()),
    "contract.Task.text": method(
        COPY, "text", {"word": (1, 2)}, word=[None, 3, (1, 9), (-1,), (1.5,), (None,)]
    ),
    "contract.Task.render": method(
        COPY,
        "render",
        {"word": (1, 2), "answer": (1, 2)},
        says={"answer": "word|answer"},
        word=[None, 3, (), (1, 9), (1.5,)],
        answer=[3, (), (1,), (1, 2, 1), (1, 9)],
    ),
    "symbol_tasks.SymbolTask": Door(
        symbol_tasks.SymbolTask, {"name": "copy", "base": 2}, name=TEXT, base=whole(2, 64)
    ),
    "symbol_tasks.SymbolTask.oracle": method(
        tasks.make_task("duplicate", 2),
        "oracle",
        {"word": (1, 2, 0, 0)},
        word=[None, (), (1, 9), (1.5, 0), (1, 2, 0), (1, 2, 0, 1), (0, 1, 0, 0)],
    ),
    "parity of padding": method(
        tasks.make_task("parity"), "oracle", {"word": (1, 2)}, word=[(1, 0), (0,), (3,), ()]
    ),
    "arithmetic.to_digits": Door(
        arithmetic.to_digits,
        {"number": 6, "base": 2, "count": 4},
        number=whole(),
        base=whole(2),
        count=whole(0, arithmetic.MOST_DIGITS),
    ),
    "arithmetic.from_digits": Door(
        arithmetic.from_digits,
        {"digits": [0, 1], "base": 2},
        digits=[None, 3, "01", [2], [-1], [0.5], [NAN], [None], [[1]]],
        base=whole(2),
    ),
    "arithmetic.Arithmetic": Door(
        arithmetic.Arithmetic,
        {"name": "add", "base": 2, "bits_per_digit": 1},
        name=TEXT,
        base=whole(2, 64),
        bits_per_digit=whole(1, 6),
    ),
    "arithmetic.Arithmetic.encode": method(
        ADD,
        "encode",
        {"a": 5, "b": 3, "length": 3},
        says={"a": "operands", "b": "operands"},
        a=whole(),
        b=whole(),
        length=[2, *whole(1, 10**8, none=True)],
    ),
    "arithmetic.Arithmetic.decode": method(
        ADD,
        "decode",
        {"word": (1, 3, 2)},
        says={"word": "word|digit"},
        word=[None, 3, (), (1, 1), (1, 3, 3), (1, 1, 1), (1.5, 3, 2)],
    ),
    "arithmetic.Arithmetic.value": method(
        ADD, "value", {"answer": (1, 2, 1)}, answer=[None, 3, "x", (1.5,), (NAN,), (None,)]
    ),
    "arithmetic.Arithmetic.usable": method(ADD, "usable", {"positions": 5}, positions=whole()),
    "tasks.make_task": Door(
        tasks.make_task,
        {"name": "copy", "base": 2},
        says={"name": "task"},
        name=[*TEXT, {}],
        base=whole(2, 64, none=True),
    ),
    # models
    "baselines.MLP": Door(
        baselines.MLP,
        {"sizes": (784, 10), "activation": nn.ReLU, "dropout": 0.1},
        sizes=[None, 3, "ab", (5,), (5, 0), (5, 1.5), (5, None), (10**6, 10**6)],
        activation=CALL,
        dropout=real(-0.1, 1),
    ),
    "baselines.MLP.forward": method(
        LINEAR,
        "forward",
        {"images_BHW": GREYS.float()},
        images_BHW=[None, "x", GREYS, GREYS.float()[:, :5], torch.zeros(()), GREYS.numpy()],
    ),  # fmt: skip
    "baselines.ConvNet": Door(
        baselines.ConvNet,
        {"channels": (2, 3), "classes": 10},
        channels=[None, 3, "ab", (), (1,) * 5, (0,), (1.5,), (10**9,)],
        classes=whole(1, 10**4),
    ),
    "baselines.ConvNet.forward": method(
        baselines.ConvNet((2,)),
        "forward",
        {"images_BHW": GREYS.float()},
        images_BHW=[None, "x", GREYS, GREYS.float()[:, :5], GREYS.float()[0]],
    ),  # fmt: skip
    **{
        f"cells.{name}": Door(
            getattr(cells, name),
            {"inputs": 2, "hidden": 3},
            inputs=[*whole(1), 10**12],
            hidden=[*whole(1), 10**7],
        )
        for name in ("Cell", "RNN", "Residual", "Highway", "GRU", "LSTM")
    },
    "cells.RNN's function": Door(
        cells.RNN, dict(inputs=2, hidden=3, nonlinearity="relu"), nonlinearity=TEXT
    ),
    "cells.GRU's reset": Door(cells.GRU, dict(inputs=2, hidden=3, reset="after"), reset=TEXT),
    **{
        f"cells.{name}.forward": method(
            getattr(cells, name)(2, 3),
            "forward",
            {"x_BC": torch.zeros(4, 2), "h_BH": torch.zeros(4, 3)},
            x_BC=shape(4, 2),
            h_BH=[*shape(4, 3), torch.zeros(5, 3)],
        )
        for name in ("RNN", "Residual", "Highway", "GRU")
    },
    "cells.Cell.start": method(
        cells.RNN(2, 3), "start", {"x_BC": torch.zeros(4, 2)}, x_BC=shape(4, 2)
    ),
    "cells.LSTM.forward": method(
        cells.LSTM(2, 3),
        "forward",
        {"x_BC": torch.zeros(4, 2), "state": (torch.zeros(4, 3), torch.zeros(4, 3))},
        says={"state": "state|h_BH|memory_BH"},
        x_BC=[*shape(4, 2)[:4], torch.zeros(4, 3), None],
        state=[
            None,
            3,
            torch.zeros(4, 3),
            (torch.zeros(4, 3),),
            (torch.zeros(4, 3), None),
            (torch.zeros(4, 3), torch.zeros(4, 2)),
            (None, torch.zeros(4, 3)),
        ],
    ),  # fmt: skip
    "cells.Scan": Door(cells.Scan, {"cell": cells.RNN(2, 3)}, cell=[*NETWORK, nn.Linear(2, 3)]),
    "cells.Scan.forward": method(
        cells.Scan(cells.RNN(2, 3)),
        "forward",
        {"x_BTC": torch.zeros(2, 4, 2), "state": torch.zeros(2, 3)},
        says={"x_BTC": "x_B", "state": "h_BH"},
        x_BTC=[*shape(2, 4, 2), torch.zeros(2, 0, 2)],
        state=[3, "x", torch.zeros(2, 2), torch.zeros(3, 3), torch.zeros(2)],
    ),
    "cells.Reader": Door(
        cells.Reader,
        {"memory": cells.Scan(cells.RNN(2, 3)), "hidden": 3, "outputs": 2},
        memory=NETWORK,
        hidden=[*whole(1), 10**12],
        outputs=[*whole(1), 10**12],
    ),
    "cells.cutoff_sigmoid": Door(
        cells.cutoff_sigmoid, {"x": torch.ones(2)}, x=[None, "x", 1.0, [1.0], torch.ones(2).long()]
    ),
    "cells.CGRU": Door(cells.CGRU, {"maps": 2}, maps=[*whole(1), 10**6]),
    "cells.CGRU.forward": method(
        cells.CGRU(2),
        "forward",
        {"tape_BCWL": torch.zeros(1, 2, 3, 4), "dropout": 0.1},
        tape_BCWL=[*shape(1, 2, 3, 4, fixed=False), torch.zeros(1, 3, 3, 4)],
        dropout=real(-0.1, 1),
    ),
    "attention.attend": Door(
        attention.attend,
        {name: torch.ones(2, 1, 4, 3) for name in ("q_BRLH", "k_BRLH", "v_BRLH")},
        says={"q_BRLH": "q", "k_BRLH": "k", "v_BRLH": "v"},
        q_BRLH=[None, "x", 1.0, torch.ones(2, 1, 4, 2), torch.ones(3), torch.ones(2, 3).long()],
        k_BRLH=[None, "x", 1.0, torch.ones(2, 1, 4, 2), torch.ones(2, 1, 5, 3)],
        v_BRLH=[None, "x", 1.0, torch.ones(2, 1, 5, 3)],
    ),
    "attention.SelfAttention": Door(
        attention.SelfAttention,
        {"maps": 4, "heads": 2},
        says={"maps": "maps|heads"},
        maps=whole(1, 10_000),
        heads=[3, *whole(1)],
    ),
    "attention.SelfAttention.forward": method(
        attention.SelfAttention(4, 2),
        "forward",
        {"x_BLC": torch.ones(2, 3, 4)},
        x_BLC=shape(2, 3, 4),
    ),
    "attention.Layer": Door(
        attention.Layer,
        {"maps": 4, "heads": 2, "hidden": 4},
        says={"maps": "maps|heads"},
        maps=whole(1, 10_000),
        heads=[3, *whole(1)],
        hidden=whole(1, 100_000),
    ),
    "attention.along": Door(
        attention.along, {"inputs_BL": SYMBOLS}, inputs_BL=[None, "x", SYMBOLS[0]]
    ),
    "attention.sinusoids": Door(
        attention.sinusoids, {"count": 3, "maps": 4}, count=[*whole(), 10**12], maps=whole(1)
    ),
    "attention.Positions": Door(
        attention.Positions,
        dict(maps=4, code="learned", places=attention.along, rows=5),
        maps=[*whole(1), 10**12],
        code=TEXT,
        places=CALL,
        rows=[*whole(1), 10**12],
    ),
    "attention.Positions.forward": method(
        attention.Positions(4, rows=5),
        "forward",
        {"inputs_BL": SYMBOLS},
        inputs_BL=[None, "x", SYMBOLS[0], SYMBOLS.repeat(1, 2)],
    ),  # fmt: skip
    "attention.Encoder": Door(
        attention.Encoder,
        dict(symbols=4, maps=4, heads=2, layers=1, looped=0),
        says={"maps": "maps|heads"},
        symbols=whole(1, 10**6),
        maps=whole(1, 10_000),
        heads=[3, *whole(1)],
        layers=whole(1, 1000),
        looped=whole(),
    ),
    "attention.Decoder.forward": method(
        DECODER,
        "forward",
        {"inputs_BL": SYMBOLS, "valid_BL": ALL},
        {"inputs_BL": "_BL"},
        inputs_BL=[*shape(1, 5, kind="whole"), SYMBOLS + 2, SYMBOLS - 2],
        valid_BL=[3, "x", ALL[:, :2]],
    ),  # fmt: skip
    "attention.generate": Door(
        attention.generate,
        dict(model=DECODER, prompt_BL=SYMBOLS, count=2, temperature=0.5, window=3),
        says={"prompt_BL": "prompt_BL|inputs_BL"},
        model=[*NETWORK, attention.Encoder(4, 4, 2, 1)],
        prompt_BL=[*shape(1, 5, kind="whole", fixed=False), SYMBOLS + 2, SYMBOLS[:, :0]],
        count=whole(0, 10**6),
        temperature=real(-1),
        window=whole(1, none=True),
    ),
    "ntm.content": Door(
        ntm.content,
        dict(key_BRM=torch.ones(2, 1, 3), beta_BR=torch.ones(2, 1), memory_BNM=torch.ones(2, 4, 3)),
        says={"memory_BNM": "_B"},
        key_BRM=[*shape(2, 1, 3), torch.ones(3, 1, 3)],
        beta_BR=shape(2, 1),
        memory_BNM=shape(2, 4, 3),
    ),
    "ntm.interpolate": Door(
        ntm.interpolate,
        dict(
            content_BRN=torch.ones(2, 1, 4),
            previous_BRN=torch.ones(2, 1, 4),
            gate_BR=torch.ones(2, 1),
        ),
        says={"content_BRN": "_BR"},
        content_BRN=shape(2, 1, 4),
        previous_BRN=shape(2, 1, 4),
        gate_BR=shape(2, 1),
    ),  # fmt: skip
    "ntm.shift": Door(
        ntm.shift,
        dict(w_BRN=torch.ones(2, 1, 4), shift_BRS=torch.ones(2, 1, 3)),
        says={"w_BRN": "w_BRN|shift_BRS"},
        w_BRN=shape(2, 1, 4, fixed=False),
        shift_BRS=shape(2, 1, 3),
    ),
    "ntm.sharpen": Door(
        ntm.sharpen,
        dict(w_BRN=torch.ones(2, 1, 4), gamma_BR=torch.ones(2, 1)),
        says={"w_BRN": "w_BRN|gamma_BR"},
        w_BRN=[*shape(2, 1, 4, fixed=False), -torch.ones(2, 1, 4)],
        gamma_BR=[*shape(2, 1), -torch.ones(2, 1)],
    ),
    "ntm.write": Door(
        ntm.write,
        dict(
            memory_BNM=torch.ones(2, 4, 3),
            w_BN=torch.ones(2, 4),
            erase_BM=torch.ones(2, 3),
            add_BM=torch.ones(2, 3),
        ),
        says={"memory_BNM": "_B"},
        memory_BNM=shape(2, 4, 3),
        w_BN=shape(2, 4),
        erase_BM=shape(2, 3),
        add_BM=shape(2, 3),
    ),  # fmt: skip
    "ntm.read": Door(
        ntm.read,
        dict(memory_BNM=torch.ones(2, 4, 3), w_BRN=torch.ones(2, 1, 4)),
        says={"memory_BNM": "memory_BNM|w_BRN"},
        memory_BNM=shape(2, 4, 3, fixed=False),
        w_BRN=shape(2, 1, 4),
    ),
    "ntm.NTM": Door(
        ntm.NTM,
        dict(inputs=3, outputs=2, hidden=4, rows=5, row_size=4),
        **{
            name: [*whole(1), 10**12]
            for name in ("inputs", "outputs", "hidden", "rows", "row_size")
        },
    ),
    "ntm.NTM.start": method(
        MACHINE,
        "start",
        {"batch_size": 2, "rows": 3},
        batch_size=[*whole(), 10**12],
        rows=[*whole(1, none=True), 10**12],
    ),  # fmt: skip
    "ntm.NTM.forward": method(
        MACHINE,
        "forward",
        {"inputs_BTI": torch.zeros(2, 4, 3), "rows": 6},
        inputs_BTI=[*shape(2, 4, 3), torch.zeros(2, 0, 3)],
        rows=[*whole(1, none=True), 10**12],
    ),
    "neural_gpu.hard_sigmoid": Door(neural_gpu.hard_sigmoid, {"x": torch.ones(2)}, x=JUNK),
    "neural_gpu.hard_tanh": Door(neural_gpu.hard_tanh, {"x": torch.ones(2)}, x=JUNK),
    "neural_gpu.saturation": Door(
        neural_gpu.saturation, {"preactivation": torch.ones(2)}, preactivation=JUNK
    ),
    "neural_gpu.check_inputs": Door(
        neural_gpu.check_inputs,
        {"inputs_BL": SYMBOLS, "valid_BL": ALL, "symbols": 4},
        inputs_BL=[
            *shape(1, 5, kind="whole", fixed=False),
            SYMBOLS + 2,
            SYMBOLS - 2,
            SYMBOLS[:, :0],
        ],
        valid_BL=[3, "x", ALL[0], ALL[:, :2]],
    ),
    "neural_gpu.check_settings": Door(
        lambda **given: neural_gpu.check_settings(**given),
        dict(extra_steps=0, dropout=0.0, noise=0.0),
        steps=whole(0, 10**6, none=True),
        extra_steps=whole(0, 10**6),
        dropout=real(-0.1, 1),
        noise=real(-0.1),
    ),
    "neural_gpu.DiagonalNeuralGPU": Door(
        neural_gpu.DiagonalNeuralGPU,
        {"symbols": 4, "maps": 6},
        symbols=[*whole(2), 10**12],
        maps=[*whole(3), 10**6],
    ),
    "neural_gpu.DiagonalNeuralGPU.unroll": method(
        TAPE,
        "unroll",
        dict(inputs_BL=SYMBOLS, valid_BL=ALL, steps=None, extra_steps=1, dropout=0.1, noise=0.1),
        says={"inputs_BL": "_BL"},
        inputs_BL=[*shape(1, 5, kind="whole"), SYMBOLS + 2],
        valid_BL=[3, "x", ALL[0], ALL[:, :2]],
        steps=whole(0, 10**6, none=True),
        extra_steps=whole(0, 10**6),
        dropout=real(-0.1, 1),
        noise=real(-0.1),
    ),
    "neural_gpu.DiagonalNeuralGPU.embed": method(
        TAPE,
        "embed",
        {"inputs_BL": SYMBOLS, "valid_BL": ALL},
        {"inputs_BL": "_BL"},
        inputs_BL=shape(1, 5, kind="whole"),
        valid_BL=[3, "x", ALL[:, :2]],
    ),  # fmt: skip
    "neural_gpu.DiagonalNeuralGPU.shift": method(
        TAPE,
        "shift",
        {"state_BCL": torch.zeros(1, 6, 5)},
        state_BCL=[*shape(1, 6, 5, fixed=False), torch.zeros(1, 5, 6)],
    ),  # fmt: skip
    "neural_gpu.DiagonalNeuralGPU.step": method(
        TAPE,
        "step",
        {"state_BCL": torch.zeros(1, 6, 5), "valid_BL": ALL, "dropout": 0.1, "noise": 0.1},
        says={"state_BCL": "state_BCL|valid_BL"},
        state_BCL=shape(1, 6, 5),
        valid_BL=[None, 3, ALL[:, :2], ALL[0]],
        dropout=real(-0.1, 1),
        noise=real(-0.1),
    ),
    "neural_gpu.DiagonalNeuralGPU.readout": method(
        TAPE,
        "readout",
        {"state_BCL": torch.zeros(1, 6, 5)},
        state_BCL=[*shape(1, 6, 5, fixed=False), torch.zeros(1, 5, 6)],
    ),  # fmt: skip
    "neural_gpu.NeuralGPU": Door(
        neural_gpu.NeuralGPU,
        dict(symbols=4, maps=4, width=2, layers=1, relaxation=1),
        symbols=[*whole(2), 10**12],
        maps=[*whole(1), 10**6],
        width=[*whole(1), 10**12],
        layers=[*whole(1), 10**12],
        relaxation=[*whole(1), 10**12],
    ),
    "neural_gpu.NeuralGPU.forward": method(
        WIDE,
        "forward",
        dict(inputs_BL=SYMBOLS, valid_BL=ALL, steps=2, dropout=0.1),
        says={"inputs_BL": "_BL"},
        inputs_BL=[*shape(1, 5, kind="whole"), SYMBOLS + 2],
        valid_BL=[3, "x", ALL[0], ALL[:, :2]],
        steps=whole(0, 10**6, none=True),
        dropout=real(-0.1, 1),
    ),
    "neural_gpu.NeuralGPU.embed": method(
        WIDE,
        "embed",
        {"inputs_BL": SYMBOLS, "valid_BL": ALL},
        {"inputs_BL": "_BL"},
        inputs_BL=shape(1, 5, kind="whole"),
        valid_BL=[3, "x", ALL[:, :2]],
    ),  # fmt: skip
    "neural_gpu.NeuralGPU.readout": method(
        WIDE,
        "readout",
        {"tape_BCWL": torch.zeros(1, 4, 2, 5)},
        tape_BCWL=[*shape(1, 4, 2, 5, fixed=False), torch.zeros(1, 3, 2, 5)],
    ),  # fmt: skip
    "neural_gpu.NeuralGPU.draw_together": method(
        WIDE, "draw_together", {"pull": 0.1}, pull=real(-0.1, 1.1)
    ),
    "automata.blank_unit": Door(automata.blank_unit, {"maps": 2}, maps=[*whole(1), 10**6]),
    "automata.rule_unit": Door(
        automata.rule_unit,
        {"keep": (0, 0, -1, 1), "become": (-1, -1, 0, 2)},
        keep=[None, 3, "abcd", (1, 2, 3), (1, 2, 3, 0.5), (1, 2, 3, NAN), (1, 2, 3, None)],
        become=[None, (1,), (1, 2, 3, 10**9)],
    ),
    "automata.rule_of": Door(
        automata.rule_of, {"unit": automata.rule_unit()}, unit=[*NETWORK, cells.CGRU(2)]
    ),
    "automata.run_units": Door(
        automata.run_units,
        dict(units=[automata.rule_unit()], tape_BCL=torch.zeros(1, 1, 3), steps=2),
        says={"tape_BCL": "tape_B"},
        tape_BCL=[*shape(1, 1, 3, fixed=False), torch.zeros(1, 2, 3)],
        steps=[*whole(), 10**12],
    ),
    "automata.Wiring": Door(
        automata.Wiring, {"state": ["a"], "detectors": ["b"]}, detectors=[["a"], ["b", "b"]]
    ),
    "automata.check_table": Door(
        automata.check_table,
        {"table": TURING},
        table=[None, 3, {}, [], {("s", "0"): ("s", "1", 2)}, {("s", "0"): ("s", "1", NAN)}],
    ),
    "automata.simulate": Door(
        automata.simulate,
        dict(table=TURING, tape="000", state="s", place=0, steps=2),
        table=[None, {}, []],
        place=whole(0, 2),
        steps=[*whole(), 10**12],
    ),
    "automata.compile_turing_machine": Door(
        automata.compile_turing_machine, {"table": TURING}, table=[None, 3, {}, []]
    ),
    "automata.CompiledMachine.run": method(
        COMPILED,
        "run",
        dict(tape="000", state="s", place=0, steps=2),
        says={"tape": "tape|place"},
        tape=["", "007"],
        state=["q", None, 3],
        place=whole(0, 2),
        steps=[*whole(), 10**12],
    ),
    "automata.CompiledMachine.encode": method(
        COMPILED, "encode", dict(tape="000", state="s", place=0), tape=["007"], place=whole(0, 2)
    ),
    "automata.multiplier_input": Door(
        automata.multiplier_input,
        dict(a=2, b=3, digits=2),
        a=whole(0, 3),
        b=whole(0, 3),
        digits=whole(1, 10**6),
    ),
    "automata.multiply": Door(
        lambda **given: automata.multiply(automata.hand_set_multiplier(), **given),
        dict(a=2, b=3, digits=2),
        a=whole(0, 3),
        b=whole(0, 3),
        digits=whole(1, 10**6),
    ),
    "environments.TapeWorld": Door(
        environments.TapeWorld,
        {"task": "copy", "length": 3, "base": 2, "penalty": 0.0},
        task=[None, "cpy", 3],
        length=[0, 1.5, None, (3, 2), (1, 2, 3), "x"],
        base=whole(2, 11),
        penalty=[-1, NAN, INF, "x", None],
    ),
    "environments.Memory": Door(
        environments.Memory,
        {"env": environments.TapeWorld(), "keeps": ["end"], "notes": 2},
        env=[None, "x", 3],
        keeps=[None, ["ends"], 3],
        notes=whole(1),
    ),
    "quantise.round_to_grid": Door(
        quantise.round_to_grid,
        {"values": torch.ones(2), "bits": 3, "limit": 1.0},
        values=[
            None,
            "x",
            1.0,
            [1.0],
            torch.ones(2).long(),
            torch.tensor([NAN]),
            torch.tensor([INF]),
        ],
        bits=whole(2, 64),
        limit=real(0, -1, none=True),
    ),
    "quantise.straight_through": Door(
        quantise.straight_through,
        {"values": torch.ones(2), "bits": 3, "limit": 1.0},
        values=[None, "x", 1.0, torch.ones(2).long(), torch.tensor([NAN])],
        bits=whole(2, 64),
        limit=real(0, -1, none=True),
    ),
    "quantise.pack": Door(
        quantise.pack,
        {"codes": torch.tensor([1, 7]), "bits": 3},
        codes=[None, "x", 1, [1], torch.ones(2), torch.tensor([8]), torch.tensor([-1])],
        bits=whole(1, 32),
    ),
    "quantise.unpack": Door(
        quantise.unpack,
        {"data": torch.zeros(1, dtype=torch.uint8), "bits": 3, "count": 2},
        data=[None, "x", 1, [1], torch.ones(1), torch.zeros(1).long(), torch.zeros(2).byte()],
        bits=whole(1, 32),
        count=whole(0),
    ),
    "quantise.fake_quantise": Door(
        quantise.fake_quantise,
        {"model": nn.Linear(1, 1), "bits": 3},
        model=NETWORK,
        bits=whole(2, 64),
    ),
    "push.Push": Door(push.Push, {"size": 0.02}, size=real(0, -1)),
    # speed
    "packing.pack": Door(
        packing.pack, {"batches": [WORDS]}, batches=[None, 3, [], [3], "x", [None], WORDS.inputs_BL]
    ),
    "packed.unroll": Door(
        packed.unroll,
        dict(
            model=neural_gpu.DiagonalNeuralGPU(3, 6),
            packed=packing.pack([WORDS]),
            precision="float32",
            extra_steps=1,
            dropout=0.1,
            noise=0.1,
            push=push.Push(0.1),
        ),
        model=[*NETWORK, WIDE],
        packed=[None, 3, WORDS],
        precision=TEXT,
        extra_steps=whole(0, 10**6),
        dropout=real(-0.1, 1),
        noise=real(-0.1),
        push=[3, "x", 0.1],
    ),  # fmt: skip
    # training
    "train.seed_for": Door(train.seed_for, {"seed": 0, "step": 1}, seed=whole(), step=whole()),
    "train.train": Door(
        train_call,
        {},
        model=[*NETWORK, nn.ReLU()],
        batches=CALL,
        loss=[
            *CALL,
            lambda model, batch: 1.0,
            lambda model, batch: None,
            lambda model, batch: model(batch).expand(2, 1),
            lambda model, batch: torch.ones(()),
        ],
        optimizer=[None, 3, "Adam", torch.optim.SGD],
        updates=whole(),
        seed=whole(),
        callbacks=[None, 3, [3], [print], ["x"]],
        evaluate=[3, "x"],
        evaluate_every=whole(),
        checkpoint_every=whole(1),
    ),
    "callbacks.ClipGradient": Door(callbacks.ClipGradient, {"norm": 1.0}, norm=real(0, -1)),
    "callbacks.Schedule": Door(callbacks.Schedule, {"lr": lambda step: 0.1}, lr=CALL),
    "a schedule that gives no rate": Door(
        lambda lr: callbacks.Schedule(lambda step: lr).before_update(
            1, None, torch.optim.SGD(WEIGHTS, lr=0.1)
        ),
        {"lr": 0.1},
        lr=real(-0.1),
    ),
    "callbacks.one_cycle": Door(
        callbacks.one_cycle,
        {"peak": 0.1, "updates": 5, "warm_up": 0.25},
        peak=real(0, -1),
        updates=whole(1),
        warm_up=real(-0.1, 1.1),
    ),
    "callbacks.SaturationWeight": Door(
        callbacks.SaturationWeight, {"start": 1e-3, "every": 2}, start=real(-1), every=whole(1)
    ),
    "callbacks.AverageWeights": Door(
        callbacks.AverageWeights,
        {"model": LINEAR, "decay": 0.9, "start": 0},
        model=NETWORK,
        decay=real(-0.1, 1),
        start=whole(),
    ),
    "callbacks.Curriculum": Door(
        callbacks.Curriculum,
        dict(task=COPY, first=1, last=4, batch_size=2, passed=0.8, every=2, mixed=0.2),
        says={"last": "last|length", "first": "first|last"},
        task=JUNK,
        first=whole(1, 4),
        last=whole(1, 10**9),
        batch_size=whole(1),
        passed=real(-0.1, 1.1),
        every=whole(1),
        mixed=real(-0.1, 1.1),
    ),
    "callbacks.GradientNoise": Door(callbacks.GradientNoise, {"scale": 0.1}, scale=real(-1)),
    "callbacks.DrawTogether": Door(
        callbacks.DrawTogether,
        {"pull": 0.1, "every": 2, "passed": 0.1},
        pull=real(-0.1, 1.1),
        every=whole(1),
        passed=real(-1),
    ),
    "optimizers.ClippedAdamax": Door(
        lambda lr: optimizers.ClippedAdamax(WEIGHTS, lr=lr), {"lr": 0.1}, lr=real(0, -1)
    ),
    "losses.setting_names": Door(losses.setting_names, {"model": TAPE}, model=NETWORK),
    "losses.check_known": Door(
        losses.check_known,
        {"model": TAPE, "settings": {"extra_steps": 1}},
        model=NETWORK,
        settings=[None, 3, "x", ["dropout"], {"extra": 1}, {"steps": 1}],
    ),
    "losses.SequenceLoss": Door(
        losses.SequenceLoss,
        {"precision": "float32", "saturation": None, "push": 0.1},
        precision=TEXT,
        push=real(-0.1),
        saturation=[3, "x", 0.1],
    ),
    "losses.SequenceLoss.__call__": Door(
        losses.SequenceLoss(),
        {"model": neural_gpu.DiagonalNeuralGPU(3, 6), "batches": WORDS},
        model=NETWORK,
        batches=[
            None,
            3,
            [],
            [3],
            "x",
            WORDS.inputs_BL,
            contract.Batch(
                WORDS.inputs_BL, WORDS.targets_BL, WORDS.loss_mask_BL & False, WORDS.valid_BL
            ),
        ],
    ),  # fmt: skip
    "losses.answers": Door(
        lambda model, batch, **settings: losses.answers(model, batch, **settings),
        {"model": neural_gpu.DiagonalNeuralGPU(3, 6), "batch": WORDS},
        model=NETWORK,
        batch=[None, 3, [], WORDS.inputs_BL],
        extra_steps=whole(0, 10**6),
        dropout=real(-0.1, 1),
        extra=[1],
        says={"extra": "settings"},
    ),
    "schedule.Phase": Door(
        schedule.Phase,
        dict(
            updates=2,
            bins=(4, 6),
            per_update=1,
            state_noise=0.1,
            lr_factor=0.5,
            extra_steps=1,
            push=0.1,
            dropout=0.1,
        ),
        says={"state_noise": "noise"},
        dropout=[v for v in real(-0.1, 1) if v is not None],
        push=real(-0.1),
        updates=whole(),
        bins=[None, 3, "x", (), (0,), (1.5,), (None,)],
        per_update=whole(0, 2),
        state_noise=real(-0.1),
        lr_factor=real(0, -1),
        extra_steps=whole(0, 10**6),
    ),
    "schedule.Recipe": Door(
        schedule.Recipe,
        dict(
            task="copy",
            phases=TINY.phases,
            dropout=0.1,
            batch_size=2,
            lr=0.1,
            saturation=0.1,
            gradient_noise=0.1,
            average_decay=0.9,
            shorter=0.1,
            precision="float32",
        ),
        phases=[None, 3, (), (3,), "x"],
        dropout=real(-0.1, 1),
        batch_size=whole(1),
        lr=real(-1),
        saturation=real(-1),
        gradient_noise=real(-1),
        average_decay=real(-0.1, 1),
        shorter=real(-0.1, 1.1),
        precision=TEXT,
    ),  # fmt: skip
    "schedule.Recipe.flop": method(TINY, "flop", {"updates": 10**9}, updates=whole()),
    "schedule.Recipe.phase": method(TINY, "phase", {"step": 1}, step=whole()),
    "recipes.BinnedBatches": Door(recipes.BinnedBatches, {"recipe": TINY}, recipe=JUNK),
    "recipes.start": Door(
        lambda **given: recipes.start(**given),
        dict(
            recipe=TINY,
            seed=0,
            device="cpu",
            make_model=neural_gpu.DiagonalNeuralGPU,
            maps=6,
            base=0,
        ),
        says={"keep": "recipe"},
        recipe=[*JUNK, "nonsense", "", "multiplly"],
        seed=whole(),
        device=[None, "gpu", [], "cuda:99", "xpu"],
        make_model=CALL,
        maps=[*whole(3), 10**6],
        base=[1, 65, 1.5, "x"],
        task=["nonsense", None, 3],
        keep=[0.9],
    ),  # fmt: skip
    # looking
    "evaluate.evaluate": Door(
        evaluate.evaluate,
        dict(
            model=neural_gpu.DiagonalNeuralGPU(3, 6),
            task=COPY,
            length=3,
            examples=2,
            inputs="random",
            seed=0,
            settings={"extra_steps": 1},
        ),
        model=[*NETWORK, TAPE],
        task=JUNK,
        length=whole(1, 10**9),
        examples=whole(1),
        inputs=TEXT,
        seed=whole(),
        settings=[3, "x", {"extra": 1}],
    ),  # fmt: skip
    "evaluate.signed_terms": Door(
        evaluate.signed_terms, {"difference": 5}, difference=[None, "3", 1.5, NAN, True]
    ),
    "evaluate.poisson_interval": Door(
        evaluate.poisson_interval,
        {"count": 3, "confidence": 0.9},
        count=whole(),
        confidence=[None, "x", 0, 1, NAN, -1],
    ),
    "trace.trace_run": Door(
        lambda model, inputs, **options: trace.trace_run(model, *inputs, **options),
        dict(
            model=cells.Scan(cells.RNN(2, 3)), inputs=[torch.zeros(2, 4, 2)], item=0, objective=None
        ),
        says={"inputs": "inputs|x_BTC"},
        model=[*NETWORK, nn.Linear(2, 3)],
        inputs=[[], [None], ["x"], [torch.zeros(4, 2)]],
        item=whole(0, 1, none=True),
        objective=[3, "x", lambda output: 3, lambda output: output[0]],
        steps=[3],
    ),  # fmt: skip
    "trace.trace_word": Door(
        lambda **given: trace.trace_word(**given),
        dict(model=TAPE, task=ADD, word=(1, 3, 2), extra_steps=1),
        model=[*NETWORK, nn.Linear(2, 2), neural_gpu.DiagonalNeuralGPU(9, 6)],
        task=JUNK,
        word=[None, 3, (), (1, 9, 2), (1.5, 3, 2)],
        extra_steps=whole(0, 10**6),
    ),
    "trace.whereabouts": Door(
        trace.whereabouts,
        dict(model=neural_gpu.DiagonalNeuralGPU(3, 6), task=COPY, length=3, examples=4, seed=3),
        model=NETWORK,
        task=[*JUNK, tasks.make_task("copy", 3)],
        length=whole(1, 10**9),
        examples=whole(1),
        seed=whole(),
    ),
    "pretrained.locate": Door(
        pretrained.locate, {"weights": "add"}, weights=[None, 3, [], "nonsense", "", "/"]
    ),
    "pretrained.load": Door(
        pretrained.load,
        {"weights": "add", "device": "cpu"},
        says={"weights": "weights|test_bad_input.py: no readable"},
        weights=[None, 3, [], "nonsense", "", "/", __file__],
        device=[None, "gpu", [], "cuda:99"],
    ),
    "pretrained.store": Door(
        lambda path, **given: path and pretrained.store(path, **given),
        dict(path=None, model=TAPE, task="add", settings={}, base=0),
        path=[3, "/"],
    ),
    "what pretrained.store is given": Door(
        lambda **given: (
            given
            and pretrained.store("nowhere/x", **dict(model=TAPE, task="add", settings={}) | given)
        ),
        {},
        model=[*NETWORK, WIDE],
        task=TEXT,
        settings=[None, 3, {"extra": 1}],
        base=[1, 65, 1.5, "x"],
    ),
    "pretrained.store_run": Door(
        lambda run: run and pretrained.store_run("nowhere/x", run),
        {"run": None},
        run=[3, "x", TINY],
    ),
    "recorded.load": Door(
        recorded.load, {"name": "lesson09_ablation"}, name=["nonsense", "", None, 3, "../x", []]
    ),
    "page.page_network": Door(
        page.page_network,
        dict(model=TAPE, task=ADD, settings={"extra_steps": 1}, rounding="float32"),
        model=NETWORK,
        settings=[{"extra": 1}, {"steps": -1}, {"steps": 1.5}, {"steps": None}],
        rounding=TEXT,
    ),
    "texts.read": Door(texts.read, {"name": "walrus"}, name=[None, 3, "", "nonsense", "../x", []]),
    # many
    "sweep.Choice": Door(sweep.Choice, {"values": (1, 2)}, values=[None, 3, ()]),
    "sweep.Range": Door(
        sweep.Range, {"low": 1, "high": 2}, low=[None, "x", NAN, -INF], high=[None, "x", 1, 0, NAN]
    ),
    "sweep.Range.place": method(
        sweep.Range(1, 10, log=True), "place", {"value": 2}, value=real(0, 11)
    ),
    "sweep.Choice.place": method(sweep.Choice((1, 2)), "place", {"value": 2}, value=[3, None, "x"]),
    "sweep.part_of": Door(
        sweep.part_of, {"learner": "Ada"}, learner=[None, "", " ", -1, "-1", 1.5, NAN, []]
    ),
    "sweep.mnist_setting": Door(
        sweep.mnist_setting, {"mnist": ANY_MNIST, "updates": 3}, mnist=JUNK, updates=whole(1)
    ),
    "sweep.mnist_trial": Door(
        lambda params: params == PARAMS or sweep.mnist_trial(params, ANY_MNIST),
        {"params": PARAMS},
        params=[
            None,
            3,
            {},
            *wrong_parts(
                PARAMS,
                optimizer=["x"],
                layers=[0],
                lr=[0, NAN, "x"],
                units=[1.5],
                dropout=[1],
                shift=[-1],
            ),
        ],
    ),  # fmt: skip
    "sweep.recipe_setting": Door(
        sweep.recipe_setting,
        dict(task="add", updates=2, lengths=[2, 3], examples=2),
        says={"lengths": "length"},
        task=TEXT,
        updates=whole(1, none=True),
        lengths=[[0], [1.5], [None]],
        examples=whole(1),
    ),
    "sweep.open_study": Door(
        sweep.open_study,
        {"where": None, "name": "a", "setting": {}},
        says={"where": "where|study"},
        where=[3, [], "/", "mysql://x/y"],
        name=[None, 3],
        setting=[None, 3, "x"],
    ),
    "sweep.search": Door(
        lambda **given: sweep.search(sweep.open_study(None, "a", {}), **given),
        dict(
            space={"x": sweep.Choice((1, 2))},
            objective=lambda params: {"value": 1.0},
            trials=0,
            fixed={},
        ),
        objective=CALL,
        trials=whole(),
        fixed=[{"y": 1}, {"x": 3}],
    ),  # fmt: skip
    "sweep.search_seeds": Door(
        lambda **given: (
            given["seeds"] != [7] and sweep.search_seeds(sweep.open_study(None, "a", {}), **given)
        ),
        dict(objective=lambda params: {"value": 1.0}, seeds=[7]),
        seeds=[None, 3, "x", [], [-1], [1.5], [None], [NAN]],
    ),
    "sweep.leaderboard": Door(sweep.leaderboard, {"found": [ROW], "count": 1}, count=whole()),
    "sweep.read": Door(
        lambda path: path and sweep.read(path),
        {"path": None},
        says={"path": "path|merge"},
        path=[3, ["x"], "nowhere", "/", __file__],
    ),  # fmt: skip
    # pictures
    "plots.figure": Door(
        closing(plots.figure),
        {"rows": 1, "columns": 1, "size": (2, 2)},
        rows=whole(1, 100),
        columns=whole(1, 100),
        size=[None, 3, (1,), (0, 1), (NAN, 1), ("1", 1), (10**6, 1)],
    ),
    "plots.show": Door(
        closing(lambda fig, alt: plots.show(plt.figure() if fig == "good" else fig, alt)),
        {"fig": "good", "alt": "a"},
        fig=[None, 3, []],
        alt=[None, 3, "", " "],
    ),
    "plots.lines": Door(
        closing(plots.lines),
        dict(x=[1, 2], series={"a": [1.0, 2.0]}, log="", **LABELLED),
        says={"x": "series", "series": "series|values"},
        x=[None, 3, [1], [[1, 2]]],
        series=[None, 3, [1, 2], {}, {"a": [1]}, {"a": "xy"}, {"a": [[[1, 2]]]}, {"a": None}],
        log=["z", 3],
        **NO_WORDS,
    ),
    "plots.dots": Door(
        closing(plots.dots),
        {"results": {"a": [1.0, 2.0]}, **LABELLED},
        says={"results": "results|values"},
        results=[None, 3, [1], {}, {"a": []}, {"a": [NAN]}, {"a": "x"}, {"a": [[1]]}, {"a": 3}],
    ),
    "plots.bars": Door(
        closing(plots.bars),
        {"values": {"a": 1.0}, **LABELLED},
        values=[None, 3, [1], {}, {"a": "x"}, {"a": {}}],
        **NO_WORDS,
    ),
    "plots.heatmap": Door(
        closing(plots.heatmap),
        {"values": [[1.0, 2.0]], **LABELLED},
        values=[None, 3, [1], [], {}, "x", [["a"]], [[[1]]]],
        **NO_WORDS,
    ),
    "plots.medians": Door(
        plots.medians, {"results": {"a": [1.0]}}, results=[{"a": []}, {"a": [NAN]}, {"a": "x"}]
    ),
    "plots.ends": Door(
        plots.ends,
        {"x": [1, 2], "series": {"a": [1.0, 2.0]}},
        says={"x": "series"},
        x=[None, 3, [1]],
        series=[{"a": [1]}, {"a": "xy"}, {"a": None}],
    ),
    "plots.images": Door(
        closing(plots.images),
        dict(pictures=[[[1.0]]], titles=["a"], columns=1),
        says={"titles": "pictures"},
        pictures=[None, 3, []],
        titles=[[], ["a", "b"]],
        columns=whole(1),
    ),
    "plots.compare": Door(
        closing(
            lambda alt: plots.compare(lambda ax, v: ax.set(xlabel="a", ylabel="b"), 1, 2, alt=alt)
        ),
        {"alt": "a"},
        alt=["", " ", None, 3],
    ),
    # outside
    "the seeds of ngpu sweep": Door(
        numbers,
        {"text": "0-3"},
        says={"text": "seeds"},
        text=["", "x", "1-", "-1", "1.5", "0-99999999999", "3-1", "1,,2"],
    ),
    "cli.figure_of": Door(
        cli.figure_of,
        {"text": "20:random:5"},
        says={"text": "figures"},
        text=["", "20", "20:random", "a:b:c", "20:random:-5", "1.5:random:5"],
    ),
    "cluster.submit": Door(
        lambda **given: given == FEW_JOBS or cluster.submit(**given),
        FEW_JOBS,
        task=TEXT,
        seeds=[None, 3, [], [-1], ["x"], [1.5], range(1001)],
        minutes=whole(1),
        cores=whole(1, 1024),
        place=TEXT,
    ),
    "halves.train": Door(
        lambda **given: given == ONE_HALF or halves.train(**given),
        ONE_HALF,
        ways=[None, "x", 3, [], ["nonsense"], [None]],
        seeds=[None, 3, [], [-1], ["x"], [1.5]],
        updates=whole(1, 10**6),
    ),
    "live.presets": Door(
        live.presets,
        {"statements": {"a": "1"}, "namespace": {}},
        statements=[None, 3, "x", ["a"]],
        namespace=[None, 3, []],
    ),  # fmt: skip
    "live.load": Door(
        lambda path: path and live.load(path, {}),
        {"path": None},
        path=[3, "nowhere", "/", __file__],
    ),
}

#: What takes no argument that could be wrong, or is held to this elsewhere.
NO_DOOR = {
    "files.read_safetensors": "test_a_damaged_file",
    "names.suggest": "makes the end of an error message, from anything",
    "threads.cores": "no argument",
    "threads.cpu_limit": "whatever the environment says: tests/test_threads.py",
    "threads.cgroup_quota": "whatever the files say: tests/test_threads.py",
    "threads.settle": "whatever the environment says: tests/test_threads.py",
    "data.MNIST": "holds what load_mnist has checked by SHA-256",
    "arithmetic.OPERANDS": "draw operands for Task.sample, which checks",
    "symbol_tasks.RULES": "rules on words that SymbolTask.oracle has checked",
    "cluster.PLACES": "names",
    "cluster.wait": "takes jobs of submit: tests/test_cluster.py",
    "halves.Halves": "what train makes: tests/test_halves.py",
    "halves.WAYS": "names",
    "ranks.Ranks": "one of several processes: tests/test_ranks.py",
    "ranks.join": "reads what torchrun says: tests/test_ranks.py",
    "packing.Packed": "what pack makes",
    "packed.Kernel": "a piece of unroll",
    "packed.serves": "says False of anything else",
    "packed.shift_rows": "a piece of unroll",
    "packed.dropout_mask": "a piece of unroll",
    "packed.overshoot": "a piece of unroll",
    "packed.beyond": "a piece of unroll",
    "checkpoints.Stateful": "a protocol",
    "checkpoints.save_checkpoint": "called by train, which checks",
    "checkpoints.load_checkpoint": "test_a_damaged_file; tests/test_train.py",
    "train.Callback": "takes nothing",
    "ntm.State": "what NTM.start makes",
    "automata.CompiledMachine": "what compile_turing_machine makes",
    "automata.multiplier_wiring": "no argument",
    "automata.hand_set_multiplier": "no argument",
    "recipes.PhaseSettings": "a part of start",
    "recipes.Run": "what start makes",
    "evaluate.Rate": "holds a result",
    "evaluate.Score": "holds a result",
    "evaluate.count_mistakes": "a part of evaluate: tests/test_evaluate_mistakes.py",
    "trace.TapeTrace": "holds a result",
    "pretrained.Trained": "what load gives",
    "pretrained.names": "no argument",
    "pretrained.read_card": "test_a_damaged_file; tests/test_seams.py",
    "pretrained.write_card": "called by store, which checks",
    "recorded.names": "no argument",
    "sweep.export": "takes a study of open_study",
    "sweep.fail_lost": "takes a study of open_study",
    "sweep.merge": "row by row: tests/test_sweep.py",
    "sweep.rows": "takes a study of open_study",
    "sweep.table": "takes rows of a study",
    "sweep.recipe_trial": "takes the setting of recipe_setting: tests/test_sweep.py",
    "cli.main": "test_a_command_with_bad_input",
    "cli.parser": "no argument",
    "attention.Decoder": "the arguments of Encoder",
    "page.hand_set_machine": "no argument",
    "plots.Picture": "what show makes",
    "plots.curves": "what lines draws",
    "plots.spread": "what lines draws",
    "plots.strip": "what dots draws",
    "plots.matrix": "what heatmap draws",
    "plots.parallel": "tests/test_plots.py",
    "plots.target_and_yours": "whatever an exercise's answer may be, it says so in the picture",
    "live.rescue": "load, and a cell's id: tests/test_present.py",
}
#: Rooms with tests of bad input of their own: explorers, checks, hand-ins.
ROOMS_APART = {"widgets", "checks", "collect", "require"}


def public(name: str) -> list[str]:
    """The functions and classes that a module defines, or a package offers."""
    found = importlib.import_module(f"ngpu_lib.{name}")
    offered = getattr(found, "__all__", None) if hasattr(found, "__path__") else None
    return [
        each
        for each, value in inspect.getmembers(found)
        if not each.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and (each in offered if offered else value.__module__ == found.__name__)
    ]


MODULES = [each.name for each in pkgutil.iter_modules(ngpu_lib.__path__)]


@pytest.mark.parametrize("name", [n for n in MODULES if n not in ROOMS_APART])
def test_no_public_door_is_forgotten(name):
    rules = {
        "arithmetic": {rule.__name__ for rule in arithmetic.OPERANDS.values()},
        "symbol_tasks": {rule.__name__ for rule, _ in symbol_tasks.RULES.values()},
        "cli": {each for each in public("cli") if each.endswith("_command")},
    }
    known = {key.split(".")[1] for key in {**DOORS, **NO_DOOR} if key.startswith(f"{name}.")}
    missing = set(public(name)) - known - rules.get(name, set())
    assert not missing, f"neither in DOORS nor in NO_DOOR: {', '.join(sorted(missing))}"


class Hangs(Exception):
    pass


@contextlib.contextmanager
def limit(seconds: int):
    """Hangs after some seconds, where the system can say so."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_):
        raise Hangs

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def told(call: Callable, seconds: int = SECONDS) -> str | None:
    """What a ValueError says; None where the call is accepted, and what it raised instead of one."""
    try:
        with limit(seconds):
            call()
    except ValueError as error:
        return str(error)
    except Hangs:
        return "!! hangs"
    except Exception as error:
        return f"!! {type(error).__name__}: {str(error)[:80]}"
    return None


@pytest.mark.parametrize("name", DOORS)
def test_a_door_refuses_what_cannot_work(name):
    door = DOORS[name]
    works = told(lambda: door.call(**door.good), 60)  # the first training imports much of torch
    assert works is None, works
    faults = []
    for argument, values in door.refused.items():
        named = door.says.get(argument, argument).split("|")
        for value in values:
            said = told(
                lambda argument=argument, value=value: door.call(**door.good | {argument: value})
            )
            if said is None or said.startswith("!!") or not any(each in said for each in named):
                faults.append(f"{argument} = {require.shown(value)}: {said or '!! accepted'}")
    assert not faults, "\n".join(faults)


# The command line.


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A folder with small weights, their card, and a checkpoint of a finished run."""
    folder = tmp_path_factory.mktemp("small")
    run = recipes.start(TINY)
    list(run.train(folder / "checkpoint.safetensors", progress=False))
    pretrained.store_run(folder / "weights.safetensors", run)
    return folder


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("train nonsense", "recipe"),
        ("train multiplly", "did you mean multiply"),
        ("train copy --seed -1", "seed"),
        ("train copy --updates -1", "updates"),
        ("train copy --maps 0", "maps"),
        ("train copy --maps 999999", "maps"),
        ("train copy --dropout 1", "dropout"),
        ("train copy --dropout nan", "dropout"),
        ("train copy --threads 0", "threads"),
        ("train copy --threads -3", "threads"),
        ("train copy --device nonsense", "device"),
        ("train copy --device cuda:99", "device"),
        ("train copy --updates 1 --out FILE", "FILE"),
        ("evaluate nonsense --length 3", "task"),
        ("evaluate add --length 0", "length"),
        ("evaluate add --length 999999999", "length"),
        ("evaluate add --length 3 --examples 0", "examples"),
        ("evaluate add --length 3 --inputs nonsense", "inputs"),
        ("evaluate add --length 3 --seed -1", "seed"),
        ("evaluate add --length 3 --weights nowhere", "weights"),
        ("evaluate add --length 3 --weights copy", "weights"),
        ("evaluate add --length 3 --weights FILE", "FILE"),
        ("evaluate add --length 3 --device nonsense", "device"),
        ("card nowhere", "weights"),
        ("card WEIGHTS", "figures"),
        ("card WEIGHTS --figures 3", "figures"),
        ("card WEIGHTS --figures a:random:3", "figures"),
        ("card WEIGHTS --figures 3:nonsense:3", "inputs"),
        ("card WEIGHTS --figures 3:random:0", "examples"),
        ("card WEIGHTS --figures 3:random:3 --set a=[1", "set"),
        ("sweep nonsense --seeds 0", "task"),
        ("sweep copy --seeds 0 --maps 0 --study STUDY", "maps"),
        ("sweep copy --seeds 3-1", "seeds"),
        ("sweep copy --seeds 0-99999999999", "seeds"),
        ("sweep copy --seeds 0 --updates 0", "updates"),
        ("sweep copy --seeds 0 --examples 0", "examples"),
        ("sweep copy --lengths 0", "length"),
        ("sweep copy --trials 3", "trials"),
        ("sweep copy --study mysql://x/y", "study"),
        ("sweep copy --study FILE", "FILE"),
        ("sweep copy --study STUDY --merge nowhere", "merge"),
        ("sweep copy --study STUDY --merge FILE", "merge"),
    ],
)
def test_a_command_with_bad_input(command, named, small, tmp_path, capsys, monkeypatch):
    """Exit status 2 and one line that names the fault; nothing is written over."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_text("no weights, no study, no rows")
    for path in small.glob("weights.*"):
        shutil.copy(path, tmp_path / path.name.replace("weights", "WEIGHTS"))
    words = [f"{w}.safetensors" if w == "WEIGHTS" else w for w in command.split()]
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    threads_before = torch.get_num_threads()
    with limit(60):
        assert cli.main(words) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("ngpu: ") and named in said, said
    assert torch.get_num_threads() == threads_before
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.mark.parametrize(
    "command", ["", "nonsense", "train", "train copy --seed x", "evaluate add"]
)
def test_argparse_says_what_is_missing(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(command.split())
    assert stopped.value.code == 2 and "usage: ngpu" in capsys.readouterr().err


# Damaged files.

PLACES = st.floats(0, 1, exclude_max=True)


def spoil(content: bytes, place: float, byte: int, cut: bool) -> bytes:
    """A file cut off, or with one byte changed, at a place of its length."""
    at = int(place * len(content))
    if cut:
        return content[:at]
    return content[:at] + bytes([content[at] ^ byte]) + content[at + 1 :]


many = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("part", ["weights.safetensors", "weights.json"])
@given(place=PLACES, byte=st.integers(1, 255), cut=st.booleans())
@many
def test_a_damaged_file_of_weights_is_refused(part, small, place, byte, cut):
    """A card's spaces may go; what it says may not go unseen, nor a single bit of the weights."""
    folder = small / "spoilt"
    folder.mkdir(exist_ok=True)
    for name in ("weights.safetensors", "weights.json"):
        shutil.copy(small / name, folder)
    good = (folder / part).read_bytes()
    (folder / part).write_bytes(spoil(good, place, byte, cut))
    try:
        loaded = pretrained.load(folder / "weights.safetensors")
    except ValueError as error:
        assert str(folder) in str(error)
    else:
        assert part == "weights.json", "a changed file of weights was loaded"
        assert set(loaded.settings) <= {"extra_steps"}


@given(place=PLACES, byte=st.integers(1, 255), cut=st.booleans())
@many
def test_a_damaged_checkpoint_is_refused(small, place, byte, cut):
    """Nothing is trained, and the file stays as it is for whoever wants to look."""
    path = small / "spoilt.safetensors"
    spoilt = spoil((small / "checkpoint.safetensors").read_bytes(), place, byte, cut)
    path.write_bytes(spoilt)
    with pytest.raises(ValueError, match=r"spoilt\.safetensors"):
        list(recipes.start(TINY).train(path, progress=False))
    assert path.read_bytes() == spoilt


@pytest.mark.parametrize(
    "change",
    [
        {"state": {}},
        {"state": None},
        {"state": {"__dict__": [["model", {"__tensor__": "nowhere"}]]}},
        {"step": -1},
        {"step": "three"},
        {"run": None},
        {"run": []},
        {"layout": None},
    ],
)
def test_a_checkpoint_of_another_make_is_refused(small, change):
    """Whole, and without a SHA-256: somebody else's."""
    tensors, metadata = files.read_safetensors(small / "checkpoint.safetensors")
    path = small / "other.safetensors"
    text = json.dumps(json.loads(metadata["ngpu"]) | change)
    path.write_bytes(checkpoints.save(tensors, metadata={"ngpu": text}))
    with pytest.raises(ValueError, match=r"checkpoint: .*other\.safetensors"):
        list(recipes.start(TINY).train(path, progress=False))


# Nothing returns NaN for finite input in silence.


@given(seed=st.integers(0, 10**6), exponent=st.integers(-38, 37), rows=st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_addressing_gives_numbers_for_any_finite_input(seed, exponent, rows):
    """Whatever the size of keys, rows and strengths: every address is finite, >= 0 and sums to 1."""
    size = 10.0**exponent
    draw = torch.Generator().manual_seed(seed)
    memory_BNM = size * torch.randn(2, rows, 3, generator=draw)
    key_BRM = size * torch.randn(2, 1, 3, generator=draw)
    strength_BR = torch.tensor([[0.0], [min(size, 1e4)]])
    w_BRN = ntm.content(key_BRM, strength_BR, memory_BNM)
    w_BRN = ntm.interpolate(w_BRN, torch.full_like(w_BRN, 1 / rows), torch.full((2, 1), 0.5))
    w_BRN = ntm.shift(w_BRN, torch.tensor([0.2, 0.3, 0.5]).expand(2, 1, 3))
    w_BRN = ntm.sharpen(w_BRN, 1 + strength_BR)
    assert w_BRN.isfinite().all() and (w_BRN >= 0).all()
    assert torch.allclose(w_BRN.sum(-1), torch.ones(2, 1))


@given(seed=st.integers(0, 10**6), exponent=st.integers(-36, 37), bits=st.integers(2, 40))
@settings(max_examples=200, deadline=None)
def test_a_grid_holds_finite_numbers(seed, exponent, bits):
    values = torch.randn(7, generator=torch.Generator().manual_seed(seed)).clamp(-3, 3)
    values = (values.double() * 10.0**exponent).float()
    rounded = quantise.round_to_grid(values, bits)
    assert rounded.isfinite().all() and rounded.abs().max() <= values.abs().max() * (1 + 1e-5)


@given(seed=st.integers(0, 10**6), exponent=st.integers(-30, 30))
@settings(max_examples=60, deadline=None)
def test_a_network_of_any_weights_answers_with_symbols(seed, exponent):
    """Packed and plain: a state is held to [-1, 1], so that no weights, however large, end in NaN."""
    torch.manual_seed(seed)
    model = neural_gpu.DiagonalNeuralGPU(3, 6)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 10.0**exponent)
        state_BCL, _ = model.unroll(WORDS.inputs_BL, WORDS.valid_BL)
    assert state_BCL.isfinite().all() and state_BCL.abs().max() <= 1
    found = losses.answers(model, WORDS)
    assert ((found >= 0) & (found < 3)).all()
