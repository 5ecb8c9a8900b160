"""The networks in the page compute what torch computes: golden files, made here, in Node and in a browser.

A golden file has a network as the page gets it and some runs: every state of every step, what would be
read off it, or the answer. States may differ by 1e-4; answers must be equal.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import ngpu_lib.widgets
from ngpu_lib import automata, pretrained
from ngpu_lib.baselines import MLP, ConvNet
from ngpu_lib.neural_gpu import DiagonalNeuralGPU, NeuralGPU
from ngpu_lib.ntm import NTM
from ngpu_lib.page import page_network
from ngpu_lib.tasks import make_task
from ngpu_lib.trace import trace_run
from tests.conftest import ROOT

FOLDER = Path(ngpu_lib.widgets.__file__).parent
PROGRAM = "".join((FOLDER / f"{name}.js").read_text("utf-8") for name in ("arrays", "networks"))
SCRIPT = ROOT / "tests" / "networks.js"
NEEDS_NODE = "needs node: the networks in JavaScript are compared with Python's"


def floats(values) -> str:
    array = np.ascontiguousarray(values, np.float32)
    return base64.b64encode(array.tobytes()).decode()


def tape_runs(model, words, **settings) -> list[dict]:
    runs = []
    for word in words:
        arrays = trace_run(model, torch.tensor([word]), **settings)
        runs.append(
            {
                "word": list(word),
                "steps": len(arrays["state"]) - 1,
                "states": floats(arrays["state"]),
                "read": arrays["read"].tolist(),
            }
        )
    return runs


def shipped(name):
    """A shipped network on words of a few lengths."""
    trained = pretrained.load(name)
    generator = torch.Generator().manual_seed(0)
    lengths = (1, 6, 13) if name != "multiply" else (1, 5, 12)
    words = [trained.task.draw(length, generator, "random") for length in lengths]
    words += [trained.task.draw(8, generator, trained.task.kinds[-1])]
    runs = tape_runs(trained.model, words, **trained.settings)
    return {"network": trained.page(), "runs": runs}


def of_2015(width, relaxation=1):
    torch.manual_seed(width)
    model = NeuralGPU(4, maps=5, width=width, relaxation=relaxation).eval()
    task = make_task("add")
    words = [task.encode(5, 3, 3), task.encode(200, 77, 8)]
    return {"network": page_network(model, task), "runs": tape_runs(model, words)}


def hand_set():
    model = automata.hand_set_multiplier()
    words = [automata.multiplier_input(13, 11, 4)[0].tolist()]
    words += [automata.multiplier_input(200, 77, 9)[0].tolist()]
    return {"network": page_network(model, make_task("multiply")), "runs": tape_runs(model, words)}


def small_maps():
    """Numbers of maps that fill no block of the product."""
    torch.manual_seed(1)
    model = DiagonalNeuralGPU(3, maps=7).eval()
    return {"network": page_network(model), "runs": tape_runs(model, [[1, 2, 0, 1, 2]], steps=9)}


def as_rounded(model, rounding):
    """The model with the weights that the page will have."""
    network = page_network(model, rounding=rounding)
    from safetensors.torch import load

    tensors = load(base64.b64decode(network["data"]))
    state = {}
    for name, tensor in model.state_dict().items():
        found = tensors[name].float()
        if f"{name}.scale" in tensors:
            scale = tensors[f"{name}.scale"]
            found *= scale.view(-1, *[1] * (found.ndim - 1))
        state[name] = found.to(tensor.dtype)
    model.load_state_dict(state)
    return model.eval(), network


def images(kind, rounding):
    torch.manual_seed(3)
    model = {"mlp": lambda: MLP((784, 64, 10)), "conv": ConvNet}[kind]()
    with torch.no_grad():  # batch norm as after training
        for name, buffer in model.named_buffers():
            if "running" in name:
                buffer.uniform_(0.5, 1.5)
    model, network = as_rounded(model.eval(), rounding)
    runs = []
    for _ in range(3):
        image = torch.rand(28, 28)
        with torch.no_grad():
            answer = torch.softmax(model(image[None])[0], -1)
        runs.append({"image": floats(image), "answer": answer.tolist()})
    return {"network": network, "runs": runs}


def copier():
    torch.manual_seed(4)
    model = NTM(10, 8, hidden=20, rows=12, row_size=6).eval()
    with torch.no_grad():  # heads that go somewhere
        model.heads.weight.mul_(10)
    runs = []
    for length in (3, 11):
        inputs, trace = (torch.rand(1, length, 10) > 0.5).float(), []
        with torch.no_grad():
            answers = model(inputs, trace=trace)
        runs.append(
            {
                "inputs": inputs[0].tolist(),
                "answers": floats(answers[0]),
                "addresses": floats(torch.cat([part["w"] for part in trace])),
                "memory": floats(torch.cat([part["memory"] for part in trace])),
            }
        )
    return {"network": page_network(model), "runs": runs}


GOLDEN = {
    **{name: lambda name=name: shipped(name) for name in pretrained.names()},
    "2015, width 1": lambda: of_2015(1),
    "2015, width 4, two sets": lambda: of_2015(4, relaxation=2),
    "set by hand": hand_set,
    "seven maps": small_maps,
    "mlp": lambda: images("mlp", "float32"),
    "mlp, int8": lambda: images("mlp", "int8"),
    "conv net": lambda: images("conv", "float32"),
    "conv net, float16": lambda: images("conv", "float16"),
    "copier": copier,
}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The networks' program as one file."""
    path = tmp_path_factory.mktemp("program") / "networks.js"
    path.write_text(PROGRAM, "utf-8")
    return path


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """The golden files by name, written once."""
    folder, found = tmp_path_factory.mktemp("golden"), {}
    for number, (name, make) in enumerate(GOLDEN.items()):
        found[name] = folder / f"{number:02}.json"
        found[name].write_text(json.dumps(make()))
    return found


def check(name: str, found: dict) -> None:
    assert found["furthest"] < 1e-4, (name, found)
    assert found["answers"], name


def test_in_node(golden, program):
    node = shutil.which("node")
    if node is None:
        pytest.skip(NEEDS_NODE)
    command = [node, SCRIPT, program, *golden.values()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    ways = set()
    for name, found in zip(golden, json.loads(done.stdout), strict=True):
        check(name, found)
        ways |= set(found["ways"])
    assert "plain" in ways  # the loop that stands in where a browser has no SIMD


def run_node(code: str) -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip(NEEDS_NODE)
    done = subprocess.run([node, "-e", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("bytes[5000] ^= 1", "their checksum is another"),
        ("bytes = bytes.slice(0, 4000); crc = null", "is not all there"),
        ("bytes = bytes.slice(0, 5); crc = null", "the file is too short"),
        ("bytes = bytes.slice(0, 50); crc = null", "the file ends too early"),
        ("bytes.fill(33, 8, 40); crc = null", "their list of contents cannot be read"),
        ("bytes.fill(255, 80000); crc = null", "holds what is no number"),
    ],
)
def test_damaged_weights_are_named(damage, sentence, tmp_path, program):
    network = pretrained.load("copy").page()
    (tmp_path / "n.json").write_text(json.dumps(network))
    printed = run_node(
        f"""const fs = require("fs");
        const Networks = new Function(fs.readFileSync({str(program)!r}, "utf8") + "; return networks();")();
        const network = JSON.parse(fs.readFileSync({str(tmp_path / "n.json")!r}));
        let bytes = Uint8Array.from(Buffer.from(network.data, "base64")), crc = network.crc32;
        {damage};
        try {{ Networks.build({{ ...network, crc32: crc }}, bytes); console.log("built"); }}
        catch (error) {{ console.log(error.message); }}"""
    )
    assert sentence in printed


def test_checksum_is_zlibs(program):
    code = f"""const source = require("fs").readFileSync({str(program)!r}, "utf8");
    const Networks = new Function(source + "; return networks();")();
    console.log(Networks.crc32(new TextEncoder().encode("123456789")));"""
    assert run_node(code) == str(0xCBF43926)


def test_what_the_page_does_not_know_is_refused():
    class Other(DiagonalNeuralGPU):
        pass

    for model in (Other(3, maps=3), torch.nn.Linear(1, 1), MLP(activation=torch.nn.Tanh)):
        with pytest.raises(ValueError, match="model: "):
            page_network(model)
    model = DiagonalNeuralGPU(3, maps=3)
    with pytest.raises(ValueError, match="settings: got noise=1"):
        page_network(model, settings={"noise": 1})
    with pytest.raises(ValueError, match="rounding: got 'int4'"):
        page_network(model, rounding="int4")
    model.read.bias.data[0] = float("nan")
    with pytest.raises(ValueError, match="model: read.bias is not finite"):
        page_network(model)


def test_rounding_makes_files_smaller_and_says_so():
    model = MLP()
    sizes = {
        way: page_network(model, rounding=way)["bytes"] for way in ("float32", "float16", "int8")
    }
    assert sizes["float16"] < 0.51 * sizes["float32"] and sizes["int8"] < 0.27 * sizes["float32"]


def test_shipped_products_are_python_products(golden):
    """What the golden file calls the answer is a * b, so that the page is held to arithmetic, too."""
    task = make_task("multiply")
    for run in json.loads(golden["multiply"].read_text())["runs"]:
        a, b = task.decode(tuple(run["word"]))
        assert task.value(run["read"][-1]) == a * b


@pytest.mark.browser
def test_in_a_browser(golden):
    from tests.browser import chromium

    script = PROGRAM + SCRIPT.read_text("utf-8")
    with chromium() as browser:
        page = browser.new_page()
        page.context.set_offline(True)
        page.add_script_tag(content=script)
        for name, path in golden.items():
            found = page.evaluate(f"compareWithPython(networks(), {path.read_text()})")
            check(name, found)
            if found["ways"]:
                assert set(found["ways"]) == {"simd", "plain"}


def test_the_front_doors_wrong_pairs_are_wrong():
    from course.workshop.site import FRONT_WRONG

    trained = pretrained.load("multiply")
    for a, b in [map(int, pair) for pair in FRONT_WRONG]:
        batch = trained.task.batch([trained.task.encode(a, b)])
        found = trained.task.value(trained.answers(batch)[0].tolist())
        assert (a * b - found).bit_count() == 1  # one carry is lost


def test_readers_of_the_multiplier_are_right_until_the_front_comes():
    """The recorded readers, on words that they were neither fitted to nor tried on."""
    from course.workshop.recorded_runs import lesson09_readers as script
    from ngpu_lib import recorded

    found = recorded.load("lesson09_readers")
    assert [(r["name"], r["move"]) for r in found["readers"]] == list(script.MOVES.items())
    data = script.states_and_targets(pretrained.load("multiply"), 14, 20, seed=5)
    for reader in found["readers"]:
        weights = torch.tensor(reader["weights"]).double()
        states, target = script.rows(data, reader["name"], data["late"] <= reader["until"])
        assert ((states @ weights).sign() == target).double().mean() > 0.999
        states, target = script.rows(data, reader["name"], data["late"] >= 3)
        assert ((states @ weights).sign() == target).double().mean() < 0.75
    assert min(found["column tried"].values()) > 0.995 and len(found["column"]["weights"]) == 97


def test_space_time_says_what_is_in_a_cell(program, tmp_path):
    from ngpu_lib import recorded

    shared = "".join((FOLDER / f"{name}.js").read_text("utf-8") for name in ("machine", "space"))
    (tmp_path / "space.js").write_text(shared, "utf-8")
    given = {
        "network": pretrained.load("multiply").page(),
        "readers": recorded.load("lesson09_readers")["readers"],
    }
    (tmp_path / "given.json").write_text(json.dumps(given))
    printed = run_node(
        f"""const fs = require("fs");
        const text = ["{program}", "{tmp_path}/space.js"].map((p) => fs.readFileSync(p, "utf8")).join("");
        const J = new Function(text + "; return {{ networks, arithmeticWord, rightAnswer, stepsOf, readSpace }};")();
        const {{ network, readers }} = JSON.parse(fs.readFileSync("{tmp_path}/given.json"));
        const machine = J.networks().build(network, Uint8Array.from(Buffer.from(network.data, "base64")));
        const word = J.arithmeticWord(network, 2741n, 3001n, 12), L = word.length, T = J.stepsOf(network, L) + 1;
        const states = new Float32Array(T * 96 * L), read = new Uint8Array(T * L);
        machine.start(word);
        for (let t = 0; t < T; t++) {{
          if (t) machine.step();
          machine.state(states, t * 96 * L);
          read.set(machine.read(), t * L);
        }}
        const right = J.rightAnswer(network.task, word);
        const places = {{ first: [0, 12], second: [13, 25], answer: [0, 25], middle: 12 }};
        const see = () => J.readSpace({{ states, read, shape: [T, 96, 1, L] }}, right, readers, places);
        const space = see();
        const row = (t) => [space.kind, space.level].map((all) => Array.from(all.subarray(t * L, (t + 1) * L)));
        right[7] = 3 - right[7];
        const wrong = Array.from(see().kind.subarray(-L));
        const answer = Array.from(read.subarray(-L));
        console.log(JSON.stringify({{ word, first: row(0), last: row(T - 1), wrong, answer }}));"""
    )
    found = json.loads(printed)
    kinds, levels = found["first"]
    assert kinds == [1] * 12 + [0] + [2] * 12
    assert [levels[l] for l in range(25) if l != 12] == [s - 1 for s in found["word"] if s != 3]
    assert found["last"] == [[3] * 25, [s - 1 for s in found["answer"]]]
    assert [l for l, kind in enumerate(found["wrong"]) if kind == 4] == [7]
