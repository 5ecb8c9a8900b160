"""Lesson 01's two networks on MNIST, and the lesson from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench import Table

COURSE = Path(__file__).resolve().parents[2] / "course"
#: batch size, peak learning rate, epochs, and the accuracy asked of it: as in lesson 01, section 8
RECIPES = {"MLP": (128, 3e-3, 5, 98), "ConvNet": (256, 1e-2, 2, 99)}
SEEDS = (0, 1, 2)


def tables() -> Iterator[Table]:
    import torch

    from ngpu_lib import baselines, images
    from ngpu_lib.callbacks import Schedule, one_cycle
    from ngpu_lib.data import load_mnist
    from ngpu_lib.train import train

    begin = time.perf_counter()
    mnist = load_mnist(progress=False)
    loading = time.perf_counter() - begin
    rows = []
    for name, (batch_size, peak, epochs, wanted) in RECIPES.items():
        for seed in SEEDS:
            torch.manual_seed(seed)
            model = getattr(baselines, name)()
            batches = images.ImageBatches(
                mnist.train_images_BHW,
                mnist.train_labels_B,
                batch_size,
                images.shift_images,
                seed=seed,
            )
            updates = batches.batches_per_epoch * epochs
            adam = torch.optim.Adam(model.parameters())
            schedule = Schedule(one_cycle(peak, updates))
            begin, cpu = time.perf_counter(), time.process_time()
            for _ in train(
                model,
                batches,
                images.image_loss,
                adam,
                updates=updates,
                seed=seed,
                callbacks=[schedule],
                progress=False,
            ):
                pass
            seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
            reached = 100 * images.accuracy(model, mnist.test_images_BHW, mnist.test_labels_B)
            rows.append([name, seed, epochs, f"{reached:.2f} %", f"{wanted} %", seconds, cpu])
    yield Table(
        f"{mnist.source}: test accuracy and training time",
        ["network", "seed", "epochs", "accuracy", "wanted", "seconds", "CPU seconds"],
        rows,
        f"Loading took {loading:.1f} s and is not counted; neither is the test.",
    )
    yield lesson_table("01_mnist")


def lesson_table(name: str) -> Table:
    """How long a lesson's instructor edition runs, top to bottom in a fresh kernel."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(COURSE / "instructor" / f"{name}.ipynb", as_version=4)
    metadata = {"metadata": {"path": str(COURSE / "instructor")}}
    begin = time.perf_counter()
    NotebookClient(notebook, timeout=1800, resources=metadata).execute()
    seconds = time.perf_counter() - begin
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    return Table(
        "A lesson from top to bottom", ["lesson", "code cells", "seconds"], [[name, cells, seconds]]
    )
