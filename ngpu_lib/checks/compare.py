"""Two answers side by side: the first place where they differ, and both values there.

Numbers are compared, not types: a tensor, an array, a list, a ``Fraction`` and a float that agree
are equal. Where whole numbers are wanted they have to be exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch

_LONGEST = 100_000  # entries taken from an iterator, which may be endless


class Difference(NamedTuple):
    """The first place where an answer differs, "" for the whole of it, and what stands there."""

    place: str
    got: str
    wanted: str
    note: str = ""

    def __str__(self) -> str:
        if not self.place:
            return f"gives {self.got}, needs {self.wanted}{self.note}"
        return f"gives {self.got} at {self.place}, needs {self.wanted} there{self.note}"


def difference(got: Any, wanted: Any, tolerance: float = 1e-4) -> Difference | None:
    """Where ``got`` first differs from ``wanted``; None if it does not.

    Args:
        got: anything at all. Iterators are read, up to 100,000 entries.
        wanted: numbers, text, None, arrays, or lists, tuples, dicts and sets of them.
        tolerance: absolute and relative; relative to at least the precision of ``got``'s own dtype,
            and absolute alone where whole numbers are wanted.
    """
    try:
        return _difference(got, wanted, tolerance, "")
    except Exception:  # an answer of any kind may arrive here; what cannot be compared differs
        return Difference("", show(got), show(wanted))


def materialised(value: Any) -> Any:
    """The value; an iterator, a range or a view as a list, so that it can be read twice."""
    if isinstance(value, (Iterator, range)) or type(value).__name__.startswith("dict_"):
        return list(islice(value, _LONGEST))
    return value


def unfinished(value: Any) -> bool:
    """Whether a value is ``...`` or a tuple, list or dict that still holds one."""
    if isinstance(value, (tuple, list)) and len(value) <= 1000:
        return any(unfinished(part) for part in value)
    if isinstance(value, dict):
        return any(unfinished(part) for part in value.values())
    return value is ...


def show(value: Any) -> str:
    """A value in at most 70 characters."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        array = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)
        if array.size > 8:
            return f"array {'x'.join(map(str, array.shape))}"
        return np.array2string(array, precision=4, max_line_width=200).replace("\n", "")
    if isinstance(value, tuple):
        return ", ".join(show(part) for part in value) or "no arguments"
    try:
        text = repr(value)
    except Exception:
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= 70 else text[:67] + "..."


def _difference(got: Any, wanted: Any, tolerance: float, place: str) -> Difference | None:
    got, wanted = materialised(got), materialised(wanted)
    if wanted is None or isinstance(wanted, str):
        same = got is None if wanted is None else isinstance(got, str) and str(got) == wanted
        return None if same else Difference(place, show(got), show(wanted))
    if isinstance(wanted, Mapping):
        return _of_dicts(got, wanted, tolerance, place)
    if isinstance(wanted, Set):
        return _of_sets(got, wanted, place)
    if isinstance(wanted, (list, tuple)) and not all(map(_is_number, wanted)):
        return _of_parts(got, wanted, tolerance, place)
    if _is_number(wanted) and isinstance(wanted, int) and abs(wanted) > 2**53:
        same = _plain(got) == wanted
        return None if same else Difference(place, show(_plain(got)), show(wanted))
    return _of_numbers(got, wanted, tolerance, place)


def _of_dicts(got: Any, wanted: Mapping, tolerance: float, place: str) -> Difference | None:
    if not isinstance(got, Mapping):
        return Difference(place, show(got), "a dict")
    got = {_plain(key): value for key, value in got.items()}
    wanted = {_plain(key): value for key, value in wanted.items()}
    for key in wanted:
        if key not in got:
            return Difference(place, f"no entry for {show(key)}", show(wanted[key]))
        if found := _difference(got[key], wanted[key], tolerance, f"{place}[{show(key)}]"):
            return found
    extra = next((key for key in got if key not in wanted), None)
    if extra is None and len(got) == len(wanted):
        return None
    return Difference(place, f"an entry for {show(extra)}", "none")


def _of_sets(got: Any, wanted: Set, place: str) -> Difference | None:
    if not isinstance(got, (Set, Sequence, np.ndarray, torch.Tensor)) or isinstance(got, str):
        return Difference(place, show(got), "a set")
    members, wanted = {_plain(part) for part in got}, {_plain(part) for part in wanted}
    if lacking := [part for part in wanted if part not in members]:
        return Difference(place, f"no member {show(lacking[0])}", "one")
    if extra := [part for part in members if part not in wanted]:
        return Difference(place, f"a member {show(extra[0])}", "none")
    return None


def _of_parts(got: Any, wanted: Sequence, tolerance: float, place: str) -> Difference | None:
    if not isinstance(got, (list, tuple, np.ndarray, torch.Tensor)):
        return Difference(place, show(got), f"a {type(wanted).__name__} of {len(wanted)}")
    if len(got) != len(wanted):
        return Difference(place, _count(len(got)), str(len(wanted)))
    for k, (g, w) in enumerate(zip(got, wanted, strict=True)):
        if found := _difference(g, w, tolerance, f"{place}[{k}]"):
            return found
    return None


def _of_numbers(got: Any, wanted: Any, tolerance: float, place: str) -> Difference | None:
    try:
        got_array = _array(got)
    except (TypeError, ValueError, OverflowError):
        many = np.shape(_array(wanted)) != ()
        return Difference(place, show(got), "numbers" if many else show(wanted))
    wanted_array = _array(wanted)
    if got_array.shape != wanted_array.shape:
        ours, theirs = _shape(got, got_array), _shape(wanted, wanted_array)
        if (
            ours.split()[-1] == theirs.split()[-1] == "entries"
            or ours[:6] == theirs[:6] == "shape "
        ):
            theirs = theirs.removeprefix("shape ").removesuffix(" entries")
        return Difference(place, ours, theirs)
    exact = wanted_array.dtype.kind in "biu" or _whole(wanted)
    own = {2: 1e-2, 4: 1e-7 if exact else 2e-6}.get(_float_size(got), 0)
    relative = max(own, 0 if exact else tolerance)
    differs = ~np.isclose(
        got_array, wanted_array, rtol=relative, atol=tolerance, equal_nan=True
    ).reshape(wanted_array.shape)
    if not differs.any():
        return None
    index = tuple(int(k) for k in np.argwhere(differs)[0]) if wanted_array.ndim else ()
    if index:
        place += f"[{', '.join(map(str, index))}]"
    count = int(differs.sum())
    note = f" ({count} of {differs.size} entries differ)" if count > 1 else ""
    return Difference(place, *_digits(got_array[index].item(), wanted_array[index].item()), note)


def _is_number(value: Any) -> bool:
    """Whether a value is one number (a tensor or array of any shape is not, nor is text)."""
    if isinstance(value, (str, bytes, torch.Tensor, np.ndarray)):
        return False
    return (
        isinstance(value, np.generic) or hasattr(value, "__float__") or isinstance(value, complex)
    )


def _array(value: Any) -> np.ndarray:
    """Numbers as float64 (complex128 where they are complex), from whatever holds them."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().resolve_conj().resolve_neg()
        value = value.to_dense() if value.layout != torch.strided else value
        return value.to(torch.complex128 if value.is_complex() else torch.float64).numpy()
    if isinstance(value, (str, bytes, Mapping, Set)):
        raise TypeError("not numbers")
    if isinstance(value, (list, tuple)):
        parts = [_array(materialised(part)) for part in value]
        return np.stack(parts) if parts else np.zeros(0)  # ragged: a ValueError
    if isinstance(value, np.ndarray) and value.dtype.kind in "SU":
        raise TypeError("not numbers")
    return np.asarray(value, dtype=np.complex128 if np.iscomplexobj(value) else np.float64)


def _whole(wanted: Any) -> bool:
    """Whether whole numbers (or truth values) are wanted, by their types."""
    if isinstance(wanted, torch.Tensor):
        return not (wanted.is_floating_point() or wanted.is_complex())
    if isinstance(wanted, (list, tuple)):
        return bool(wanted) and all(map(_whole, wanted))
    return np.asarray(wanted).dtype.kind in "biu"


def _float_size(value: Any) -> int:
    """Bytes of the coarsest floating-point number in a value; 8 where it holds none."""
    if isinstance(value, torch.Tensor):
        return value.element_size() if value.is_floating_point() else 8
    if isinstance(value, (list, tuple)):
        return min(map(_float_size, value), default=8)
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "f":
        return value.dtype.itemsize
    return 8


def _plain(value: Any) -> Any:
    """A number as Python's own, a tuple of them likewise, so that equal ones have equal hashes."""
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return tuple(_plain(part) for part in value)
    return value


def _shape(value: Any, array: np.ndarray) -> str:
    if array.ndim == 1 and isinstance(value, (list, tuple)):
        return _count(len(array))
    return f"shape {array.shape}" if array.ndim else f"one number, {_text(array.item(), 4)}"


def _count(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


def _text(number: Any, digits: int) -> str:
    if isinstance(number, float) and number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return f"{number:.{digits}g}"


def _digits(got: Any, wanted: Any) -> tuple[str, str]:
    """Both numbers with as many digits as tell them apart, four at least."""
    for digits in (4, 6, 9, 12, 17):
        texts = _text(got, digits), _text(wanted, digits)
        if texts[0] != texts[1]:
            break
    return texts
