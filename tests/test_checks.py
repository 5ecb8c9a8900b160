"""Every check of every lesson says the right thing, and never raises."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from fractions import Fraction

import numpy as np
import pytest
import torch

from course.workshop.editions import lessons, read_lesson
from ngpu_lib import checks
from ngpu_lib.checks import MISTAKE, NOT_DONE, PASS, WRONG, Check, attempt, require_passed
from ngpu_lib.checks.compare import difference, show
from ngpu_lib.checks.quiz import quiz
from tests.exercises import known

LESSONS = sorted(
    m.name for m in pkgutil.iter_modules(checks.__path__) if m.name.startswith("lesson")
)
CHECKS = {
    f"{lesson}.{name}": value
    for lesson in LESSONS
    for name, value in vars(importlib.import_module(f"ngpu_lib.checks.{lesson}")).items()
    if isinstance(value, Check)
}


def answer_of(check: Check, function):
    """What a learner hands in: a function, or the value itself where there are no arguments."""
    return function() if all(case == () for case in check.cases) else function


def test_lessons_have_checks_and_names_are_unique():
    assert "lesson01" in LESSONS and len(CHECKS) >= 5
    names = [check.name for check in CHECKS.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", CHECKS)
def test_reference_passes(name):
    check = CHECKS[name]

    def answer(*case):  # what is forbidden to a learner, a reference may do
        return check.reference(*case)

    verdict = check.judge(answer_of(check, answer))
    assert verdict.status == PASS, verdict.message


@pytest.mark.parametrize("name", CHECKS)
def test_stub_is_not_done_yet(name):
    check = CHECKS[name]
    for stub in (None, ..., (1, ...), {"a": ...}, lambda *case: ..., lambda *case: (..., 1)):
        assert check.judge(stub).status == NOT_DONE


@pytest.mark.parametrize("name", CHECKS)
def test_none_is_named(name):
    check = CHECKS[name]
    verdict = check.judge(lambda *arguments, **options: None)
    assert verdict.status == WRONG and "returned None" in verdict.message


def converted(value, number, array):
    """A reference's result with every number and every array in another form."""
    if isinstance(value, dict):
        return {key: converted(part, number, array) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(converted(part, number, array) for part in value)
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return array(torch.as_tensor(value).detach())
    return number(value) if isinstance(value, (int, float, np.generic)) else value


def exactly(value):
    return Fraction(value) if np.isfinite(value) else value


FORMS = {
    "numpy": (np.asarray, lambda a: a.numpy()),
    "lists": (float, lambda a: a.tolist()),
    "float64": (np.float64, lambda a: a.double()),
    "float32": (np.float32, lambda a: a.float()),
    "tensors": (lambda v: torch.tensor(float(v), requires_grad=True), lambda a: a.double()),
    "in a graph": (torch.tensor, lambda a: a.double().requires_grad_()),
    "exact": (exactly, lambda a: np.vectorize(exactly, otypes=[object])(a.double().numpy())),
    "a list of tensors": (float, lambda a: list(a) if a.ndim else a),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [name for name, check in CHECKS.items() if not check.gradients])
def test_a_right_answer_may_have_any_type(name, form):
    check = CHECKS[name]
    if "exact" in form and "nan" in str(check.reference(*check.cases[0])):
        pytest.skip("no exact form of nan")

    def answer(*case):
        return converted(check.reference(*case), *FORMS[form])

    verdict = check.judge(answer_of(check, answer))
    assert verdict.status == PASS, verdict.message


def nudged(value, generator):
    """A case with every fractional number moved by about ten times what its type can tell apart."""
    if isinstance(value, (tuple, list)):
        return type(value)(nudged(part, generator) for part in value)
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        by = 10 * torch.finfo(value.dtype).eps
        return value * (1 + by * torch.randn(value.shape, generator=generator))
    if isinstance(value, (float, np.floating, np.ndarray)) and np.asarray(value).dtype.kind == "f":
        by = 10 * np.finfo(np.asarray(value).dtype).eps
        return value * (1 + by * torch.randn(np.shape(value), generator=generator).double().numpy())
    return value


@pytest.mark.parametrize("name", CHECKS)
def test_no_case_is_a_tie(name):
    """Rounding, done in another order or on another processor, must not decide what is right."""
    check, generator = CHECKS[name], torch.Generator().manual_seed(0)
    lesson, _, own = name.partition(".")
    wanted = known(lesson.removeprefix("lesson")).EXACT_TIES.get(own)
    ties = []
    for case in check.cases:
        for _ in range(5):
            near = check.reference(*nudged(case, generator))
            if found := difference(near, check.reference(*case), 1e-4 + 10 * check.tolerance):
                ties.append(f"with {show(case)} a nudge {found}")
    assert not ties or wanted, ties[0]
    assert ties or not wanted, "no case is a tie: delete the entry of EXACT_TIES"


@pytest.mark.parametrize("name", CHECKS)
def test_each_mistake_gets_its_sentence(name):
    check = CHECKS[name]
    lesson, _, own = name.partition(".")
    few = own in known(lesson.removeprefix("lesson")).FEWER_MISTAKES
    assert (len(check.mistakes) < 4) == few, f"{name}: {len(check.mistakes)} mistakes; needs four"
    messages = [message for _, message in check.mistakes]
    assert len(set(messages)) == len(messages)
    for wrong, message in check.mistakes:
        verdict = check.judge(answer_of(check, wrong))
        assert (verdict.status, verdict.message) == (MISTAKE, message)


def raises(*arguments, **options):
    raise ZeroDivisionError("on purpose")


class Odd:
    def __array__(self, *arguments, **options):
        raise RuntimeError("not a number")

    __repr__ = raises


WRONG_ANSWERS = {
    "raises": raises,
    "no arguments": lambda: 1,
    "text": lambda *a: "something else",
    "object": lambda *a: object(),
    "odd object": lambda *a: Odd(),
    "huge tuple": lambda *a: tuple(range(1000)),
    "ragged": lambda *a: [[1], [2, 3]],
    "set": lambda *a: {1, 2},
    "nan": lambda *a: float("nan"),
    "empty tensor": lambda *a: torch.empty(0, 5),
    "number": lambda *a: -12345.678,
}


@pytest.mark.parametrize("answer", WRONG_ANSWERS.values(), ids=WRONG_ANSWERS)
@pytest.mark.parametrize("name", CHECKS)
def test_any_other_answer_is_not_right_yet(name, answer):
    verdict = CHECKS[name].judge(answer)
    assert verdict.status == WRONG and verdict.message


@pytest.mark.parametrize("answer", [object(), "text", Odd(), 3, [], int, print])
def test_a_check_never_raises(capsys, answer):
    for check in CHECKS.values():
        verdict = check(answer)
        assert not verdict.passed
        assert check.name in capsys.readouterr().out


def halve(x):
    return x / 2


HALVE = Check(
    "0.0 halve", halve, cases=[(4.0,), (7.0,)], mistakes=[(lambda x: x // 2, "Whole division.")]
)


def test_the_printed_line(capsys):
    HALVE(halve)
    HALVE(lambda x: ...)
    HALVE(lambda x: x // 2)
    HALVE(lambda x: x)
    HALVE(raises)
    assert capsys.readouterr().out.splitlines() == [
        "0.0 halve: pass.",
        "0.0 halve: not done yet. Fill in the stub, then run this cell again.",
        "0.0 halve: known mistake. Whole division.",
        "0.0 halve: not right yet. With 4.0 it gives 4, needs 2.",
        "0.0 halve: not right yet. With 4.0 it raises ZeroDivisionError "
        f"(line {raises.__code__.co_firstlineno + 1}): on purpose",
    ]


def test_values_tolerance_and_shapes():
    value = Check("0.1 value", lambda: 0.5, mistakes=[(lambda: 2.0, "Upside down.")])
    assert value.judge(0.50001).passed and value.judge(np.float32(0.5)).passed
    assert value.judge(2).status == MISTAKE
    table = Check("0.2 table", lambda x: x, cases=[(torch.zeros(2, 3),)])
    verdict = table.judge(lambda x: x.T)
    assert "shape (3, 2), needs (2, 3)" in verdict.message
    assert table.judge(lambda x: x.tolist()).passed
    pair = Check("0.3 pair", lambda: (torch.ones(2), {"a": 1}))
    assert pair.judge((np.ones(2), {"a": 1})).passed
    assert pair.judge((np.ones(2), {"b": 1})).status == WRONG


def message_of(wanted, got, **options):
    verdict = Check("0.9 value", lambda: wanted, **options).judge(got)
    assert verdict.status == (WRONG if verdict.message else PASS)
    return verdict.message


def test_it_says_where():
    table, other = torch.zeros(3, 4), torch.zeros(3, 4)
    other[1, 2], other[2, 0] = 0.25, 7
    assert message_of(table, other) == (
        "It gives 0.25 at [1, 2], needs 0 there (2 of 12 entries differ)."
    )
    assert message_of((table, {"a": [1, 2]}), (table, {"a": [1, 3]})) == (
        "It gives 3 at [1]['a'][1], needs 2 there."
    )
    assert message_of([table, table], [table, other[:2]]) == (
        "It gives shape (2, 4) at [1], needs (3, 4) there."
    )
    assert message_of([1, 2, 3], [1, 2]) == "It gives 2 entries, needs 3."
    assert message_of(1 / 3, 0.33334, tolerance=1e-8) == "It gives 0.33334, needs 0.333333."
    assert message_of({"a": 1, "b": 2}, {"a": 1}) == "It gives no entry for 'b', needs 2."
    assert message_of({1}, {1, 2}) == "It gives a member 2, needs none."
    assert message_of(["up", "down"], ("up", "left")) == (
        "It gives 'left' at [1], needs 'down' there."
    )
    assert message_of(3.5, "3.5") == "It gives '3.5', needs 3.5."
    assert message_of(2.0, torch.ones(1)) == "It gives shape (1,), needs one number, 2."


def test_whole_numbers_are_exact_and_types_do_not_count():
    assert message_of(1_000_000, 1_000_001) == "It gives 1000001, needs 1000000."
    assert message_of(3**90, 3**90 + 1) and message_of(3**90, float(3**90))
    assert not message_of(3**90, 3**90)
    for right in (4, 4.0, True + 3, Fraction(4), np.int8(4), torch.tensor(4), np.array(4.0)):
        assert not message_of(4, right)
    for right in (
        [1, 0],
        (True, False),
        np.array([1.0, 0]),
        torch.tensor([True, False]),
        range(1, -1, -1),
    ):
        assert not message_of([True, False], right)
    for right in ((x for x in (1, 2)), map(int, "12"), {1: 0, 2: 0}.keys(), [torch.tensor(1), 2]):
        assert not message_of([1, 2], right)
    assert not message_of({1: 0.5}, {np.int64(1): torch.tensor(0.5)})
    assert not message_of({(0, 1)}, [(0, np.int64(1))])


def test_a_mistake_may_be_to_raise():
    def first(xs):
        return xs[0] if xs else 0

    check = Check("0.5 first", first, [([2],), ([],)], [(lambda xs: xs[0], "Empty lists, too.")])
    assert check.judge(lambda xs: list(xs)[0]).message == "Empty lists, too."
    assert "raises TypeError" in check.judge(lambda xs: xs + 1).message


def test_what_is_forbidden():
    def loop(xs):
        total = 0
        for x in xs:
            total += x
        return total

    def total_of(xs):
        return np.sum(xs).item()

    def by_parts(xs):
        return sum([x for x in xs])

    def given(rule):
        return Check("0.6 total", sum, [([1, 2],)], forbids={rule: "Not so."}).judge

    assert given("loop")(loop).message == "The results are right. Not so."
    assert given("loop")(by_parts).status == given("comprehension")(by_parts).status == MISTAKE
    assert given("for")(by_parts).passed and given("while")(loop).passed
    assert given(".item")(total_of).status == given("sum")(total_of).status == MISTAKE
    assert given("np.sum")(total_of).status == MISTAKE and given(".sum")(loop).passed
    assert given(lambda tree: any(isinstance(n, ast.For) for n in ast.walk(tree)))(loop).message
    assert given("loop")(sum).passed  # no source to look at
    assert given("for")(eval("lambda xs: xs[0] + xs[1]")).passed
    wrong = given("for")(lambda xs: 1)
    assert wrong.status == WRONG and "Not so" not in wrong.message


def test_gradients_must_flow():
    check = Check("0.7 square", lambda x_B: x_B**2, [(torch.arange(3.0),)], gradients=[0])
    assert check.judge(lambda x_B: x_B * x_B).passed
    assert "no gradient can flow" in check.judge(lambda x_B: x_B.detach() ** 2).message
    assert "no gradient can flow" in check.judge(lambda x_B: x_B.numpy(force=True) ** 2).message
    half = check.judge(lambda x_B: x_B * x_B.detach())
    assert "their gradient is not" in half.message and "[1]" in half.message


def test_an_answer_that_writes_into_its_arguments_spoils_nothing():
    def zero(x_B):
        x_B[:] = 0
        return x_B

    check = Check("0.4 copy", lambda x_B: x_B + 1, cases=[(torch.ones(3),)])
    assert check.judge(zero).status == WRONG
    assert check.judge(lambda x_B: x_B + 1).passed


def test_an_answer_of_ones_own_exit_is_caught():
    def leaves(x):
        raise SystemExit

    assert HALVE.judge(leaves).status == WRONG


def test_attempt():
    assert attempt(halve, 3.0) == 1.5
    assert (
        attempt(lambda x: ..., 3.0) is None
        and attempt(raises, 1) is None
        and attempt(..., 1) is None
    )
    x_B = torch.ones(2)
    attempt(lambda x_B: x_B.zero_(), x_B)
    assert x_B.sum() == 2


def test_require_passed():
    HALVE(lambda x: x)
    with pytest.raises(AssertionError, match="0.0 halve: not right yet"):
        require_passed("0.0 halve")
    HALVE(halve)
    require_passed("0.0 halve")
    with pytest.raises(AssertionError, match="was not called"):
        require_passed("9.9 nothing")


def test_quiz_gives_feedback():
    box = quiz("2 + 2?", "4", ("5", "One too many."), ("<b>", "Markup & such."), why="Count.")
    assert box.answer("4") == "Right. Count."
    assert box.answer("5") == "Not this one. One too many."
    assert box.chosen == "5" and box.title == "2 + 2?"
    assert [(a["text"], a["right"]) for a in box.answers] == [
        ("4", True),
        ("5", False),
        ("<b>", False),
    ]


@pytest.mark.parametrize("wrong", [(), (("4", "the same"),)])
def test_quiz_refuses_what_is_no_question(wrong):
    with pytest.raises(ValueError, match="wrong: got"):
        quiz("2 + 2?", "4", *wrong, why="Count.")


def predictions(path):
    """The names a lesson's predictions have, which of them start filled, and which are needed later."""
    cells = read_lesson(path)
    names, filled, needed = set(), set(), set()
    for text, cell in zip(cells, cells[1:], strict=False):
        asked = text["kind"] == "markdown" and re.search(r"(\*\*|#) ?Predict", text["source"])
        if not asked or cell["kind"] != "code":
            continue
        for statement in ast.parse(cell["source"]).body:
            if isinstance(statement, ast.Assign):
                own = {
                    n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)
                }
                own = {name for name in own if re.match("my_|predict(ed|ion)_", name)}
                parts = getattr(statement.value, "elts", [statement.value])
                empty = all(isinstance(p, ast.Constant) and p.value is None for p in parts)
                names |= own
                filled |= set() if empty else own
    for cell in cells:
        if cell["kind"] == "code" and any(name in cell["source"] for name in names):
            lines = [
                x for x in cell["source"].splitlines() if not x.lstrip().startswith(("%", "!"))
            ]
            needed |= names & needing(ast.parse("\n".join(lines)))
    return names, filled, needed


def needing(tree):
    """The names read in a tree other than to print them bare or to hand them to ``checks.attempt``."""
    harmless = set()
    for node in ast.walk(tree):
        parts = [node] if isinstance(node, ast.FormattedValue) and not node.format_spec else []
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "checks.attempt"):
            parts = node.args
        for part in parts:
            value = part.value if isinstance(part, ast.FormattedValue) else part
            harmless |= {id(value)} if isinstance(value, ast.Name) else set()
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Load)
        and id(node) not in harmless
    }


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_predictions_start_empty_and_no_cell_needs_them(path):
    names, filled, needed = predictions(path)
    owed = known(path.stem[:2]).FILLED_PREDICTIONS
    assert names, "a lesson asks for predictions, each in a cell of its own: my_guess = None"
    assert filled | needed == owed


def test_what_a_cell_needs_of_a_prediction():
    harmless = 'print(my_x, f"{my_x}"); number = checks.attempt(float, my_x)'
    assert "my_x" not in needing(ast.parse(harmless))
    for line in ('print(f"{my_x:.2f}")', "ax.axhline(my_x)", "print(my_x + 1)", "list(my_x)"):
        assert "my_x" in needing(ast.parse(line))
