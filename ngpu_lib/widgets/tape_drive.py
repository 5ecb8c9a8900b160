"""A tape to be driven by hand: the head moves and writes by keys, and the world pays or ends."""

from __future__ import annotations

from collections.abc import Sequence

import traitlets

from ngpu_lib import require
from ngpu_lib.widgets.base import Widget, module


class TapeDrive(Widget):
    """One word on a tape (two numbers on a grid), and a head that is driven by hand.

    The page plays the episode by itself, by the rule of ``environments.TapeWorld``: arrow keys (or
    buttons) move, digits choose what is written with the next move. It works without a kernel.

    Args:
        grid: one row of symbols, or two equally long ones for sums.
        target: the symbols to be written, in order.
        base: number of symbols, 2 to 10.
        column: where the head begins, 0 to the row's last cell.
        title: what a screen reader calls the explorer.

    ``drive.actions`` are the actions so far, as (move, symbol) pairs; ``base`` as symbol wrote nothing.
    Moves are 0 left, 1 right, 2 up, 3 down. Setting them plays them.

    Raises:
        ValueError: rows of unequal length, symbols that are none, an empty answer, a head beside the tape.
    """

    _esm = module("tape_drive")

    grid = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)
    target = traitlets.List(traitlets.Int()).tag(sync=True)
    base = traitlets.Int(2).tag(sync=True)
    column = traitlets.Int(0).tag(sync=True)
    actions = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)

    def __init__(
        self,
        grid: Sequence[Sequence[int]],
        target: Sequence[int],
        *,
        base: int = 2,
        column: int = 0,
        title: str = "Drive the head",
        **options,
    ):
        base = require.whole("base", base, 2, 10)
        rows = [_symbols("grid", row, base) for row in require.sequence("grid", grid)]
        if len(rows) > 2 or len({len(row) for row in rows}) != 1:
            raise ValueError(f"grid: got {require.shown(grid)}; needs one row, or two equally long")
        super().__init__(
            grid=rows,
            target=_symbols("target", target, base),
            base=base,
            column=require.whole("column", column, 0, len(rows[0]) - 1),
            title=title,
            **options,
        )

    @traitlets.validate("actions")
    def _valid_actions(self, proposal):
        for action in proposal.value:
            if len(action) != 2:
                raise ValueError(f"actions: got {action}; needs pairs (move, symbol)")
            require.whole("actions", action[0], 0, 2 * len(self.grid) - 1)
            require.whole("actions", action[1], 0, self.base)
        return proposal.value


def _symbols(name: str, row: Sequence[int], base: int) -> list[int]:
    return [require.whole(name, symbol, 0, base - 1) for symbol in require.sequence(name, row)]
