"""The activation viewer: a state of maps x width x length, step by step, alive without a kernel."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import traitlets

from ngpu_lib.widgets.base import Widget, in_range, module
from ngpu_lib.widgets.panel import (
    LEVELS,
    MOST_VALUES,
    check_locked,
    furthest,
    panel,
    raise_too_large,
)

MODES = ("step", "time")
TAPES = ("inputs", "outputs", "targets")
#: How far a value from the page may lie from Python's: a step of a byte, for both round.
SAME = 1.5 / LEVELS


class ActivationViewer(Widget):
    """Scrub and play through the states of a run: every map, every cell, every step.

    Args:
        state: a ``TapeTrace`` as it is, with its symbols; or an array, (T, C, W, L) or (T, C, L): T steps
            of C maps on a tape of W x L cells; or the dict of a traced run, of which "state" and "read"
            (numbers of symbols) are shown.
        other: a second state of the same T and L, drawn beside the first and locked to it in time.
        inputs: the L input symbols, as a string or a sequence of strings.
        outputs: the L output symbols, or T rows of them: what would be read at each step.
        targets: the L right symbols; outputs that differ are marked. Symbols given here stand in
            place of a trace's own.
        other_inputs, other_outputs, other_targets: the same for ``other``.
        names: what stands above the one or two pictures.
        title: what a screen reader calls the viewer.
        view: a view copied from another viewer, such as "step=12 maps=0-5,17".
        network: the network that made the state, as ``page.page_network`` gives it: then numbers or a word
            can be typed, and the page computes their states by itself, with a kernel and without.
        retrace: called with what was typed (symbol numbers), returns the trace that Python makes of it;
            the page's is compared with it. word: what is shown at first. at_least: digits of a typed
            number, however small it is.

    Set from a cell (or by hand): ``step``, ``maps`` (map numbers; empty means all), ``mode`` ("step":
    all chosen maps at one step; "time": each chosen map over all steps), ``row`` (the tape row that
    "time" shows), ``speed`` in steps a second, ``loop``, ``playing``, ``own_scale`` (colours scaled to
    each map by itself), and ``view``, the present view as text.

    Values travel as one byte each; hovering shows a value with its rounding (``rounding``). NaN and
    infinity are drawn in green and counted in the caption.

    Raises:
        ValueError: no states of a tape machine, an empty axis, a state too large for the page, two states of
            different T or L, symbols that do not fit the tape, a view that cannot be.

    >>> viewer = ActivationViewer([[[0.0, 0.5, -1.0]], [[1.0, 0.0, 0.25]]], inputs="101")
    >>> viewer.step = 1
    >>> viewer.view
    'step=1 maps=all mode=step row=0 speed=4 loop=no own_scale=no'
    """

    _esm = module("arrays", "networks", "machine", "asker", "panel", "viewer")

    panels = traitlets.List(traitlets.Dict()).tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    maps = traitlets.List(traitlets.Int()).tag(sync=True)
    mode = traitlets.Unicode("step").tag(sync=True)
    row = traitlets.Int(0).tag(sync=True)
    speed = traitlets.Float(4.0).tag(sync=True)
    loop = traitlets.Bool(False).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    own_scale = traitlets.Bool(False).tag(sync=True)
    network = traitlets.Dict().tag(sync=True)
    at_least = traitlets.Int(1).tag(sync=True)  # digits of a number, however small it is
    word = traitlets.List(traitlets.Int()).tag(sync=True)  # what is shown, as symbol numbers
    checked = traitlets.Dict().tag(sync=True)

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
        network: Mapping | None = None,
        retrace: Callable | None = None,
        word: Sequence[int] = (),
        at_least: int = 1,
        **options,
    ):
        self._retrace = None
        tapes = {"inputs": inputs, "outputs": outputs, "targets": targets}
        panels = [panel("state", state, tapes)]
        if other is not None:
            tapes = {
                "other_inputs": other_inputs,
                "other_outputs": other_outputs,
                "other_targets": other_targets,
            }
            panels.append(panel("other", other, tapes))
            check_locked(panels[0]["shape"], panels[1]["shape"])
        values = sum(math.prod(each["shape"]) for each in panels)
        if values > MOST_VALUES:
            raise_too_large(panels, values)
        if len(names) > len(panels):
            raise ValueError(f"names: got {len(names)}; needs at most {len(panels)}, one a picture")
        for each, name in zip(panels, names, strict=False):
            each["name"] = str(name)
        network = dict(network or {})
        if network and (other is not None or not network.get("task")):
            raise ValueError(
                "network: got one beside another state, or without a task; needs one or the other"
            )
        if network:
            options |= {"network": network, "word": list(word), "at_least": at_least}
        super().__init__(panels=panels, title=title, **options)
        self._retrace = retrace
        if view:
            self.view = view

    @property
    def steps(self) -> int:
        """T, the number of steps."""
        return self.panels[0]["shape"][0]

    @property
    def rounding(self) -> float:
        """The largest distance between a value shown and the value given."""
        return max(max(each["scale"]) for each in self.panels) / (2 * LEVELS)

    @property
    def not_finite(self) -> int:
        """How many values are NaN or infinite."""
        return sum(each["bad"] for each in self.panels)

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

    @traitlets.observe("word")
    def _check(self, _) -> None:
        """Trace what was typed here, too; compare, or show it where the page has not."""
        with self._turn:
            if self._retrace is not None and self.word:
                self._compare(list(self.word))

    def _compare(self, word: list[int]) -> None:
        traced = panel("retrace", self._retrace(tuple(word)), dict.fromkeys(TAPES))
        (shown,) = self.panels
        found = {"agrees": True, "difference": "", "word": word}
        if shown["inputs"] != traced["inputs"]:  # asked from a cell
            self.step = 0
            self.panels = [traced]
        elif shown["outputs"] != traced["outputs"]:
            found |= {"agrees": False, "difference": "it reads other symbols"}
        elif (off := furthest(shown, traced)) > SAME:
            found |= {"agrees": False, "difference": f"a value differs by {off:.2g}"}
        self.checked = found

    def _maps_shown(self) -> int:
        return max(each["shape"][1] for each in self.panels)

    @traitlets.validate("step")
    def _valid_step(self, proposal):
        return in_range("step", proposal.value, 0, self.steps - 1)

    @traitlets.validate("row")
    def _valid_row(self, proposal):
        most = max(each["shape"][2] for each in self.panels)
        return in_range("row", proposal.value, 0, most - 1)

    @traitlets.validate("maps")
    def _valid_maps(self, proposal):
        for number in proposal.value:
            in_range("maps", number, 0, self._maps_shown() - 1)
        return sorted(set(proposal.value))

    @traitlets.validate("mode")
    def _valid_mode(self, proposal):
        if proposal.value not in MODES:
            raise ValueError(f"mode: got {proposal.value!r}; needs one of {', '.join(MODES)}")
        return proposal.value

    @traitlets.validate("speed")
    def _valid_speed(self, proposal):
        return in_range("speed", proposal.value, 0.1, 60)


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
