"""How much of a lesson's open code is idea, and how much picture: `python -m course.workshop.shape 04`.

Counted are the code cells that stand open in the student edition: neither folded (``figure``,
``setup``) nor an instructor's (``solution``, ``instructor``); stubs count. A line is a line that is
not blank. A line draws or prints when it belongs to a statement that does nothing else: one that

- calls ``print``, ``display``, ``show`` or a name that ``ngpu_lib.plots`` gave,
- calls something of ``plots``, ``plt``, ``fig...``, ``ax...`` or ``axes[...]``, or
- calls a method that only a figure has (``imshow``, ``set_title``, ``legend`` ...);

a loop, a branch or a function draws as a whole, its head included, when every statement in it does.
"""

from __future__ import annotations

import argparse
import ast
import re
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from course.workshop.editions import lessons, read_lesson

MOST_LINES, MEDIAN_LINES, MOST_DRAWN = 20, 8, 0.15
#: Code cells with one of these are not open in the student edition.
NOT_OPEN = {"solution", "instructor", "setup", "figure"}
CALLS = {"print", "display", "show"}
OWNERS = re.compile(r"(plots|plt|pyplot)$|(fig|ax|axes|axs|axis)(\d+|_\w+)?$")
METHODS = set(
    "annotate axhline axvline axhspan axvspan barh bar_label errorbar fill_between grid hlines hist "
    "imshow legend loglog savefig secondary_xaxis secondary_yaxis semilogx semilogy set_aspect "
    "set_title set_xlabel set_xlim set_xscale set_xticks set_xticklabels set_ylabel set_ylim "
    "set_yscale set_yticks set_yticklabels suptitle supxlabel supylabel tick_params vlines".split()
)


@dataclass(frozen=True)
class Cell:
    """An open code cell: its first line, how many lines it has, and how many of them draw or print."""

    first: str
    lines: int
    drawn: int


@dataclass(frozen=True)
class Shape:
    """A lesson's open code cells.

    Attributes:
        name: the lesson's. cells: in order.
    """

    name: str
    cells: list[Cell]

    @property
    def median(self) -> float:
        """Lines of the middle cell."""
        return statistics.median([cell.lines for cell in self.cells] or [0])

    @property
    def drawn(self) -> float:
        """The share of open code lines that draw or print, 0 to 1."""
        return sum(c.drawn for c in self.cells) / max(1, sum(c.lines for c in self.cells))

    def faults(self) -> list[str]:
        """What is over a limit, a line for each; longest and most drawn cells by their first line."""
        found = [
            f"{self.name}: {cell.lines} lines, at most {MOST_LINES}: {cell.first}"
            for cell in self.cells
            if cell.lines > MOST_LINES
        ]
        if self.median > MEDIAN_LINES:
            found.append(f"{self.name}: a median of {self.median:g} lines, at most {MEDIAN_LINES}")
        if self.drawn > MOST_DRAWN:
            found.append(
                f"{self.name}: {self.drawn:.0%} of the open lines draw or print,"
                f" at most {MOST_DRAWN:.0%}; most of them in:"
            )
            most = sorted(self.cells, key=lambda cell: -cell.drawn)[:8]
            found += [f"    {c.drawn:3} of {c.lines:3}: {c.first}" for c in most if c.drawn]
        return found


def owner(node: ast.expr) -> str:
    """The name a call belongs to: ``axes`` of ``axes[0].plot``, ``plots`` of ``plots.show``."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def draws(node: ast.AST, taken: set[str]) -> bool:
    """Whether a statement or an expression calls something that draws or prints."""
    for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
        if isinstance(call.func, ast.Name):
            if call.func.id in CALLS | taken:
                return True
        elif OWNERS.match(owner(call.func)):
            return True
        elif isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
            return True
    return False


def drawn_lines(body: list[ast.stmt], taken: set[str]) -> set[int]:
    """The numbers of the lines that belong to drawing or printing statements."""
    found: set[int] = set()
    for statement in body:
        blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
        blocks += [handler.body for handler in getattr(statement, "handlers", [])]
        inside = [inner for block in blocks for inner in block]
        if not inside:
            if draws(statement, taken):
                found |= set(range(statement.lineno, statement.end_lineno + 1))
            continue
        lines = drawn_lines(inside, taken)
        told = {s.lineno for s in inside if not _is_text(s)}
        if told <= lines:
            lines |= set(range(statement.lineno, statement.end_lineno + 1))
        found |= lines
    return found


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a docstring."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def measure(source: str, taken: set[str] = frozenset()) -> Cell:
    """One cell's counts; ``taken`` are the names imported from ``ngpu_lib.plots``."""
    full = {k for k, line in enumerate(source.splitlines(), start=1) if line.strip()}
    tree = ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source))
    first = next((line.strip() for line in source.splitlines() if line.strip()), "")
    return Cell(first[:80], len(full), len(full & drawn_lines(tree.body, taken)))


def from_plots(sources: list[str]) -> set[str]:
    """The names that cells import from ``ngpu_lib.plots``."""
    text = "\n".join(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source) for source in sources)
    return {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module == "ngpu_lib.plots"
        for alias in node.names
    }


def shape(path: Path) -> Shape:
    """The shape of a lesson's source."""
    code = [cell for cell in read_lesson(path) if cell["kind"] == "code"]
    taken = from_plots([cell["source"] for cell in code])
    is_open = [c["source"] for c in code if not NOT_OPEN & set(c["metadata"].get("tags", []))]
    return Shape(path.stem, [measure(source, taken) for source in is_open if source.strip()])


def main(numbers: list[str]) -> int:
    """Print every chosen lesson's counts and offenders; how many lessons are over a limit."""
    over = 0
    for path in lessons():
        if numbers and not path.stem.startswith(tuple(numbers)):
            continue
        found = shape(path)
        longest = max((cell.lines for cell in found.cells), default=0)
        print(
            f"{found.name:26} {len(found.cells):3} open cells, median {found.median:4g} lines,"
            f" longest {longest:3}, {found.drawn:4.0%} draw or print"
        )
        faults = found.faults()
        print(*(f"  {line}" for line in faults), sep="\n", end="\n" if faults else "")
        over += bool(faults)
    return over


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers such as 04; none: all")
    sys.exit(1 if main(parser.parse_args().lessons) else 0)
