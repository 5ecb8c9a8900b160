"""pip, conda, Colab and Binder get the same libraries, and repo2docker picks the right files."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"torch": "pytorch-cpu"}

#: What Colab's image of August 2026 carries (Python 3.12): nothing there may be too old for us.
COLAB = {
    "anywidget": "0.9.21",
    "ipywidgets": "7.7.1",
    "matplotlib": "3.10.0",
    "numpy": "2.1.3",
    "pooch": "1.9.0",
    "scikit-learn": "1.6.1",
    "torch": "2.11.0",
    "tqdm": "4.67.1",
}
COLAB_LACKS = {"safetensors"}  # by itself; the set-up cell names it


def requirements(*extras: str) -> dict[str, Requirement]:
    lines = [*PROJECT["dependencies"]]
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {(r := Requirement(line)).name: r for line in lines}


def pins() -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in (ROOT / "constraints.txt").open()]
    return dict(line.split("==") for line in lines if line)


def conda(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text())


def test_lower_bounds_only():
    for requirement in requirements(*PROJECT["optional-dependencies"]).values():
        assert [part.operator for part in requirement.specifier] == [">="], str(requirement)


def test_every_requirement_is_pinned_within_its_bounds():
    pinned = pins()
    for name, requirement in requirements(*PROJECT["optional-dependencies"]).items():
        assert name in pinned, f"constraints.txt lacks {name}"
        assert pinned[name] in requirement.specifier
    assert next(iter(pinned)) == "torch"


def test_constraints_hold_names_and_versions_only():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[0-9][0-9.]*", line), line


def test_conda_environment_has_pips_requirements():
    wanted = {
        f"{CONDA_NAMES.get(name, name)}{requirement.specifier}"
        for name, requirement in requirements("course").items()
    }
    environment = conda("environment.yml")
    assert environment["channels"] == ["conda-forge"]
    assert set(environment["dependencies"]) - {"pip", "python=3.12"} == wanted


def test_binder_equals_the_root_environment():
    root, binder = conda("environment.yml"), conda("binder/environment.yml")
    assert binder == root


def test_python_versions_agree():
    oldest = min(map(Version, re.findall(r"[0-9.]+", PROJECT["requires-python"])))
    (python,) = (
        d for d in conda("environment.yml")["dependencies"] if str(d).startswith("python=")
    )
    assert Version(python.split("=")[1]) >= oldest
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    tested = workflow["jobs"]["pinned"]["strategy"]["matrix"]["python"]
    assert min(map(Version, tested)) == oldest


def test_colabs_versions_are_new_enough():
    """A floor above Colab's version would restart the learner's runtime."""
    wanted = requirements()
    assert set(wanted) == set(COLAB) | COLAB_LACKS
    for name, version in COLAB.items():
        assert version in wanted[name].specifier


def test_set_up_cell_installs_what_colab_lacks_and_nothing_more():
    from course.workshop.editions import SETUP

    (line,) = (line for line in SETUP.splitlines() if "%pip" in line)
    named = line.split("--no-deps")[1].split()
    assert {word for word in named if not word.startswith("git+")} == COLAB_LACKS


def test_post_build_stops_at_the_first_error():
    lines = (ROOT / "binder/postBuild").read_text().splitlines()
    assert lines[0].startswith("#!") and lines[1] == "set -e"
    assert any("pip install --no-deps" in line for line in lines)
    assert (ROOT / "binder/postBuild").stat().st_mode & 0o111


def test_repo2docker_takes_binders_files(tmp_path):
    """Without building: the right buildpack, environment file and Python come out."""
    for name in ("binder", "environment.yml", "pyproject.toml", "ngpu_lib"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-2000:]
    printed = run.stdout + run.stderr
    assert "binder/environment.yml" in printed and "binder/postBuild" in printed
    assert "Building conda environment for python=3.12" in printed


@pytest.mark.parametrize("name", ["tests.yml", "links.yml", "site.yml"])
def test_workflows_are_yaml_with_jobs(name):
    workflow = yaml.safe_load((ROOT / ".github/workflows" / name).read_text())
    assert workflow["jobs"] and all(job["steps"] for job in workflow["jobs"].values())
    text = (ROOT / ".github/workflows" / name).read_text()
    assert any(what in text for what in (".ci/run", "lychee", "make site"))


def test_make_installs_once(tmp_path):
    """With stamps newer than what they stand for, `make lab` and `make test` install nothing."""
    if shutil.which("make") is None:
        pytest.skip("needs make")
    command = ["make", "-n", "lab", "test", f"VENV={tmp_path}"]
    fresh = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    torch, rest = fresh.index('install -q "torch=='), fresh.index('-e ".[course]"')
    assert torch < rest < fresh.index('-e ".[test]"')
    for name in (".course", ".test", ".site"):
        (tmp_path / name).touch()
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "pip" not in again and "jupyter lab" in again
    assert "00_start_here.ipynb" in again
