"""What an argument has to be: every public door of the library asks here.

Each function gives the value back, or raises a ValueError that names the argument, what it got and what
it needs:

>>> whole("length", 0, low=1)
Traceback (most recent call last):
ValueError: length: got 0; needs a whole number >= 1
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ngpu_lib.names import suggest

#: Numbers in one tensor or one network; more (8 GB of float32) is a slip, and would hang.
MOST_NUMBERS = 2 * 10**9


def shown(value: Any) -> str:
    """A value in at most 60 characters; of an array its type and shape."""
    if hasattr(value, "shape") and getattr(value, "ndim", 0):
        return f"{type(value).__name__} of shape {tuple(value.shape)}"
    try:
        text = repr(value)
    except Exception:
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def whole(name: str, value: Any, low: float = 0, high: int | None = None) -> int:
    """A whole number: Python's, NumPy's, or a tensor of one; 3.0 and True are none."""
    number = None
    if not isinstance(value, bool):
        try:
            number = operator.index(value)
        except TypeError:
            pass
    if number is None or number < low or (high is not None and number > high):
        needs = f" >= {low}" if high is None else f" from {low} to {high}"
        needs = needs if low > -math.inf else ""
        raise ValueError(f"{name}: got {shown(value)}; needs a whole number{needs}")
    return number


def number(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: float | None = None,
    below: float | None = None,
) -> Any:
    """A finite number from low to high, or strictly above and below the two others."""
    real = None
    if not isinstance(value, (bool, str)) and hasattr(value, "__float__"):
        try:
            real = float(value)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            pass
    if (
        real is None
        or not math.isfinite(real)
        or not low <= real <= high
        or not (above is None or real > above)
        or not (below is None or real < below)
    ):
        raise ValueError(
            f"{name}: got {shown(value)}; needs {_range(name, low, high, above, below)}"
        )
    return value


def _range(name: str, low: float, high: float, above: float | None, below: float | None) -> str:
    """A range in words: "more than 0", "0 <= dropout < 1", "a finite number"."""
    least = f"{low:g} <= " if above is None else f"{above:g} < "
    most = f" <= {high:g}" if below is None else f" < {below:g}"
    open_end = below is None and high == math.inf
    if above is None and low == -math.inf:
        return "a finite number" if open_end else f"a number{most}"
    if open_end:
        return f"at least {low:g}" if above is None else f"more than {above:g}"
    return f"{least}{name}{most}"


def one_of(name: str, value: Any, known: Sequence[str]) -> Any:
    """One of some names."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name}: got {shown(value)}; {suggest(str(value), tuple(known))}")
    return value


def function(name: str, value: Any) -> Callable:
    """Something that can be called."""
    if not callable(value):
        raise ValueError(f"{name}: got {shown(value)}; needs a function")
    return value


def instance(name: str, value: Any, kind: type | tuple[type, ...], needs: str) -> Any:
    """An object of a class; ``needs`` says it in words."""
    if not isinstance(value, kind):
        raise ValueError(f"{name}: got {shown(value)}; needs {needs}")
    return value


def module(name: str, value: Any) -> Any:
    """A network: a torch.nn.Module."""
    from torch import nn

    return instance(name, value, nn.Module, "a torch.nn.Module")


def sequence(name: str, value: Any, least: int = 1) -> Any:
    """Something with a length and an order, of at least so many parts."""
    try:
        length = -1 if isinstance(value, (str, bytes, dict)) or callable(value) else len(value)
    except TypeError:
        length = -1
    if length < least or not hasattr(value, "__getitem__"):
        raise ValueError(f"{name}: got {shown(value)}; needs a sequence of at least {least}")
    return value


def tensor(name: str, value: Any, *axes: int | str, kind: str = "any") -> Any:
    """A tensor whose axes have these sizes; a word stands for any size, no axes for any shape.

    ``kind`` of its numbers: "any", "float" (float16 to float64) or "whole" (integers, no truth values).

    >>> tensor("w_BN", __import__("torch").ones(2, 3), "B", 4)
    Traceback (most recent call last):
    ValueError: w_BN: got shape (2, 3); needs (B, 4)
    """
    torch = sys.modules.get("torch")  # where it is not loaded nothing is a tensor
    if torch is None or not isinstance(value, torch.Tensor):
        wanted = f", ({_listed(axes)})" if axes else ""
        raise ValueError(f"{name}: got {shown(value)}; needs a tensor{wanted}")
    if axes:  # asked at every step of a cell: no more is done than has to be
        sizes = value.shape
        fits = len(sizes) == len(axes)
        for axis, size in zip(axes, sizes, strict=True) if fits else ():
            fits = fits and (axis == size or isinstance(axis, str))
        if not fits:
            raise ValueError(f"{name}: got shape {tuple(sizes)}; needs ({_listed(axes)})")
    if kind == "float" and not value.is_floating_point():
        raise ValueError(f"{name}: got {value.dtype}; needs floating-point numbers")
    if kind == "whole" and (
        value.is_floating_point() or value.is_complex() or value.dtype == torch.bool
    ):
        raise ValueError(f"{name}: got {value.dtype}; needs whole numbers")
    return value


def _listed(axes: Sequence[int | str]) -> str:
    return ", ".join(map(str, axes)) + ("," if len(axes) == 1 else "")


def affordable(name: str, count: int, what: str) -> None:
    """Refuse sizes that together make more numbers than any machine here holds."""
    if count > MOST_NUMBERS:
        raise ValueError(
            f"{name}: got {what} of {count:,} numbers in all; needs at most {MOST_NUMBERS:,}"
        )
