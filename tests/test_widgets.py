"""The Python half of the widgets: what goes to the page, what comes back, what is refused.

Needs no torch and no browser, so that it also runs under ipywidgets 7.7 (see test_widgets_browser).
"""

from __future__ import annotations

import ast
import base64
import json
import re
import threading
from pathlib import Path

import numpy as np
import pytest

import ngpu_lib.widgets
from ngpu_lib.widgets import (
    ActivationViewer,
    Addressing,
    Carries,
    Copier,
    DrawDigit,
    Gates,
    GradientFlow,
    SpaceTime,
)
from ngpu_lib.widgets.panel import MOST_VALUES, NAN, to_bytes
from ngpu_lib.widgets.viewer import ranges_text, read_ranges

FOLDER = Path(ngpu_lib.widgets.__file__).parent
STATE = np.random.default_rng(0).normal(size=(5, 3, 2, 7))


def decode(panel):
    """What the page reads back from a panel."""
    codes = np.frombuffer(base64.b64decode(panel["data"]), np.uint8).reshape(panel["shape"])
    scale = np.array(panel["scale"])[None, :, None, None]
    return np.where(codes >= NAN, np.nan, scale * (codes.astype(float) - 126) / 126)


def expect(message, function, *arguments, **options):
    with pytest.raises(ValueError, match=message):
        function(*arguments, **options)


# The viewer.


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30, 1e300])
def test_values_arrive_within_the_stated_rounding(size):
    viewer = ActivationViewer(STATE * size)
    wrong_by = np.abs(decode(viewer.panels[0]) - STATE * size).max()
    assert 0 < wrong_by <= viewer.rounding * (1 + 1e-9)
    assert viewer.rounding == np.abs(STATE * size).max() / 252


def test_each_map_has_its_own_rounding():
    state = STATE * np.array([1.0, 100.0, 0.0])[None, :, None, None]
    codes, scale_C = to_bytes(state)
    shown = scale_C[None, :, None, None] * (codes.astype(float) - 126) / 126
    for c, scale in enumerate(scale_C):
        assert np.abs(shown[:, c] - state[:, c]).max() <= scale / 252 + 1e-12
    assert scale_C[2] == 0
    assert not shown[:, 2].any()


def test_zero_and_the_ends_are_exact():
    state = np.array([[[0.0, 1.0, -1.0, 0.5]]])
    assert decode(ActivationViewer(state).panels[0]).ravel().tolist()[:3] == [0.0, 1.0, -1.0]


def test_not_finite_values_are_coded_counted_and_spoil_nothing():
    state = STATE.copy()
    state[0, 0, 0, :3] = np.nan, np.inf, -np.inf
    viewer = ActivationViewer(state)
    assert viewer.not_finite == 3
    codes, scale_C = to_bytes(state)
    assert codes[0, 0, 0, :3].tolist() == [253, 254, 255]
    assert np.isfinite(scale_C).all()
    assert codes[1:].max() <= 252
    assert ActivationViewer(np.full((2, 1, 3), np.nan)).not_finite == 6


def test_a_state_without_width_is_one_tape_row():
    assert ActivationViewer(STATE[:, :, 0]).panels[0]["shape"] == [5, 3, 1, 7]


def test_lists_and_tensors_are_arrays():
    class Tensor:  # what a tensor offers; torch itself is not needed here
        dtype = "torch.float32"

        def detach(self):
            return self

        def cpu(self):
            return self

        def __array__(self, dtype=None, copy=None):
            return STATE.astype(np.float32)

    assert ActivationViewer(Tensor()).panels[0]["shape"] == [5, 3, 2, 7]
    assert ActivationViewer([[[1, 2]], [[3, 4]]]).panels[0]["shape"] == [2, 1, 1, 2]
    assert ActivationViewer(STATE > 0).panels[0]["scale"] == [1.0] * 3


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            np.zeros((3, 4)),
            r"state: got 2 axes, shape \(3, 4\); needs the states of a tape .*\(T, C, W, L\) or",
        ),
        (np.zeros((1, 2, 3, 4, 5)), "state: got 5 axes"),
        (np.zeros((0, 2, 3)), r"state: got shape .*needs at least one step"),
        (np.zeros((2, 0, 3)), "at least one map"),
        (np.zeros((2, 3, 0)), "at least one position"),
        (np.array([[["a"]]]), "state: got <U1 values; needs real numbers"),
        (np.zeros((2, 2, 2), complex), "needs real numbers"),
        ([[[1, 2], [3]]], "state: got rows of unequal length"),
    ],
)
def test_what_is_no_state_is_refused(state, message):
    expect(message, ActivationViewer, state)


def test_too_large_a_state_says_its_size_and_how_to_thin_it():
    state = np.zeros((802, 96, 801), np.float32)
    with pytest.raises(ValueError) as caught:
        ActivationViewer(state)
    assert "802 x 96 x 1 x 801" in str(caught.value)
    assert f"{802 * 96 * 801:,} values; a page takes {MOST_VALUES:,}" in str(caught.value)
    (step,) = re.findall(r"state\[::(\d+)\]", str(caught.value))
    viewer = ActivationViewer(state[:: int(step)])
    assert viewer.steps == -(-802 // int(step))


def test_two_states_are_locked_in_time():
    viewer = ActivationViewer(STATE, STATE[:, :2, :1], names=["noise", "no noise"])
    assert [panel["name"] for panel in viewer.panels] == ["noise", "no noise"]
    expect(r"other: got 4 steps, state has 5.*\[:4\]", ActivationViewer, STATE, STATE[:4])
    expect(r"other: got 6 positions, state has 7", ActivationViewer, STATE, STATE[..., :6])
    expect("names: got 2; needs at most 1", ActivationViewer, STATE, names=["a", "b"])


def test_symbols_along_the_tape():
    rows = ["0110101"] * 4 + ["1111111"]
    viewer = ActivationViewer(STATE, inputs="01101*1", outputs=rows, targets=list("0000000"))
    panel = viewer.panels[0]
    assert panel["inputs"] == list("01101*1")
    assert len(panel["outputs"]) == 5
    assert panel["outputs"][4] == ["1"] * 7
    assert ActivationViewer(STATE, outputs="0110101").panels[0]["outputs"] == [list("0110101")]
    square = ActivationViewer(np.zeros((3, 1, 3)), outputs=["a", "b", "c"])
    assert square.panels[0]["outputs"] == [["a", "b", "c"]]
    expect("inputs: got 3 symbols; the tape has 7", ActivationViewer, STATE, inputs="011")
    expect("outputs: got 4 symbols", ActivationViewer, STATE, outputs=["0110101"] * 4)
    expect("other_inputs: got 1", ActivationViewer, STATE, STATE, other_inputs="1")


class TapeTrace:
    """What the viewer takes from a trace; the library's own is tested in test_trace."""

    states_TCWL, gates = STATE, {"update": STATE[1:]}
    inputs, targets = "0110101", "1010110"
    outputs = [f"{step:07b}" for step in range(5)]


def test_a_trace_is_shown_as_it_is():
    (panel,) = ActivationViewer(TapeTrace()).panels
    (plain,) = ActivationViewer(
        STATE, inputs=TapeTrace.inputs, outputs=TapeTrace.outputs, targets=TapeTrace.targets
    ).panels
    assert panel == plain
    assert panel["outputs"][3] == list("0000011")
    left, right = ActivationViewer(TapeTrace(), TapeTrace(), other_inputs="abcdefg").panels
    assert left == panel
    assert right == {**panel, "inputs": list("abcdefg")}


def test_the_dict_of_a_traced_run_is_shown_with_what_would_be_read():
    arrays = {"state": STATE[:, :, 0], "read": np.arange(35.0).reshape(5, 7), "update": STATE[1:]}
    (panel,) = ActivationViewer(arrays).panels
    assert panel["shape"] == [5, 3, 1, 7]
    assert panel["outputs"][1] == ["7", "8", "9", "10", "11", "12", "13"]
    assert ActivationViewer({"state": STATE}, outputs="0110101").panels[0]["outputs"]


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ({"answer": np.zeros(3)}, r"state: got a trace of answer \(3,\); needs that of a tape"),
        ({"state": np.zeros((6, 3)), "z": [1]}, r"got a trace of state \(6, 3\), z \(1,\); needs"),
        ({"state": STATE, "read": np.zeros((5, 3, 7))}, r"read \(5, 3, 7\); needs .* one item"),
        ({}, "got a trace of nothing"),
        (object(), "state: got object; needs real numbers"),
    ],
)
def test_a_trace_of_another_machine_is_refused(trace, message):
    expect(message, ActivationViewer, trace)


def test_controls_are_driven_from_a_cell_and_refuse_what_cannot_be():
    viewer = ActivationViewer(STATE)
    seen = []
    viewer.observe(lambda change: seen.append(change.new), "step")
    viewer.step = 4
    assert seen == [4]
    for name, wrong in [
        ("step", 5),
        ("step", -1),
        ("row", 2),
        ("maps", [3]),
        ("mode", "film"),
        ("speed", 0.0),
        ("speed", float("nan")),
    ]:
        before = getattr(viewer, name)
        expect(f"{name}: got", setattr, viewer, name, wrong)
        assert getattr(viewer, name) == before
    viewer.maps = [2, 0, 2]
    assert viewer.maps == [0, 2]


def test_a_view_is_text_that_leads_back():
    viewer = ActivationViewer(STATE, view="step=3 maps=0,2 mode=time row=1 speed=8 loop=yes")
    assert viewer.view == "step=3 maps=0,2 mode=time row=1 speed=8 loop=yes own_scale=no"
    other = ActivationViewer(STATE)
    other.view = viewer.view
    assert other.view == viewer.view
    other.view = "step=1"
    assert (other.step, other.maps) == (1, [0, 2])
    for wrong in ("step", "step=x", "colour=red", "maps=9", "maps=2-0", "loop=maybe"):
        expect("view: got", setattr, other, "view", wrong)
    expect("step: got 99", setattr, other, "view", "maps=all step=99")
    assert (other.step, other.maps) == (1, [0, 2])  # all of a view or nothing


def test_ranges():
    assert ranges_text([]) == "all"
    assert read_ranges("all", 3) == []
    for numbers in ([0], [0, 1, 2, 7], [1, 3, 5], [4, 5]):
        assert read_ranges(ranges_text(numbers), 8) == numbers


def test_page_weight_of_a_whole_run_is_under_a_megabyte():
    viewer = ActivationViewer(np.random.default_rng(0).normal(size=(42, 96, 41)))
    assert len(json.dumps(viewer.get_state(), default=str)) < 1_000_000


# The explorers.


def uniform(image):
    return np.full(10, 0.1)


def brightest(image):
    return np.eye(10)[min(9, int(image.sum()))]


def test_digits_are_classified_when_drawn_and_examples_beforehand():
    digits = np.zeros((2, 28, 28))
    digits[1, 3, 4:7] = 1
    explorer = DrawDigit({"MLP": uniform, "conv net": brightest}, examples=digits)
    assert explorer.answers[1][0] == 1
    assert explorer.examples[1]["answers"][1][3] == 1
    explorer.image = digits[1]
    assert explorer.answers[1][3] == 1
    assert np.abs(explorer.image - digits[1]).max() == 0
    explorer.set_state({"pixels": explorer.examples[0]["pixels"], "asked": 3})  # as the page does
    assert explorer.answers[1][0] == 1
    assert explorer.answered == 3


def test_an_earlier_question_never_answers_last():
    """A stroke still being classified for the page, in its thread, while a cell clears the sheet."""
    started, cleared = threading.Event(), threading.Event()

    def slow(image):
        if image.any():
            started.set()
            cleared.wait(0.5)  # until the cell is answered, were that not held back until this is
        else:
            cleared.set()
        return brightest(image)

    stroke = np.zeros((28, 28))
    stroke[3, 4:7] = 1
    explorer = DrawDigit({"slow": slow})
    cleared.clear()
    drawn = {"pixels": DrawDigit({"MLP": uniform}, stroke).pixels}
    page = threading.Thread(target=lambda: explorer.set_state(drawn))
    page.start()
    assert started.wait(10)
    explorer.image = np.zeros((28, 28))
    page.join(10)
    assert not page.is_alive()
    assert not explorer.image.any()
    assert explorer.answers[0] == brightest(explorer.image).tolist()
    assert explorer.told == {"pixels": explorer.pixels, "answers": explorer.answers}


def test_digits_refuse():
    expect("classifiers: got 3", DrawDigit, dict.fromkeys("abc", uniform))
    expect("classifiers: got 0", DrawDigit, {})
    expect(
        r"image: got shape \(8, 8\); needs \(28, 28\)", DrawDigit, {"a": uniform}, np.zeros((8, 8))
    )
    expect("image: got 0 to 255", DrawDigit, {"a": uniform}, np.eye(28) * 255)
    expect("image: got nan", DrawDigit, {"a": uniform}, np.full((28, 28), np.nan))
    expect("logits: got .*ten probabilities", DrawDigit, {"logits": lambda image: np.arange(10)})
    explorer = DrawDigit({"bad": lambda image: 1 / 0 if image.any() else uniform(image)})
    with pytest.raises(ZeroDivisionError):
        explorer.image = np.ones((28, 28))
    assert explorer.error == "ZeroDivisionError: division by zero"
    explorer.image = np.zeros((28, 28))
    assert explorer.error == ""


def powers(scale, depth, nonlinearity, residual):
    return {"measured": scale ** np.arange(depth, -1, -1.0), "zeros": np.zeros(depth + 1)}


def test_gradient_flow_measures_again_at_each_move():
    explorer = GradientFlow(powers, scale=0.5, depth=10)
    np.testing.assert_allclose(explorer.curves[0]["log10"], np.log10(0.5) * np.arange(10, -1, -1))
    assert explorer.curves[1]["log10"] == [None] * 11
    explorer.depth = 3
    assert len(explorer.curves[0]["log10"]) == 4
    explorer.set_state({"scale": 2.0})
    assert explorer.curves[0]["log10"][0] == pytest.approx(np.log10(8))


def test_gradient_flow_refuses():
    expect("scale: got 0.0", GradientFlow, powers, scale=0.0)
    expect("depth: got 101", GradientFlow, powers, depth=101)
    expect(
        "nonlinearity: got 'sine'; needs one of linear", GradientFlow, powers, nonlinearity="sine"
    )
    expect(r"gradient norm: got shape \(2, 2\)", GradientFlow, lambda **_: np.ones((2, 2)))


def test_gates_keep_replace_and_leak():
    explorer = Gates(30, update=0.9)
    peak = explorer.state.argmax()
    np.testing.assert_allclose(
        explorer.state[peak:], explorer.state[peak] * 0.9 ** np.arange(30 - peak)
    )
    explorer.update = [1, 1, 1, 0, *[1] * 26]
    assert explorer.state[3:].tolist() == [np.tanh(3)] * 27
    explorer.update = 0
    assert explorer.state[-1] == 0
    explorer.update, explorer.weight, explorer.reset = 0.5, 1.0, 0
    assert explorer.state[6] == pytest.approx(explorer.state[5] / 2)
    expect("update: got 1.5", setattr, explorer, "update", 1.5)
    expect("reset: got 2 numbers; needs 30", setattr, explorer, "reset", [1, 0])
    expect("pulse: got 4", setattr, explorer, "pulse", 4)
    expect("weight: got -1", setattr, explorer, "weight", -1.0)
    expect("steps: got 200", Gates, 200)
    assert len(explorer.update) == 30


def test_addressing_in_its_corners():
    explorer = Addressing(beta=50)
    assert explorer.weights["content"].argmax() == 2
    for shift, row in ((1, 1), (-1, 7), (0, 0)):
        explorer.gate, explorer.shift = 0, shift
        assert explorer.weights["sharpening"].tolist() == np.eye(8)[row].tolist()
    explorer.shift = 0.5
    assert explorer.weights["shift"][:2].tolist() == [0.5, 0.5]
    explorer.shift, explorer.gamma = 0.4, 20
    assert explorer.weights["sharpening"][0] > 0.999
    np.testing.assert_allclose(explorer.read, explorer.memory[0], atol=1e-3)
    for row in explorer.weights.values():
        assert row.sum() == pytest.approx(1)
    explorer.key = np.zeros(6)
    explorer.gate = 1
    np.testing.assert_allclose(explorer.weights["content"], 1 / 8)


def test_addressing_refuses():
    expect("memory: got shape", Addressing, np.zeros((1, 3)))
    expect("memory: got 2", Addressing, [[2.0], [0.0]])
    expect("key: got 2 numbers; needs 6", Addressing, key=[1, 1])
    expect("previous: got weights that sum to 2", Addressing, previous=[1, 1, 0, 0, 0, 0, 0, 0])
    expect("gamma: got 0.5", Addressing, gamma=0.5)
    expect("beta: got nan", Addressing, beta=float("nan"))


def adder(a, b, digits):
    return [(a + b) >> place & 1 for place in range(2 * digits)]


def test_carries_mark_what_is_wrong():
    explorer = Carries(adder, a=255, b=1)
    assert (explorer.a, explorer.b, explorer.wrong) == (255, 1, 0)
    assert explorer.target == adder(255, 1, 8)
    broken = Carries(lambda a, b, n: [*adder(a, b, n)[:5], *[-1] * (2 * n - 5)], a=3, b=5)
    assert broken.wrong == 11
    product = Carries(
        lambda a, b, n: to_base(a * b, 10, 2 * n), "multiply", a=12, b=34, digits=3, base=10
    )
    assert product.target == [8, 0, 4, 0, 0, 0]
    assert product.wrong == 0
    product.ask(999, 999)
    assert product.answer == [1, 0, 0, 8, 9, 9]
    explorer.set_state({"operands": [[1] * 8, [1] * 8]})
    assert explorer.reply["operands"] == explorer.operands
    assert explorer.a == 255
    steps = Carries(lambda a, b, n: np.stack([np.zeros(2 * n), adder(a, b, n)]), a=7, b=1)
    assert len(steps.reply["answer"]) == 2
    assert steps.wrong == 0


def to_base(number, base, count):
    return [number // base**place % base for place in range(count)]


def test_carries_refuse():
    expect("operation: got 'divide'", Carries, adder, "divide")
    expect("a: got 256; needs a number from 0 to 255", Carries, adder, a=256)
    expect("a: got 1.5; needs a whole number", Carries, adder, a=1.5)
    expect("base: got 11", Carries, adder, base=11)
    expect(r"compute: got shape \(3,\); needs \(16,\)", Carries, lambda a, b, n: [0, 1, 0])
    expect("operands: got", setattr, Carries(adder), "operands", [[2] * 8, [0] * 8])


# With a network, which the page runs by itself.

TASK = {"name": "multiply", "symbols": [".", "0", "1", "*"], "base": 2, "sign": "*", "cells": 1}
NETWORK = {"kind": "DiagonalNeuralGPU", "task": TASK, "settings": {}, "data": "", "bytes": 8}


def retrace(word):
    """A trace whose states and readings follow from the word."""

    class Trace:
        states_TCWL = np.array(word, float)[None, None, None] * np.ones((3, 2, 1, 1))
        inputs = "".join(TASK["symbols"][s] for s in word)
        outputs, targets = [inputs] * 3, inputs

    return Trace()


def test_a_viewer_checks_what_the_page_computed():
    viewer = ActivationViewer(
        retrace((1, 3, 2)), network=NETWORK, retrace=retrace, word=(1, 3, 2), at_least=4
    )
    assert viewer.network == NETWORK and viewer.checked == {} and viewer.at_least == 4
    from ngpu_lib.widgets.panel import panel

    mine = panel("x", retrace((2, 3, 2)), dict.fromkeys(("inputs", "outputs", "targets")))
    viewer.set_state({"panels": [mine], "word": [2, 3, 2]})  # as the page does
    assert viewer.checked == {"agrees": True, "difference": "", "word": [2, 3, 2]}
    off = {**mine, "inputs": list("0*1"), "outputs": [list("0*1")] * 2 + [list("1*1")]}
    viewer.set_state({"panels": [off], "word": [1, 3, 2]})
    assert not viewer.checked["agrees"] and "other symbols" in viewer.checked["difference"]
    off = panel("x", retrace((1, 3, 2)), dict.fromkeys(("inputs", "outputs", "targets")))
    off["scale"] = [2 * scale for scale in off["scale"]]
    viewer.word = []
    viewer.set_state({"panels": [off], "word": [1, 3, 2]})
    assert "a value differs by" in viewer.checked["difference"]


def test_a_word_from_a_cell_is_shown():
    viewer = ActivationViewer(retrace((1, 3, 2)), network=NETWORK, retrace=retrace, word=(1, 3, 2))
    viewer.step = 2
    viewer.word = [2, 2, 3, 1, 1]
    assert viewer.panels[0]["inputs"] == list("11*00") and viewer.step == 0
    assert viewer.checked["agrees"]
    expect("network: got one beside", ActivationViewer, STATE, STATE, network=NETWORK)
    expect("network: got one beside", ActivationViewer, STATE, network={"kind": "NTM"})


def test_explorers_take_the_networks_behind_them():
    explorer = Carries(adder, a=3, b=1, network={**NETWORK, "kind": "x"})
    assert explorer.network["kind"] == "x" and explorer.wrong == 0
    expect("network: got one for base 10", Carries, adder, base=10, network=NETWORK)
    digit = DrawDigit({"a": uniform}, networks=[NETWORK])
    digit.image = np.ones((28, 28))
    assert digit.told == {"pixels": digit.pixels, "answers": digit.answers}
    expect("networks: got 2; needs 1", DrawDigit, {"a": uniform}, networks=[NETWORK] * 2)


def test_copier_compares_letters():
    copier = Copier({"kind": "NTM"}, lambda bits: np.array(bits) - 0.5, text="tape")
    assert copier.copied == "tape"
    copier.text = "Größe"
    assert copier.copied == "Größe"
    assert Copier({"kind": "NTM"}, text="x").copied == ""
    expect("network: got kind 'x'; needs 'NTM'", Copier, {"kind": "x"})
    expect("rows: got 1; needs 2 to 256", Copier, {"kind": "NTM"}, rows=1)
    for wrong in ("", "x" * 101, "→"):
        expect("text: got", setattr, copier, "text", wrong)
    expect(
        r"compute: got shape \(1, 3\); needs \(1, 8\)",
        Copier,
        {"kind": "NTM"},
        lambda b: [[1, 0, 1]],
        text="a",
    )


def test_space_time_checks_its_machines():
    reader = {"name": "stays", "move": 0, "weights": [0.5, -0.5, 0.0]}
    machine = {"name": "one", "network": NETWORK, "readers": [reader]}
    picture = SpaceTime([machine, {**machine, "layout": "after"}], 5, 7)
    assert [m["maps"] for m in picture.machines] == [2, 2]
    assert picture.machines[0]["readers"][0]["until"] is None
    picture.ask(2**70, 1)
    assert picture.operands == [str(2**70), "1"]
    expect("a: got -1", picture.ask, -1, 1)
    expect("b: got 1.5", picture.ask, 1, 1.5)
    expect("machines: got 0", SpaceTime, [], 1, 1)
    expect("digits: got 65", SpaceTime, [machine], 1, 1, digits=65)
    expect("layout: got 'x'", SpaceTime, [{**machine, "layout": "x"}], 1, 1)
    expect("network: got one without", SpaceTime, [{**machine, "network": {}}], 1, 1)
    two = [reader, {**reader, "weights": [1.0]}]
    expect("readers: got \\[1, 3\\] weights", SpaceTime, [{**machine, "readers": two}], 1, 1)
    nan = [{**reader, "weights": [float("nan")] * 3}]
    expect("not finite", SpaceTime, [{**machine, "readers": nan}], 1, 1)


# The package.


@pytest.mark.parametrize("lesson", ["00", "01", "04", "05", "06", "07", "08", "09"])
def test_a_lesson_about_a_movement_shows_a_widget_and_drives_it(lesson):
    """A variable stands alone in a cell (the widget is shown) and a cell sets one of its traits."""
    (path,) = (FOLDER.parents[1] / "course").glob(f"{lesson}_*.py")
    source = path.read_text("utf-8")
    assert "ngpu_lib.widgets" in source or "widgets." in source
    shown = set(re.findall(r"^(\w+)$", source, re.M))
    driven = set(re.findall(r"^\s*(\w+)\.(?:\w+(?:, \w+\.\w+)* = |ask\()", source, re.M))
    assert shown & driven, f"shown: {shown}, driven: {driven}"


def test_widgets_import_no_model_task_or_trainer():
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [a.name for a in node.names]
                if isinstance(node, ast.ImportFrom):
                    whole = node.module == "ngpu_lib"  # from ngpu_lib import x
                    names = [f"ngpu_lib.{name}" for name in names] if whole else [node.module]
                for name in names:
                    if name == "ngpu_lib.require":  # says what an argument needs; imports nothing
                        continue
                    assert not name.startswith("torch")
                    assert not name.startswith("ngpu_lib") or name.startswith("ngpu_lib.widgets"), (
                        name
                    )


def test_pages_reach_for_nothing_outside():
    for path in [*FOLDER.glob("*.js"), *FOLDER.glob("*.css")]:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|\bimport\b|\bfetch\(|url\(", re.sub(r"//.*", "", text)), (
            path.name
        )
