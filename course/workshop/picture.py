"""The README's moving picture: the viewer, in a browser, with shipped weights at work.

python -m course.workshop.picture [--weights multiply] [--a 2741] [--b 3001] [--digits 12] [--maps 4,53]
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

from PIL import Image

from course.workshop.browser import chromium, open_static
from ngpu_lib import pretrained
from ngpu_lib.widgets import ActivationViewer


def viewer(weights: str, a: int, b: int, digits: int, maps: str) -> ActivationViewer:
    """The viewer over one run, with what would be read after every step."""
    trained = pretrained.load(weights)
    trace = trained.trace(trained.task.encode(a, b, length=digits))
    name = f"{a:,} × {b:,} = {a * b:,}, lowest digit first"
    return ActivationViewer(trace, names=[name], view=f"maps={maps} mode=time speed=4")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="multiply")
    parser.add_argument("--a", type=int, default=2741)
    parser.add_argument("--b", type=int, default=3001)
    parser.add_argument("--digits", type=int, default=12)
    parser.add_argument("--maps", default="4,53,71,87")
    parser.add_argument("--out", type=Path, default=Path("course/images/viewer.gif"))
    options = parser.parse_args()
    widget = viewer(options.weights, options.a, options.b, options.digits, options.maps)
    frames = []
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = open_static(browser, widget, Path(folder), viewport={"width": 840, "height": 760})
        page.evaluate("window.requestAnimationFrame = () => 0")  # the clock is ours
        page.evaluate("window.model.set('playing', true)")
        for step in range(widget.steps):
            page.evaluate("(step) => window.model.set('step', step)", step)
            png = page.locator(".ngpu-viewer").screenshot()
            frames.append(
                Image.open(io.BytesIO(png)).convert("P", palette=Image.ADAPTIVE, colors=64)
            )
        page.close()
    times = [140] * (len(frames) - 1) + [2500]  # milliseconds; rests on the answer
    frames[0].save(options.out, save_all=True, append_images=frames[1:], duration=times, loop=0)
    print(f"{options.out}: {len(frames)} frames, {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
