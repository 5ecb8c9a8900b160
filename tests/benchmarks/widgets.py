"""The widgets in headless Chromium: from a key press to changed pixels, page weight, memory."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ngpu_lib.widgets import ActivationViewer
from tests.bench import Table
from tests.browser import chromium, jupyter_lab, notebook, open_in_lab, open_static

SHAPE = (42, 96, 41)
KEYS = 120
MOVES = 1000

CELL = """
import numpy as np
from IPython.display import display
from ngpu_lib.widgets import *
viewer = ActivationViewer(np.random.default_rng(0).normal(size=(42, 96, 41)))
digit = DrawDigit({"ink": lambda image: np.eye(10)[int(image.sum() > 1)]})
flow = GradientFlow(lambda scale, depth, **_: scale ** np.arange(depth, -1, -1.0), scale=0.8)
carries = Carries(lambda a, b, n: [(a + b) >> k & 1 for k in range(2 * n)], a=255, b=1)
display(viewer, digit, flow, carries)
"""

# Times run from the browser's own stamp on the key event. Canvas pixels are read right after
# the viewer's own handler; for what Python answers, the change of the text shown counts.
WATCH = """([selector, text]) => {
  window.watch?.abort();
  window.watch = new AbortController();
  const target = document.querySelector(selector);
  window.drawn = []; window.framed = []; window.unchanged = 0;
  let start = 0, before = "";
  const probe = () => {
    const row = target.getContext("2d").getImageData(0, Math.floor(target.height / 2), target.width, 1);
    return String(row.data);
  };
  const read = () => {
    const now = performance.now();
    if (probe() === before) window.unchanged += 1;
    window.drawn.push(now - start);
    requestAnimationFrame((frame) => window.framed.push(Math.max(frame, now) - start));
  };
  if (text) new MutationObserver(() => {
    if (start) window.drawn.push(performance.now() - start);
    start = 0;
  }).observe(target, { childList: true, characterData: true, subtree: true });
  window.addEventListener("keydown", (event) => {
    if (!text) before = probe();
    start = event.timeStamp;
  }, { capture: true, signal: window.watch.signal });
  if (!text) target.closest(".ngpu").addEventListener("keydown", read, { signal: window.watch.signal });
}"""

#: The same without keys and events: 300 steps drawn and read back in one task.
DRAW = """() => {
  const canvas = document.querySelector("canvas"), times = [];
  for (let k = 1; k <= 300; k++) {
    const start = performance.now();
    window.model.set("step", k % 42);
    canvas.getContext("2d").getImageData(0, 0, canvas.width, 1);
    times.push(performance.now() - start);
  }
  return times;
}"""

#: Many moves at once.
MOVE = "(moves) => { for (let k = 0; k < moves; k++) window.model.set('step', k % 42); }"

#: What Jupyter itself takes: an empty request to the kernel and back.
ROUND_TRIP = """async () => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const times = [];
  for (let k = 0; k < 30; k++) {
    const start = performance.now();
    await kernel.requestExecute({ code: "1" }).done;
    times.push(performance.now() - start);
    await new Promise((done) => setTimeout(done, 20));
  }
  return times;
}"""


def press(page, focus: str, keys: list[str], target: str, text: bool, pause: int = 20):
    """Press keys on an element; milliseconds until ``target`` changed, and until the next frame."""
    page.locator(focus).first.focus()
    page.evaluate(WATCH, [target, text])
    for k in range(KEYS if not text else KEYS // 4):
        page.keyboard.press(keys[k % len(keys)])
        if text:  # wait for Python before the next press
            page.wait_for_function("(k) => window.drawn.length > k", arg=k)
        page.wait_for_timeout(pause)
    page.wait_for_timeout(300)
    assert page.evaluate("window.unchanged") == 0, "a key press changed no pixel"
    return page.evaluate("window.drawn"), page.evaluate("window.framed")


def row(what: str, times: list[float], most: str) -> list:
    return [what, len(times), *(float(np.percentile(times, q)) for q in (50, 95)), most]


def heap(page) -> float:
    """Megabytes of JavaScript objects in use after a collection."""
    client = page.context.new_cdp_session(page)
    client.send("HeapProfiler.collectGarbage")
    client.send("Performance.enable")
    metrics = client.send("Performance.getMetrics")["metrics"]
    return next(m["value"] for m in metrics if m["name"] == "JSHeapUsedSize") / 1e6


def tables() -> Iterator[Table]:
    state = np.random.default_rng(0).normal(size=SHAPE)
    viewer = ActivationViewer(state)
    there_and_back = ["ArrowRight"] * 20 + ["ArrowLeft"] * 20
    rows, memory = [], []
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        page = open_static(browser, viewer, folder)
        canvas = ".ngpu-viewer canvas"
        drawn, framed = press(page, canvas, there_and_back, canvas, text=False)
        rows += [
            row("viewer, static page: pixels", drawn, "16"),
            row("viewer, static page: next frame", framed, ""),
        ]
        rows.append(row("viewer: drawing and reading back alone", page.evaluate(DRAW), ""))
        page.evaluate(MOVE, 100)
        for moves in (0, MOVES, 2 * MOVES):
            page.evaluate(MOVE, moves)
            memory.append([f"after {moves} moves more", heap(page)])
        page.close()

        notebook(folder / "bench.ipynb", CELL)
        with jupyter_lab(folder) as address:
            page = open_in_lab(
                browser, address, "bench.ipynb", viewport={"width": 1200, "height": 900}
            )
            page.wait_for_selector(".ngpu-carries", timeout=90_000)
            page.wait_for_timeout(3000)
            drawn, framed = press(page, canvas, there_and_back, canvas, text=False)
            rows += [
                row("viewer, JupyterLab: pixels", drawn, "16"),
                row("viewer, JupyterLab: next frame", framed, ""),
            ]
            rows.append(row("JupyterLab: the kernel runs `1`", page.evaluate(ROUND_TRIP), ""))
            for what, focus, keys, target in [
                ("digit", ".ngpu-digit canvas", [" ", "Delete"], ".ngpu-digit figcaption strong"),
                (
                    "gradient flow",
                    ".ngpu-gradient input",
                    ["ArrowRight", "ArrowLeft"],
                    ".ngpu-gradient .ngpu-readout",
                ),
                ("carries", ".ngpu-carries g[role=button]", [" "], ".ngpu-carries .ngpu-readout"),
            ]:
                drawn, _ = press(page, focus, keys, target, text=True)
                rows.append(row(f"{what}, JupyterLab: Python's answer shown", drawn, "60"))
            page.close()
        weight = (folder / "ActivationViewer.html").stat().st_size
    yield Table(
        "Widgets: milliseconds from a key press",
        ["what", "presses", "median", "95 %", "target (95 %)"],
        rows,
        f"Viewer with {' x '.join(map(str, SHAPE))} values, all maps shown, headless Chromium without a GPU. "
        "Python's own function takes next to no time here.",
    )
    yield Table(
        "Widgets: weight",
        ["what", "MB"],
        [
            ["static page with one viewer, in all", weight / 1e6],
            ["the viewer's state as JSON", len(json.dumps(viewer.get_state(), default=str)) / 1e6],
            *memory,
        ],
        "Targets: page under 1 MB; memory (JavaScript heap after a collection) flat.",
    )


def main() -> None:
    for table in tables():
        print(table, end="\n\n")


if __name__ == "__main__":
    main()
