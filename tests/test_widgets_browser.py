"""Every widget in headless Chromium: on a static page without network, and in JupyterLab.

The assertions are on pixels, on the values shown, on keys, and on what a screen reader is told.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ngpu_lib.widgets import (
    ActivationViewer,
    Addressing,
    Carries,
    DrawDigit,
    Gates,
    GradientFlow,
)
from tests.benchmarks.widgets import MOVE, heap
from tests.browser import (
    HASH,
    chromium,
    in_kernel,
    jupyter_lab,
    jupyter_page,
    notebook,
    open_in_lab,
    open_static,
)
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

# Three maps, one row, four positions, three steps; large values only in map 0.
STATE = np.zeros((3, 3, 1, 4))
STATE[:, 0, 0] = [[1, -1, 0, 0.5], [-1, 1, 0.5, 0], [0, 0, 1, -1]]
STATE[:, 1, 0] = 0.25
ENDS = {1.0: (45, 0, 75), -1.0: (127, 59, 8), 0.0: (247, 247, 247)}


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def static(browser, tmp_path):
    """static(widget) -> a page with the widget on it and nothing else within reach."""
    pages = []

    def show(widget, **options):
        pages.append(open_static(browser, widget, tmp_path, **options))
        return pages[-1]

    yield show
    for page in pages:
        assert page.errors == []
        page.context.close()


def traits(page, *names):
    found = [page.evaluate("(name) => window.model.get(name)", name) for name in names]
    return found[0] if len(found) == 1 else found


def pixel(page, x, y, canvas="canvas"):
    """The colour at a CSS place of a canvas, as (r, g, b)."""
    return tuple(
        page.locator(canvas).first.evaluate(
            """(canvas, [x, y]) => {
              const ratio = canvas.width / canvas.clientWidth;
              return [...canvas.getContext('2d').getImageData(x * ratio, y * ratio, 1, 1).data].slice(0, 3);
            }""",
            [x, y],
        )
    )


def cell(page, k, l):
    """The middle of map k's cell l on a page with STATE (one column of tiles)."""
    box = page.locator(".ngpu-viewer canvas").first.bounding_box()
    left, line, size = (
        42,
        17,
        26,
    )  # see panel.js: label column, line of input symbols, largest cell
    x, y = left + (l + 0.5) * size, line + k * (size + 1) + size / 2
    assert x < box["width"]
    return x, y


def hash_of(page, selector="canvas"):
    return page.locator(selector).first.evaluate(HASH)


def wait_text(page, selector, pattern):
    """Wait until an element's text matches; its text."""
    page.wait_for_function(
        "([selector, pattern]) => new RegExp(pattern).test(document.querySelector(selector)?.textContent)",
        arg=[selector, pattern],
    )
    return page.text_content(selector)


@pytest.fixture
def viewer_page(static):
    return static(ActivationViewer(STATE, inputs="01*1", outputs="1101", targets="1111"))


# The viewer, without a kernel and without a network.


def test_pixels_are_the_values(viewer_page):
    for step in range(3):
        viewer_page.evaluate("(step) => window.model.set('step', step)", step)
        for l, value in enumerate(STATE[step, 0, 0]):
            if value in ENDS:
                got = pixel(viewer_page, *cell(viewer_page, 0, l))
                assert got == ENDS[value], (step, l, value)
        assert pixel(viewer_page, *cell(viewer_page, 2, 0)) == ENDS[0.0]


def test_hover_shows_the_true_value_within_the_rounding(viewer_page):
    box = viewer_page.locator("canvas").bounding_box()
    for step in range(3):
        viewer_page.evaluate("(step) => window.model.set('step', step)", step)
        for k in range(3):
            for l in range(4):
                x, y = cell(viewer_page, k, l)
                viewer_page.mouse.move(box["x"] + x, box["y"] + y)
                text = viewer_page.text_content(".ngpu-readout").replace("−", "-")
                match = re.search(
                    r"step (\d), map (\d), position (\d) \(in (.), out (.)\): (\S+) ± (\S+)", text
                )
                assert match, text
                assert [int(n) for n in match.groups()[:3]] == [step, k, l]
                assert match.group(4, 5) == ("01*1"[l], "1101"[l])
                shown, rounding = float(match.group(6)), float(match.group(7))
                assert abs(shown - STATE[step, k, 0, l]) <= rounding + 0.0005


def test_keys(viewer_page):
    page = viewer_page
    page.locator("canvas").focus()
    seen = [hash_of(page)]
    for key, step in [("ArrowRight", 1), ("ArrowRight", 2), ("ArrowRight", 2), ("ArrowLeft", 1)]:
        page.keyboard.press(key)
        assert traits(page, "step") == step
        seen.append(hash_of(page))
    assert len(set(seen)) == 3, "each step has its own picture"
    assert seen[1] == seen[4]
    page.keyboard.press("Home")
    assert traits(page, "step") == 0
    page.keyboard.press("End")
    assert traits(page, "step") == 2
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    assert "map 0, position 1" in page.text_content(".ngpu-readout")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    assert traits(page, "maps") == [1]
    page.keyboard.press("Escape")
    assert traits(page, "maps") == []


def test_keys_stay_in_the_widget(viewer_page):
    """JupyterLab takes arrows that bubble; text fields keep their own."""
    page = viewer_page
    page.evaluate("document.addEventListener('keydown', () => { window.leaked = true; })")
    page.locator("canvas").focus()
    page.keyboard.press("ArrowRight")
    page.locator("input[aria-label^='Maps']").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    assert traits(page, "step", "playing") == [1, False]
    assert not page.evaluate("Boolean(window.leaked)")


def test_play_pause_loop_and_speed(viewer_page):
    page = viewer_page
    page.get_by_label("Speed").select_option("0.5")
    page.get_by_role("button", name="Play").click()
    assert page.get_by_role("button", name="Pause").is_visible()
    page.get_by_label("Speed").select_option("60")
    page.wait_for_function("!window.model.get('playing')")  # stops by itself at the end
    assert traits(page, "step") == 2
    page.get_by_label("Loop").check()
    page.locator("canvas").focus()
    page.keyboard.press("Space")
    page.evaluate(
        """() => {
          window.seen = new Set();
          window.model.on("change:step", () => window.seen.add(window.model.get("step")));
        }"""
    )
    page.wait_for_function("window.seen.size === 3")
    assert traits(page, "playing")
    page.keyboard.press("Space")
    assert not traits(page, "playing")
    step = traits(page, "step")
    page.wait_for_timeout(150)
    assert traits(page, "step") == step


def test_maps_and_small_multiples_over_time(viewer_page):
    page = viewer_page
    tall = page.locator("canvas").bounding_box()["height"]
    maps = page.locator("input[aria-label^='Maps']")
    maps.fill("0,2")
    maps.press("Enter")
    assert traits(page, "maps") == [0, 2]
    assert page.locator("canvas").bounding_box()["height"] < tall
    maps.fill("7")
    maps.press("Enter")
    assert traits(page, "maps") == [0, 2]
    assert "Maps go from 0 to 2" in page.text_content(".ngpu-readout")
    page.get_by_label("Show", exact=True).select_option("time")
    assert "steps run downwards" in page.text_content("figcaption")
    page.get_by_role("button", name="Show all maps").click()
    page.locator("canvas").hover(position={"x": 42 + 13, "y": 17 + 13 + 26})
    assert re.search("step 1, map 0, position 0.*: −1.00", page.text_content(".ngpu-readout"))


def test_a_view_is_copied_and_restored(viewer_page):
    page = viewer_page
    field = page.locator("input[aria-label^='The present view']")
    page.evaluate("window.model.set('step', 2); window.model.set('maps', [1])")
    text = field.input_value()
    assert text == "step=2 maps=1 mode=step row=0 speed=4 loop=no own_scale=no"
    picture = hash_of(page)
    page.evaluate("window.model.set('step', 0); window.model.set('maps', [])")
    assert hash_of(page) != picture
    page.get_by_role("button", name="Copy view").click()
    wait_text(page, ".ngpu-readout", r"View copied|Ctrl\+C")
    assert page.evaluate("getSelection().toString()") == field.input_value()
    field.fill(text)
    field.press("Enter")
    assert traits(page, "step", "maps") == [2, [1]]
    assert hash_of(page) == picture
    field.fill("step=9")
    field.press("Enter")
    assert traits(page, "step") == 2
    assert "Cannot read" in page.text_content(".ngpu-readout")
    python = ActivationViewer(STATE, view=text)
    assert python.view == text


def test_not_finite_values_are_green_and_counted(static):
    state = STATE.copy()
    state[0, 1, 0, 2], state[0, 1, 0, 3] = np.nan, np.inf
    page = static(ActivationViewer(state, inputs="01*1"))
    assert pixel(page, *cell(page, 1, 2)) == pixel(page, *cell(page, 1, 3)) == (0, 158, 115)
    assert "2 values are NaN or infinite" in page.text_content("figcaption")
    page.locator("canvas").hover(position=dict(zip("xy", cell(page, 1, 2), strict=True)))
    assert page.text_content(".ngpu-readout").endswith(": NaN")
    page = static(ActivationViewer(np.full((2, 1, 3), np.nan)))
    assert pixel(page, 42 + 13, 2 + 13) == (0, 158, 115)


def test_wrong_digits_are_marked_and_the_legend_says_what_colours_mean(viewer_page):
    """The tape reads 1101 where 1111 is right: position 2 is vermilion, no other."""
    marked = viewer_page.locator("canvas").evaluate(
        """(canvas) => {
          const { width, height } = canvas, ratio = width / canvas.clientWidth, found = new Set();
          const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
          for (let k = 0; k < width * height; k += 1)
            if (data[4 * k] === 213 && data[4 * k + 1] === 94) found.add(Math.floor(((k % width) / ratio - 42) / 26));
          return [...found];
        }"""
    )
    assert marked == [2]
    legend = viewer_page.get_by_role("note").text_content()
    assert re.search(r"−1\.00\s*1\.00.*0 in the middle", legend), legend
    viewer_page.get_by_label("Own colour scale per map").check()
    assert "max of map" in viewer_page.get_by_role("note").text_content()


def test_over_time_the_steps_to_come_are_faint_while_it_plays(viewer_page):
    page = viewer_page
    alpha = """([x, y]) => {
      const canvas = document.querySelector("canvas"), ratio = canvas.width / canvas.clientWidth;
      return canvas.getContext("2d").getImageData(x * ratio, y * ratio, 1, 1).data[3];
    }"""
    page.evaluate("window.model.set('mode', 'time'); window.requestAnimationFrame = () => 0")
    future = [42 + 13, 17 + 2.5 * 26]
    assert page.evaluate(alpha, future) == 255
    page.evaluate("window.model.set('playing', true)")
    assert 0 < page.evaluate(alpha, future) < 80
    page.evaluate("window.model.set('step', 2)")
    assert page.evaluate(alpha, future) == 255
    page.evaluate("window.model.set('step', 0); window.model.set('playing', false)")
    assert page.evaluate(alpha, future) == 255


def test_a_thousand_moves_leave_nothing_behind(static):
    page = static(ActivationViewer(np.random.default_rng(0).normal(size=(42, 24, 41))))
    page.evaluate(MOVE, 200)
    before = heap(page)
    page.evaluate(MOVE, 1000)
    assert heap(page) - before < 0.2, "megabytes"


def test_two_states_move_together_under_one_legend(static):
    page = static(ActivationViewer(STATE, STATE / 2, names=["left", "right"]))
    assert page.locator("canvas").count() == 2
    before = [page.locator("canvas").nth(k).evaluate(HASH) for k in range(2)]
    page.locator("canvas").nth(1).focus()
    page.keyboard.press("ArrowRight")
    after = [page.locator("canvas").nth(k).evaluate(HASH) for k in range(2)]
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert before[0] != before[1], "half the values are half the colour"


def test_a_finger_scrubs(static):
    page = static(ActivationViewer(STATE), has_touch=True, viewport={"width": 390, "height": 700})
    box = page.locator("canvas").bounding_box()
    y = box["y"] + 20
    client = page.context.new_cdp_session(page)
    for kind, x in [("touchStart", 60), ("touchMove", 110), ("touchMove", 150), ("touchEnd", None)]:
        points = [] if x is None else [{"x": x, "y": y}]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert traits(page, "step") == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "no sideways scrolling"


def test_what_a_screen_reader_hears(viewer_page):
    page = viewer_page
    for role, name in [
        ("group", "Activation viewer"),
        ("slider", "Step"),
        ("button", "Play"),
        ("combobox", "Speed"),
        ("checkbox", "Loop"),
        ("textbox", "Maps, such as 0-5,17, or all"),
        ("button", "Copy view"),
    ]:
        assert page.get_by_role(role, name=name).count() == 1, (role, name)
    page.locator("canvas").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_label("Step", exact=True).get_attribute("aria-valuetext") == "1 of 2"
    assert "input 01*1 output 1101" in wait_text(page, "[aria-live]", r"^Step 1 of 2")
    assert "step 1 of 2" in page.locator("canvas").get_attribute("aria-label")


def all_widgets():
    return {"viewer": ActivationViewer(STATE), "gates": Gates(), "addressing": Addressing()} | (
        asking_widgets()
    )


@pytest.mark.parametrize(
    ("kind", "focus", "keys", "trait"),
    [
        ("viewer", "canvas", ["ArrowRight"], "step"),
        ("digit", "canvas", ["ArrowRight", "Space"], "pixels"),
        ("gradient", "input[type=range]", ["ArrowRight"], "scale"),
        ("gates", ".ngpu-strip-update", ["ArrowRight", "ArrowDown"], "update"),
        ("addressing", "[role=slider]", ["Space"], "key"),
        ("carries", "[role=button][aria-label^='a, place 0']", ["ArrowLeft", "Enter"], "operands"),
    ],
)
def test_every_widget_has_names_and_works_by_keyboard(static, kind, focus, keys, trait):
    """Each control tells a screen reader what it is; keys alone change the state; a live line says so."""
    widget = all_widgets()[kind]
    page = static(widget)
    assert page.get_by_role("group", name=widget.title, exact=True).count() == 1
    unnamed = page.evaluate(
        """[...document.querySelectorAll(
             "input, select, button, canvas, [tabindex], [role=img], [role=slider], [role=button]")]
           .filter((e) => e.checkVisibility() && e.ariaHidden !== "true")
           .filter((e) => !(e.ariaLabel || e.labels?.length || e.textContent.trim()))
           .map((e) => e.outerHTML.slice(0, 200))"""
    )
    assert unnamed == []
    page.evaluate(  # a kernel that only says it is there
        """() => {
          const answer = () => window.model.set("answered", window.model.get("asked"));
          window.model.on("change:asked", answer);
          answer();
        }"""
    )
    before, saves = traits(page, trait), page.evaluate("window.saves || 0")
    page.locator(focus).first.focus()
    for key in keys:
        page.keyboard.press(key)
        # Jupyter's shortcuts leave alone what carries this attribute itself (Notebook 7 takes arrows else).
        assert page.evaluate("document.activeElement.dataset.lmSuppressShortcuts") == "true"
    assert traits(page, trait) != before
    page.wait_for_function("(saves) => (window.saves || 0) > saves", arg=saves)
    wait_text(page, "[aria-live]", r"\w")


def test_closing_stops_everything(viewer_page):
    page = viewer_page
    page.evaluate("window.close_widget()")
    picture = hash_of(page)
    page.evaluate("window.model.set('step', 2)")
    assert hash_of(page) == picture


# Explorers that compute in the page: JavaScript and Python must agree.


def shown(page, name):
    return np.array([float(v) for v in page.locator(".ngpu").get_attribute(f"data-{name}").split()])


def test_gates_agree_with_python_and_follow_the_hand(static):
    rng = np.random.default_rng(1)
    settings = {
        "update": rng.random(20).round(2),
        "reset": rng.random(20).round(2),
        "pulse": rng.normal(size=20).clip(-3, 3).round(2),
        "weight": 1.3,
    }
    explorer = Gates(20, **settings)
    page = static(explorer)
    np.testing.assert_allclose(shown(page, "state"), explorer.state, atol=1e-6)
    box = page.locator(".ngpu-strip-update").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 8, steps=12)
    page.mouse.up()
    explorer.update = traits(page, "update")
    assert sum(u >= 0.95 for u in explorer.update) >= 5
    np.testing.assert_allclose(shown(page, "state"), explorer.state, atol=1e-6)
    page.locator(".ngpu-strip-pulse").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    assert traits(page, "pulse")[1] == 3
    page.get_by_role("button", name="Write once, keep").click()
    explorer.pulse, explorer.update = traits(page, "pulse", "update")
    assert sorted(set(explorer.update)) == [0, 1]
    np.testing.assert_allclose(shown(page, "state"), explorer.state, atol=1e-6)
    kept = explorer.state[np.flatnonzero(np.array(explorer.update) == 0)[0]]
    assert shown(page, "state")[-1] == pytest.approx(kept, abs=1e-6)


def test_addressing_agrees_with_python_and_walks(static):
    settings = {"beta": 7.5, "gate": 0.7, "shift": -0.4, "gamma": 3.5}
    explorer = Addressing(**settings, key=[0.5, -1, 1, 0, 0.25, -0.5])
    page = static(explorer)
    np.testing.assert_allclose(shown(page, "weights"), explorer.weights["sharpening"], atol=1e-6)
    page.get_by_label("Key like row").select_option("5")
    page.get_by_label("Key strength β").fill("50")
    page.get_by_label("Gate g").fill("1")
    page.get_by_label("Shift s").fill("0")
    assert shown(page, "weights").argmax() == 5
    page.get_by_label("Gate g").fill("0")
    page.get_by_label("Shift s").fill("1")
    for row in (1, 2, 3):  # the head walks on by itself
        assert shown(page, "weights").tolist() == np.eye(8)[row].tolist()
        assert f"row {row} with weight 1.00" in page.text_content(".ngpu-readout")
        page.get_by_role("button", name="Use as previous").click()
    place = page.get_by_role("slider", name="Key, place 0")
    before = traits(page, "key")[0]
    place.focus()
    page.keyboard.press("Space")
    assert traits(page, "key")[0] == -before


# Explorers that ask Python: on a static page they keep their picture and say so.


def asking_widgets():
    one_hot = np.eye(10)
    return {
        "digit": DrawDigit({"net": lambda image: one_hot[3]}, examples=np.zeros((1, 28, 28))),
        "gradient": GradientFlow(
            lambda depth, scale, **_: scale ** np.arange(depth, -1, -1.0), scale=0.8
        ),
        "carries": Carries(lambda a, b, n: [(a + b) >> k & 1 for k in range(2 * n)], a=5, b=3),
    }


@pytest.mark.parametrize("name", ["digit", "gradient", "carries"])
def test_without_a_kernel_an_explorer_keeps_its_picture_and_says_so(static, name):
    page = static(asking_widgets()[name])
    expected = {
        "digit": "net: 3 (100 %)",
        "gradient": "a factor of 0.800 per layer",
        "carries": "5 + 3 = 8",
    }
    assert expected[name] in page.text_content(".ngpu")
    wait_text(page, ".ngpu-note", "No kernel answers, so this shows the state it was saved in")
    assert page.locator("[disabled]").count() >= 4
    if name == "digit":  # examples were answered beforehand
        page.get_by_role("button", name="Example 1").click()
        assert "net: 3" in page.text_content(".ngpu")


def test_with_a_kernel_the_line_never_shows(static):
    page = static(asking_widgets()["carries"])
    page.evaluate("window.model.set('answered', window.model.get('asked'))")
    page.wait_for_timeout(2800)
    assert page.locator(".ngpu-note").first.is_hidden()
    assert page.locator("[disabled]").count() == 0


@pytest.mark.parametrize("kind", ["viewer", "carries"])
def test_a_page_as_jupyter_saves_it(browser, tmp_path, kind):
    """The notebook's own static format: Jupyter's widget manager, no kernel, no network."""
    widget = ActivationViewer(STATE, inputs="01*1") if kind == "viewer" else asking_widgets()[kind]
    try:
        address = jupyter_page(widget, tmp_path)
    except OSError as error:
        pytest.skip(str(error))
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.context.set_offline(True)
    page.goto(address)
    page.wait_for_selector(f".ngpu-{kind}", timeout=60_000)
    if kind == "viewer":
        picture = hash_of(page)
        page.locator("canvas").focus()
        page.keyboard.press("ArrowRight")
        assert hash_of(page) != picture
        assert page.get_by_label("Step", exact=True).get_attribute("aria-valuetext") == "1 of 2"
        assert pixel(page, *cell(page, 0, 0)) == ENDS[-1.0]
    else:
        assert "5 + 3 = 8" in page.text_content(".ngpu")
        wait_text(page, ".ngpu-note", "No kernel answers")
    assert errors == []
    page.context.close()


# In JupyterLab, with a kernel.

WIDGETS = """
import numpy as np
from IPython.display import display
from ngpu_lib.widgets import *
state = np.zeros((3, 3, 1, 4)); state[:, 0, 0] = [[1, -1, 0, .5], [-1, 1, .5, 0], [0, 0, 1, -1]]
viewer = ActivationViewer(state, inputs="01*1")
digit = DrawDigit({"ink": lambda image: np.eye(10)[min(9, int(image.sum() // 4))]})
flow = GradientFlow(lambda scale, depth, **_: scale ** np.arange(depth, -1, -1.0), scale=0.8)
gates, head = Gates(), Addressing(gate=0)
carries = Carries(lambda a, b, n: [(a + b) >> k & 1 for k in range(2 * n)], a=255, b=1)
display(viewer, digit, flow, gates, head, carries)
"""


def inked_places(page):
    """How many of the drawing sheet's 28 x 28 places are not white in the page."""
    return page.locator(".ngpu-digit canvas").first.evaluate(
        """(canvas) => {
          const side = canvas.width / 28, last = Math.floor(28 * side);
          const { data } = canvas.getContext('2d').getImageData(0, 0, last, last);
          const at = (k) => Math.floor((k + 0.5) * side);
          let inked = 0;
          for (let y = 0; y < 28; y++)
            for (let x = 0; x < 28; x++) inked += data[4 * (at(y) * last + at(x))] < 255;
          return inked;
        }"""
    )


def drive_everything(page):
    """Move every widget in the page and from the kernel; both sides must end up the same."""
    for kind in ("viewer", "digit", "gradient", "gates", "addressing", "carries"):
        page.wait_for_selector(f".ngpu-{kind}", timeout=60_000)
    python = lambda code: in_kernel(page, f"print({code})").strip()  # noqa: E731

    def wait_python(code, wanted):
        for _ in range(100):
            if (found := python(code)) == wanted:
                return
            page.wait_for_timeout(50)
        raise AssertionError(f"{code} is {found}, needs {wanted}")

    # Viewer: keys move the picture here and the trait there; a cell moves the picture.
    canvas = ".ngpu-viewer canvas"
    page.locator(canvas).focus()
    first = hash_of(page, canvas)
    page.keyboard.press("ArrowRight")
    assert hash_of(page, canvas) != first
    wait_python("viewer.step", "1")
    page.keyboard.press("Home")
    wait_python("viewer.step", "0")
    assert hash_of(page, canvas) == first
    in_kernel(page, "viewer.view = 'step=2 maps=0'")
    wait_text(page, ".ngpu-viewer output", "2 of 2")

    # Digit: ink from the mouse reaches the classifier, its answer comes back.
    sheet = page.locator(".ngpu-digit canvas").first
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    page.mouse.move(box["x"] + 90, box["y"] + 90)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 90, steps=5)
    page.mouse.up()
    wait_text(page, ".ngpu-digit figcaption", r"ink: [1-9] \(100 %\)")
    # The whole stroke: a sheet cleared before its end has arrived would be inked again.
    wait_python("np.count_nonzero(digit.image)", str(inked_places(page)))
    assert float(python("digit.image.sum()")) > 4
    in_kernel(page, "digit.image = np.zeros((28, 28))")
    wait_text(page, ".ngpu-digit figcaption", r"ink: 0 \(100 %\)")
    assert pixel(page, 120, 90, ".ngpu-digit canvas") == (255, 255, 255)

    # Gradient flow: a key on a slider, and a cell.
    slider = page.locator(".ngpu-gradient input[type=range]").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    wait_text(page, ".ngpu-gradient .ngpu-readout", "a factor of 0.850 per layer")
    in_kernel(page, "flow.scale = 0.5")
    wait_text(page, ".ngpu-gradient .ngpu-readout", "a factor of 0.500 per layer")

    # Gates and addressing: computed in the page, and the same in Python.
    page.locator(".ngpu-gates").get_by_role("button", name="Write once, keep").click()
    wait_python("gates.state[-1].round(6)", "0.995055")
    in_kernel(page, "gates.update = 0.5")
    page.wait_for_function(
        "document.querySelector('.ngpu-gates').dataset.state.split(' ')[6] < 0.5"
    )
    page.locator(".ngpu-addressing").get_by_label("Shift s").fill("1")
    wait_python("head.weights['sharpening'].argmax()", "1")
    in_kernel(page, "head.shift = -1")
    page.wait_for_function(
        "document.querySelector('.ngpu-addressing').dataset.weights.endsWith('1.000000')"
    )

    # Carries: a digit is clicked, Python answers; a cell asks.
    page.locator(".ngpu-carries").get_by_role("button", name=re.compile("^b, place 1")).click()
    wait_text(page, ".ngpu-carries .ngpu-readout", r"255 \+ 3 = 258. The network is right")
    in_kernel(page, "carries._compute = lambda a, b, n: [0] * (2 * n); carries.ask(3, 4)")
    wait_text(page, ".ngpu-carries .ngpu-readout", r"3 \+ 4 = 7. The network has 3 wrong digits")
    assert page.locator(".ngpu-carries .ngpu-wrong").count() == 3

    # The kernel answered: no explorer says otherwise.
    assert page.locator(".ngpu-note:visible").count() == 0
    assert page.errors == []


def test_every_widget_in_jupyterlab(browser, tmp_path):
    notebook(tmp_path / "widgets.ipynb", WIDGETS)
    with jupyter_lab(tmp_path) as address:
        page = open_in_lab(
            browser, address, "widgets.ipynb", viewport={"width": 1200, "height": 900}
        )
        drive_everything(page)
        page.close()


# Under ipywidgets 7.7, as on Colab: the Python half, and JupyterLab 3, the last that speaks it.


@pytest.fixture(scope="module")
def old_jupyter(tmp_path_factory):
    """The jupyter command of an environment with ipywidgets 7.7.1, from NGPU_JUPYTER7 or made here."""
    if found := os.environ.get("NGPU_JUPYTER7"):
        return Path(found)
    folder = tmp_path_factory.mktemp("ipywidgets7")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    # From 3.6 on JupyterLab 3 needs y-py, which has no wheel for Python 3.13.
    packages = ["ipywidgets==7.7.1", "jupyterlab==3.5.3", "anywidget", "numpy", "pytest"]
    command = [folder / "bin" / "python", "-m", "pip", "install", "-q", *packages]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no ipywidgets 7.7 could be installed: {done.stderr[-200:]}")
    return folder / "bin" / "jupyter"


def test_python_half_under_ipywidgets_7(old_jupyter, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    python = old_jupyter.with_name("python")
    version = "import ipywidgets; print(ipywidgets.__version__)"
    done = subprocess.run([python, "-c", version], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("7.7")
    options = ["--noconftest", "-q", "-c", os.devnull, "--rootdir", ROOT, "-p", "no:cacheprovider"]
    command = [python, "-m", "pytest", *options, ROOT / "tests" / "test_widgets.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:]


def test_every_widget_under_ipywidgets_7(old_jupyter, browser, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook(tmp_path / "widgets.ipynb", WIDGETS)
    with jupyter_lab(tmp_path, str(old_jupyter)) as address:
        page = open_in_lab(
            browser, address, "widgets.ipynb", viewport={"width": 1200, "height": 900}
        )
        drive_everything(page)
        page.close()
