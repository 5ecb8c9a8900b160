"""Live teaching: the plans, the presets, the rescue, the slides, and each presentation driven once.

In JupyterLab every live part is run and every button pressed, and then the whole lesson; what takes
long is not run again: its rescue is run instead, and the rest of the lesson after it.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course.workshop import editions as maker
from course.workshop import execution, present, slides
from course.workshop.browser import print_pdf
from ngpu_lib import live
from tests import browser as chromium
from tests.conftest import ROOT
from tests.test_site import needs_npm, sheets

cloudpickle = pytest.importorskip("cloudpickle", reason="needs the extra 'site'")

ALL = [path.stem for path in maker.lessons()]
STEMS = execution.chosen(os.environ.get("NGPU_LESSONS", "").split())  # some of them, while writing
WIDGET = "window.jupyterapp.shell.currentWidget"
CLOSE = "() => { for (const open of [...window.jupyterapp.shell.widgets('main')]) open.dispose(); }"
OPEN = f"""async (path) => {{
  ({CLOSE})();  // what a test that failed has left open
  await window.jupyterapp.commands.execute("docmanager:open", {{ path }});
}}"""


# Plans


@pytest.mark.parametrize("stem", STEMS)
def test_plan_is_fifty_minutes_with_questions_and_mistakes(stem):
    text = (ROOT / "course/plans" / f"{stem}.md").read_text("utf-8")
    minutes = [tuple(map(int, m)) for m in re.findall(r"(?m)^\| (\d+)-(\d+) \|", text)]
    assert minutes[0][0] == 0 and minutes[-1][1] == 50
    assert all(before[1] == after[0] for before, after in zip(minutes, minutes[1:], strict=False))
    ask, mistakes = text.split("## Ask")[1].split("## Mistakes to expect")
    assert len(re.findall(r"(?m)^\d\. ", ask)) >= 3
    assert len(re.findall(r"(?m)^- \*\*", mistakes)) >= 3
    assert text.startswith(f"# Plan for 50 minutes: {stem[:2]} ") and "**To take home:**" in text


@pytest.mark.parametrize("stem", STEMS)
def test_plan_names_buttons_sections_and_exercises_that_exist(stem):
    text = (ROOT / "course/plans" / f"{stem}.md").read_text("utf-8")
    parts = execution.live_parts(stem)
    lesson = (ROOT / "course" / f"{stem}.py").read_text("utf-8")
    assert parts, "nothing is shown live"
    for row in re.findall(r"(?m)^\| \d+-\d+ \|.*\|$", text):
        for number, quoted in re.findall(
            r"live (\d)((?:[:,] \"[^\"]+\"(?: \.\.\. \"[^\"]+\")?)*)", row
        ):
            known = " ".join(parts[int(number) - 1]["presets"])
            for name in re.findall(r"\"([^\"]+)\"", quoted):
                assert name in known, f"{name}: live {number} has {known}"
        for section in re.findall(r"\bsections? (\d+)", row):
            assert f"# ## {section} · " in lesson, f"no section {section}"
    for exercise in re.findall(r"(?i)exercise (\d\.\d)", text):
        assert f"# ### Exercise {exercise} · " in lesson, f"no exercise {exercise}"


@pytest.mark.parametrize("stem", STEMS)
def test_live_parts_are_found_and_their_presets_are_python(stem):
    cells = nbformat.read(execution.student(stem), as_version=4).cells
    for part in execution.live_parts(stem):
        assert ("cell" in part) != ("source" in part) and part["ask"] and part["heading"]
        source = part.get("source") or execution.find_cell(cells, part["cell"]).source
        ast.parse(source)
        for statement in part["presets"].values():
            ast.parse(statement)
    assert len({part["heading"] for part in execution.live_parts(stem)}) == len(
        execution.live_parts(stem)
    )


def test_the_moments_that_matter_have_their_buttons():
    names = [
        name for stem in ALL for part in execution.live_parts(stem) for name in part["presets"]
    ]
    assert "forget everything" in names and any("carry storm" in name for name in names)


# Presets, rescue


def test_a_preset_sets_and_shows():
    from ngpu_lib.widgets import Gates

    names = {"gates": Gates(steps=8, update=0.5)}
    row = live.presets({"forget": "gates.update = 0", "sum": "x = 2\nx + 3"}, names)
    row.press("forget")
    assert names["gates"].update == [0.0] * 8 and row.children[1].value == ""
    row.press("sum")
    assert "5" in row.children[1].value and names["x"] == 2
    pressed = [b.button_style for b in row.children[0].children]
    assert pressed == ["", "info"]


def test_a_preset_that_fails_says_so():
    row = live.presets({"typo": "gatez.update = 0"}, {})
    with pytest.raises(NameError):
        row.press("typo")
    assert "NameError" in row.children[1].value and "alert" in row.children[1].value
    with pytest.raises(SyntaxError):
        live.presets({"no Python": "gates update"}, {})


def test_rescue_brings_values_and_pictures(tmp_path, capsys):
    folder = tmp_path / "00_lesson"
    folder.mkdir()
    (folder / "after_c1.pkl").write_bytes(cloudpickle.dumps({"model": [1, 2]}))
    output = nbformat.v4.new_output("stream", text="trained\n")
    cell = nbformat.v4.new_code_cell("train()", id="c1", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "00_lesson.ipynb")
    names = {}
    live.rescue(folder, "c1", names)
    assert names == {"model": [1, 2]}
    assert capsys.readouterr().out == "trained\nTaken from the run made beforehand: model\n"
    with pytest.raises(ValueError, match="path: got .*after_c2.pkl"):
        live.rescue(folder, "c2", names)


# Slides


def test_shortening_keeps_whole_sentences_and_formulas():
    assert (
        slides.shorten("See Cho et al. 2014 for it. And more.", 8) == "See Cho et al. 2014 for it."
    )
    assert slides.shorten("So $a. B$ holds. Next.", 4) == "So $a. B$ holds."
    assert slides.blocks("# T\ntext\n<details>hint</details>\n\n| a |\n|---|") == [
        "# T",
        "text",
        "| a |\n|---|",
    ]


# The presentations, driven


@pytest.fixture(scope="module")
def executed():
    """Every lesson executed; nothing to do where `make test-notebooks` has just been."""
    needs_npm()
    execution.execute_all(STEMS, as_is=bool(os.environ.get("NGPU_AS_IS")))
    present.PRESENT.mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="module")
def browser():
    with chromium.chromium() as found:
        yield found


@pytest.fixture(scope="module")
def lab(browser, executed, tmp_path_factory):
    """JupyterLab's address, started as `make present` starts it, and a page for it."""
    settings = present.write_settings(tmp_path_factory.mktemp("settings"))
    flags = ["--custom-css"]
    with chromium.jupyter_lab(ROOT / "build", more=flags, environment=settings) as address:
        yield address, browser.new_page(viewport={"width": 1600, "height": 1000})


def lesson_with_rescues(path: Path) -> list[str]:
    """The code of a presentation's lesson, the rescue in place of each cell that has one."""
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    rescued = set(re.findall(r'live\.rescue\("[^"]+", "(\w+)"', str([c.source for c in code])))
    assert rescued <= {cell.id for cell in code}
    return [
        cell.source
        for cell in code
        if cell.id not in rescued and "live" not in cell.metadata.get("tags", [])
    ]


@pytest.mark.site
@pytest.mark.parametrize("stem", STEMS)
def test_presentation_is_driven_in_jupyterlab(lab, stem):
    """With NGPU_SHOTS=folder pictures of each are kept there, to be looked at."""
    path = present.write(stem)
    address, page = lab
    if page.url == "about:blank":  # as `make present` opens it; the others in the same JupyterLab
        page.goto(f"{address}/doc/tree/present/{stem}.ipynb?reset", wait_until="domcontentloaded")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
    else:
        page.evaluate(OPEN, f"present/{path.name}")
    assert page.evaluate(f"{WIDGET}.context.path") == f"present/{path.name}"
    page.wait_for_function(
        f"{WIDGET}?.sessionContext?.session?.kernel?.status === 'idle'", timeout=120_000
    )
    assert page.locator(".jp-Dialog").count() == 0
    large = page.locator(".jp-RenderedMarkdown p").first.evaluate(
        "(p) => parseFloat(getComputedStyle(p).fontSize)"
    )
    assert large >= 20
    assert page.locator(".jp-CodeCell .jp-InputArea-editor:visible").count() == 0, "code is open"
    parts = execution.live_parts(stem)
    for _ in range(1 + 2 * len(parts)):
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')")
    for number, part in enumerate(parts):
        row = page.locator(".jp-OutputArea-output:has(.ngpu-preset)").nth(number)
        row.locator(".ngpu-preset").first.wait_for(timeout=180_000)
        for name in part["presets"]:
            button = row.get_by_role("button", name=name, exact=True)
            button.click()
            pressed = button.and_(page.locator(".mod-info"))
            pressed.wait_for(timeout=60_000)
            page.wait_for_function(
                f"{WIDGET}.sessionContext.session.kernel.status === 'idle'", timeout=120_000
            )
            assert row.locator("[role=alert]:visible").count() == 0, f"{name}: {row.inner_text()}"
    failed = page.evaluate(
        f"""() => {WIDGET}.content.model.toJSON().cells.flatMap((cell) => cell.outputs ?? [])
              .filter((output) => output.output_type === 'error').map((output) => output.evalue)"""
    )
    assert failed == []
    if folder := os.environ.get("NGPU_SHOTS"):
        page.screenshot(path=Path(folder) / f"present_{stem}.png")
    kernel = page.evaluate(f"{WIDGET}.sessionContext.session.kernel.id")
    page.evaluate(CLOSE)
    with chromium.kernel_of(address, ROOT / "build", kernel) as run:
        run("%reset -f")  # the lesson may not live on what its live parts loaded
        for source in lesson_with_rescues(path):
            run(source)


@pytest.mark.site
@pytest.mark.parametrize("stem", STEMS)
def test_slides_fit_and_print_one_a_sheet(browser, executed, stem):
    path = slides.write(stem)
    page = browser.new_page(viewport={"width": 1320, "height": 740})
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    count = page.locator("section").count()
    spilling = page.evaluate(
        """() => [...document.querySelectorAll("section > div")].map((box, k) => [k + 1, box])
          .filter(([, b]) => b.scrollHeight > b.clientHeight + 1 || b.scrollWidth > b.clientWidth + 1)
          .map(([number]) => number)"""
    )
    printed = page.pdf(prefer_css_page_size=True)
    page.close()
    assert 8 <= count <= 80 and spilling == []
    assert sheets(printed) == count


@pytest.mark.site
def test_make_slides_writes_page_and_pdf(executed):
    path = slides.write(STEMS[0])
    pdf = print_pdf(path)
    assert pdf == path.with_suffix(".pdf") and sheets(pdf.read_bytes()) == slides.page(
        STEMS[0]
    ).count("<section")


def test_make_present_names_its_lesson():
    done = subprocess.run(
        [sys.executable, "-m", "course.workshop.present", "77", "--no-lab"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and "lesson: got '77'" in done.stderr
