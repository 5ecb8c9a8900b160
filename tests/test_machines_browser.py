"""Widgets whose networks the page runs by itself: on a static page, damaged, stopped, and checked in JupyterLab."""

from __future__ import annotations

import re

import pytest

from ngpu_lib import pretrained, recorded
from ngpu_lib.ntm import NTM
from ngpu_lib.page import hand_set_machine, page_network
from ngpu_lib.widgets import ActivationViewer, Carries, Copier, SpaceTime
from tests.browser import chromium, in_kernel, jupyter_lab, notebook, open_in_lab, open_static

pytestmark = pytest.mark.browser
UNCHECKED = "No kernel is there to check it"


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


@pytest.fixture(scope="module")
def trained():
    return pretrained.load("multiply")


def viewer_of(name, *word, **options):
    found = pretrained.load(name)
    return ActivationViewer(found.trace(word), network=found.page(), word=word, **options)


def told(page, pattern, kind="") -> str:
    """Wait until what the widget says about its run matches; the words."""
    line = page.locator(f"{kind} .ngpu-told").first
    for _ in range(600):
        if re.search(pattern, words := line.inner_text()):
            return words
        page.wait_for_timeout(50)
    raise AssertionError(f"got {words!r}; needs {pattern!r}")


def test_a_viewer_computes_what_is_typed(static, trained):
    page = static(viewer_of("multiply", *trained.task.encode(13, 11, 8), at_least=8))
    a, b = (page.get_by_label(f"{name} number") for name in ("First", "Second"))
    assert (a.input_value(), b.input_value()) == ("13", "11")
    a.fill("201")
    b.fill("99")
    b.press("Enter")
    told(page, "Computed in this page in .* by the network itself .multiply, 337 kB")
    told(page, UNCHECKED)
    (panel,) = page.evaluate("window.model.get('panels')")
    mine = ActivationViewer(trained.trace(trained.task.encode(201, 99, 8))).panels[0]
    assert panel["outputs"] == mine["outputs"] and panel["targets"] == mine["targets"]
    from ngpu_lib.widgets.panel import furthest

    assert furthest(panel, mine) < 0.01
    assert page.locator(".ngpu-viewer output").first.inner_text() == "25 of 25"


def test_a_word_is_reversed(static):
    page = static(viewer_of("reverse", 1, 2, 3))
    page.get_by_label("Word").fill("0123 4567 0011")
    page.get_by_role("button", name="Run").click()
    told(page, UNCHECKED)
    (panel,) = page.evaluate("window.model.get('panels')")
    assert panel["outputs"][-1] == list("110076543210")


@pytest.mark.parametrize(
    ("first", "sentence"),
    [
        ("12a", "Type two whole numbers"),
        ("-5", "Type two whole numbers"),
        ("9" * 30, "this viewer takes 3 million"),
        ("9" * 99, r"at most 256 bits .* of 329 bits, would take about [\d.]+ "),
    ],
)
def test_what_cannot_be_typed_is_told(static, trained, first, sentence):
    page = static(viewer_of("multiply", *trained.task.encode(13, 11, 8)))
    page.get_by_label("First number").fill(first)
    page.get_by_label("First number").press("Enter")
    told(page, sentence)
    assert page.locator(".ngpu-told.ngpu-error").count() == 1
    assert page.evaluate("window.model.get('panels')[0].inputs.join('')") == "10110000*11010000"


def test_damaged_weights_leave_the_recording(static, trained):
    widget = viewer_of("multiply", *trained.task.encode(13, 11, 8))
    network = dict(widget.network)
    data = network["data"]
    for damage, sentence in [
        (data[:2000] + ("B" if data[2000] != "B" else "C") + data[2001:], "checksum"),
        ("", "did not come along"),
    ]:
        widget.network = {**network, "data": damage}
        page = static(widget)
        page.get_by_label("First number").fill("7")
        page.get_by_label("First number").press("Enter")
        assert "still the recorded one" in told(page, sentence)
        assert page.evaluate("window.model.get('panels')[0].inputs.join('')") == "10110000*11010000"


def test_where_threads_are_forbidden_the_page_computes_itself(static, trained):
    widget = viewer_of("multiply", *trained.task.encode(13, 11, 8))
    page = static(widget)
    page.evaluate("() => { window.Worker = function () { throw new Error('forbidden'); }; }")
    page.get_by_label("First number").fill("7")
    page.get_by_label("First number").press("Enter")
    told(page, "Computed in this page")


#: JavaScript: press Stop as soon as a step is told; from here, a fast machine would be done before that.
STOP_AT_THE_FIRST_STEP_TOLD = r"""() => new MutationObserver(() => {
  const words = document.querySelector(".ngpu-told").textContent;
  if (window.told || !/Step \d+ of/.test(words)) return;
  window.told = words;
  [...document.querySelectorAll("button")].find((button) => button.textContent === "Stop").click();
}).observe(document.body, { childList: true, subtree: true, characterData: true })"""


def test_a_long_run_shows_its_progress_and_stops(static, trained):
    page = static(viewer_of("multiply", *trained.task.encode(13, 11, 8)))
    page.get_by_label("First number").fill(str(2**80 - 1))
    page.get_by_label("Second number").fill(str(2**80 - 3))
    page.evaluate(STOP_AT_THE_FIRST_STEP_TOLD)
    page.get_by_label("First number").press("Enter")
    told(page, "Stopped")
    assert re.search(r"Step \d+ of 169", page.evaluate("window.told"))
    page.wait_for_timeout(1500)
    assert "Stopped" in told(page, ".")
    assert page.evaluate("window.model.get('panels')[0].inputs.length") == 17


def test_carries_are_answered_without_a_kernel(static, trained):
    def digits_by_step(a, b, digits):
        return trained.trace(trained.task.encode(a, b, digits)).symbols_TL[:, : 2 * digits] - 1

    widget = Carries(digits_by_step, "multiply", a=182, b=109, network=trained.page())
    page = static(widget)
    page.get_by_role("button", name=re.compile("^b, place 1")).click()
    told(page, UNCHECKED)
    assert "182 × 111 = 20202. The network is right" in page.text_content(".ngpu-carries")
    assert page.locator("[disabled]").count() == 0


def test_a_copier_agrees_with_python(static):
    import torch

    torch.manual_seed(0)
    model = NTM(10, 8).eval()

    def compute(bits):
        inputs = torch.zeros(1, 2 * len(bits) + 1, 10)
        inputs[0, : len(bits), :8] = torch.tensor(bits)
        inputs[0, : len(bits), 8] = inputs[0, len(bits), 9] = 1
        with torch.no_grad():
            return model(inputs, rows=128)[0, -len(bits) :]

    widget = Copier(page_network(model), compute, text="tape")
    page = static(widget)
    told(page, "Python agrees|no longer")
    assert page.locator(".ngpu-copier").get_attribute("data-copied") == widget.copied
    page.get_by_label("Word to copy").fill("")
    page.get_by_role("button", name="Copy it").click()
    told(page, "Type 1 to 100 letters")


def test_two_multipliers_side_by_side(static, trained):
    learned = {"name": "learned", "network": trained.page()}
    learned["readers"] = recorded.load("lesson09_readers")["readers"]
    page = static(SpaceTime([hand_set_machine(), learned], 2741, 3001))
    words = told(page, "Computed in this page")
    assert "= 8225741; wrong digits: set by hand 0, learned 0" in words
    root = page.locator(".ngpu-spacetime")
    assert root.locator("canvas").count() == 2
    readout = root.locator(".ngpu-readout").last
    page.get_by_label("Step", exact=True).fill("0")
    assert "learned, step 0" in readout.inner_text()
    page.get_by_label("Cell", exact=True).fill("3")
    assert re.search(
        "learned, cell 3: first number from step 0.*settled from step", readout.inner_text()
    )
    root.locator("canvas").last.focus()
    page.keyboard.press("ArrowRight")
    assert "cell 4:" in readout.inner_text()
    page.get_by_label("First number").fill("0")
    page.get_by_label("First number").press("Enter")
    told(page, "0 × 3001 = 0; wrong digits: set by hand 0, learned 0")


CELL = """
from ngpu_lib import pretrained
from ngpu_lib.widgets import ActivationViewer
trained = pretrained.load("multiply")
word = trained.task.encode(13, 11, 8)
viewer = ActivationViewer(trained.trace(word), network=trained.page(), retrace=trained.trace, word=word)
viewer
"""


def test_in_jupyterlab_python_checks_the_page(browser, tmp_path):
    notebook(tmp_path / "machine.ipynb", CELL)
    with jupyter_lab(tmp_path) as address:
        page = open_in_lab(
            browser, address, "machine.ipynb", viewport={"width": 1200, "height": 900}
        )
        page.wait_for_selector(".ngpu-viewer", timeout=90_000)
        page.get_by_label("First number").fill("201")
        page.get_by_label("First number").press("Enter")
        told(page, "Python agrees")
        assert "'agrees': True" in in_kernel(page, "print(viewer.checked)")
        in_kernel(page, "viewer.word = list(trained.task.encode(5, 7, 8))")
        page.wait_for_function("document.querySelector('.ngpu-viewer input').value === '5'")
        assert page.errors == []
        page.close()
