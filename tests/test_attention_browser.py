"""The explorers of lesson 10 in headless Chromium, on a page without a kernel."""

from __future__ import annotations

import numpy as np
import pytest

from ngpu_lib.widgets import AttentionMaps, Temperature
from tests.browser import chromium, open_static

pytestmark = pytest.mark.browser

WEIGHTS = np.random.default_rng(0).dirichlet(np.ones(5), (2, 3, 5))


@pytest.fixture
def static(tmp_path):
    """static(widget) -> a page with the widget on it and nothing else within reach."""
    with chromium() as browser:
        yield lambda widget: open_static(browser, widget, tmp_path)


def shown(page, name):
    return np.array([float(v) for v in page.locator(".ngpu").get_attribute(f"data-{name}").split()])


UNNAMED = """[...document.querySelectorAll("input, select, button, [tabindex], [role=img], [role=slider]")]
  .filter((e) => !(e.ariaLabel || e.labels?.length || e.textContent.trim())).length"""


def test_keys_move_query_head_and_layer(static):
    page = static(AttentionMaps(WEIGHTS, "ab c\n", query=1, title="Where it looks"))
    assert page.get_by_role("group", name="Where it looks", exact=True).count() == 1
    assert page.evaluate(UNNAMED) == 0
    at = [0, 0, 1]
    assert np.abs(shown(page, "row") - WEIGHTS[tuple(at)]).max() < 0.003
    page.locator(".ngpu-query").focus()
    moves = [("ArrowDown", 2, 2), ("ArrowRight", 1, 1), ("PageDown", 0, 1), ("End", 2, 4)]
    for key, axis, value in moves + [("ArrowDown", 2, 4), ("ArrowUp", 2, 3)]:
        page.keyboard.press(key)
        at[axis] = value
        names = ["layer", "head", "query"]
        assert [page.evaluate("(n) => window.model.get(n)", n) for n in names] == at
        assert np.abs(shown(page, "row") - WEIGHTS[tuple(at)]).max() < 0.003
    assert "Layer 1, head 1: c at 3 looks at" in page.text_content(".ngpu-readout")
    page.wait_for_function("/c at 3/.test(document.querySelector('[aria-live]').textContent)")
    page.locator("rect[fill=transparent]").click(position={"x": 5, "y": 5})
    assert page.evaluate("window.model.get('query')") == 0
    assert page.errors == []


def test_temperature_agrees_with_python(static):
    logits = [0.3, 2.0, -1.0, 1.4]
    explorer = Temperature(logits, "a\n c", "x", {0: "cold", 1: "warm", 4: "hot"})
    page = static(explorer)
    assert page.evaluate(UNNAMED) == 0
    order = np.argsort(logits)[::-1]
    for temperature, text in ((0, "cold"), (1, "warm"), (4, "hot")):
        explorer.temperature = temperature
        page.locator("input[type=range]").fill(str([0, 1, 4].index(temperature)))
        assert page.evaluate("window.model.get('temperature')") == temperature
        assert np.abs(shown(page, "chances") - explorer.chances[order]).max() < 1e-3
        assert text in page.text_content("pre")
    assert page.errors == []
