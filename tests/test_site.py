"""The site: its parts by themselves, and the whole of it walked through with the network cut off.

The walk needs every lesson executed once (minutes; kept in build/executed until something changes).
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import threading

import nbformat
import pytest

from course.workshop import editions as maker
from course.workshop import execution, npm, walk
from course.workshop import site as workshop
from course.workshop.browser import chromium
from tests.conftest import ROOT

pytest.importorskip("cloudpickle", reason="needs the extra 'site'")
from course.workshop import recorder  # noqa: E402

ALL = [path.stem for path in maker.lessons()]
STEMS = execution.chosen(os.environ.get("NGPU_LESSONS", "").split())  # some of them, while writing

#: JavaScript: all that a widget shows, its canvases' pixels included, as one text.
SHOWN = """(root) => root.innerHTML + [...root.querySelectorAll("canvas")].map((c) => c.toDataURL()).join()
  + [...root.querySelectorAll("input, select")].map((i) => i.value + i.checked).join()"""


# The parts, by themselves


def test_faults_are_found(tmp_path):
    (tmp_path / "there.html").write_text('<p id="here">x</p>')
    (tmp_path / "page.html").write_text(
        '<img src="there.html"><img alt="A long enough description" src="gone.png">'
        '<script src="https://example.org/x.js"></script><a href="gone.html">x</a>'
        '<a href="there.html#here">x</a><a href="there.html#nowhere">x</a><a href="https://a.org">x</a>'
    )
    (tmp_path / "sheet.css").write_text('@import "https://example.org/font.css";')
    found = walk.faults(tmp_path)
    assert len(found) == 6
    for text in (
        "image without alt text: there.html",
        "loads gone.png, which is not there",
        "loads https://example.org/x.js from another host",
        "links to gone.html, which is not there",
        "links to there.html#nowhere; no such anchor",
        "sheet.css: loads https://example.org/font.css",
    ):
        assert any(text in line for line in found), text


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_the_texts_lead_somewhere(name):
    assert walk.lost_links(ROOT / name) == []


def test_a_lost_link_is_named(tmp_path):
    text = tmp_path / "a.md"
    text.write_text("[x](a.md#b) [y](gone.md) ![z](no.png) `[q](code.md)` [w](https://example.org)")
    lost = walk.lost_links(text)
    assert lost == [f"a.md: links to {name}, which is not there" for name in ("gone.md", "no.png")]


def test_glossary_has_every_axis():
    import ngpu_lib

    key = ngpu_lib.__doc__.split("in order):")[1].split("\n\n")[1]
    letters = re.findall(r"(?:^|\s{2,})([A-Z]) ", key)
    table = workshop.axes_table()
    assert len(letters) >= 12
    assert [row.split("|")[1].strip() for row in table.splitlines()[2:]] == letters


def test_most_lessons_bring_symbols_to_the_glossary():
    assert sum(bool(workshop.symbol_tables(stem)) for stem in ALL) >= len(ALL) // 2


def test_a_widget_that_needs_a_kernel_is_refused(tmp_path):
    view = {"model_id": "m1", "version_major": 2}
    output = nbformat.v4.new_output("display_data", {workshop.WIDGET_VIEW: view})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])
    states = {"m1": {"model_name": "IntSliderModel", "state": {}}}
    notebook.metadata["widgets"] = {workshop.WIDGET_STATE: {"state": states}}
    (tmp_path / "00").mkdir()
    (tmp_path / "00/record.json").write_text('{"presets": {}}')
    nbformat.write(notebook, tmp_path / "00.ipynb")
    with pytest.raises(ValueError, match="00: got a widget of kind IntSliderModel"):
        workshop.page_of("00", tmp_path / "00.ipynb")


def test_figures_and_all_up_to_the_first_output_are_folded(tmp_path):
    output = nbformat.v4.new_output("stream", text="x")
    cells = [
        nbformat.v4.new_code_cell(source, metadata={"tags": tags}, outputs=outputs)
        for source, tags, outputs in [
            ("set-up", ["setup"], []),
            ("imports", [], []),
            ("shown", [], [output]),
            ("open", [], []),
            ("picture", ["figure"], [output]),
        ]
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    (tmp_path / "00").mkdir()
    (tmp_path / "00/record.json").write_text('{"presets": {}}')
    nbformat.write(notebook, tmp_path / "00.ipynb")
    page = workshop.page_of("00", tmp_path / "00.ipynb")
    folded = {cell.source: "hide-input" in cell.metadata.get("tags", []) for cell in page.cells}
    first = "imports\n\nshown"  # neighbours, and one line to unfold
    assert folded == {first: True, "open": False, "picture": True}


def test_what_widgets_share_is_taken_out_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(workshop, "WEIGHTS", tmp_path)
    network = {"crc32": 255, "data": "AAAA", "kind": "x"}
    states = [{"_esm": "program", "_css": "style", "network": dict(network)} for _ in "ab"]
    states.append(
        {"_esm": "other", "networks": [dict(network)], "machines": [{"network": dict(network)}]}
    )
    texts: dict[str, str] = {}
    for state in states:
        workshop.lighten(state, texts)
    assert sorted(texts.values()) == ["other", "program", "style"]
    assert texts[states[0]["_esm"]] == "program" and states[0]["_esm"] == states[1]["_esm"]
    assert states[0]["network"] == {"crc32": 255, "kind": "x", "file": "000000ff.safetensors"}
    assert states[2]["machines"][0]["network"] == states[2]["networks"][0] == states[0]["network"]
    assert [path.name for path in tmp_path.iterdir()] == ["000000ff.safetensors"]
    assert (tmp_path / "000000ff.safetensors").read_bytes() == bytes(3)


def test_execution_is_cached_by_what_it_depends_on(monkeypatch):
    stem = ALL[0]
    first = execution.key(stem)
    assert execution.key(stem) == first
    monkeypatch.setattr(execution, "SLOW", 1.0)
    assert execution.key(stem) != first


def test_unknown_lessons_are_named():
    with pytest.raises(ValueError, match="lesson: got '77'; needs one of 00"):
        execution.chosen(["77"])
    assert execution.chosen([]) == ALL
    assert execution.chosen(["00"]) == ALL[:1]


def test_recorder_sees_what_a_cell_reads_and_sets():
    read, made = recorder.names(
        "import os.path\nif x:\n    %pip install y\ndef f(a):\n    return g(a)\nz = [q for q in f(x)]"
    )
    assert {"x", "g"} <= read and {"os", "f", "z"} <= made


def test_recorder_keeps_what_can_be_kept(tmp_path):
    import pickle

    shared = [1, 2]
    kept = recorder.keep(tmp_path / "x.pkl", {"a": shared, "b": shared, "lock": threading.Lock()})
    values = pickle.loads((tmp_path / "x.pkl").read_bytes())
    assert kept == ["a", "b"] and values["a"] is values["b"]


def test_presets_are_recorded_and_leave_no_trace():
    import torch

    from ngpu_lib.widgets import Gates

    gates = Gates(steps=8, update=0.5)
    before, generator = gates.get_state(), torch.get_rng_state()
    statements = {
        "forget": "gates.update = 0",
        "draw": "import torch; gates.weight = float(torch.rand(1))",
    }
    found = recorder.answers(gates, statements, {"gates": gates})
    assert gates.get_state() == before and torch.equal(torch.get_rng_state(), generator)
    assert [answer["text"] for answer in found] == ["forget", "draw"]
    assert found[0]["state"] == {"update": [0.0] * 8, "weight": 0.0}


# The whole of it


@pytest.fixture(scope="module")
def site():
    """The built site's folder and the weight of its pages."""
    needs_npm()
    return workshop.HTML, built_once()


def built_once() -> dict:
    """Build the site; where another worker of this run has, wait for it and take its report."""
    import fcntl  # not on Windows, where the site is not built

    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    workshop.SITE.mkdir(parents=True, exist_ok=True)
    with (workshop.SITE / "built_by").open("a+") as stamp:
        fcntl.flock(stamp, fcntl.LOCK_EX)
        stamp.seek(0)
        if stamp.read() == run:
            return json.loads((workshop.SITE / "report.json").read_text("utf-8"))
        report = workshop.build(STEMS, as_is=bool(os.environ.get("NGPU_AS_IS")))
        stamp.truncate(0)
        stamp.write(run)
    return report


def needs_npm() -> None:
    """Without npm there is no MathJax: skipped, or failed under CI, so that nothing is lost unseen."""
    try:
        npm.mathjax()
    except OSError as error:
        pytest.fail(str(error)) if os.environ.get("CI") else pytest.skip(str(error))


@pytest.fixture(scope="module")
def address(site):
    """The site served on this machine, as GitHub Pages would."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=site[0])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(site):  # after the site, whose making has a browser of its own
    with chromium() as found:
        yield found


@pytest.fixture
def visit(browser, address):
    """visit(path, **options) -> a page; whatever leaves this machine is refused and remembered.

    Closed after the test: what moves in a page that nobody looks at takes time from the next.
    """
    pages = []

    def show(path: str, **options):
        page = browser.new_page(**options)
        page.errors, page.abroad = [], []
        page.on("pageerror", lambda error: page.errors.append(str(error)))

        def gate(route):
            if route.request.url.startswith((address, "data:", "blob:")):
                return route.continue_()
            page.abroad.append(route.request.url)
            return route.abort()

        page.route("**/*", gate)
        page.goto(f"{address}/{path}")
        pages.append(page)
        return page

    yield show
    for page in pages:
        page.close()


def becomes_other(page, widget, before) -> bool:
    """Whether what a widget shows changes within a second."""
    for _ in range(20):
        page.wait_for_timeout(50)
        if widget.evaluate(SHOWN) != before:
            return True
    return False


def move(page, widget) -> bool:
    """Use a widget as a visitor would, until what it shows changes."""
    before = widget.evaluate(SHOWN)
    presets = page.locator(".presets").first
    own = widget.evaluate("(w) => w.nextElementSibling?.className === 'presets'")
    buttons = presets.locator("button") if own else widget.locator("button:enabled")
    for k in range(buttons.count()):
        buttons.nth(k).click()
        if becomes_other(page, widget, before):
            return True
    return False


def slide(page, widget) -> bool:
    """Move a widget's first slider that works; whether anything but its own value changed."""
    sliders = widget.locator("input[type=range]:enabled")
    if not sliders.count():
        return False
    before = widget.evaluate(SHOWN)
    sliders.first.focus()
    for key in ("ArrowRight", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
        if becomes_other(page, widget, before):
            return True
    return False


@pytest.mark.site
@pytest.mark.parametrize("stem", STEMS)
def test_lesson_lives_without_kernel_and_network(visit, site, stem):
    page = visit(f"lessons/{stem}.html")
    page.wait_for_selector("html[data-widgets]", timeout=60_000)
    widgets = page.locator(".widget")
    assert widgets.count() >= 1
    assert widgets.first.locator(".ngpu").count() == 1, "the widget was not drawn"
    assert move(page, widgets.first), "no button of the first widget changes what it shows"
    kind = widgets.first.locator(".ngpu").get_attribute("class").split("-")[-1]
    if kind in ("gates", "addressing", "viewer"):
        assert slide(page, widgets.first), "its slider changes nothing"
    quiz = page.locator(".ngpu-quiz").last
    quiz.locator("button").first.click()
    assert re.match(r"Right\.|Not this one\.", quiz.locator("[role=status]").last.inner_text())
    if page.locator(".math").count():
        page.wait_for_selector("mjx-container")
    assert page.errors == [] and page.abroad == []
    timing = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    row = site[1][f"lessons/{stem}.html"]
    print(f"{stem}: {timing / 1000:.1f} s to load, {row['all_compressed_kB']:,} kB compressed")
    assert timing < 20_000 and row["all_compressed_kB"] < 5_000


@pytest.mark.site
@pytest.mark.parametrize("stem", STEMS)
def test_lesson_page_has_what_a_visitor_looks_for(visit, address, stem):
    page = visit(f"lessons/{stem}.html", java_script_enabled=False)
    links = {a.inner_text(): a.get_attribute("href") for a in page.locator(".launch a").all()}
    notebook = f"course/student/{stem}.ipynb"
    assert links["Open in Colab"] == maker.colab_url(notebook, maker.settings())
    assert links["Open in Kaggle"] == maker.kaggle_url(notebook, maker.settings())
    assert links["Launch on Binder"] == maker.binder_url(notebook, maker.settings())
    download = page.request.get(f"{address}/lessons/{links['Download the notebook']}")
    assert download.ok and download.body() == (ROOT / notebook).read_bytes()
    top = page.locator("article").inner_text()[:1500]
    assert "Before:" in top and "Time:" in top and "computed in" in top
    order = STEMS.index(stem)
    assert page.locator("a.next-page").count() == 1 and page.locator("a.prev-page").count() == 1
    if order + 1 < len(STEMS):
        assert page.locator("a.next-page").get_attribute("href") == f"{STEMS[order + 1]}.html"
    issue = page.locator(".report a").get_attribute("href")
    assert issue.startswith(f"https://github.com/{maker.settings()['repository']}/issues/new")


def sheets(pdf: bytes) -> int:
    """How many pages a PDF has."""
    return len(re.findall(rb"/Type\s*/Page[^s]", pdf))


@pytest.mark.site
@pytest.mark.parametrize("stem", STEMS)
def test_plan_prints_on_one_page(visit, stem):
    assert sheets(visit(f"plans/{stem}.html").pdf(format="A4")) == 1


@pytest.mark.site
def test_light_and_dark(visit):
    """The page and what a widget writes on it follow the system's choice, with enough contrast."""
    path, found = f"lessons/{STEMS[-1]}.html", {}
    for scheme in ("light", "dark"):
        page = visit(path, color_scheme=scheme)
        page.wait_for_selector("html[data-widgets]", timeout=60_000)
        colours = page.evaluate(
            """() => [getComputedStyle(document.body).backgroundColor,
                      getComputedStyle(document.querySelector(".ngpu")).color]"""
        )
        found[scheme] = [sum(map(int, re.findall(r"\d+", text)[:3])) / 765 for text in colours]
    assert found["light"][0] > 0.9 and found["light"][1] < 0.4
    assert found["dark"][0] < 0.15 and found["dark"][1] > 0.6


@pytest.mark.site
def test_search_finds_a_lesson(visit):
    page = visit("search.html?q=neighbours")
    page.wait_for_selector("#search-results li a", timeout=60_000)
    assert "lessons/" in page.locator("#search-results").inner_html()
    assert page.abroad == []


@pytest.mark.site
def test_weights_are_reported(site):
    html, report = site
    assert json.loads((workshop.SITE / "report.json").read_text()) == report
    assert {f"lessons/{stem}.html" for stem in STEMS} < set(report)
    assert walk.faults(html) == []
