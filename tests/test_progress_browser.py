"""What the site keeps in the browser, and the panel at a lesson's end, in headless Chromium."""

from __future__ import annotations

import functools
import http.server
import json
import threading

import pytest

from ngpu_lib import collect
from ngpu_lib.checks.handin import HandIn
from tests.browser import chromium, jupyter_lab, notebook, open_in_lab, open_static
from tests.conftest import ROOT

pytestmark = pytest.mark.browser

# A page like a lesson's: a prediction, a quiz's model as widgets.js leaves it, drawn a moment later.
PAGE = """<!doctype html><meta charset="utf-8"><title>x</title><article><p><strong>Predict.</strong></p>
<p><strong>Predict.</strong> a second one</p><div class="widget"></div></article>
<script>{script}</script>
<script>
const traits = {{ title: "Why?", chosen: "", answers: [{{ text: "this" }}, {{ text: "that" }}] }}, handlers = [];
document.querySelector(".widget").model = {{
  get: (name) => traits[name],
  set: (name, value) => {{
    const same = traits[name] === value;
    traits[name] = value;
    if (!same) handlers.forEach((f) => f());
  }},
  on: (name, handler) => handlers.push(handler),
}};
setTimeout(() => (document.documentElement.dataset.widgets = "1"), 50);
</script>"""
MODEL = "document.querySelector('.widget').model"


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "lessons").mkdir()
    script = (ROOT / "docs/_static/progress.js").read_text("utf-8")
    for name in ("05_gates", "06_ntm"):
        (folder / "lessons" / f"{name}.html").write_text(PAGE.format(script=script), "utf-8")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *told):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/lessons"
    server.shutdown()


def visit(context, address, name="05_gates"):
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(f"{address}/{name}.html")
    page.wait_for_selector("html[data-widgets]")
    return page


def test_tomorrow_everything_is_there_and_one_button_clears_it(browser, address):
    context = browser.new_context()
    page = visit(context, address)
    assert "0 quiz answers, 0 predictions" in page.locator(".kept").inner_text()
    page.get_by_label("Your prediction").first.fill("<b>2</b>")
    page.get_by_label("Your prediction").first.press("Tab")
    page.evaluate(f"{MODEL}.set('chosen', 'that')")
    assert "1 quiz answer, 1 prediction." in page.locator(".kept").inner_text()
    page.close()
    page = visit(context, address)
    page.wait_for_function(f"{MODEL}.get('chosen') === 'that'")
    assert page.get_by_label("Your prediction").first.input_value() == "<b>2</b>"
    other = visit(context, address, "06_ntm")
    assert "0 quiz answers, 0 predictions" in other.locator(".kept").inner_text()
    page.get_by_role("button", name="Clear").click()
    assert page.evaluate(f"{MODEL}.get('chosen')") == ""
    assert page.get_by_label("Your prediction").first.input_value() == ""
    assert page.evaluate("localStorage.length") == 0
    assert page.errors == [] == other.errors
    context.close()


@pytest.mark.parametrize(
    "script",
    [
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })",
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }",
    ],
)
def test_blocked_or_full_storage_is_said_and_stops_nothing(browser, address, script):
    context = browser.new_context()
    context.add_init_script(script)
    page = visit(context, address)
    page.evaluate(f"{MODEL}.set('chosen', 'this')")
    assert "lets the page keep nothing" in page.locator(".kept").inner_text()
    assert not page.get_by_role("button", name="Clear").is_visible()
    assert page.evaluate(f"{MODEL}.get('chosen')") == "this" and page.errors == []
    context.close()


@pytest.mark.parametrize(
    "stored", ["[]", "null", "{", '"x"', '{"quiz": [], "predictions": 3}', '{"quiz": {"Why?": 7}}']
)
def test_a_record_that_is_none_is_forgotten(browser, address, stored):
    context = browser.new_context()
    context.add_init_script(f"localStorage.setItem('ngpu-progress-05', {json.dumps(stored)})")
    page = visit(context, address)
    page.wait_for_selector(".kept")
    assert page.evaluate(f"{MODEL}.get('chosen')") == "" and page.errors == []
    context.close()


def test_the_panel_asks_for_a_report(browser, tmp_path):
    panel = HandIn("05")
    page = open_static(browser, panel, tmp_path)
    root = page.locator(".ngpu-handin")
    assert root.get_by_role("button", name="Save it").is_disabled()
    root.locator("input").fill("<i>Ada</i>")
    root.get_by_role("button", name="Write my report").click()
    wish = page.evaluate("model.get('wish')")
    assert (wish["what"], wish["name"]) == ("write", "<i>Ada</i>")
    page.wait_for_selector(".ngpu-note:not([hidden])")  # nobody answers on a static page
    assert page.errors == []


def test_the_panel_saves_what_the_kernel_could_not(browser, tmp_path):
    panel = HandIn("05")
    panel.text = json.dumps({"who": "0123456789abcdef", "name": "Ada"})
    page = open_static(browser, panel, tmp_path, accept_downloads=True)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save it").click()
    assert saved.value.suggested_filename == "hand-in-05-01234567.json"
    assert json.loads(open(saved.value.path()).read())["name"] == "Ada"


LESSON = """from ngpu_lib import checks
from ngpu_lib.checks import lesson05 as check
from ngpu_lib.checks.quiz import quiz
from IPython.display import display
display(quiz("Why?", "this", ("that", "no"), why="so"), checks.hand_in("05"))"""


def test_pressed_and_handed_in_in_jupyterlab(browser, tmp_path):
    """A quiz's button is kept beside the notebook; another's press writes the file; a third forgets all."""
    notebook(tmp_path / "lesson.ipynb", LESSON)
    kept = tmp_path / "progress-05.json"
    with jupyter_lab(tmp_path, environment={"NGPU_PROGRESS": ""}) as address:
        page = open_in_lab(
            browser, address, "lesson.ipynb", viewport={"width": 1200, "height": 900}
        )
        page.locator(".ngpu-quiz").get_by_role("button", name="that").click(timeout=90_000)
        panel = page.locator(".ngpu-handin")
        panel.locator("input").fill("Ada")
        panel.get_by_role("button", name="Write my report").click()
        panel.get_by_text("Nothing was sent").wait_for(timeout=30_000)
        (path,) = tmp_path.glob("hand-in-05-*.json")
        given = collect.parse(path.read_bytes())
        assert given.name == "Ada" and given.quiz["Why?"] == {"chosen": ["that"], "right": "this"}
        assert json.loads(kept.read_text())["quiz"]["Why?"]["chosen"] == ["that"]
        panel.get_by_role("button", name="Clear").click()
        panel.get_by_text("Cleared").wait_for(timeout=30_000)
        assert not kept.exists() and path.exists() and page.errors == []
        page.close()
