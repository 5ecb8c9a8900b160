"""pip, conda, Colab and Binder get the same libraries, and repo2docker picks the right files."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from course.workshop.editions import SETUP, settings
from ngpu_lib import threads
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"torch": "pytorch-cpu"}

#: What Colab's image of 2026 carries (Python 3.13): nothing there may be too old for us.
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


def test_set_up_cell_installs_a_release_and_what_colab_lacks():
    """The tag of the version in pyproject.toml, not a branch that moves; nothing else comes along."""
    (line,) = (line for line in SETUP.splitlines() if "%pip" in line)
    named = line.split("--no-deps")[1].split()
    assert {word for word in named if not word.startswith("git+")} == COLAB_LACKS
    assert line.endswith("git+https://github.com/{repository}@v{version}")
    assert settings()["version"] == PROJECT["version"]


def test_set_up_cell_loads_the_library_before_torch():
    """Only then does the number of threads that the library settles reach torch."""
    tree = ast.parse(SETUP.replace("%pip", "pass  #").format(**settings()))
    imports = [node.names[0].name for node in ast.walk(tree) if isinstance(node, ast.Import)]
    assert imports.index("ngpu_lib") < imports.index("torch")


def test_post_build_stops_at_the_first_error():
    lines = (ROOT / "binder/postBuild").read_text().splitlines()
    assert lines[0].startswith("#!") and lines[1] == "set -e"
    for name in ("postBuild", "start"):
        assert (ROOT / "binder" / name).stat().st_mode & 0o111
    assert (ROOT / "binder/start").read_text().endswith('\nexec "$@"\n')


@pytest.fixture(scope="module")
def dockerfile() -> str:
    """The image's recipe, a line for every instruction."""
    text = (ROOT / "binder/Dockerfile").read_text()
    return re.sub(r"(?m)^#.*\n", "", text).replace("\\\n", " ")


def test_repo2docker_takes_the_dockerfile(dockerfile, tmp_path):
    """Binder builds this file and nothing else, for its own user."""
    for name in ("binder", "ngpu_lib"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("environment.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug"]
    command += ["--user-id", "1000", "--user-name", "jovyan", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-2000:]
    said = run.stdout + run.stderr
    assert "conda" not in said.lower()
    assert "FROM python:3.13-slim" in said and "binder/postBuild" in said


def test_the_image_is_made_from_the_pins(dockerfile):
    installs = re.findall(r"(?m)^RUN pip install (.+)$", dockerfile)
    assert "grep '^torch==' constraints.txt" in installs[0]
    assert all("-c constraints.txt" in line for line in installs[1:])
    heads = [line.split()[0] for line in dockerfile.splitlines() if line.strip()]
    assert heads.index("USER") < heads.index("WORKDIR") < heads.index("COPY")
    assert "--chown=${NB_UID}" in dockerfile and dockerfile.rstrip().splitlines()[-1][:3] == "CMD"


def test_the_devcontainer_and_the_workflow_use_the_same_recipe():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert container["build"] == {"dockerfile": "../binder/Dockerfile", "context": ".."}
    workflow = yaml.safe_load((ROOT / ".github/workflows/image.yml").read_text())
    steps = " ".join(str(step) for job in workflow["jobs"].values() for step in job["steps"])
    assert "binder/Dockerfile" in steps and "00_start_here.ipynb" in steps
    assert "startsWith(github.ref, 'refs/tags/v')" in steps


def build_variables(dockerfile: str, **at: str) -> dict[str, str]:
    """The variables that postBuild sees, the folders in ``at`` standing for the image's."""
    before = dockerfile.split("RUN ./binder/postBuild")[0]
    values = {"NB_USER": "jovyan", "NB_UID": "1000", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    found = {"PATH"}
    for kind, line in re.findall(r"(?m)^(ENV|ARG) (.+)$", before):
        for name, value in re.findall(r"(\w+)=(\S+)", line):
            value = re.sub(r"\$\{(\w+)\}", lambda name: values[name[1]], value)
            values[name] = at.get(name, value)
            found |= {name} if kind == "ENV" else set()
    return {name: values[name] for name in found}


@dataclasses.dataclass
class Image:
    """A folder that looks like the image's, and how to run a command in it as its user."""

    variables: dict[str, str]
    user: tuple[str, ...]

    @property
    def prefix(self) -> Path:
        return Path(self.variables["NB_PYTHON_PREFIX"])

    @property
    def repository(self) -> Path:
        return Path(self.variables["REPO_DIR"])

    def run(self, *command: str, cwd: Path | None = None, **more: str):
        return subprocess.run(
            [*self.user, *command],
            **{"cwd": cwd or self.repository, "env": self.variables | more, "timeout": 300},
            **{"capture_output": True, "text": True},
        )


@pytest.fixture(scope="module")
def image(dockerfile):
    """The image's folders, variables and unprivileged user, with this environment's packages.

    Its Python is a virtual environment in NB_PYTHON_PREFIX; the programs that the image has from
    conda stand in its bin. Folders lie in /tmp itself, where every user comes by.
    """
    top = Path(tempfile.mkdtemp(prefix="binder-"))
    variables = build_variables(
        dockerfile, NB_PYTHON_PREFIX=str(top / "course"), HOME=str(top / "home")
    )
    assert "NB_PYTHON_PREFIX" in variables and "CONDA_PREFIX" not in variables
    image, home = Image(variables, ()), top / "home"
    home.mkdir()
    top.chmod(0o755)
    python = sys.executable
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        ids = (f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
        image.user = ("setpriv", *ids)
        python = shared_python(image)
        if python is None:
            shutil.rmtree(top)
            pytest.skip(
                f"run as root, and no other user may start Python {HERE} (or setpriv lacks)"
            )
    image.prefix.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([python, "-m", "venv", "--without-pip", image.prefix], check=True)
    (packages,) = image.prefix.glob("lib/python*/site-packages")
    (packages / "these.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for name in requirements("image").keys() - requirements().keys():
        # What only the image has is declared here at its pin, and not there.
        declared = packages / f"{name.replace('-', '_')}-{pins()[name]}.dist-info"
        declared.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {pins()[name]}\n"
        (declared / "METADATA").write_text(text)
    for name, module, function in PROGRAMS:
        text = f"#!{image.prefix}/bin/python\nfrom {module} import {function}\n{function}()\n"
        (image.prefix / "bin" / name).write_text(text)
        (image.prefix / "bin" / name).chmod(0o755)
    leave = shutil.ignore_patterns("__pycache__")
    for name in ("binder", "ngpu_lib"):
        shutil.copytree(ROOT / name, home / name, ignore=leave)
    for name in ("constraints.txt", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, home)
    for path in [top, *top.rglob("*")] if image.user else []:
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    yield image
    shutil.rmtree(top)


#: What a conda environment with pip, jupytext and JupyterLab has in its bin.
PROGRAMS = (
    ("pip", "pip._internal.cli.main", "main"),
    ("jupyter", "jupyter_core.command", "main"),
    ("jupyter-labextension", "jupyterlab.labextensions", "main"),
    ("jupytext-config", "jupytext_config.__main__", "main"),
)  # the image has them in its environment
HERE = "{}.{}".format(*sys.version_info)


def shared_python(image: Image) -> str | None:
    """A Python of this version that the image's user may start, and packages that it may read."""
    packages = sysconfig.get_path("purelib")
    ask = (
        "import sys; sys.path.append(sys.argv[1]); import jupytext, jupyterlab; print(sys.version)"
    )
    for path in (Path(sys.executable).resolve().parent, "/usr/local/bin", "/usr/bin"):
        place = shutil.which(f"python{HERE}", path=path)
        if place and shutil.which("setpriv"):
            mine = subprocess.run([place, "-Ic", ask, packages], capture_output=True, text=True)
            users = image.run(place, "-Ic", ask, packages)
            if (
                not users.returncode and users.stdout == mine.stdout
            ):  # the same one, not one instead
                return place
    return None


@pytest.fixture(scope="module")
def built(image, dockerfile):
    """The image after the steps of its unprivileged user, all but the first: the environment is there.

    pip finds every requirement among the packages of this environment, which has the same pins, and would fail
    on one that is missing or pinned otherwise.
    """
    # The image's pip fetches setuptools; here the one at hand makes the test work without network.
    offline = {"PIP_NO_BUILD_ISOLATION": "0"} if importlib.util.find_spec("setuptools") else {}
    steps = re.findall(r"(?m)^RUN (.+)$", dockerfile.split("USER ${NB_USER}")[1])
    assert steps[0] == "python -m venv ${NB_PYTHON_PREFIX}" and len(steps) == 4
    for step in steps[1:]:
        run = image.run("sh", "-c", step, PIP_NO_INDEX="1", **offline)
        assert run.returncode == 0, step + run.stdout + run.stderr
    return image


@pytest.mark.skipif(os.name == "nt", reason="the image is Linux")
def test_post_build_as_the_images_user(built):
    """All of it lands in the environment, nothing in the home folder, and no privilege is needed."""
    assert built.run("id", "-u").stdout.strip() != "0"
    labconfig = built.prefix / "etc/jupyter/labconfig"
    overrides = json.loads((labconfig / "default_setting_overrides.json").read_text())
    viewers = overrides["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"]
    assert viewers["python"] == "Jupytext Notebook"
    page = json.loads((labconfig / "page_config.json").read_text())
    assert page["disabledExtensions"]["@jupyterlab/apputils-extension:announcements"]
    assert not (built.repository / ".jupyter").exists()
    where = "import ngpu_lib; print(ngpu_lib.__file__, ngpu_lib.__version__)"
    found, version = built.run("python", "-I", "-c", where, cwd=built.prefix).stdout.split()
    assert Path(found).is_relative_to(built.prefix) and version == PROJECT["version"]


@pytest.mark.skipif(os.name == "nt", reason="the image is Linux")
@pytest.mark.parametrize(
    ("limit", "user", "count"),
    [("0.5", {}, "1"), ("1", {}, "1"), ("", {}, None), ("1", {"OMP_NUM_THREADS": "5"}, "5")],
)
def test_start_settles_threads_and_hands_over(built, limit, user, count):
    """Kernels inherit the number; the server takes start's place and its exit status is its own."""
    start = "course-start"  # beside Python, as the image's entry point finds it
    show = 'echo "$OMP_NUM_THREADS $OMP_WAIT_POLICY $1 $$"; exit 7'
    process = subprocess.Popen(
        [*built.user, start, "bash", "-c", show, "server", "two words"],
        **{"env": built.variables | {"CPU_LIMIT": limit} | user, "cwd": built.repository},
        **{"stdout": subprocess.PIPE, "text": True},
    )
    printed = process.communicate(timeout=60)[0].strip()
    count = count or str(max(1, int(min(threads.cores(), threads.cgroup_quota()) / 2)))
    assert printed == f"{count} PASSIVE two words {process.pid}"
    assert process.returncode == 7


@pytest.mark.skipif(os.name == "nt", reason="the image is Linux")
def test_start_hands_over_where_the_library_is_broken(built, tmp_path):
    start = str(built.prefix / "bin/course-start")
    run = built.run(start, "echo", "up", cwd=Path("/"), PATH="/bin")
    assert run.stdout == "up\n"


MAKE = """#!/usr/bin/env bash
echo "$* $CI ${ATEN_CPU_CAPABILITY:-own} $HOME" >> calls.txt
mkdir -p build && echo "changes noticed: 99 of 100" > build/mutations.txt
grep "^$1 " left_out.txt | cut -d' ' -f2- > build/left_out.jsonl
exit 0
"""


NO_LYCHEE = 'test {"stage": "lint", "reason": "links: lychee is not installed", "count": 1}\n'


@pytest.mark.skipif(os.name == "nt", reason="CI is Linux")
@pytest.mark.parametrize(
    ("left_out", "status", "on_github"),
    [
        ("", 0, ""),
        ('test {"stage": "test-unit", "reason": "no CUDA device", "count": 1}\n', 0, "true"),
        (NO_LYCHEE, 0, ""),
        (NO_LYCHEE, 1, "true"),
        ('test {"stage": "test-browser", "reason": "needs Chromium", "count": 36}\n', 1, ""),
        ('test-fast {"stage": "test-fast", "reason": "needs npm", "count": 1}\n', 1, ""),
    ],
    ids=["complete", "no GPU", "no lychee", "no lychee on GitHub", "no Chromium", "second run"],
)
def test_ci_fails_where_something_was_left_out(tmp_path, left_out, status, on_github):
    """With stubs for make and what would be installed: two runs, the second as another processor."""
    repository, programs = tmp_path / "repository", tmp_path / "programs"
    (repository / ".ci").mkdir(parents=True)
    programs.mkdir()
    shutil.copy(ROOT / ".ci/run", repository / ".ci")
    (repository / "left_out.txt").write_text(left_out)
    there = dict.fromkeys(("chromium", "initdb", "npm", "git"), "#!/bin/sh\n") | {"make": MAKE}
    for name, text in there.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    variables = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": "/mine", "PYTHON": sys.executable}
    summary = tmp_path / "summary.md"
    variables |= {"GITHUB_ACTIONS": on_github, "GITHUB_STEP_SUMMARY": str(summary)}
    run = subprocess.run(
        [repository / ".ci/run"], env=variables, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == status, run.stdout + run.stderr
    first, *second = [line.split() for line in (repository / "calls.txt").open()]
    assert first == ["test", "true", "own", "/mine"]
    if status == 0 or left_out.startswith("test-fast"):
        ((*what, home),) = second
        assert what == ["test-fast", "true", "default"] and home != "/mine"
        assert not Path(home).exists()
    assert ("complete: " in run.stdout) == (status == 0)
    if status == 0:  # the figure stands in the log and on the run's page
        assert "changes noticed: 99 of 100" in run.stdout and "99 of 100" in summary.read_text()


@pytest.mark.parametrize("name", ["tests.yml", "links.yml", "site.yml", "image.yml"])
def test_workflows_are_yaml_with_jobs(name):
    workflow = yaml.safe_load((ROOT / ".github/workflows" / name).read_text())
    assert workflow["jobs"] and all(job["steps"] for job in workflow["jobs"].values())
    text = (ROOT / ".github/workflows" / name).read_text()
    assert any(what in text for what in (".ci/run", "lychee", "make site", "binder/Dockerfile"))


def test_the_lower_bounds_have_a_run_of_their_own():
    """`make test-oldest` installs exactly what pyproject.toml promises, torch first, and CI runs it."""
    if shutil.which("make") is None:
        pytest.skip("needs make")
    command = ["make", "-n", "test-oldest"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    first, second = (line for line in printed.splitlines() if " install " in line)
    for name, requirement in requirements().items():
        (bound,) = requirement.specifier
        assert f" {name}=={bound.version} " in second + " "
    assert "torch==" in first and "tests/test_bad_input.py" in printed
    assert PROJECT["optional-dependencies"]["reward"][0].replace(">=", "==") in second.split()
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]
    assert {"run": "make test-oldest"} in jobs["oldest"]["steps"]


def test_make_installs_once(tmp_path):
    """With stamps newer than what they stand for, `make lab` and `make test` install nothing."""
    if shutil.which("make") is None:
        pytest.skip("needs make")
    goals = ["lab", "test-unit", "test-site"]
    command = ["make", "-n", *goals, f"VENV={tmp_path}", "CONSTRAINTS=constraints.txt"]
    fresh = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    torch, rest = fresh.index('install -q "torch=='), fresh.index('-e ".[course]"')
    assert torch < rest < fresh.index('-e ".[test]"')
    for name in (".course", ".test", ".site"):
        (tmp_path / name).touch()
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "pip" not in again and "jupyter lab" in again
    assert "00_start_here.ipynb" in again


def test_the_hubs_recipe_is_yaml_and_names_the_image():
    text = (ROOT / "docs/classroom.md").read_text()
    values = yaml.safe_load(re.search(r"```yaml\n(.+?)```", text, flags=re.DOTALL)[1])
    student = values["singleuser"]
    assert student["memory"] == {"guarantee": "1G", "limit": "2G"} and student["cpu"]["limit"] == 1
    assert (
        student["image"]["name"].startswith("ghcr.io/")
        and student["cmd"] == "jupyterhub-singleuser"
    )
    workflow = (ROOT / ".github/workflows/image.yml").read_text()
    assert "IMAGE: ghcr.io/" in workflow and "--memory 2g" in workflow and "--cpus 1" in workflow
    assert (
        student["storage"]["homeMountPath"]
        in student["lifecycleHooks"]["postStart"]["exec"]["command"][2]
    )
