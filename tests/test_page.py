"""The site as a visitor finds it: the front door at work, accessibility, weights from here or not at all."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest

from course.workshop import npm
from tests.test_site import STEMS, address, browser, site, visit  # noqa: F401

pytestmark = pytest.mark.site

#: Every kind of page.
KINDS = [
    "index.html",
    "glossary.html",
    "teaching.html",
    "classroom.html",
    "search.html?q=tape",
    f"plans/{STEMS[0]}.html",
    *(f"lessons/{stem}.html" for stem in STEMS),
]
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
#: The rules whose answer depends on colours and sizes; the others would read the same page twice.
LOOKS = {
    "type": "rule",
    "values": ["color-contrast", "target-size", "link-in-text-block", "avoid-inline-spacing"]
    + ["scrollable-region-focusable", "css-orientation-lock", "meta-viewport"],
}


def keep_shot(page, name: str) -> None:
    """With NGPU_SHOTS=folder a picture is kept there, to be looked at."""
    if folder := os.environ.get("NGPU_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def front(visit, path="index.html", **options):  # noqa: F811
    page = visit(path, **options)
    page.wait_for_selector("#front[data-state]", timeout=30_000)
    page.wait_for_function("document.getElementById('front').dataset.state !== 'working'")
    return page


def ready(visit, path, **options):  # noqa: F811
    page = visit(path, **options)
    if path.startswith("lessons"):
        page.wait_for_selector("html[data-widgets]", timeout=60_000)
    page.wait_for_timeout(1200)
    return page


def violations(page, rules=RULES) -> list[str]:
    """What axe-core finds against WCAG 2.2, levels A and AA, in a page as it is now."""
    found = page.evaluate(
        "(rules) => axe.run(document, { runOnly: rules, resultTypes: ['violations'] })", rules
    )
    assert len(found["passes"]) > (10 if rules is RULES else 1)
    return [
        f"{violation['id']}: {node['target']} {node.get('failureSummary', '')[:200]}"
        for violation in found["violations"]
        for node in violation["nodes"][:3]
    ]


@pytest.mark.parametrize("path", KINDS)
def test_nobody_is_kept_out(visit, path):  # noqa: F811
    """No violation on a light screen, none on a dark phone, which scrolls down only; a lesson begins with its question.

    With NGPU_SHOTS=folder a picture of each page on the phone is kept there, to be looked at.
    """
    try:
        axe = npm.axe()
    except OSError as error:
        pytest.fail(str(error)) if os.environ.get("CI") else pytest.skip(str(error))
    page = ready(visit, path, color_scheme="light", viewport={"width": 1280, "height": 900})
    page.add_script_tag(path=str(axe))
    first_screen_shows_the_question(page, path)
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(1200)
    first_screen_shows_the_question(page, path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    again = path.startswith("lessons") and not path.startswith("lessons/05")
    assert violations(page, LOOKS if again else RULES) == []
    keep_shot(page, f"phone_{Path(path.split('?')[0]).stem}")


def first_screen_shows_the_question(page, path: str) -> None:
    """A lesson's question is where one looks first."""
    if path.startswith("lessons"):
        question = page.locator("article p strong").first.bounding_box()
        assert question and question["y"] < 500, "the first screen does not show the question"


def test_the_front_door_multiplies_what_is_typed(visit):  # noqa: F811
    page = front(visit)
    product = 1234567890 * 987654321
    page.wait_for_function(f"document.querySelector('.front-answer').textContent === '{product:,}'")
    page.get_by_label("First number").fill("12345")
    page.get_by_label("Second number").fill("54321")
    page.get_by_label("Second number").press("Enter")
    page.wait_for_function(
        f"document.querySelector('.front-answer').textContent === '{12345 * 54321:,}'"
    )
    page.wait_for_function(
        "/Right to the last digit: BigInt says/.test(document.querySelector('.front-verdict').textContent)"
    )
    keep_shot(page, "front_light")
    assert page.errors == [] and page.abroad == []


def test_the_front_door_answers_to_keys_and_stops(visit):  # noqa: F811
    page = front(visit)
    page.locator(".front-space").focus()
    page.keyboard.press("End")
    end = page.locator("#front").get_attribute("data-step")
    page.keyboard.press("ArrowUp")
    assert int(page.locator("#front").get_attribute("data-step")) == int(end) - 1
    page.wait_for_timeout(300)
    assert (
        int(page.locator("#front").get_attribute("data-step")) == int(end) - 1
    )  # it does not run on
    assert page.text_content(".front-play") == "Play"


def test_who_wants_no_motion_sees_the_end_at_once(visit):  # noqa: F811
    page = front(visit, reduced_motion="reduce")
    assert page.locator("#front").get_attribute("data-step") == str(2 * 31 + 1 + 8)


def test_wrong_products_are_marked_with_their_place(visit):  # noqa: F811
    page = front(visit, reduced_motion="reduce")
    page.get_by_role("button", name="One it gets wrong").click()
    page.wait_for_function(
        "Number(document.getElementById('front').dataset.wrong) > 0", timeout=60_000
    )
    verdict = page.text_content(".front-verdict")
    assert (
        f"BigInt says {65535 * 32769:,}" in verdict and "lost a carry at binary place 28" in verdict
    )
    assert page.locator(".front-answer mark").count() >= 1
    keep_shot(page, "front_wrong")


def test_numbers_too_long_are_told_the_time_they_would_take(visit):  # noqa: F811
    page = front(visit)
    page.get_by_label("First number").fill("9" * 40)
    page.get_by_label("First number").press("Enter")
    words = page.text_content(".front-verdict")
    told = r"At most 84 bits .* 133 bits would take about [\d.]+ (ms|s|minutes)"
    assert re.search(told, words) and page.text_content(".front-answer").strip() == ""
    page.set_viewport_size({"width": 800, "height": 700})  # drawn again: the words stay
    page.wait_for_timeout(500)
    assert page.text_content(".front-verdict") == words
    page.get_by_label("First number").fill("twelve")
    page.get_by_label("First number").press("Enter")
    assert "Two whole numbers" in page.text_content(".front-verdict")
    # What was shown before can be asked for again.
    page.get_by_label("First number").fill("1234567890")
    page.get_by_label("First number").press("Enter")
    page.wait_for_function("document.getElementById('front').dataset.state === 'done'")


def test_a_refusal_outlasts_what_is_still_being_computed(visit):  # noqa: F811
    page = visit("search.html")
    page.goto(page.url.replace("search", "index"), wait_until="domcontentloaded")
    page.get_by_label("First number").fill("9" * 40)
    page.get_by_label("First number").press("Enter")
    page.wait_for_timeout(3_000)  # the first product of the page would be shown by now
    assert page.text_content(".front-verdict").startswith("At most 84 bits")


def blocked(visit, path, answer):  # noqa: F811
    """A page whose weights are not delivered, or damaged."""
    page = visit("search.html")
    page.route("**/weights/*", answer)
    page.goto(page.url.replace("search.html", path))
    return page


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda route: route.abort(), "could not be loaded (blocked, or no connection)"),
        (lambda route: route.fulfill(status=404), "could not be loaded (404)"),
        (lambda route: route.fulfill(status=200, body=b"x" * 4000), "their checksum is another"),
    ],
)
def test_without_weights_the_recording_stays_and_the_page_says_why(visit, answer, sentence):  # noqa: F811
    page = blocked(visit, "index.html", answer)
    page.wait_for_selector("#front[data-state=failed]", timeout=30_000)
    assert sentence in page.text_content(".front-verdict")
    assert page.locator(".front-screen img").is_visible()
    assert page.errors == []
    page = blocked(visit, f"lessons/{STEMS[0]}.html", answer)
    page.wait_for_selector("html[data-widgets]", timeout=60_000)
    if page.get_by_label("First number").count():
        viewer = page.locator(".ngpu-viewer").first
        page.get_by_label("First number").fill("77")
        page.get_by_label("First number").press("Enter")
        page.wait_for_selector(".ngpu-viewer .ngpu-told.ngpu-error", timeout=20_000)
        told = page.text_content(".ngpu-viewer .ngpu-told")
        assert sentence in told and "still the recorded one" in told
        assert viewer.locator("canvas").count() == 1


def test_weights_come_from_this_site_alone(visit):  # noqa: F811
    page = visit("index.html")
    for name in ("https://example.org/x.safetensors", "//example.org/x", "../../elsewhere.bin"):
        said = page.evaluate("(name) => course.weights(name).catch((error) => error.message)", name)
        assert "another host are refused" in said
    assert page.abroad == []


@pytest.mark.parametrize("stem", [s for s in STEMS if s[:2] in ("00", "08")])
def test_what_is_typed_in_a_lesson_is_computed_there(visit, stem):  # noqa: F811
    page = ready(visit, f"lessons/{stem}.html")
    viewer = page.locator(".ngpu-viewer").first
    if stem[:2] == "00":
        viewer.get_by_label("First number").fill("1234")
        viewer.get_by_label("First number").press("Enter")
    else:
        viewer.get_by_label("Word").fill("0011010111")
        viewer.get_by_label("Word").press("Enter")
    told = page.locator(".ngpu-viewer .ngpu-told").first
    page.get_by_text("No kernel is there to check it").first.wait_for(timeout=20_000)
    assert "Computed in this page in" in told.inner_text()
    panel = page.evaluate(
        "document.querySelector('.ngpu-viewer').parentElement.model.get('panels')[0]"
    )
    assert len(panel["outputs"]) == panel["shape"][0]
    if stem[:2] == "00":
        assert panel["outputs"][-1] == panel["targets"]
    else:
        assert panel["inputs"] == list("0011010111")
    assert page.errors == [] and page.abroad == []


def test_what_the_machine_adds_to_the_site_is_light(site, visit):  # noqa: F811
    """The weights and the programs, as a server sends them (programs compressed): at most 0.4 MB, once for the site."""
    page = front(visit)
    loaded = {
        name.split("/_static/")[1].split("?")[0]
        for name in page.evaluate("performance.getEntriesByType('resource').map((r) => r.name)")
        if re.search(r"weights/|front\.js|course\.js", name)
    }
    assert len([name for name in loaded if name.startswith("weights/")]) == 1
    files = [(site[0] / "_static" / name).read_bytes() for name in loaded]
    assert sum(min(len(data), len(gzip.compress(data, 6))) for data in files) <= 400_000
    assert (
        int(page.locator("#front").get_attribute("data-ms")) < 20_000
    )  # the figure itself: make bench


def test_the_index_prints(visit):  # noqa: F811
    page = front(visit, reduced_motion="reduce")
    assert len(page.pdf(format="A4")) > 10_000 and page.errors == []
