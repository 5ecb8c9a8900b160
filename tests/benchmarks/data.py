"""Importing the library and loading MNIST."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from tests.bench import Table


def seconds_of(code: str, runs: int = 3) -> float:
    """The fastest of some runs of Python code in a fresh process, start of Python included."""
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append(time.perf_counter() - begin)
    return min(times)


def tables() -> Iterator[Table]:
    empty = seconds_of("pass")
    yield Table(
        "Imports",
        ["what", "seconds"],
        [[code, seconds_of(code) - empty] for code in ("import torch", "import ngpu_lib, torch")]
        + [
            [f"import ngpu_lib.{name}", seconds_of(f"import ngpu_lib.{name}") - empty]
            for name in ("data", "train", "plots")
        ],
        "Fastest of 3 fresh processes, the start of Python itself subtracted.",
    )

    import torch

    from ngpu_lib.data import load_mnist
    from ngpu_lib.images import ImageBatches

    begin = time.perf_counter()
    mnist = load_mnist(progress=False)
    loading = time.perf_counter() - begin
    batches = ImageBatches(mnist.train_images_BHW, mnist.train_labels_B, batch_size=128)
    generator = torch.Generator()
    begin = time.perf_counter()
    for step in range(1, batches.batches_per_epoch + 1):
        batches(step, generator)
    epoch = time.perf_counter() - begin
    yield Table(
        "Data",
        ["what", "images", "seconds"],
        [
            [f"load_mnist ({mnist.source})", len(mnist.train_labels_B), loading],
            ["one epoch of batches of 128", batches.batches_per_epoch * 128, epoch],
        ],
        "Loading reads, checks and unpacks the four files; a first download comes on top.",
    )
