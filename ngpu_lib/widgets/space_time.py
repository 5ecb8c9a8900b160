"""Space-time: every cell of a multiplier at every step as one picture, coloured by what readers find there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import traitlets

from ngpu_lib.widgets.base import Widget, module

LAYOUTS = ("together", "after")


class SpaceTime(Widget):
    """Every cell at every step while rows of cells multiply two numbers: one picture, or two side by side.

    A *reader* is a weight for each of a cell's maps and a constant; its sum is above 0 where it reads a 1. A pixel
    is coloured by what the readers find: a digit of the first or second number on its way, a carry, a settled digit
    of the product (it stays right to the end), or nothing that they are sure of. The page runs the networks.

    Args:
        machines: one or two, each a mapping: ``name``; ``network``, as ``page.page_network`` gives it, of base 2;
            ``readers``, a list of mappings: ``weights`` (C + 1 numbers, the constant last), ``move`` (cells a
            step: -1, 0 or 1; the digit read started that much further back), ``until`` (the reader is asked
            until news from the middle is so many steps old; None: always, and heard where it is beyond 1/2) and
            ``kind`` = 5 for a carry, 6 for what a column has come to where two digits
            have just met in it; ``layout``: "together" (the product stands in the operands' cells, lowest
            digit first in cell 0) or "after" (it stands behind the first number and the sign, on d more
            cells).
        a, b: the two numbers. digits: written with so many binary digits at least, 1 to 64.
        title: what a screen reader calls the picture.

    Set from a cell: ``step``, ``cell`` (-1: none), ``operands`` (two texts of digits) or ``ask(a, b)``.

    Raises:
        ValueError: no machine or more than two, a reader of another size, a number that cannot be.

    Source: linear probes, Alain & Bengio 2016 (arXiv 1610.01644).
    """

    _esm = module("arrays", "networks", "machine", "asker", "space", "space_time")

    machines = traitlets.List(traitlets.Dict()).tag(sync=True)
    operands = traitlets.List(traitlets.Unicode()).tag(sync=True)
    digits = traitlets.Int(12).tag(sync=True)
    step = traitlets.Int(-1).tag(sync=True)
    cell = traitlets.Int(-1).tag(sync=True)

    def __init__(
        self,
        machines: Sequence[Mapping],
        a: int,
        b: int,
        *,
        digits: int = 12,
        title: str = "Space-time picture",
        **options,
    ):
        if not 1 <= len(machines) <= 2:
            raise ValueError(f"machines: got {len(machines)}; needs one or two")
        if not 1 <= digits <= 64:
            raise ValueError(f"digits: got {digits}; needs 1 to 64")
        shown = [_machine(machine) for machine in machines]
        super().__init__(machines=shown, digits=digits, title=title, **options)
        self.ask(a, b)

    def ask(self, a: int, b: int) -> None:
        """Put two numbers in."""
        for name, number in (("a", a), ("b", b)):
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise ValueError(f"{name}: got {number!r}; needs a whole number >= 0")
        self.operands = [str(a), str(b)]


def _machine(machine: Mapping) -> dict:
    """A machine as the page takes it, its readers' sizes checked."""
    network, layout = machine["network"], machine.get("layout", "together")
    if layout not in LAYOUTS:
        raise ValueError(f"layout: got {layout!r}; needs one of {', '.join(LAYOUTS)}")
    if not (network.get("task") or {}).get("sign"):
        raise ValueError(
            "network: got one without an arithmetic task; needs page_network(model, task)"
        )
    readers = []
    for reader in machine["readers"]:
        weights = [float(weight) for weight in reader["weights"]]
        if not np.isfinite(weights).all():
            raise ValueError(f"readers: {reader.get('name')} has weights that are not finite")
        readers.append({"until": None, **reader, "weights": weights})
    sizes = {len(reader["weights"]) for reader in readers}
    if len(sizes) != 1:
        raise ValueError(f"readers: got {sorted(sizes)} weights; needs C + 1 each")
    maps = sizes.pop() - 1
    return {
        "name": str(machine["name"]),
        "network": dict(network),
        "readers": readers,
        "layout": layout,
        "maps": maps,
    }
