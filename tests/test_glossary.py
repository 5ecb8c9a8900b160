"""The glossary and the lessons agree: one spelling a word, and no word before it is explained.

A lesson sets a word apart (italics, bold, a heading, the first column of a table) where it explains it.
So a word of docs/glossary.md is set apart in the lesson that its row names, the first time that
lesson's body says it, and no earlier lesson says it at all, but to point ahead ("lesson 05 takes it
apart"). What else a lesson sets apart and says at least three times is stress, and listed here.
"""

from __future__ import annotations

import re
from functools import cache

import jupytext
import pytest

from course.workshop.editions import lessons
from course.workshop.site import linked
from tests.conftest import ROOT

#: Words that are plain English as well: word -> lessons that use them so before they are explained.
ORDINARY = {
    "baseline": {"11"},  # what another is compared with
    "batch": {"00"},  # in the list of axes
    "character": {"02"},  # a letter of a program
    "depth": {"01", "02"},  # how many layers
    "gain": {"02"},
    "label": {"00"},
    "size": {"00", "01", "02"},
    "spread": {"05"},  # to spread something
    "view": {"10"},  # in view
}

#: Words that their lesson explains, but not where its body first says them. May only shrink.
EXPLAINED_LATER = {
    "cell-step": "09 counts them in section 3 and says in section 4 what one is",
    "clipping": "04 has it in code and an exercise before it names it",
    "controller": "06 lets it choose the shifts of section 2, and explains it in section 3",
    "dropout": "08 says what it does where it first says it",
    "gain": "04 explains it in a sentence's end and a table",
    "head": "06 says it in the explanation of the controller",
    "Jacobian": "04 explains it in brackets",
    "noise margin": "09 explains it in the sentence before",
    "ensemble": "11 has all remedies guessed before it explains them",
    "saturation cost": "09 explains it in an apposition",
    "weight decay": "11 has all remedies guessed before it explains them",
}

#: Spellings with another division that are right before a noun.
ALSO = {"held out", "layer-norm", "learning-rate"}

#: What lessons set apart for its stress alone and say at least three times: everyday words, and others.
EVERYDAY = set(
    """
a after again all also always an and another any are at back before below between beyond both but
by can cannot common could differ different differs does each else every everything everywhere exact
exactly far fast few fewer first four from had has have here how if in is its itself knows last
later least less low many may might more most must never new next no none not nothing now of old
on once one only other others own right said same second see set should simple since some still
that the their them then these they this those three to together twice two under up was we were
what when where which while who whole why will with within without would your
""".split()
)
STRESSED = """
action | adds | averaged | axes | biased | bits | blank | constant | Content | count | diagonal | discount | factor |
finds | forget | frozen | gradient | grows | guesses | held | Independently | Keep | keeps | Learned |
linear | memory | moves | norm | number | place | Random | random | reads | return | reward | rule | seen | Shift |
Shifted copies | slips | start | state | step | steps | test | time | training | tuned | untrained | value
| warped | weights | whole words | write | writes | written
"""

#: Italics, bold, headings and the first column of a table.
SET_APART = re.compile(
    r"(?<![\w*])(\*\*?)(?=\S)(?P<words>[^*]+?)(?<=\S)\1(?![\w*])|^#+ .*$|^\| [^|]+(?= \|)", re.M
)
#: No prose: formulas, code, tags, and the last paragraphs of a lesson.
NO_PROSE = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|<code>.*?</code>|</?\w+>", re.S)
LAST = re.compile(r"^\*+(Sources|Next|Train it longer)\b.*", re.M | re.S)
NUMBERS = [path.stem[:2] for path in lessons()]


def words_of(page: str) -> dict[str, str]:
    """Word -> the number of the lesson that explains it, in the order of the table."""
    rows = re.findall(r"^\| (.+?) \| .+ \| (\d\d) \|$", page.split("## Axes")[0], re.M)
    assert len(rows) == len(dict(rows)), "a word stands twice"
    return dict(rows)


GLOSSARY = words_of((ROOT / "docs/glossary.md").read_text("utf-8"))


@cache
def prose(number: str) -> tuple[str, str]:
    """A lesson's head (question and goals) and its body."""
    (path,) = (path for path in lessons() if path.stem.startswith(number))
    cells = [cell.source for cell in jupytext.read(path).cells if cell.cell_type == "markdown"]
    body = next(k for k, cell in enumerate(cells) if re.search(r"^## ", cell, re.M))
    texts = [NO_PROSE.sub(" ", LAST.sub("", cell)) for cell in cells]
    return "\n\n".join(texts[:body]), "\n\n".join(texts[body:])


@cache
def pattern(word: str) -> re.Pattern:
    """The word, once or more, its parts divided by a space, a line's end or a hyphen."""
    joined = r"[-\s]+".join(map(re.escape, re.split("[- ]", word)))
    return re.compile(rf"(?<![\w-]){joined}(?:s|es)?(?![\w-])", re.I)


def sentences(text: str) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"(?<=[.?!:])\s+|\n\n|\n(?=[|#-])", text)]


def uses_before(word: str, lesson: str, number: str, text: str) -> list[str]:
    """Sentences of an earlier lesson that use the word and do not point ahead."""

    def ahead(part):
        return any(n >= lesson for n in re.findall(r"(?:lessons? |^\| )([01]\d)\b", part))

    found = [part for part in sentences(text) if pattern(word).search(part)]
    return [f"{number}: {part}" for part in found if not ahead(part)]


def explained(word: str, body: str) -> str | None:
    """What is wrong with a word's first place in its lesson's body; None if it is set apart there."""
    first = pattern(word).search(body)
    if first is None:
        return "is not said"
    places = [place.span() for place in SET_APART.finditer(body)]
    if any(start <= first.start() < end for start, end in places):
        return None
    around = body[max(0, first.start() - 60) : first.end() + 40]
    return f"is not set apart where it is first said: ...{' '.join(around.split())}..."


def apart(text: str) -> set[str]:
    """Words in italics and bold, run-in headings and whole sentences aside."""
    phrases = [" ".join((place["words"] or "").split()) for place in SET_APART.finditer(text)]
    return {
        phrase for phrase in phrases if phrase and phrase[-1] not in ".:?!" and phrase[0] != "["
    }


def test_the_glossary_stands_in_the_order_of_the_alphabet():
    words = list(GLOSSARY)
    letters = [re.sub(r"\W", "", word.casefold()) for word in words]
    assert letters == sorted(letters) and len(words) >= 90
    assert len({word.removesuffix("s") for word in letters}) == len(words), (
        "one word, two spellings"
    )


@pytest.mark.parametrize("word", GLOSSARY)
def test_a_word_is_explained_before_it_is_used(word):
    lesson = GLOSSARY[word]
    assert lesson in NUMBERS, f"{word}: got lesson {lesson}, needs one of {NUMBERS}"
    earlier = [n for n in NUMBERS if n < lesson and n not in ORDINARY.get(word, ())]
    early = [use for n in earlier for use in uses_before(word, lesson, n, "\n\n".join(prose(n)))]
    assert not early, f"{word}: explained in {lesson}, used before:\n" + "\n".join(early)
    fault = explained(word, prose(lesson)[1])
    assert not fault or word in EXPLAINED_LATER, f"{word}: lesson {lesson}: it {fault}"


@pytest.mark.parametrize("number", NUMBERS)
def test_what_a_lesson_sets_apart_is_in_the_glossary(number):
    stress = {" ".join(phrase.split()) for phrase in STRESSED.split("|")}

    def known(phrase):
        everyday = set(phrase.lower().split()) <= EVERYDAY
        return everyday or phrase in stress or any(pattern(w).fullmatch(phrase) for w in GLOSSARY)

    body = prose(number)[1]
    often = [phrase for phrase in apart(body) if len(pattern(phrase).findall(body)) >= 3]
    lost = sorted(phrase for phrase in often if not known(phrase))
    assert not lost, (
        f"lesson {number}: explained? then a row in docs/glossary.md; mere stress? then into STRESSED "
        "of tests/test_glossary.py: " + " | ".join(lost)
    )


@pytest.mark.parametrize("number", NUMBERS)
def test_a_word_has_one_spelling(number):
    other = []
    for word in GLOSSARY:
        for found in pattern(word).finditer("\n\n".join(prose(number))):
            said = " ".join(found[0].split())
            same = said[: len(word)] if word[1:] != word[1:].lower() else said[: len(word)].lower()
            first = {word, word[0].upper() + word[1:], word.lower()}
            if same not in first and said.lower() not in ALSO:
                other.append(f"{said!r}, in the glossary {word!r}")
    assert not other, f"lesson {number}: " + "; ".join(other)


def test_faults_are_found():
    body = "## One\n\nA *scan* goes on. Scans and gates.\n\n| gate | opens |\n\n**Note.** A *new word* and *Any*"
    assert explained("scan", body) is None and explained("ring", body) == "is not said"
    assert "...# One A *scan* goes on. Scans and gates." in explained("gate", body).replace(
        "## ", "# "
    )
    assert apart(body) == {"scan", "new word", "Any"}
    text = "A GRU (lesson 05) reads. Ten or 10 GRUs read."
    assert uses_before("GRU", "05", "02", text) == ["02: Ten or 10 GRUs read."]
    assert pattern("one-hot").search("one\nhot") and not pattern("map").search("mapping, bit-map")
    with pytest.raises(AssertionError, match="twice"):
        words_of("| a | b | 01 |\n| a | c | 02 |")


def test_the_page_s_numbers_are_links():
    text = "| a | b | 02 |\n| c | d | 05 |\n\n## Axes\n\n| e | 07"
    link = "| a | b | [02](lessons/02_sequences.ipynb) |"
    assert linked(text, ["02_sequences"]) == text.replace("| a | b | 02 |", link)
