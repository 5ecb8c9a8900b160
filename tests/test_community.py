"""What people outside read first agrees with the rest: citation, licence, changelog, issue forms."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

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


def test_contributing_names_files_and_targets_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make ([a-z-]+)", text)):
        assert re.search(rf"(?m)^{target}:", makefile), target
    for path in set(re.findall(r"`((?:tests|ngpu_lib|course|docs)/[\w./]+)`", text)):
        if "NN" not in path:
            assert (ROOT / path).exists(), path
    for head in ("## A lesson", "## The library", "## The workshop"):
        assert head in text


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
