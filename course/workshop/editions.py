"""Generate both editions from the lessons' sources: `make notebooks`.

    course/NN_name.py  ->  course/instructor/NN_name.ipynb  (with solutions)
                           course/student/NN_name.ipynb     (stubs in their place)

Cells are chosen by their tags (see CONTRIBUTING.md). The files are byte for byte the same on every
run. The repository's address is one setting, ``repository`` in ``[tool.ngpu-course]`` of
pyproject.toml; the README's launch table and CITATION.cff take it from here as well. What a lesson
takes on one core, `make bench ONLY=lessons` measures and writes to measured.json beside this file.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import re
import tomllib
from pathlib import Path

import jupytext

ROOT = Path(__file__).resolve().parents[2]
EDITIONS = ("student", "instructor")
#: What one core needs for each lesson; written by tests/benchmarks/lessons.py.
MEASURED = Path(__file__).with_name("measured.json")
LEFT_OUT = {"student": {"solution", "instructor"}, "instructor": {"stub"}}
TAGS = ("stub", "solution", "instructor", "setup", "launch", "figure")
#: Cells with one of these show their source after a click, in JupyterLab and on Colab.
FOLDED = {"solution", "setup", "figure"}
#: Between its title and its first section a lesson's code is folded, too: a first screen is for question and picture.
HEADING = re.compile(r"^#{1,3} ", re.M)

SETUP = """\
# Set-up, the same in every lesson: on Colab and Kaggle it installs the course's library, elsewhere nothing.
import os
import platform
import sys

if "google.colab" in sys.modules or "KAGGLE_KERNEL_RUN_TYPE" in os.environ:
    # The release this copy was made for; torch and numpy stay those of the host.
    %pip install -q --no-deps safetensors git+https://github.com/{repository}@v{version}

import ngpu_lib  # before torch, because it settles how many threads torch starts
import torch

device = "cuda" if torch.cuda.is_available() else "cpu"
print(
    f"ngpu_lib {{ngpu_lib.__version__}} · torch {{torch.__version__}} on {{device}}"
    f" · Python {{platform.python_version()}}"
)"""

#: The end of every lesson. What is kept and handed in: ngpu_lib/checks/progress.py.
HAND_IN = (
    "## Hand in\n\n"
    "If your course asks for it: the button writes one small file with what you solved, predicted and chose. It is "
    "self-reported, names nobody unless you fill in a name, and nothing is sent.",
    'from ngpu_lib import checks\n\nchecks.hand_in("{number}")',
)

METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def settings(root: Path = ROOT) -> dict[str, str]:
    """The course's one address, ``repository`` ("owner/name") and ``branch``, and its ``version``."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return project["tool"]["ngpu-course"] | {"version": project["project"]["version"]}


def lessons(root: Path = ROOT) -> list[Path]:
    """The sources of all lessons, in reading order."""
    return sorted((root / "course").glob("[0-9][0-9]_*.py"))


def colab_url(path: str, at: dict[str, str]) -> str:
    """Where Colab opens a notebook of the release."""
    return (
        f"https://colab.research.google.com/github/{at['repository']}/blob/v{at['version']}/{path}"
    )


def kaggle_url(path: str, at: dict[str, str]) -> str:
    """Where Kaggle opens a notebook of the release."""
    source = f"https://github.com/{at['repository']}/blob/v{at['version']}/{path}"
    return f"https://kaggle.com/kernels/welcome?src={source}"


def binder_url(path: str, at: dict[str, str]) -> str:
    """Where Binder opens a notebook of the release."""
    return f"https://mybinder.org/v2/gh/{at['repository']}/v{at['version']}?urlpath=lab/tree/{path}"


def launch_badges(path: str, at: dict[str, str]) -> str:
    """The badges of Colab, Kaggle and Binder; without network the alt text remains as the link."""
    colab = "![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)"
    kaggle = "![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)"
    binder = "![Launch on Binder](https://mybinder.org/badge_logo.svg)"
    return (
        f"[{colab}]({colab_url(path, at)}) [{kaggle}]({kaggle_url(path, at)}) "
        f"[{binder}]({binder_url(path, at)})"
    )


def measured(file: Path = MEASURED) -> dict[str, dict[str, float]]:
    """The figures of each lesson measured so far: seconds, first_picture (seconds), memory_mb."""
    return json.loads(file.read_text("utf-8"))["lessons"] if file.exists() else {}


def minutes(seconds: float) -> str:
    """Seconds as a head says them.

    >>> minutes(59.6), minutes(131)
    ('1 min 0 s', '2 min 11 s')
    """
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def with_time(text: str, figures: dict[str, float] | None) -> str:
    """A head with one core's measured time behind "*Time:* 60 minutes of yours"; nothing else says it.

    What is written by hand there, up to a bracket or a full stop, gives way.
    """
    if figures is None:
        return text
    told = f"; {minutes(figures['seconds'])} of one CPU core, measured"
    pattern = r"(\*Time:\* \d+ minutes of yours)(?:[,;][^(.]*[^(.\s])?"
    return re.sub(pattern, lambda found: found[1] + told, text, count=1)


def read_lesson(path: Path) -> list[dict]:
    """The cells of a source: ``kind`` ("code" or "markdown"), ``source`` and ``metadata``.

    Raises:
        ValueError: a cell's head that cannot be read, a tag that looks misspelt, a solution
            without a stub directly before it, or text tagged as a figure.
    """
    cells = [
        {"kind": cell.cell_type, "source": cell.source, "metadata": dict(cell.metadata)}
        for cell in jupytext.read(path, fmt="py:percent").cells
    ]
    previous: list[str] = []
    for number, cell in enumerate(cells, start=1):
        if unread := cell["metadata"].get("incorrectly_encoded_metadata"):
            raise ValueError(
                f"{path.name}, cell {number}: cannot read {unread!r}; "
                'needs the kind before the tags: # %% [markdown] tags=["launch"]'
            )
        tags = cell["metadata"].get("tags", [])
        for tag in tags:
            close = difflib.get_close_matches(tag, TAGS, n=1, cutoff=0.8)
            if tag not in TAGS and close:
                raise ValueError(
                    f"{path.name}, cell {number}: got the tag {tag!r}; did you mean {close[0]}?"
                )
        if "solution" in tags and "stub" not in previous:
            raise ValueError(
                f"{path.name}, cell {number}: a solution needs its stub directly before it"
            )
        if "figure" in tags and cell["kind"] != "code":
            raise ValueError(f"{path.name}, cell {number}: got figure on text; needs a code cell")
        previous = tags
    return cells


def edition(path: Path, name: str, at: dict[str, str]) -> str:
    """The text of one lesson's notebook in the edition ``name``."""
    cells, seen, headings = [], set(), 0
    for cell in read_lesson(path):
        tags = set(cell["metadata"].get("tags", []))
        if cell["kind"] == "markdown":
            headings += bool(HEADING.search(cell["source"]))
        if tags & LEFT_OUT[name]:
            continue
        kind, source, metadata = cell["kind"], cell["source"], dict(cell["metadata"])
        if "setup" in tags:
            kind, source = "code", SETUP.format(**at)
        if "launch" in tags:
            kind, source = "markdown", launch_badges(f"course/{name}/{path.stem}.ipynb", at)
        if kind == "markdown":
            source = with_time(source, measured().get(path.stem))
        if tags & FOLDED or (kind == "code" and headings == 1):
            metadata |= {"jupyter": {"source_hidden": True}, "cellView": "form"}
        cells.append(_cell(kind, source, metadata, seen))
    text, panel = HAND_IN
    folded = {"tags": ["figure"], "jupyter": {"source_hidden": True}, "cellView": "form"}
    cells.append(_cell("markdown", text, {}, seen))
    cells.append(_cell("code", panel.format(number=path.stem[:2]), folded, seen))
    notebook = {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _cell(kind: str, source: str, metadata: dict, seen: set[str]) -> dict:
    """One cell in notebook format; its id is a hash of its content, told apart from equal cells."""
    copy = 0
    while (name := hashlib.sha256(f"{kind}{copy}{source}".encode()).hexdigest()[:12]) in seen:
        copy += 1
    seen.add(name)
    cell = {
        "cell_type": kind,
        "id": name,
        "metadata": metadata,
        "source": source.splitlines(keepends=True),
    }
    return cell | {"execution_count": None, "outputs": []} if kind == "code" else cell


def title_and_question(path: Path) -> tuple[str, str]:
    """A lesson's title, and the one question it answers: the first bold sentence, where there is one."""
    text = "\n".join(cell["source"] for cell in read_lesson(path) if cell["kind"] == "markdown")
    title = re.search(r"^# (.+)$", text, flags=re.MULTILINE)
    question = re.search(r"\*\*([^*]+\?)\*\*", text)
    return (
        title[1] if title else path.stem,
        " ".join(question[1].split()).strip("\"“”'") if question else "",
    )


def launch_table(root: Path = ROOT) -> str:
    """The README's table of lessons: title, question, and where to open it."""
    at = settings(root)
    rows = ["| lesson | its question | open |", "|---|---|---|"]
    for path in lessons(root):
        title, question = title_and_question(path)
        notebook = f"course/student/{path.stem}.ipynb"
        links = (
            f"[Colab]({colab_url(notebook, at)}) · [Kaggle]({kaggle_url(notebook, at)}) · "
            f"[Binder]({binder_url(notebook, at)})"
        )
        rows.append(f"| [{title}]({notebook}) | {question} | {links} |")
    return "\n".join(rows)


def badges(root: Path = ROOT) -> str:
    """The README's badges: the tests' state, and the first lesson on Colab and on Binder."""
    at = settings(root)
    actions = f"https://github.com/{at['repository']}/actions/workflows/tests.yml"
    tests = f"[![Tests]({actions}/badge.svg?branch={at['branch']})]({actions})"
    return f"{tests} {launch_badges('course/student/00_start_here.ipynb', at)}"


def _between(text: str, name: str, content: str) -> str:
    """``text`` with ``content`` between the comments <!-- name --> and <!-- /name -->."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    head, _, rest = text.partition(begin)
    old, found, tail = rest.partition(end)
    if not found:
        raise ValueError(f"README.md: needs {begin} and {end}")
    return f"{head}{begin}\n{content}\n{end}{tail}"


def wanted(root: Path = ROOT) -> dict[Path, str]:
    """Every generated file and the text it must have."""
    at = settings(root)
    files = {
        root / "course" / name / f"{path.stem}.ipynb": edition(path, name, at)
        for path in lessons(root)
        for name in EDITIONS
    }
    readme = (root / "README.md").read_text(encoding="utf-8")
    readme = _between(readme, "badges", badges(root))
    readme = _between(readme, "lessons", launch_table(root))
    readme = re.sub(
        r"git clone https://github\.com/\S+",
        f"git clone https://github.com/{at['repository']}",
        readme,
    )
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    files[root / "README.md"] = readme
    citation = re.sub(r"(?m)^version: .*$", f"version: {at['version']}", citation)
    files[root / "CITATION.cff"] = re.sub(
        r"(?m)^repository-code: .*$",
        f'repository-code: "https://github.com/{at["repository"]}"',
        citation,
    )
    return files


def stale(root: Path = ROOT) -> list[Path]:
    """Notebooks of lessons that are no more."""
    kept = {f"{path.stem}.ipynb" for path in lessons(root)}
    folders = [root / "course" / name for name in EDITIONS]
    return sorted(path for d in folders for path in d.glob("*.ipynb") if path.name not in kept)


def main(root: Path = ROOT) -> None:
    """Write what differs, remove what is stale, and say so."""
    for path, text in wanted(root).items():
        data = text.encode()
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(f"wrote {path.relative_to(root)}")
    for path in stale(root):
        path.unlink()
        print(f"removed {path.relative_to(root)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository")
    main(parser.parse_args().root.resolve())
