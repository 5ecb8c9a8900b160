"""One training update of the multiplier, and one long product, against plain versions in the same run."""

from __future__ import annotations

import statistics
import time

import torch

from ngpu_lib.callbacks import SaturationWeight
from ngpu_lib.losses import SequenceLoss, answers
from ngpu_lib.neural_gpu import DiagonalNeuralGPU
from ngpu_lib.recipes import ALL
from ngpu_lib.tasks import make_task
from tests.bench import Table

MAPS, ITEMS = 96, 32
SETTINGS = {"dropout": 0.1, "noise": 0.06}
UPDATE_FLOP = 6 * ITEMS * 9 * MAPS**2 * sum(length**2 for length in ALL)


def seconds(action, device: str) -> float:
    """How long one call takes."""
    if device == "cuda":
        torch.cuda.synchronize()
    begin = time.perf_counter()
    action()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def in_turn(actions: dict, device: str, rounds: int = 5) -> dict[str, float]:
    """Median seconds of each action, one after the other in every round, after a warm-up."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for round_ in range(rounds + 1):
        for name, action in actions.items():
            spent = seconds(action, device)
            if round_:
                times[name].append(spent)
    return {name: statistics.median(values) for name, values in times.items()}


def matrix_rate(rows: int, dtype: torch.dtype, device: str) -> tuple:
    """An action that multiplies matrices of the convolution's sizes, and its FLOP."""
    a = torch.randn(rows, 3 * MAPS, device=device, dtype=dtype)
    b = torch.randn(3 * MAPS, 2 * MAPS, device=device, dtype=dtype)
    times = 20
    flop = times * 2 * rows * 3 * MAPS * 2 * MAPS

    def action():
        for _ in range(times):
            a @ b

    return action, flop


class Readable(DiagonalNeuralGPU):
    """The same model by another name: it runs the plain way, one length after the other."""


def update(model, batches, precision="float32", weight=1e-3):
    """Loss and gradients of one update, by the back end that the model gets; ``weight``: of the saturation cost."""
    loss, _ = SequenceLoss(precision, SaturationWeight(weight), **SETTINGS)(model, batches)
    loss.backward()
    model.zero_grad()


def tables():
    """The update and the long product."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    task, generator = make_task("multiply"), torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    model = DiagonalNeuralGPU(task.vocabulary, MAPS).to(device)
    readable = Readable(task.vocabulary, MAPS).to(device)
    batches = [
        task.sample(ITEMS, task.length_for(n), generator, positions=n).to(device) for n in ALL
    ]
    rows = sum(ITEMS * n for n in ALL)
    products = {
        "float32": matrix_rate(rows, torch.float32, device),
        "bfloat16": matrix_rate(rows, torch.bfloat16, device),
    }
    times = in_turn(
        {
            "plain": lambda: update(readable, batches),
            "float32": lambda: update(model, batches),
            "faded": lambda: update(model, batches, weight=SaturationWeight.LEAST),
            "bfloat16": lambda: update(model, batches, "bfloat16"),
            "mm float32": products["float32"][0],
            "mm bfloat16": products["bfloat16"][0],
        },
        device,
    )
    rate = {name: flop / times[f"mm {name}"] for name, (_, flop) in products.items()}
    table = Table(
        "One training update of the multiplier (9 lengths x 32, 96 maps, dropout, noise)",
        ["path", "s", "GFLOP/s", "fraction of matrix product", "times the plain loop"],
        note=f"{UPDATE_FLOP / 1e9:.1f} GFLOP an update; matrix product at the same sizes: "
        + ", ".join(f"{name} {value / 1e9:.0f} GFLOP/s" for name, value in rate.items()),
    )
    for name, label in [
        ("plain", "plain loop, float32"),
        ("float32", "packed, float32"),
        ("faded", "the same, saturation cost faded"),
        ("bfloat16", "packed, bfloat16 products"),
    ]:
        speed = UPDATE_FLOP / times[name]
        peak = rate["bfloat16" if name == "bfloat16" else "float32"]
        table.rows.append(
            [label, times[name], speed / 1e9, speed / peak, times["plain"] / times[name]]
        )
    yield table

    length = 2000 if device == "cuda" else 500
    word = task.sample(1, length, generator).to(device)
    positions = task.positions(length)
    flop = 18 * MAPS**2 * positions**2
    model.eval()
    action, product_flop = matrix_rate(positions, torch.float32, device)

    def plain():
        with torch.no_grad():
            readable(word.inputs_BL)

    times = in_turn(
        {"plain": plain, "packed": lambda: answers(model, word), "mm": action}, device, 3
    )
    bound = flop * times["mm"] / product_flop
    yield Table(
        f"One product of two {length}-bit numbers ({positions} steps)",
        ["path", "s", "times its matrix-product bound"],
        [[name, times[name], times[name] / bound] for name in ("plain", "packed")],
        note=f"{flop / 1e12:.2f} TFLOP; bound {bound:.2f} s. Time grows with the square of the "
        "length: 2,000 bits take 16 times what 500 take.",
    )
