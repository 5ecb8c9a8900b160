"""The README's picture: the site's front door at work, in a browser.

python -m course.workshop.picture [--a 1234567890] [--b 987654321]

Writes course/images/front.gif, step by step, and front.png, a moment of it for pages without JavaScript.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import io
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from course.workshop import site
from course.workshop.browser import chromium

IMAGES = site.ROOT / "course" / "images"
#: The front door alone, with the few colours that the site's theme would give.
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>The machine at work</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="_static/course.css"><style>
body { --color-foreground-primary: #111; --color-background-secondary: #f8f9fb; --color-foreground-muted: #6b6f76;
  font-family: system-ui, "DejaVu Sans", sans-serif; max-width: 736px;
  margin: 12px auto; padding: 0 12px; background: #fff; }
.front-bar, .front-maps, .front-still { display: none !important; }
</style><body><main><div id="front" class="front"><img alt=""></div></main>
<script src="_static/widgets.js"></script><script src="_static/front.js"></script></body></html>"""


def front_page(folder: Path) -> None:
    """Write the front door by itself, without Sphinx."""
    static = folder / "_static"
    static.mkdir(parents=True)
    for name in ("widgets.js", "course.css"):
        shutil.copy(site.DOCS / "_static" / name, static)
    (static / "front.js").write_text(site.front_door(static / "weights"), "utf-8")
    (folder / "index.html").write_text(PAGE, "utf-8")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder as a site on this machine; its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--a", default="1234567890")
    parser.add_argument("--b", default="987654321")
    options = parser.parse_args()
    frames = []
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        front_page(Path(name))
        with served(Path(name)) as address:
            page = browser.new_page(viewport={"width": 760, "height": 780}, reduced_motion="reduce")
            page.goto(f"{address}/index.html")
            page.wait_for_selector("#front[data-state=done]")
            page.get_by_label("First number").fill(options.a)
            page.get_by_label("Second number").fill(options.b)
            page.get_by_label("Second number").press("Enter")
            page.wait_for_timeout(1500)
            page.locator(".front-space").focus()
            last = int(page.locator("#front").get_attribute("data-step"))
            page.keyboard.press("Home")
            page.evaluate("document.activeElement.style.outline = 'none'")
            for step in [*range(0, last, 2), last]:
                while page.locator("#front").get_attribute("data-step") != str(step):
                    page.keyboard.press("ArrowDown")
                png = page.locator("main").screenshot()
                frames.append(Image.open(io.BytesIO(png)).convert("RGB"))
            page.close()
    frames[-1].save(IMAGES / "front.png", optimize=True)
    palette = frames[-1].quantize(96)
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [120] * (len(small) - 1) + [2500]  # milliseconds; rests on the answer
    out = IMAGES / "front.gif"
    small[0].save(
        out, save_all=True, append_images=small[1:], duration=times, loop=0, optimize=True
    )
    print(f"{out}: {len(small)} frames, {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
