"""The activation viewer: a state of maps x width x length, step by step, alive without a kernel."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import traitlets

from ngpu_lib.widgets.base import Widget, module, plain_array

#: Codes 0..252 stand for -scale..scale of a map (126 is exactly 0); the last three for what is no number.
LEVELS, NAN, PLUS_INF, MINUS_INF = 126, 253, 254, 255
#: How many values one viewer puts into the page (4 MB of text).
MOST_VALUES = 3_000_000
MODES = ("step", "time")


def quantise(state_TCWL) -> tuple[np.ndarray, np.ndarray]:
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


class ActivationViewer(Widget):
    """Scrub and play through the states of a run: every map, every cell, every step.

    Args:
        state: (T, C, W, L) or (T, C, L): T steps of C maps on a tape of W x L cells.
        other: a second state of the same T and L, drawn beside the first and locked to it in time.
        inputs: the L input symbols, as a string or a sequence of strings.
        outputs: the L output symbols, or T rows of them: what would be read at each step.
        targets: the L right symbols; outputs that differ are marked.
        other_inputs, other_outputs, other_targets: the same for ``other``.
        names: what stands above the one or two pictures.
        title: what a screen reader calls the viewer.
        view: a view copied from another viewer, such as "step=12 maps=0-5,17".

    Set from a cell (or by hand): ``step``, ``maps`` (map numbers; empty means all), ``mode`` ("step":
    all chosen maps at one step; "time": each chosen map over all steps), ``row`` (the tape row that
    "time" shows), ``speed`` in steps a second, ``loop``, ``playing``, ``own_scale`` (colours scaled to
    each map by itself), and ``view``, the present view as text.

    Values travel as one byte each; hovering shows a value with its rounding (``rounding``). NaN and
    infinity are drawn in green and counted in the caption.

    Raises:
        ValueError: a wrong rank, an empty axis, a state too large for the page, two states of
            different T or L, symbols that do not fit the tape, a view that cannot be.

    >>> viewer = ActivationViewer([[[0.0, 0.5, -1.0]], [[1.0, 0.0, 0.25]]], inputs="101")
    >>> viewer.step = 1
    >>> viewer.view
    'step=1 maps=all mode=step row=0 speed=4 loop=no own_scale=no'
    """

    _esm = module("viewer")

    panels = traitlets.List(traitlets.Dict()).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    maps = traitlets.List(traitlets.Int()).tag(sync=True)
    mode = traitlets.Unicode("step").tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    speed = traitlets.Float(4.0).tag(sync=True)
    loop = traitlets.Bool(False).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    own_scale = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        state,
        other=None,
        *,
        inputs: Sequence[str] | None = None,
        outputs: Sequence | None = None,
        targets: Sequence[str] | None = None,
        other_inputs: Sequence[str] | None = None,
        other_outputs: Sequence | None = None,
        other_targets: Sequence[str] | None = None,
        names: Sequence[str] = (),
        title: str = "Activation viewer",
        view: str = "",
        **options,
    ):
        panels = [
            _panel("state", state, (inputs, outputs, targets), ("inputs", "outputs", "targets"))
        ]
        if other is not None:
            tapes = (other_inputs, other_outputs, other_targets)
            tape_names = ("other_inputs", "other_outputs", "other_targets")
            panels.append(_panel("other", other, tapes, tape_names))
            _check_locked(panels[0]["shape"], panels[1]["shape"])
        values = sum(int(np.prod(panel["shape"])) for panel in panels)
        if values > MOST_VALUES:
            _raise_too_large(panels, values)
        if len(names) > len(panels):
            raise ValueError(f"names: got {len(names)}; needs at most {len(panels)}, one a picture")
        for panel, name in zip(panels, names, strict=False):
            panel["name"] = str(name)
        super().__init__(panels=panels, title=title, **options)
        if view:
            self.view = view

    @property
    def steps(self) -> int:
        """T, the number of steps."""
        return self.panels[0]["shape"][0]

    @property
    def rounding(self) -> float:
        """The largest distance between a value shown and the value given."""
        return max(max(panel["scale"]) for panel in self.panels) / (2 * LEVELS)

    @property
    def not_finite(self) -> int:
        """How many values are NaN or infinite."""
        return sum(panel["bad"] for panel in self.panels)

    @property
    def view(self) -> str:
        """The present view as text; assign a text to go back to it (parts left out stay)."""
        yes = {True: "yes", False: "no"}
        return (
            f"step={self.step} maps={ranges_text(self.maps)} mode={self.mode} row={self.row} "
            f"speed={self.speed:g} loop={yes[self.loop]} own_scale={yes[self.own_scale]}"
        )

    @view.setter
    def view(self, text: str) -> None:
        readers = {
            "step": int,
            "maps": lambda value: read_ranges(value, self._maps_shown()),
            "mode": str,
            "row": int,
            "speed": float,
            "loop": {"yes": True, "no": False}.__getitem__,
            "own_scale": {"yes": True, "no": False}.__getitem__,
        }
        wanted = {}
        for part in text.split():
            name, _, value = part.partition("=")
            try:
                wanted[name] = readers[name](value)
            except (KeyError, ValueError) as error:
                raise ValueError(
                    f"view: got {part!r}; needs parts such as {self.view!r}"
                ) from error
        before = {name: getattr(self, name) for name in wanted}
        try:
            for name, value in wanted.items():
                setattr(self, name, value)
        except ValueError:
            for name, value in before.items():
                setattr(self, name, value)
            raise

    def _maps_shown(self) -> int:
        return max(panel["shape"][1] for panel in self.panels)

    @traitlets.validate("step")
    def _valid_step(self, proposal):
        return self._whole("step", proposal.value, self.steps)

    @traitlets.validate("row")
    def _valid_row(self, proposal):
        return self._whole("row", proposal.value, max(panel["shape"][2] for panel in self.panels))

    @traitlets.validate("maps")
    def _valid_maps(self, proposal):
        for number in proposal.value:
            self._whole("maps", number, self._maps_shown())
        return sorted(set(proposal.value))

    @traitlets.validate("mode")
    def _valid_mode(self, proposal):
        if proposal.value not in MODES:
            raise ValueError(f"mode: got {proposal.value!r}; needs one of {', '.join(MODES)}")
        return proposal.value

    @traitlets.validate("speed")
    def _valid_speed(self, proposal):
        if not 0.1 <= proposal.value <= 60:
            raise ValueError(f"speed: got {proposal.value}; needs 0.1 to 60 steps a second")
        return proposal.value

    @staticmethod
    def _whole(name: str, value: int, count: int) -> int:
        if not 0 <= value < count:
            raise ValueError(f"{name}: got {value}; needs a number from 0 to {count - 1}")
        return value


def ranges_text(numbers: Sequence[int]) -> str:
    """Sorted numbers as text, runs joined; none at all means "all".

    >>> ranges_text([0, 1, 2, 7])
    '0-2,7'
    """
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs) or "all"


def read_ranges(text: str, count: int) -> list[int]:
    """The numbers a text such as "0-2,7" stands for; "all" is the empty list.

    Raises:
        ValueError: something else, or a number that is not below ``count``.
    """
    numbers: set[int] = set()
    for part in [] if text == "all" else text.split(","):
        first, _, last = part.partition("-")
        chosen = range(int(first), int(last or first) + 1)
        if not chosen or chosen[-1] >= count:
            raise ValueError(f"maps: got {part!r}; needs numbers from 0 to {count - 1}")
        numbers.update(chosen)
    return sorted(numbers)


def _panel(name: str, state, tapes, tape_names) -> dict:
    array = plain_array(name, state)
    if array.ndim == 3:
        array = array[:, :, None]
    if array.ndim != 4:
        raise ValueError(
            f"{name}: got {array.ndim} axes, shape {array.shape}; needs (T, C, W, L) or (T, C, L)"
        )
    for axis, size in zip("TCWL", array.shape, strict=True):
        if size == 0:
            word = {"T": "step", "C": "map", "W": "tape row", "L": "position"}[axis]
            raise ValueError(f"{name}: got shape {array.shape}; needs at least one {word} ({axis})")
    steps, _, _, length = array.shape
    if array.size <= MOST_VALUES:
        codes, scale = quantise(array)
    else:  # refused by the caller, who knows both states
        codes, scale = np.zeros(0, np.uint8), np.zeros(1)
    inputs, outputs, targets = tapes
    rows = [] if outputs is None else [outputs]
    if (
        outputs is not None
        and len(outputs) == steps
        and all(_size(row) == length for row in outputs)
    ):
        rows = outputs  # one row of symbols a step
    return {
        "data": base64.b64encode(codes.tobytes()).decode(),
        "shape": list(array.shape),
        "scale": scale.tolist(),
        "bad": int(np.count_nonzero(~np.isfinite(array))),
        "name": "",
        "inputs": _symbols(tape_names[0], inputs, length),
        "outputs": [_symbols(tape_names[1], row, length) for row in rows],
        "targets": _symbols(tape_names[2], targets, length),
    }


def _size(entry) -> int:
    return len(entry) if isinstance(entry, str) or np.ndim(entry) else 0


def _symbols(name: str, symbols: Sequence | None, length: int) -> list[str]:
    symbols = [] if symbols is None else [str(symbol) for symbol in symbols]
    if symbols and len(symbols) != length:
        raise ValueError(f"{name}: got {len(symbols)} symbols; the tape has {length} positions")
    return symbols


def _check_locked(first: Sequence[int], second: Sequence[int]) -> None:
    for axis, what, cut in ((0, "steps", "[:{n}]"), (3, "positions", "[..., :{n}]")):
        if first[axis] != second[axis]:
            fewer = cut.format(n=min(first[axis], second[axis]))
            raise ValueError(
                f"other: got {second[axis]} {what}, state has {first[axis]}; side by side both need "
                f"the same number. Cut the longer one with {fewer}, or run both on one length"
            )


def _raise_too_large(panels: Sequence[dict], values: int) -> None:
    shapes = " and ".join(" x ".join(map(str, panel["shape"])) for panel in panels)
    thin = -(-values // MOST_VALUES)
    raise ValueError(
        f"state: got {shapes} (T x C x W x L) = {values:,} values; a page takes {MOST_VALUES:,}. "
        f"Thin it: every {thin}th step, state[::{thin}], or fewer maps, state[:, ::{thin}]"
    )
