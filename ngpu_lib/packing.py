"""Batches of several lengths as the rows of one matrix: what the packed path (packed.py) works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ngpu_lib import require
from ngpu_lib.tasks import Batch


@dataclass(frozen=True)
class Packed:
    """Batches of several lengths as rows. Row 0 and the row behind each item are gaps.

    symbols, targets: (rows,) symbol numbers. valid: (rows, 1), 1 where a cell exists. loss_weight:
    (rows,), of the row in the mean loss. cost_weight: (rows, 1), in the saturation cost. groups:
    (first row, items, length) per batch, longest first. order: place of each group in the input.
    """

    symbols: Tensor
    targets: Tensor
    valid: Tensor
    loss_weight: Tensor
    cost_weight: Tensor
    groups: tuple[tuple[int, int, int], ...]
    order: tuple[int, ...]

    def running(self, step: int, extra_steps: int = 0) -> int:
        """How many leading rows are still at work in a step (counted from 0)."""
        at_work = (group for group in self.groups if group[2] + extra_steps > step)
        return 1 + sum(items * (length + 1) for _, items, length in at_work)

    def unpack(self, rows: Tensor) -> list[Tensor]:
        """Rows back to one (B, L, ...) tensor per batch, in the order they came in."""
        parts: list[Tensor] = [rows] * len(self.groups)
        for (first, items, length), place in zip(self.groups, self.order, strict=True):
            block = rows[first : first + items * (length + 1)]
            parts[place] = block.reshape(items, length + 1, *rows.shape[1:])[:, :length]
        return parts


def pack(
    batches: Sequence[Batch], dtype=torch.float32, counts: Sequence[float] | None = None
) -> Packed:
    """Batches (B, L), of any lengths, as rows, longest first; ``counts`` divide each one's loss."""
    for batch in require.sequence("batches", batches):
        require.instance("batches", batch, Batch, "a list of Batches")
    order = sorted(range(len(batches)), key=lambda k: -batches[k].inputs_BL.shape[1])
    device = batches[0].inputs_BL.device
    columns: list[list[Tensor]] = [[torch.zeros(1, dtype=dtype, device=device)] for _ in range(5)]
    groups, first = [], 1
    for place in order:
        batch = batches[place]
        items, length = batch.inputs_BL.shape
        valid = batch.valid_BL.to(dtype)
        counted = batch.loss_mask_BL.to(dtype)
        parts = [
            batch.inputs_BL,
            batch.targets_BL,
            valid,
            counted / ((counted.sum() if counts is None else counts[place]) * len(batches)),
            valid / (length**2 * items * len(batches)),
        ]
        for column, part in zip(columns, parts, strict=True):
            column.append(F.pad(part, (0, 1)).flatten())
        groups.append((first, items, length))
        first += items * (length + 1)
    symbols, targets, valid, loss_weight, cost_weight = (torch.cat(column) for column in columns)
    rows = (symbols.long(), targets.long(), valid[:, None], loss_weight, cost_weight[:, None])
    return Packed(*rows, tuple(groups), tuple(order))
