"""What a lesson shown live needs: buttons that bring about a moment, and the finished result at hand.

`make present` writes notebooks that use these; nothing else does.
"""

from __future__ import annotations

import ast
import html
import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import ipywidgets
from IPython.display import publish_display_data

from ngpu_lib import require


def presets(statements: Mapping[str, str], namespace: dict) -> ipywidgets.VBox:
    """A row of large buttons; pressing one runs its statement and shows the value of its last line.

    Args:
        statements: what stands on each button, and the Python it runs, such as
            {"forget everything": "gates.update = 0"}.
        namespace: where it runs: ``globals()`` in a notebook.

    Returns:
        A widget; ``widget.press(text)`` presses the button with that text.

    Raises:
        ValueError: not statements by name, or no namespace.
        SyntaxError: a statement that is no Python.

    >>> row = presets({"two": "x = 2"}, names := {})
    >>> row.press("two")
    >>> names["x"]
    2
    """
    require.instance(
        "statements", statements, Mapping, "a dict: what stands on a button, its Python"
    )
    require.instance("namespace", namespace, dict, "a dict, such as globals()")
    shown = ipywidgets.HTML(layout={"width": "100%"})
    buttons = {}
    programs = {text: _compiled(text, source) for text, source in statements.items()}

    def press(text: str) -> None:
        body, last = programs[text]
        for name, button in buttons.items():
            button.button_style = "info" if name == text else ""
        try:
            exec(body, namespace)
            value = eval(last, namespace) if last else None
        except Exception as error:
            shown.value = f'<p role="alert">{html.escape(f"{type(error).__name__}: {error}")}</p>'
            raise
        shown.value = "" if value is None else _as_html(value)

    for text, source in statements.items():
        layout = {"width": "auto", "height": "auto"}
        buttons[text] = ipywidgets.Button(description=text, tooltip=source, layout=layout)
        buttons[text].add_class("ngpu-preset")
        buttons[text].on_click(lambda _, text=text: press(text))
    row = ipywidgets.HBox(list(buttons.values()), layout={"flex_flow": "row wrap"})
    box = ipywidgets.VBox([row, shown])
    box.press = press
    return box


def _compiled(text: str, source: str):
    """A statement in two parts: what is executed, and its last line where that has a value."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    expression = last and compile(ast.Expression(last.value), text, "eval")
    return compile(tree, text, "exec"), expression


def _as_html(value) -> str:
    if hasattr(value, "_repr_html_"):
        return value._repr_html_()
    return f'<pre class="ngpu-shown">{html.escape(str(value))}</pre>'


def load(path: str | Path, namespace: dict) -> list[str]:
    """Take over what the executed lesson had computed; the names that are there now.

    Only for files that `make present` wrote on this machine: reading one runs what it holds.

    Raises:
        ValueError: no such file, or a damaged one.
    """
    require.instance("namespace", namespace, dict, "a dict, such as globals()")
    if not isinstance(path, (str, Path)) or not Path(path).is_file():
        raise ValueError(f"path: got {path}, which is not there; needs a file of `make present`")
    try:
        with open(path, "rb") as file:
            values = dict(pickle.load(file))
    except Exception as error:  # a damaged pickle may fail in any way
        raise ValueError(f"path: {path} is damaged ({type(error).__name__}: {error})") from None
    namespace.update(values)
    return sorted(values)


def rescue(folder: str | Path, cell: str, namespace: dict) -> None:
    """The finished result of a cell that takes long: its values, and all that it showed.

    Args:
        folder: the executed lesson's folder. cell: the cell's id. namespace: ``globals()``.

    Raises:
        ValueError: no such folder or cell, or a damaged file.
    """
    require.instance("folder", folder, (str, Path), "a folder of `make present`")
    names = load(Path(folder) / f"after_{cell}.pkl", namespace)
    notebook = json.loads(Path(f"{folder}.ipynb").read_text("utf-8"))
    found = next((c for c in notebook["cells"] if c["id"] == cell), None)
    if found is None:
        raise ValueError(f"cell: got {cell!r}; {folder}.ipynb has no such cell")
    for output in found["outputs"]:
        if output["output_type"] == "stream":
            print("".join(output["text"]), end="")
        elif "data" in output:
            publish_display_data(output["data"], output.get("metadata", {}))
    print("Taken from the run made beforehand:", ", ".join(names))
