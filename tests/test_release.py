"""What a release consists of: built, read by twine, installed where nothing of this checkout is, and run."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from course.workshop import release
from course.workshop.editions import settings
from tests.conftest import ROOT

pytest.importorskip("build")
pytest.importorskip("twine")


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> list[Path]:
    """Built with the setuptools at hand: without network."""
    return release.archives(tmp_path_factory.mktemp("release") / "made", "--no-isolation")


def test_the_archives_hold_the_library_and_nothing_else(archives):
    wheel, source = archives
    version = settings()["version"]
    assert source.name == f"ngpu_lib-{version}.tar.gz" and wheel.name.startswith(
        f"ngpu_lib-{version}-"
    )
    inside = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in inside} == {"ngpu_lib", f"ngpu_lib-{version}.dist-info"}
    listed = subprocess.run(
        ["git", "ls-files", "ngpu_lib"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    assert {name for name in listed if (ROOT / name).exists()} <= set(inside)
    with tarfile.open(source) as opened:
        assert any(name.endswith("/LICENSE") for name in opened.getnames())


def test_lesson_00_runs_from_the_wheel(archives, tmp_path):
    """An environment with the libraries of this one, without its editable install of the course."""
    environment, empty = tmp_path / "environment", tmp_path / "empty"
    empty.mkdir()
    command = [sys.executable, "-m", "venv", "--without-pip", environment]
    subprocess.run(command, check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "these.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = environment / "bin" / "python"
    install = ["-m", "pip", "install", "-q", "--no-deps", "--no-index", "--ignore-installed"]
    release.run(python, *install, archives[0])
    where = Path(release.try_out(python, empty))
    assert where.is_relative_to(environment)


def test_what_a_release_lacks_is_said(tmp_path):
    for name in ("pyproject.toml", "CITATION.cff"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    version = settings()["version"]
    changes = tmp_path / "CHANGELOG.md"
    changes.write_text("# Changelog\n\n## Unreleased\n")
    (lack,) = release.unready(tmp_path)
    assert f"## {version} ·" in lack
    changes.write_text(f"# Changelog\n\n## Unreleased\n\n## {version} · 1999-12-31\n")
    (lack,) = release.unready(tmp_path)
    assert "date-released: 1999-12-31" in lack
    citation = tmp_path / "CITATION.cff"
    citation.write_text(
        re.sub("date-released: .*", "date-released: 1999-12-31", citation.read_text())
    )
    assert release.unready(tmp_path) == []


def test_a_command_that_fails_is_named():
    with pytest.raises(ValueError, match="failed:\nno"):
        release.run(sys.executable, "-c", "import sys; sys.exit('no')")
