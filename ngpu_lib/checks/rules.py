"""What an exercise forbids, looked for in the answer's source; silent where there is no source."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_KINDS = {
    "for": (ast.For, ast.AsyncFor),
    "while": (ast.While,),
    "comprehension": _COMPREHENSIONS,
    "loop": (ast.For, ast.AsyncFor, ast.While, *_COMPREHENSIONS),
    "if": (ast.If, ast.IfExp),
    "lambda": (ast.Lambda,),
    "import": (ast.Import, ast.ImportFrom),
    "try": (ast.Try,),
    "@": (ast.MatMult,),
    "**": (ast.Pow,),
    "*": (ast.Mult,),
    "/": (ast.Div,),
    "//": (ast.FloorDiv,),
    "%": (ast.Mod,),
}

#: What may be forbidden: a key of ``_KINDS``, ".name" for an attribute or method, "name" for any use
#: of a name or attribute, or a function of the answer's syntax tree that says whether it is broken.
Rule = str | Callable[[ast.AST], bool]


def source_tree(answer: Any) -> ast.AST | None:
    """The syntax tree of a function's source; None where there is none to be had."""
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(answer)))
        return ast.parse(source)
    except (OSError, TypeError, SyntaxError, ValueError):
        return None


def uses(tree: ast.AST, rule: Rule) -> bool:
    """Whether a syntax tree does what a rule names."""
    if callable(rule):
        return bool(rule(tree))
    if rule in _KINDS:
        return any(isinstance(node, _KINDS[rule]) for node in ast.walk(tree))
    method, name = rule.startswith("."), rule.rpartition(".")[2]
    return any(
        (isinstance(node, ast.Attribute) and node.attr == name)
        or (not method and isinstance(node, ast.Name) and node.id == name)
        or (not method and isinstance(node, ast.alias) and node.name.rpartition(".")[2] == name)
        for node in ast.walk(tree)
    )


def broken_rule(answer: Any, forbids: Mapping[Rule, str]) -> str | None:
    """The sentence of the first rule that the answer's source breaks; None if it breaks none."""
    tree = source_tree(answer) if forbids else None
    if tree is None:
        return None
    return next((message for rule, message in forbids.items() if uses(tree, rule)), None)
