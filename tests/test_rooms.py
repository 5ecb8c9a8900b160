"""Everything has one place: rooms of the library by content, one workshop, the field's names, nothing unused."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from torch import nn, optim

from ngpu_lib import (
    baselines,
    callbacks,
    names,
    neural_gpu,
    optimizers,
    recorded,
    symbol_tasks,
    tasks,
    train,
)
from tests.conftest import ROOT

LIBRARY = sorted((ROOT / "ngpu_lib").rglob("*.py"))
WORKSHOP = sorted((ROOT / "course" / "workshop").rglob("*.py"))
LESSONS = sorted((ROOT / "course").glob("[0-9]*.py"))


@cache
def tree(path: Path) -> ast.AST:
    text = re.sub(r"(?m)^(\s*)[%!].*", r"\1pass", path.read_text(encoding="utf-8"))
    return ast.parse(text)


def words(path: Path) -> set[str]:
    """Every name that a file's code speaks of: of variables, attributes, arguments, functions, imports."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.arg, ast.keyword)) and node.arg:
            found.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {part for alias in node.names for part in alias.name.split(".")}
            found |= set((getattr(node, "module", None) or "").split("."))
    return found


def defined(module) -> dict[str, object]:
    """The public functions and classes of a module, those it has taken from elsewhere left out."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    }


# Rooms by content.


def test_one_optimizer_and_apart_from_it_the_callbacks():
    assert all(issubclass(each, optim.Optimizer) for each in defined(optimizers).values())
    pieces = {n: v for n, v in defined(callbacks).items() if inspect.isclass(v)}
    assert pieces and all(issubclass(each, train.Callback) for each in pieces.values())


def test_baselines_holds_networks():
    assert all(issubclass(each, nn.Module) for each in defined(baselines).values())


def test_the_loop_writes_no_files_itself():
    spoken = words(ROOT / "ngpu_lib" / "train.py")
    assert not spoken & {"safetensors", "tempfile", "write_whole", "write_bytes", "json"}
    lines = inspect.getsource(train.train).splitlines()
    assert len(lines) <= 120, "the loop fits on two screens"


def test_a_rule_is_found_by_its_name_and_suggestions_have_one_place():
    for name in symbol_tasks.RULES:
        assert symbol_tasks.RULES[name][0].__name__ == name.replace("-", "_")
    for path in LIBRARY:
        if path.name not in ("names.py", "names"):
            assert "difflib" not in words(path), path
    assert names.suggest.__module__ == "ngpu_lib.names" and not hasattr(tasks, "get_close_matches")


def test_no_state_is_read_by_hand():
    """What would be read off a state is asked of ``readout`` or a trace, nowhere computed anew."""
    loop = "model.read(tape_BCWL"  # lesson 08 writes the machine out once, as a loop
    for path in (*LESSONS, *WORKSHOP):
        found = re.findall(r"model\.read\(\s*\w*(?:state|tape|last)\w*", path.read_text("utf-8"))
        assert found == ([loop] if path.name == "08_neural_gpu.py" else []), f"{path.name}: {found}"


def test_settings_of_a_run_are_no_attributes_of_a_model():
    for model in (neural_gpu.DiagonalNeuralGPU(4, 6), neural_gpu.NeuralGPU(4, 4)):
        assert not {"noise", "dropout", "keep", "extra", "extra_steps", "steps"} & set(vars(model))
    for path in (*LESSONS, *WORKSHOP):
        assert "__class__ =" not in path.read_text("utf-8"), path


def test_the_installed_package_is_only_read():
    """A run writes where it is told, a benchmark or a recording into the checkout: never beside the code."""
    for path in LIBRARY:
        text = path.read_text("utf-8")
        if "FOLDER" in text:
            assert not re.search(r"write_\w+\(\s*FOLDER|open\(\s*FOLDER[^)]*[\"']w", text), path
    for path in LESSONS:
        text = path.read_text("utf-8")
        assert not re.search(r"(recorded|pretrained)\.FOLDER", text), (
            f"{path.name} writes or reads by path"
        )


# One workshop.


def users(pattern: str, *places: str) -> set[str]:
    """The files whose text has a pattern, from the root."""
    paths = (path for place in places for path in sorted((ROOT / place).rglob("*.py")))
    return {
        path.relative_to(ROOT).as_posix()
        for path in paths
        if re.search(pattern, path.read_text("utf-8")) and path != Path(__file__).resolve()
    }


def test_one_browser_look_up_one_fetch_from_npm_one_executor_and_no_path_edits():
    everywhere = ("course", "docs", "ngpu_lib", "tests")
    assert users(r"sys\.path\.(insert|append)\(", "course", "docs", "ngpu_lib") == set()
    looks = users(r"which\(|executable_path", *everywhere)
    browser = {name for name in looks if "chrom" in (ROOT / name).read_text("utf-8").lower()}
    assert {name for name in browser if name.startswith("course/")} == {
        "course/workshop/browser.py"
    }
    assert users(r"[\"']pack[\"']", *everywhere) <= {"course/workshop/npm.py"}
    assert users(r"ExecutePreprocessor|jupyter.*nbconvert.*--execute", *everywhere) == set()


@pytest.mark.parametrize("name", recorded.names())
def test_a_recorded_run_names_a_command_that_makes_it(name):
    kept = recorded.load(name)
    if isinstance(kept, list):  # a class's trials: exported rows of `ngpu sweep`
        assert kept and all({"id", "value", "params"} <= set(row) for row in kept)
        return
    modules = re.findall(r"python -m (course\.[\w.]+)", kept["command"])
    assert modules or kept["command"].startswith("ngpu "), kept["command"]
    for module in modules:
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module


# Names.

#: What was called otherwise once, and must not come back beside its new name.
FORMER = {
    "AdaMax": "ClippedAdamax",
    "Bins": "BinnedBatches",
    "Extra": "Callback",
    "SlowDown": "nothing",
    "extras": "callbacks",
    "live_BL": "valid_BL",
    "scored_BL": "loss_mask_BL",
    "told_BRP": "head_params_BRP",
    "keep_rate": "dropout",
    "learning_rate": "lr",
}


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_one_name_a_thing(path):
    found = words(path) & FORMER.keys()
    assert not found, {name: FORMER[name] for name in found}


def test_optimizer_is_spelt_so_everywhere():
    listed = ["git", "ls-files", "*.py", "*.md", "*.toml", "*.yml"]
    paths = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, paths):
        path = ROOT / name
        if path.exists() and path != Path(__file__).resolve():
            assert "optimiser" not in path.read_text("utf-8").lower(), name


def test_no_class_has_the_name_of_another():
    """One class a name, over the whole library; exercises' checks have no classes to speak of."""
    places: dict[str, list[str]] = {}
    for path in LIBRARY:
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(path.name)
    twice = {name for name, where in places.items() if len(where) > 1}
    assert twice <= {
        "HandIn"
    }  # the button in a lesson, and the file that it writes as `collect` reads it


# Nothing unused.


def test_every_public_function_is_used_somewhere():
    """Spoken of in another file than a test, or more than once in its own."""
    spoken = {path: words(path) for path in (*LIBRARY, *LESSONS, *WORKSHOP)}
    spoken |= {path: words(path) for path in sorted((ROOT / "tests" / "benchmarks").glob("*.py"))}
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "course" / "plans").glob("*.toml"))
    pages += "".join(path.read_text("utf-8") for path in (ROOT / "docs").glob("*.py"))
    pages += (ROOT / "course/workshop/present.py").read_text("utf-8")
    unused = []
    for path in LIBRARY:
        if "checks" in path.parts:
            continue
        text = path.read_text("utf-8")
        for node in tree(path).body:
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
                continue
            elsewhere = any(node.name in found for other, found in spoken.items() if other != path)
            own = len(re.findall(rf"\b{node.name}\b", re.sub(r'""".*?"""', "", text, flags=re.S)))
            if not elsewhere and own < 2 and not re.search(rf"\b{node.name}\b", pages):
                unused.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert not unused, unused


def test_no_file_of_the_library_is_above_350_lines():
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in LIBRARY
        if (count := len(path.read_text("utf-8").splitlines())) > 350
    }
    assert not long


def test_the_reading_order_names_every_module():
    text = (ROOT / "ngpu_lib" / "__init__.py").read_text("utf-8")
    for path in sorted((ROOT / "ngpu_lib").iterdir()):
        if path.suffix == ".py" or (path / "__init__.py").exists():
            assert path.stem == "__init__" or re.search(rf"\b{path.stem}\b", text), path.stem


def test_sweep_brings_no_torch():
    """To read and draw rows takes none, and `ngpu_lib` itself none either."""
    ask = "import sys, ngpu_lib, ngpu_lib.sweep, ngpu_lib.require; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stdout + run.stderr


def test_every_module_imports_by_itself():
    for path in LIBRARY:
        if path.name == "__init__.py" and "checks" not in path.parts:
            importlib.import_module(".".join(path.parent.relative_to(ROOT).parts))
