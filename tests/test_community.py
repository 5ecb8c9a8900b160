"""What people outside read first agrees with the rest: citation, licence, changelog, issue forms."""

from __future__ import annotations

import contextlib
import functools
import io
import re
import shlex
import tomllib

import pytest
import yaml

from ngpu_lib import cli
from tests.conftest import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def test_citation_is_complete_and_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["version"] == PYPROJECT["project"]["version"]
    assert citation["license"] == PYPROJECT["project"]["license"] == "MIT"
    assert PYPROJECT["tool"]["ngpu-course"]["repository"] in citation["repository-code"]
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")


def test_changelog_begins_with_what_is_not_released():
    heads = re.findall(r"(?m)^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert heads[0] == "Unreleased" and len(heads) == len(set(heads))


def test_contributing_names_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in set(re.findall(r"`((?:tests|ngpu_lib|course|docs)/[\w./]+)`", text)):
        if "NN" not in path:
            assert (ROOT / path).exists(), path
    for head in ("## A lesson", "## The library", "## The workshop"):
        assert head in text


TEXTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "BENCHMARKS.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "course/plans").glob("*.md")),
]
#: What a command may begin with; these and no other are looked at below, or are not the course's own.
OWN = "make ngpu python pip jupyter git otter torchrun sbatch optuna-dashboard conda".split()
OTHERS = "sudo curl py source cd python3".split()


def commands(path) -> list[str]:
    """The commands of a text: indented lines that begin with one, and the same between backticks."""
    text = re.sub(r"(?ms)^ *```(?!sh).*?^ *```", "", path.read_text("utf-8"))
    found = re.findall(r"(?m)^ {4,}(\S.*)$", text)
    found += re.findall(rf"`((?:[A-Z_]+=\S+ )*(?:{'|'.join(OWN)}) [^`\n]+)`", text)
    parts = [part for line in found for part in re.sub(r"  +#.*", "", line).split(" && ")]
    parts += [inner for part in parts for inner in re.findall(r"--wrap '([^']+)'", part)]
    return list(dict.fromkeys(part.strip() for part in parts))


def examine(command: str) -> None:
    """Targets, modules, options, files and extras of a command exist; AssertionError where one does not."""
    words = shlex.split(command)
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
        given = words.pop(0).partition("=")[0]
        assert given.startswith("PIP_") or any(given in text for text in sources()), given
    program, *rest = words
    files = [word for word in rest if re.match(r"(?:course|tests|docs)/", word)]
    assert all((ROOT / file).exists() for file in files), files
    if program == "make":
        makefile = sources()[0]
        for word in rest:
            name, _, value = word.partition("=")
            if not value:
                assert re.search(rf"(?m)^{name}:", makefile), name
                continue
            assert f"$({name})" in makefile, name
            if name == "LESSON":
                assert list((ROOT / "course").glob(f"{value}_*.py")), value
            if name == "ONLY" and value != "name":
                assert (ROOT / f"tests/benchmarks/{value}.py").exists(), value
    elif program == "torchrun":
        at = rest.index("-m")
        assert rest[at + 1] == "ngpu_lib.cli"
        cli.parser().parse_args(rest[at + 2 :])
    elif program == "ngpu":
        with contextlib.redirect_stderr(said := io.StringIO()):
            try:
                cli.parser().parse_args(rest if len(rest) > 1 else [*rest, "--help"])
            except SystemExit as end:
                assert end.code == 0, said.getvalue()
    elif program == "python" and rest[0] == "-m":
        module = (ROOT / rest[1].replace(".", "/")).with_suffix(".py")
        options = [word for word in rest[2:] if word.startswith("--")]
        text = module.read_text("utf-8") if module.exists() else ""
        assert "__main__" in text and all(f'"{option}"' in text for option in options), options
    elif program == "pip":
        pins = (ROOT / "constraints.txt").read_text("utf-8").split()
        extras = PYPROJECT["project"]["optional-dependencies"]
        for word in rest[1:]:
            assert "==" not in word or word in pins, word
            for extra in re.findall(r"^\.\[(.*)\]$", word):
                assert extra in extras, extra
    elif program == "git" and rest[0] == "clone":
        assert rest[1].endswith("/" + PYPROJECT["tool"]["ngpu-course"]["repository"]), rest
    elif program == "conda" and "-f" in rest:
        assert (ROOT / rest[rest.index("-f") + 1]).exists()
    else:
        assert program in OWN + OTHERS, f"{program}: look at it here"


@functools.cache
def sources() -> list[str]:
    """The Makefile, and what may read a variable of the environment."""
    paths = [ROOT / "Makefile", *(ROOT / "course/workshop").glob("*.py")]
    return [path.read_text("utf-8") for path in [*paths, *(ROOT / "ngpu_lib").glob("*.py")]]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_commands_are_commands(path):
    """What stands in a text as a command can be called: nothing of it has been renamed or dropped since."""
    found = commands(path)
    if path.name == "README.md":
        assert len(found) > 25
    for command in found:
        if not command.startswith(("from ", "check.")):  # a lesson's cell
            examine(command)


@pytest.mark.parametrize(
    "command",
    [
        *("make labs", "make slides LESSON=99", "make slides LESON=09", "make bench ONLY=nothing"),
        *("ngpu sweep mnist --trails 3", "ngpu colect a", "python -m course.workshop.shapes"),
        *("python -m course.workshop.site --as", "pip install torch==1.0", "pip install .[none]"),
        *("NGPU_NOTHING=1 make test", "jupyter lab course/student/00.ipynb", "ngpuu train x"),
    ],
)
def test_a_command_that_is_none_is_noticed(command):
    with pytest.raises(AssertionError):
        examine(command)


def places() -> list[tuple[str, str]]:
    """CONTRIBUTING's table: what one wants to change, and where it says to go."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.split("| to change | go to |\n|---|---|\n")[1].split("\n\n")[0]
    return [tuple(row.strip("| ").split(" | ")) for row in table.splitlines()]


@pytest.mark.parametrize(("what", "where"), places(), ids=lambda text: text[:40])
def test_what_is_to_be_changed_stands_where_contributing_says(what, where):
    """Files exist, names stand in the row's files, commands are commands."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    parts = re.findall(r"`([^`]+)`", where)
    files = [part for part in parts if re.search(r"\.(py|js)$|/$", part)]
    assert parts and files, where
    bases = [ROOT, ROOT / "ngpu_lib"]  # and the folders that the row names
    bases += [base / part for base in bases for part in files if part.endswith("/")]
    found = []
    for part in files:
        named = part.replace("NN", "[0-9][0-9]")
        here = [path for base in bases if base.is_dir() for path in base.glob(named)]
        assert here, part
        found += here
    texts = [path.read_text("utf-8") for path in found if path.is_file()]
    for part in set(parts) - set(files):
        if part.startswith("make "):
            target, *options = part.split()[1:]
            assert re.search(rf"(?m)^{target}:", makefile), part
            for only in (o.removeprefix("ONLY=") for o in options):
                assert (ROOT / "tests/benchmarks" / f"{only}.py").exists(), part
        elif part.startswith("python -m "):
            module = ROOT / part.split()[2].replace(".", "/")
            assert module.with_suffix(".py").exists(), part
        elif part.startswith("ngpu "):
            assert f'add_parser("{part.split()[1]}"' in "".join(
                path.read_text("utf-8") for path in (ROOT / "ngpu_lib").rglob("*.py")
            ), part
        else:
            module, _, name = part.rpartition(".")
            if module:
                texts = [(ROOT / "ngpu_lib" / f"{module}.py").read_text("utf-8")]
            assert any(re.search(rf"\b{name}\b", text) for text in texts), part


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_form(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= form.keys()
    names = [part["id"] for part in form["body"]]
    assert len(names) == len(set(names)) >= 2
    for part in form["body"]:
        assert part["type"] in {"input", "textarea", "dropdown"} and part["attributes"]["label"]


def test_there_are_issue_forms():
    assert len(FORMS) >= 2
