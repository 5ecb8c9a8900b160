"""Colab: the set-up cell and a lesson in an environment with Colab's versions; lessons stand alone."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from packaging.utils import canonicalize_name

from course.workshop.editions import lessons, read_lesson, settings
from ngpu_lib import pretrained, recorded
from tests.conftest import ROOT
from tests.test_environments import COLAB, COLAB_LACKS, requirements

#: Beside what the course needs: how Colab talks to a notebook.
COLAB_RUNS = {"ipython": "7.34.0", "ipykernel": "6.17.1"}
STUDENT = sorted((ROOT / "course" / "student").glob("*.ipynb"))

#: google.colab as far as anybody asks for it: anywidget switches Colab's own widget manager on.
STUB = """
class _widgets:
    _installed_url = "https://example.org/"

def enable_custom_widget_manager():
    _widgets.asked = True
"""


def colab_python() -> str:
    """Python 3.13 (Colab's) where there is one, else 3.12 (Colab's until 2026), else the one at hand."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for version in ("3.13", "3.12"):
        places = [shutil.which(f"python{version}"), *pyenv.glob(f"{version}.*/bin/python{version}")]
        for place in filter(None, places):
            if not subprocess.run(
                [place, "-c", "import ensurepip, venv"], capture_output=True
            ).returncode:
                return str(place)
    return sys.executable


@pytest.fixture(scope="module")
def colab() -> Path:
    """The Python of an environment with Colab's versions; kept in build/ for the next time."""
    python = colab_python()
    ask = "import sys; print('{}.{}'.format(*sys.version_info))"
    version = subprocess.run([python, "-c", ask], capture_output=True, text=True).stdout.strip()
    wanted = {name: pin for name, pin in sorted((COLAB | COLAB_RUNS).items())}
    folder = ROOT / "build" / f"colab-python{version}"
    stamp, inside = folder / "versions.txt", folder / "bin" / "python"
    pins = [f"{name}=={pin}" for name, pin in wanted.items()]
    if not stamp.exists() or stamp.read_text().split() != pins:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", folder], check=True)
        # torch first and alone: what depends on it then finds it there and pulls no other build.
        for some in ([f"torch=={wanted['torch']}"], pins):
            install = [inside, "-m", "pip", "install", "-q", "--no-compile", *some]
            done = subprocess.run(install, capture_output=True, text=True)
            if done.returncode:
                text = f"needs Colab's versions from a package index: {done.stderr[-1500:]}"
                pytest.fail(text) if os.environ.get("CI") else pytest.skip(text)
        stamp.write_text("\n".join(pins))
    ours = [*COLAB_LACKS, "ngpu-lib"]
    subprocess.run([inside, "-m", "pip", "uninstall", "-q", "-y", *ours], check=True)
    return inside


def versions(python: Path) -> dict[str, str]:
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True
    ).stdout
    return {canonicalize_name(each["name"]): each["version"] for each in json.loads(listed)}


def as_on_github(folder: Path) -> dict[str, str]:
    """A repository of the working tree, and the settings that make git find it where GitHub would be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        **{"cwd": ROOT, "capture_output": True, "text": True, "check": True},
    ).stdout.split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    at = settings()
    git = ["git", "-c", "user.name=course", "-c", "user.email=course@example.org"]
    release = ["tag", f"v{at['version']}"]
    commit = [["init", "-q", "-b", at["branch"]], ["add", "-A"], ["commit", "-q", "-m", "-"]]
    # After its release the branch moves on, to something a saved copy of a notebook could not use.
    move_on = [["rm", "-q", "-r", "ngpu_lib"], ["commit", "-q", "-m", "moved on"]]
    for command in (*commit, release, *move_on):
        subprocess.run([*git, *command], cwd=folder, check=True, capture_output=True)
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{folder.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"https://github.com/{at['repository']}",
    }


@pytest.mark.skipif(os.name == "nt", reason="Colab is Linux")
@pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(), reason="needs git and a checkout"
)
def test_lesson_00_on_colab(colab, tmp_path):
    """The set-up cell as it stands installs the library and changes nothing; then the lesson runs."""
    stub = tmp_path / "stub" / "google" / "colab"
    stub.mkdir(parents=True)
    (stub / "__init__.py").touch()
    (stub / "output.py").write_text(STUB)
    alone = tmp_path / "content"  # the folder holds the notebook and nothing else
    alone.mkdir()
    shutil.copy(STUDENT[0], alone)
    start = "import google.colab.output, ipykernel.kernelapp as k; k.launch_new_instance()"
    manager = KernelManager()
    manager._kernel_spec = KernelSpec(
        argv=[str(colab), "-c", start, "-f", "{connection_file}"], language="python"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= as_on_github(tmp_path / "github") | {"PYTHONPATH": str(tmp_path / "stub")}
    before = versions(colab)
    assert (before.keys() & {"ngpu-lib", *COLAB_LACKS}) == set()
    for name, version in (COLAB | COLAB_RUNS).items():
        assert before[name].split("+")[0] == version

    notebook = nbformat.read(alone / STUDENT[0].name, as_version=4)
    client = NotebookClient(notebook, km=manager, timeout=300, store_widget_state=True)
    client.execute(cwd=str(alone), env=environment)

    after = versions(colab)
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {"ngpu-lib", *COLAB_LACKS}
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert {"text/html", "application/vnd.jupyter.widget-view+json"} <= kinds
    printed = "".join(output.get("text", "") for output in outputs)
    assert f"torch {before['torch']}" in printed and "Traceback" not in printed
    assert f"ngpu_lib {settings()['version']}" in printed
    assert [path.name for path in alone.iterdir() if path.suffix] == [STUDENT[0].name]

    shipped = "from ngpu_lib import pretrained as p, recorded as r; print(p.names() + r.names())"
    installed = subprocess.run(
        [colab, "-c", shipped], cwd=alone, capture_output=True, text=True, check=True
    ).stdout
    assert ast.literal_eval(installed) == pretrained.names() + recorded.names()


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_lesson_needs_no_file_beside_it(path):
    """`pip install git+...` brings the package alone: no import, path or picture from the checkout."""
    known = {canonicalize_name(name) for name in requirements()} | {"ngpu-lib", "ipython"}
    known |= {"onnxruntime"}  # of the extra "small": tried, and left out where it is missing
    known |= {"sklearn", "requests"}  # scikit-learn's other name, and what pooch brings along
    cells = read_lesson(path)
    for text in (cell["source"] for cell in cells if cell["kind"] == "code"):
        tree = ast.parse(re.sub(r"(?m)^(\s*)[%!].*", r"\1pass", text))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or canonicalize_name(top) in known, name
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"\.\./|\bcourse/\w|\btests/\w", node.value), node.value
    for cell in cells:
        if cell["kind"] == "markdown":
            local = re.findall(r"!\[[^]]*\]\((?!https?:)([^)]*)\)", cell["source"])
            assert not local, f"a picture from a file is missing on Colab: {local}"
