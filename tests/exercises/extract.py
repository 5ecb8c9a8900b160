"""The exercises of a lesson, each with as much of the lesson as its solution and its check need.

An exercise is taken from the lesson's source: the cell tagged ``solution`` and the check call that
follows it. Its namespace is a backward slice of the lesson's top-level statements (imports,
definitions, assignments, what is appended to them), so that no training runs.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import linecache
import signal
import symtable
import time
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import torch

from course.workshop.editions import ROOT, read_lesson
from ngpu_lib import checks
from tests.exercises.changes import Mutant, mutants

_WRITERS = {"append", "extend", "insert", "update", "add", "setdefault", "load_state_dict"}

#: Seconds that a lesson's statements before a solution may take.
BEFORE_SECONDS = 10


class TooLong(BaseException):
    """A mutant that would run for ever; no ``except Exception`` of an answer holds it up."""


@dataclass
class Exercise:
    """A solution cell with the statements before it that it needs, and those up to its check call."""

    lesson: str
    name: str
    solution: str
    before: str
    after: str
    given: dict = field(default_factory=dict)
    namespace: dict = field(default_factory=dict)
    start: dict = field(default_factory=dict)

    def prepare(self) -> None:
        """Execute what stands before the solution."""
        self.namespace = {"__name__": "__main__", "device": "cpu"} | self.given
        try:
            with limit(BEFORE_SECONDS), contextlib.redirect_stdout(io.StringIO()):
                exec(compile(self.before, f"{self.name}, before", "exec"), self.namespace)
        except TooLong:
            raise RuntimeError(
                f"{self.name}: what it needs of the lesson takes too long; give BEFORE in "
                f"tests/exercises/lesson{self.lesson}.py"
            ) from None
        self.start = dict(self.namespace)

    def verdict(self, source: str, seconds: float) -> str:
        """The check's status for a solution; "raises ..." or "too long" where the cell itself fails."""
        self.namespace.clear()
        self.namespace.update({k: _fresh(v) for k, v in self.start.items()})
        name = f"<solution {self.name}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        checks.verdicts.clear()
        try:
            with limit(seconds), contextlib.redirect_stdout(io.StringIO()):
                torch.manual_seed(0)
                exec(compile(source, name, "exec"), self.namespace)
                exec(compile(self.after, f"{self.name}, after", "exec"), self.namespace)
        except TooLong:
            return "too long"
        except (Exception, SystemExit) as error:
            return f"raises {type(error).__name__}"
        statuses = {v.status for v in checks.verdicts.values()}
        return checks.PASS if statuses == {checks.PASS} else str(statuses)


def _fresh(value):
    return list(value) if type(value) is list else dict(value) if type(value) is dict else value


@contextlib.contextmanager
def limit(seconds: float):
    """Raise TooLong after so many seconds of this process's own time: a loaded machine is not slow."""

    def stop(number, frame):
        if frame.f_code.co_name != "gc_callback":  # hypothesis's, where it would be lost
            raise TooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def exercises(lesson: str, extra: dict[str, str]) -> list[Exercise]:
    """Every exercise of a lesson ("05"); ``extra`` replaces what stands before one, by its name."""
    path = next((ROOT / "course").glob(f"{lesson}_*.py"))
    return exercises_of(path, import_module(f"ngpu_lib.checks.lesson{lesson}"), lesson, extra)


def exercises_of(
    path: Path, module, lesson: str, extra: dict[str, str] | None = None, given: dict | None = None
) -> list[Exercise]:
    """Every exercise of a source: each solution cell up to the first check call after it.

    ``given``: names that the namespace has in any case, over those of the lesson.
    """
    cells = [
        (set(cell["metadata"].get("tags", [])), parse(cell["source"]))
        for cell in read_lesson(path)
        if cell["kind"] == "code"
    ]
    found = []
    for place, (tags, body) in enumerate(cells):
        if "solution" not in tags:
            continue
        after, check = up_to_check(cells[place + 1 :], module)
        if check is None:
            raise ValueError(
                f"{path.name}: after the solution of {binds(body)} got no call of a check of this "
                "lesson; needs check.name(...), with that name in its check module"
            )
        before = [s for t, b in cells[:place] if not t & {"stub", "instructor"} for s in b]
        call = after.pop()
        after_needed = slice_of(after, loads([call]))
        needed = (
            loads([call, *after_needed, *body]) - binds([*body, *after_needed]) - set(given or {})
        )
        kept = slice_of(before, needed)
        found.append(
            Exercise(
                lesson,
                check.name,
                "\n".join(map(ast.unparse, body)),
                (extra or {}).get(check.name, "\n".join(map(ast.unparse, kept))),
                "\n".join(map(ast.unparse, [*after_needed, call])),
                given or {},
            )
        )
    return found


def parse(source: str) -> list[ast.stmt]:
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    return ast.parse("\n".join(lines)).body


def up_to_check(cells, module) -> tuple[list[ast.stmt], checks.Check | None]:
    """The statements after a solution up to the one with its check call, and the check."""
    seen: list[ast.stmt] = []
    for tags, body in cells:
        if "stub" in tags:
            break
        if "instructor" in tags:
            continue
        for statement in body:
            seen.append(statement)
            for node in ast.walk(statement):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and getattr(node.func.value, "id", "") == "check"
                    and isinstance(found := getattr(module, node.func.attr, None), checks.Check)
                ):
                    return seen, found
    return seen, None


def binds(statements: list[ast.stmt]) -> set[str]:
    """The names that top-level statements bind."""
    names = set()
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            names.add(statement.name)
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.alias):
                names.add((node.asname or node.name).partition(".")[0])
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
    return names


def writes_into(statement: ast.stmt) -> set[str]:
    """The names whose values a top-level statement changes: x[0] = ..., x.weight = ..., x.append(...)."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return set()
    roots = set()
    for node in ast.walk(statement):
        inside = isinstance(node, (ast.Subscript, ast.Attribute))
        stored = inside and isinstance(node.ctx, ast.Store)
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if stored or (called and (node.func.attr in _WRITERS or node.func.attr.endswith("_"))):
            root = node.func if called else node
            while isinstance(root, (ast.Subscript, ast.Attribute)):
                root = root.value
            roots |= {root.id} if isinstance(root, ast.Name) else set()
    return roots


class _Generators(ast.NodeTransformer):
    """Comprehensions as generators: from Python 3.12 on (PEP 709) the others' variables are those of the
    scope around them, and look like global names that are read."""

    def visit_ListComp(self, node):
        return ast.GeneratorExp(
            self.visit(node.elt), [self.visit(each) for each in node.generators]
        )

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node):
        pair = ast.Tuple([node.key, node.value], ast.Load())
        return self.visit_ListComp(ast.ListComp(pair, node.generators))


def loads(statements: list[ast.stmt]) -> set[str]:
    """The global names that statements read, in whatever scope; no parameters, no local names."""

    def read(table: symtable.SymbolTable) -> set[str]:
        top = table.get_type() == "module"
        own = {
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_referenced() and (top or symbol.is_global())
        }
        return own.union(*map(read, table.get_children()))

    tree = _Generators().visit(ast.parse("\n".join(map(ast.unparse, statements))))
    source = ast.unparse(ast.fix_missing_locations(tree))
    return read(symtable.symtable(source, "lesson", "exec")) - set(dir(builtins))


def first_reads(statements: list[ast.stmt]) -> set[str]:
    """The names that statements read before they bind them themselves."""
    needed: set[str] = set()
    bound: set[str] = set()
    for statement in statements:
        needed |= _reads(statement) - bound
        bound |= binds([statement])
    return needed


def _reads(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.For, ast.With)):
        if isinstance(statement, ast.For):
            heads, targets = [statement.iter], [statement.target]
        else:
            heads = [item.context_expr for item in statement.items]
            targets = [item.optional_vars for item in statement.items if item.optional_vars]
        own = binds([ast.Expr(target) for target in targets])
        body = first_reads([*statement.body, *getattr(statement, "orelse", [])])
        return loads([ast.Expr(head) for head in heads]) | (body - own)
    if isinstance(statement, (ast.If, ast.While)):
        branches = first_reads(statement.body) | first_reads(statement.orelse)
        return loads([ast.Expr(statement.test)]) | branches
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return loads([statement]) - {statement.name}
    kept = binds([statement]) if isinstance(statement, ast.AugAssign) else set()
    return loads([statement]) | kept


def slice_of(statements: list[ast.stmt], needed: set[str]) -> list[ast.stmt]:
    """The statements that make what is needed: the last binding of each name, what is written into it
    afterwards, and what these need in turn. A loop is taken to run at least once."""
    kept, needed = [], set(needed)
    for statement in reversed(statements):
        bound = binds([statement])
        if not (bound | writes_into(statement)) & needed:
            continue
        kept.append(statement)
        if not isinstance(statement, (ast.If, ast.Try)):
            needed -= bound
        needed |= _reads(statement)
    return kept[::-1]


@dataclass
class Result:
    """How many changes of one exercise were made, and those that its check let pass."""

    exercise: Exercise
    made: int
    passed: list[Mutant]
    first: str
    seconds: float


def try_all(exercise: Exercise) -> Result:
    """Every change of one solution through its check; first of all the solution itself."""
    exercise.prepare()
    began = time.process_time()
    first = exercise.verdict(exercise.solution, 20)
    took = time.process_time() - began
    seconds = max(0.2, 10 * took)
    made = mutants(exercise.solution)
    passed = [m for m in made if exercise.verdict(m.source, seconds) == checks.PASS]
    return Result(exercise, len(made), passed, first, time.process_time() - began)
