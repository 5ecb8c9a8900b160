"""Every one-place change of a piece of source: operators, constants, calls, bounds, statements."""

from __future__ import annotations

import ast
import contextlib
import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

_EXCHANGED = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult, ast.FloorDiv],
    ast.FloorDiv: [ast.Div, ast.Mod],
    ast.Mod: [ast.FloorDiv, ast.Mult],
    ast.Pow: [ast.Mult],
    ast.MatMult: [ast.Mult],
    ast.LShift: [ast.RShift],
    ast.RShift: [ast.LShift],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
    ast.BitXor: [ast.BitOr],
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn],  # codespell:ignore
    ast.NotIn: [ast.In],  # codespell:ignore
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
}
_ONE_SIDED = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult, ast.LShift, ast.RShift)
_EITHER_WAY = {"min", "max", "minimum", "maximum", "isclose", "allclose", "gcd", "add", "mul"}
_PAIRS = (
    "min max, minimum maximum, argmin argmax, amin amax, any all, floor ceil, round trunc, sum mean, "
    "sin cos, tanh sigmoid, exp log, zeros ones, zeros_like ones_like, cumsum cumprod, square abs, "
    "softmax log_softmax, append extend, log log2"
)
_RENAMED: dict[str, str] = {}
for _pair in _PAIRS.split(", "):
    _left, _right = _pair.split()
    _RENAMED.setdefault(_left, _right)
    _RENAMED.setdefault(_right, _left)
#: Calls that change a value's type or where it lies and not its worth; dropping one is no mistake,
#: since checks compare numbers, not types.
_CONVERSIONS = set(
    "float bool list tuple dict asarray array tensor as_tensor item tolist detach clone copy numpy "
    "double contiguous cpu to from_numpy type enumerate zip range".split()
)


def variants(node: ast.AST, strings: list[str]) -> Iterator[ast.AST | None]:
    """The nodes that may stand in a node's place; None drops a statement."""
    if isinstance(node, ast.stmt):
        yield from _of_statement(node)
    if isinstance(node, ast.BinOp):
        for other in _EXCHANGED.get(type(node.op), []):
            yield _with(node, op=other())
        if isinstance(node.op, _ONE_SIDED):
            yield _with(node, left=node.right, right=node.left)
        yield from (node.left, node.right)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            for other in _EXCHANGED[type(op)]:
                yield _with(node, ops=[*node.ops[:k], other(), *node.ops[k + 1 :]])
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=_EXCHANGED[type(node.op)][0]())
        yield from node.values
    elif isinstance(node, ast.IfExp):
        yield _with(node, body=node.orelse, orelse=node.body)
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.Constant):
        yield from _of_constant(node, strings)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        if node.attr in ("T", "mT", "real"):
            yield node.value
        if node.attr in _RENAMED:
            yield _with(node, attr=_RENAMED[node.attr])
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _RENAMED:
        yield _with(node, id=_RENAMED[node.id])
    elif isinstance(node, ast.Slice):
        for part in ("lower", "upper", "step"):
            bound = getattr(node, part)
            if bound is not None:
                yield _with(node, **{part: None})
            if bound is not None and not isinstance(bound, ast.Constant) and part != "step":
                for op in (ast.Add(), ast.Sub()):
                    yield _with(node, **{part: ast.BinOp(bound, op, ast.Constant(1))})
    elif isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Load):
        yield from _swapped(node, "elts")
    elif isinstance(node, ast.comprehension):
        for k in range(len(node.ifs)):
            yield _with(node, ifs=node.ifs[:k] + node.ifs[k + 1 :])


def _of_statement(node: ast.stmt) -> Iterator[ast.AST | None]:
    if isinstance(node, ast.AugAssign):
        for other in _EXCHANGED.get(type(node.op), []):
            yield _with(node, op=other())
        yield ast.Assign([node.target], node.value, lineno=node.lineno)
    if isinstance(node, (ast.If, ast.While)):
        yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, (ast.Break, ast.Continue)):
        yield ast.Continue() if isinstance(node, ast.Break) else ast.Break()
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    kept = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass, ast.With)
    if not docstring and not isinstance(node, kept):
        yield None


def _of_constant(node: ast.Constant, strings: list[str]) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield from (ast.Constant(value + 1), ast.Constant(value - 1))
    elif isinstance(value, float):
        yield ast.Constant(2 * value if value else 1.0)
        if value:
            yield ast.Constant(value / 2)
    elif isinstance(value, str) and value in strings and len(strings) > 1:
        yield ast.Constant(strings[(strings.index(value) + 1) % len(strings)])


def _of_call(node: ast.Call) -> Iterator[ast.AST]:
    for k, keyword in enumerate(node.keywords):
        if keyword.arg != "strict":  # of zip: it guards, and changes nothing
            yield _with(node, keywords=node.keywords[:k] + node.keywords[k + 1 :])
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in _EITHER_WAY:
        yield from _swapped(node, "args")
    truth = name == "int" and node.args and isinstance(node.args[0], (ast.Compare, ast.BoolOp))
    if name in _CONVERSIONS or truth:
        return
    if node.args and not isinstance(node.args[0], (ast.Starred, ast.GeneratorExp)):
        yield node.args[0]
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        yield node.func.value


def _swapped(node: ast.AST, part: str) -> Iterator[ast.AST]:
    parts = getattr(node, part)
    for k, (left, right) in enumerate(itertools.pairwise(parts)):
        yield _with(node, **{part: [*parts[:k], right, left, *parts[k + 2 :]]})


def _is_module(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("torch", "np", "F", "nn", "math", "checks")


def _with(node: ast.AST, **parts) -> ast.AST:
    changed = copy.copy(node)
    for name, value in parts.items():
        setattr(changed, name, value)
    return changed


@dataclass(frozen=True)
class Mutant:
    """A solution with one change; ``line`` is the statement as changed, ``was`` as it stood."""

    source: str
    line: str
    was: str


def mutants(source: str) -> list[Mutant]:
    """Every one-place change of a solution, without those that read the same."""
    tree = ast.parse(source)
    original = ast.unparse(tree)
    tied = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    docs = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    strings = list(
        dict.fromkeys(n.value for n in tied if isinstance(n.value, str) and id(n) not in docs)
    )
    found: dict[str, Mutant] = {}
    for parent, name, index, node in _places(tree):
        for variant in variants(node, strings):
            with _put(parent, name, index, variant):
                with contextlib.suppress(Exception):
                    changed = ast.unparse(ast.fix_missing_locations(copy.deepcopy(tree)))
                    ast.parse(changed)
                    if changed != original:
                        line, was = _first_difference(changed, original)
                        found.setdefault(changed, Mutant(changed, line, was))
    return list(found.values())


def _places(tree: ast.AST) -> list[tuple[ast.AST, str, int | None, ast.AST]]:
    """Every node below a tree with where it hangs; annotations and what is bound are left alone."""
    places = []
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if name in ("annotation", "returns", "decorator_list", "targets", "target", "func"):
                if name != "func":
                    continue
            for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, ast.AST):
                    places.append((parent, name, index, node))
    for parent in ast.walk(
        tree
    ):  # numbers within a place that is written to: moved[2 * third :] = ...
        if isinstance(parent, (ast.Assign, ast.AugAssign)):
            targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
            for target in targets:
                if isinstance(target, ast.Subscript):
                    places.append((target, "slice", None, target.slice))
    return places


@contextlib.contextmanager
def _put(parent: ast.AST, name: str, index: int | None, variant: ast.AST | None):
    """Put a variant in a place for a while."""
    value = getattr(parent, name)
    if index is None:
        setattr(parent, name, variant)
    else:
        new = [variant] if variant is not None else []
        changed = value[:index] + new + value[index + 1 :]
        setattr(parent, name, changed or ([ast.Pass()] if name == "body" else changed))
    try:
        yield
    finally:
        setattr(parent, name, value)


def _first_difference(changed: str, original: str) -> tuple[str, str]:
    """The first line that differs, in both; a dropped line shows as "(dropped)"."""
    ours, theirs = changed.splitlines(), original.splitlines()
    pairs = enumerate(zip(ours, theirs, strict=False))
    place = next((k for k, (our, their) in pairs if our != their), len(ours))
    was = theirs[place].strip()
    dropped = len(ours) < len(theirs) or ours[place].strip() == "pass"
    return (f"(dropped) {was}" if dropped else ours[place].strip()), was


def canonical(line: str) -> str:
    """A line as ``ast.unparse`` writes it on this Python, for the keys of tables."""
    mark = "(dropped) "
    if line.startswith(mark):
        return mark + canonical(line[len(mark) :])
    if line.endswith(":"):
        with contextlib.suppress(SyntaxError):
            return ast.unparse(ast.parse(line + " pass")).splitlines()[0]
    with contextlib.suppress(SyntaxError):
        return ast.unparse(ast.parse(line))
    return line
