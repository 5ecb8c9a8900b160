"""What the pages say of the shipped multiplier is what its card says."""

import re
from pathlib import Path

import pytest

from ngpu_lib import pretrained, recorded

ROOT = Path(__file__).parent.parent
NUMBERS = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
PAGES = ("README.md", "course/00_start_here.py", "course/09_multiplication.py")


def far(weights="multiply"):
    """A card's figure for 2,000-bit products: how many, and how many of them right."""
    row = next(row for row in pretrained.load(weights).card["measured"] if row["length"] == 2000)
    return row["examples"], round(row["examples"] * row["sequence_accuracy"])


def sentences(page):
    text = (ROOT / page).read_text("utf-8")
    text = re.sub(r"^# ?", "", text, flags=re.M) if page.endswith(".py") else text
    return [re.sub(r"\s+", " ", part) for part in re.split(r"(?<=[.?!:])\s|\n\n", text)]


@pytest.mark.parametrize("page", PAGES)
def test_no_page_says_that_2000_bit_products_simply_work(page):
    examples, right = far()
    if right == examples:
        return
    for sentence in sentences(page):
        boast = re.search(r"multiplies [^.?!:]*2,000[ -]bit", sentence)
        words = ("one of", "of five", f"{right} of {examples}", "some of", "not all")
        assert not boast or any(word in sentence for word in words), sentence


def test_lesson_09_states_the_card_s_figure():
    examples, right = far()
    text = " ".join(sentences("course/09_multiplication.py"))
    assert f"{NUMBERS[right]} product of {NUMBERS[examples]}" in text


@pytest.mark.parametrize("page", PAGES)
def test_every_page_states_what_the_second_multiplier_s_card_says(page):
    examples, right = far("multiply-pushed")
    said = [sentence for sentence in sentences(page) if "second network" in sentence]
    assert any(f"{right} of {examples}" in sentence for sentence in said)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_how_many_trainings_end_like_the_second_multiplier(page):
    runs = recorded.load("lesson09_pushes")["runs"]["pushes"].values()
    assert all(run["end"][-1]["length"] == 2000 for run in runs)
    exact = sum(run["end"][-1]["sequence_accuracy"] == 1 for run in runs)
    assert f"{NUMBERS[exact]} of {NUMBERS[len(runs)]} trainings" in " ".join(sentences(page))
