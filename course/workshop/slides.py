"""A lesson's slides to print: `make slides LESSON=09` writes build/slides/NN_name.html, and a PDF with Chromium.

From the executed lesson: its question, the sections' ideas with equations and tables, predictions,
pictures with what happened, exercises without hints, the quiz, the recap.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from course.workshop import npm
from course.workshop.browser import print_pdf
from course.workshop.editions import ROOT, title_and_question
from course.workshop.execution import (
    EXECUTED,
    WIDGET_STATE,
    WIDGET_VIEW,
    chosen,
    execute_all,
    find_cell,
    live_parts,
)

SLIDES = ROOT / "build" / "slides"
LONG, SHORT = 75, 45  # words of a paragraph that says what happened, and of any other
TELLING = ("**The idea", "**What happened", "**Why", "**Break it", "**Predict", "**Drag")


def _renderer() -> MarkdownIt:
    def math(text: str, options: dict) -> str:
        left, right = (r"\[", r"\]") if options["display_mode"] else (r"\(", r"\)")
        return f"{left}{html.escape(text)}{right}"

    return MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, renderer=math)


RENDER = _renderer().render


def shorten(paragraph: str, words: int) -> str:
    """The longest beginning in whole sentences of at most so many words (one sentence at least).

    >>> shorten("One two. Three four five. Six.", 5)
    'One two. Three four five.'
    """
    paragraph = " ".join(paragraph.split())
    end_of_sentence = r"(?<!\bal)(?<!\be\.g)(?<!\bi\.e)[.?!][*_\")]*(?=\s+[^a-z0-9]|$)"
    ends = [m.end() for m in re.finditer(end_of_sentence, paragraph)] or [len(paragraph)]
    whole = [
        e for e in ends if all(paragraph[:e].count(mark) % 2 == 0 for mark in ("$", "**", "`"))
    ]
    whole = whole or [len(paragraph)]
    short = [end for end in whole if len(paragraph[:end].split()) <= words]
    return paragraph[: max(short, default=whole[0])]


def blocks(source: str) -> list[str]:
    """A cell's text in blocks: headings, paragraphs, tables, equations; hints left out."""
    source = re.sub(r"(?s)<details>.*?</details>", "", source)
    source = re.sub(r"(?m)^(#+ .*)\n(?!\n)", r"\1\n\n", source)
    return [block.strip() for block in re.split(r"\n\s*\n", source) if block.strip()]


def section(title: str, body: str, kind: str = "") -> str:
    """One slide."""
    return f'<section class="{kind}"><h2>{title}</h2><div>{body}</div></section>'


def inline(text: str) -> str:
    """A heading's text as HTML."""
    return RENDER(text).strip().removeprefix("<p>").removesuffix("</p>")


class Deck:
    """Collects slides while a lesson is read from its first cell to its last."""

    def __init__(self):
        self.slides: list[str] = []
        self.section = self.heading = ""  # of the section, and of the slide to come
        self.first = True
        self.waiting: list[str] = []  # blocks of the slide that is being filled

    def flush(self) -> None:
        if self.waiting:
            self.slides.append(section(self.heading, RENDER("\n\n".join(self.waiting))))
            self.waiting = []

    def text(self, source: str, after_picture: bool) -> None:
        for block in blocks(source):
            if block.startswith("#"):
                self.flush()
                self.heading, self.first, after_picture = inline(block.lstrip("# ")), True, False
                if not self.heading.startswith(("Predict", "Exercise")):
                    self.section = self.heading
                continue
            if not self.heading:  # what stands before the first section is on the title slide
                continue
            if block.startswith(("**What happened", "**Why", "**Break it")):
                self.back_to_section()
            formal = block.startswith(("|", "$$", "- ", "1. "))
            if formal or block.startswith(TELLING) or self.first or after_picture:
                if after_picture and self.slides and not formal and not self.waiting:
                    caption = RENDER(shorten(block, LONG))
                    self.slides[-1] = self.slides[-1].replace("<!-- caption -->", caption)
                else:
                    told = block.startswith(TELLING) or self.heading == "Recap"
                    self.waiting.append(
                        block if formal else shorten(block, LONG if told else SHORT)
                    )
                self.first = after_picture = False

    def back_to_section(self) -> None:
        """What follows a prediction or an exercise is told under the section's heading again."""
        if self.heading != self.section:
            self.flush()
            self.heading = self.section

    def picture(self, image: str) -> None:
        self.flush()
        self.back_to_section()
        image = re.sub(r'style="[^"]*"', "", image)
        self.slides.append(section(self.heading, f"{image}<!-- caption -->", "picture"))

    def add(self, title: str, body: str, kind: str = "") -> None:
        self.flush()
        self.slides.append(section(title, body, kind))


def take_home(stem: str) -> str:
    """The sentence of the plan that says what to take home."""
    plan = (ROOT / "course/plans" / f"{stem}.md").read_text("utf-8")
    return re.search(r"\*\*To take home:\*\* (.+)", plan)[1]


def slides(stem: str) -> list[str]:
    """All slides of an executed lesson."""
    notebook = nbformat.read(EXECUTED / f"{stem}.ipynb", as_version=4)
    states = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    live = {}
    for part in live_parts(stem):
        if "cell" in part:
            live[find_cell(notebook.cells, part["cell"]).id] = part
    title, question = title_and_question(ROOT / "course" / f"{stem}.py")
    deck, letters = Deck(), "ABCDEF"
    home = RENDER("**To take home:** " + take_home(stem))
    deck.add(title, f'<p class="question">{html.escape(question)}</p>{home}', "title")
    pictured = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            if "launch" not in cell.metadata.get("tags", []) and not cell.source.startswith("# "):
                deck.text(cell.source, pictured)
            pictured = False
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            image = data.get("text/html", "")
            if "<img" in image and "target_and_yours" not in cell.source:
                deck.picture(image)
                pictured = True
            elif WIDGET_VIEW in data:
                state = states[data[WIDGET_VIEW]["model_id"]]["state"]
                if "chosen" in state:
                    rows = [f"<li>{html.escape(a['text'])}</li>" for a in state["answers"]]
                    deck.add(
                        html.escape(state["title"]), f'<ol type="A">{"".join(rows)}</ol>', "quiz"
                    )
                    right = next(k for k, a in enumerate(state["answers"]) if a["right"])
                    deck.slides[-1] += f"<!-- right: {letters[right]} -->"
                elif part := live.get(cell.id):
                    names = " · ".join(map(html.escape, part["presets"]))
                    body = RENDER(f"**Live.** {part['ask']}") + f'<p class="presets">{names}</p>'
                    deck.add(html.escape(part["heading"]), body, "live")
    deck.flush()
    return [slide.replace("<!-- caption -->", "") for slide in deck.slides]


def page(stem: str) -> str:
    """The slides as one HTML page that prints one slide a sheet."""
    made = slides(stem)
    title, _ = title_and_question(ROOT / "course" / f"{stem}.py")
    template = (ROOT / "docs/slides.html").read_text("utf-8")
    numbered = [
        slide.replace("</section>", f"<footer>{title} · {k}/{len(made)}</footer></section>")
        for k, slide in enumerate(made, start=1)
    ]
    mathjax = npm.mathjax().relative_to(ROOT / "build")
    parts = {"TITLE": title, "SLIDES": "\n".join(numbered), "MATHJAX": f"../{mathjax.as_posix()}"}
    for name, text in parts.items():
        template = template.replace(f"@{name}@", text)
    return template


def write(stem: str) -> Path:
    """Write the page; where it is."""
    SLIDES.mkdir(parents=True, exist_ok=True)
    path = SLIDES / f"{stem}.html"
    path.write_text(page(stem), "utf-8")
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", help="a number such as 09")
    parser.add_argument("--as-is", action="store_true", help="take the lesson as executed before")
    given = parser.parse_args()
    try:
        (stem,) = chosen([given.lesson])[:1]
        execute_all([stem], as_is=given.as_is)
        path = write(stem)
        for made in filter(None, (path, print_pdf(path))):
            print(made)
    except (OSError, ValueError) as error:
        sys.exit(f"make slides: {error}")
