"""The networks in the page, in headless Chromium: milliseconds by length, the first answer, what it weighs."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from course.workshop.picture import front_page, served
from ngpu_lib import pretrained
from ngpu_lib.widgets.base import module
from tests.bench import Table
from tests.browser import chromium

REPEATS = 7

#: JavaScript: milliseconds of whole runs of one word, in a worker as the widgets use it; the first run is not counted.
RUNS = """async ([network, word, steps, repeats]) => {
  const machine = machineOf(network, {});
  const times = [];
  for (let k = 0; k <= repeats; k++) {
    const begin = performance.now();
    const found = await machine.ask("tape", { word, steps });
    if (!found) throw new Error("cancelled");
    times.push(performance.now() - begin);
  }
  machine.close();
  return times.slice(1);
}"""


def words() -> dict[str, tuple]:
    """name -> network, word, steps."""
    found = {}
    for bits in (12, 20, 64, 128):
        trained = pretrained.load("multiply")
        word = trained.task.encode(2**bits - 3, 2 ** (bits - 1) + 5, bits)
        found[f"multiply, {bits} bits"] = trained.page(), word, len(word) + 8
    for name in ("add", "copy", "reverse", "duplicate", "sort"):
        trained = pretrained.load(name)
        if name == "add":
            word = trained.task.encode(2**20 - 1, 1, 20)
        else:
            half = (1, 2, 3, 4) * 5
            word = half + (0,) * 20 if name == "duplicate" else half * 2
        found[f"{name}, {len(word)} cells"] = trained.page(), word, len(word)
    return found


def tables() -> Iterator[Table]:
    rows, first, weights = [], [], []
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        front_page(folder)
        page = browser.new_page()
        page.add_script_tag(content=module("arrays", "networks", "machine"))
        targets = {"multiply, 20 bits": "100", "multiply, 64 bits": "1000"}
        for what, (network, word, steps) in words().items():
            times = page.evaluate(RUNS, [network, list(word), steps, REPEATS])
            rows.append(
                [what, len(times), float(np.median(times)), max(times), targets.get(what, "")]
            )
        page.close()

        with served(folder) as address:
            for _ in range(REPEATS):
                page = browser.new_page(reduced_motion="reduce")
                page.goto(f"{address}/index.html")
                page.wait_for_selector("#front[data-state=done]")
                first.append(page.evaluate("Number(document.getElementById('front').dataset.ms)"))
                page.close()
        what = "front door: first answer after its program ran"
        rows.append([what, len(first), float(np.median(first)), max(first), "1000"])
        for path in sorted((folder / "_static").rglob("*.*")):
            data = path.read_bytes()
            weights.append([path.name, len(data) / 1e6, len(gzip.compress(data, 6)) / 1e6])
    yield Table(
        "Networks in the page: milliseconds",
        ["what", "runs", "median", "most", "target"],
        rows,
        "Headless Chromium, one worker, what would be read taken at every step; a first run, which compiles, "
        "is left out, except for the front door.",
    )
    yield Table(
        "The front door's files",
        ["file", "MB", "MB compressed"],
        weights,
        "Loaded once for the site; target: 0.4 MB beside what a page was.",
    )


def main() -> None:
    for table in tables():
        print(table, end="\n\n")


if __name__ == "__main__":
    main()
