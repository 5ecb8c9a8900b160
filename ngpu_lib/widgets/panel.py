"""One state of a tape machine as the page gets it: a byte a value, and the symbols along the tape."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import numpy as np

from ngpu_lib.widgets.base import plain_array

#: Codes 0..252 stand for -scale..scale of a map (126 is exactly 0); the last three for what is no number.
LEVELS, NAN, PLUS_INF, MINUS_INF = 126, 253, 254, 255
#: How many values one viewer puts into the page (4 MB of text).
MOST_VALUES = 3_000_000


def to_bytes(state_TCWL) -> tuple[np.ndarray, np.ndarray]:
    """Round a state to one byte a value, each map on its own scale.

        scale_c = max |s_c|,   code = round(126 s / scale_c) + 126,   s' = scale_c (code - 126) / 126

    So 0 and the largest value are exact and |s - s'| <= scale_c / 252. NaN, +inf and -inf keep codes
    of their own and do not count for the scale.

    Args:
        state_TCWL: real numbers.

    Returns:
        codes_TCWL (uint8) and scale_C (float64).
    """
    state = np.asarray(state_TCWL, dtype=np.float64)
    finite = np.isfinite(state)
    safe = np.where(finite, state, 0.0)
    scale_C = np.abs(safe).max(axis=(0, 2, 3))
    per_value = np.where(scale_C > 0, scale_C, 1.0)[None, :, None, None]
    codes = (np.rint(safe / per_value * LEVELS) + LEVELS).astype(np.uint8)
    codes[np.isnan(state)] = NAN
    codes[np.isposinf(state)] = PLUS_INF
    codes[np.isneginf(state)] = MINUS_INF
    return codes, scale_C


def panel(name: str, state, tapes: Mapping[str, Sequence | None]) -> dict:
    """What the page needs of one state, which is an array, a ``TapeTrace`` or the dict of a traced run.

    Args:
        name: of the argument, for messages.
        tapes: inputs, outputs and targets under the names of their arguments, in this order; what is
            None here comes from the trace, where there is one.

    Raises:
        ValueError: no state of a tape machine, an empty axis, or symbols that do not fit the tape.
    """
    state, traced = _open_trace(name, state)
    symbols = {
        key: own if given is None else given
        for (key, given), own in zip(tapes.items(), traced, strict=True)
    }
    array = plain_array(name, state)
    if array.ndim == 3:
        array = array[:, :, None]
    if array.ndim != 4:
        raise ValueError(
            f"{name}: got {array.ndim} axes, shape {array.shape}; needs the states of a tape machine, "
            "(T, C, W, L) or (T, C, L)"
        )
    for axis, size in zip("TCWL", array.shape, strict=True):
        if size == 0:
            word = {"T": "step", "C": "map", "W": "tape row", "L": "position"}[axis]
            raise ValueError(f"{name}: got shape {array.shape}; needs at least one {word} ({axis})")
    steps, _, _, length = array.shape
    if array.size <= MOST_VALUES:
        codes, scale = to_bytes(array)
    else:  # refused by the caller, who knows both states
        codes, scale = np.zeros(0, np.uint8), np.zeros(1)
    inputs, outputs, targets = symbols
    rows = [] if symbols[outputs] is None else [symbols[outputs]]
    if rows and len(rows[0]) == steps and all(_size(row) == length for row in rows[0]):
        rows = rows[0]  # one row of symbols a step
    return {
        "data": base64.b64encode(codes.tobytes()).decode(),
        "shape": list(array.shape),
        "scale": scale.tolist(),
        "bad": int(np.count_nonzero(~np.isfinite(array))),
        "name": "",
        "inputs": _symbols(inputs, symbols[inputs], length),
        "outputs": [_symbols(outputs, row, length) for row in rows],
        "targets": _symbols(targets, symbols[targets], length),
    }


def _open_trace(name: str, state) -> tuple:
    """The states in whatever came, and its own inputs, outputs and targets (None where it has none)."""
    if hasattr(state, "states_TCWL"):
        own = [getattr(state, tape, None) for tape in ("inputs", "outputs", "targets")]
        return state.states_TCWL, own
    if isinstance(state, Mapping):
        read = state.get("read")
        if np.ndim(state.get("state")) not in (3, 4) or (read is not None and np.ndim(read) != 2):
            parts = ", ".join(f"{key} {np.shape(value)}" for key, value in state.items())
            raise ValueError(
                f"{name}: got a trace of {parts or 'nothing'}; needs that of a tape machine and one "
                "item, with a state (T, C, W, L) or (T, C, L)"
            )
        return state["state"], [None, None if read is None else np.asarray(read, int), None]
    return state, [None, None, None]


def _size(entry) -> int:
    return len(entry) if isinstance(entry, str) or np.ndim(entry) else 0


def _symbols(name: str, symbols: Sequence | None, length: int) -> list[str]:
    symbols = [] if symbols is None else [str(symbol) for symbol in symbols]
    if symbols and len(symbols) != length:
        raise ValueError(f"{name}: got {len(symbols)} symbols; the tape has {length} positions")
    return symbols


def check_locked(first: Sequence[int], second: Sequence[int]) -> None:
    """Refuse two shapes that differ in steps or positions."""
    for axis, what, cut in ((0, "steps", "[:{n}]"), (3, "positions", "[..., :{n}]")):
        if first[axis] != second[axis]:
            fewer = cut.format(n=min(first[axis], second[axis]))
            raise ValueError(
                f"other: got {second[axis]} {what}, state has {first[axis]}; side by side both need "
                f"the same number. Cut the longer one with {fewer}, or run both on one length"
            )


def raise_too_large(panels: Sequence[dict], values: int) -> None:
    """Refuse more values than a page takes; says how to thin them."""
    shapes = " and ".join(" x ".join(map(str, panel["shape"])) for panel in panels)
    thin = -(-values // MOST_VALUES)
    raise ValueError(
        f"state: got {shapes} (T x C x W x L) = {values:,} values; a page takes {MOST_VALUES:,}. "
        f"Thin it: every {thin}th step, state[::{thin}], or fewer maps, state[:, ::{thin}]"
    )


def furthest(one: Mapping, other: Mapping) -> float:
    """The largest distance of two panels' values, as a share of the largest value; infinite for other shapes."""
    if list(one["shape"]) != list(other["shape"]):
        return float("inf")
    states = []
    for each in (one, other):
        codes = np.frombuffer(base64.b64decode(each["data"]), np.uint8).reshape(each["shape"])
        scale = np.asarray(each["scale"])[None, :, None, None]
        states.append(scale * (codes.astype(np.float64) - LEVELS) / LEVELS)
    most = max(np.abs(states[1]).max(), 1e-12)
    return float(np.abs(states[0] - states[1]).max() / most)
