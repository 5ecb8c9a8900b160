"""The tape of lesson 14 driven by hand in headless Chromium, on a page without a kernel."""

from __future__ import annotations

import pytest

from ngpu_lib.widgets import TapeDrive
from tests.browser import chromium, open_static
from tests.test_attention_browser import UNNAMED

pytestmark = pytest.mark.browser


@pytest.fixture
def static(tmp_path):
    """static(widget) -> a page with the widget on it and nothing else within reach."""
    with chromium() as browser:
        yield lambda widget: open_static(browser, widget, tmp_path)


def state(page) -> list[int]:
    """Row, column, step and what was paid so far."""
    return [int(v) for v in page.locator(".ngpu").get_attribute("data-state").split()]


def test_a_word_is_copied_by_keys(static):
    page = static(TapeDrive([[1, 0]], [1, 0], title="Copy by hand"))
    assert page.get_by_role("group", name="Copy by hand", exact=True).count() == 1
    assert page.evaluate(UNNAMED) == 0
    page.locator("[role=application]").focus()
    for key in ("ArrowUp", "7", "1", "ArrowRight"):  # no such move, no such symbol
        page.keyboard.press(key)
    assert state(page) == [0, 1, 1, 1]
    for key in ("0", "ArrowRight", "ArrowRight"):  # nothing moves after the end
        page.keyboard.press(key)
    assert state(page) == [0, 2, 2, 2]
    assert "The whole answer is there." in page.text_content(".ngpu-readout")
    assert page.evaluate("window.model.get('actions')") == [[1, 1], [1, 0]]
    page.keyboard.press("Backspace")
    assert state(page) == [0, 0, 0, 0]
    assert page.errors == []


def test_buttons_drive_a_grid_and_a_wrong_symbol_ends(static):
    page = static(TapeDrive([[0, 1], [1, 1]], [0, 0, 1], column=1))
    page.get_by_role("button", name="move down").click()
    page.get_by_role("button", name="1", exact=True).click()
    page.get_by_role("button", name="move left").click()
    assert state(page) == [1, 0, 2, 0]
    assert "Wrong: the episode is over." in page.text_content(".ngpu-readout")
    page.get_by_role("button", name="again").click()
    assert state(page) == [0, 1, 0, 0] and page.errors == []
