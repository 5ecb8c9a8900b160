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
