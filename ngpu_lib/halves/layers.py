"""Layers that update by themselves, and the ways in which two halves of them can be trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ngpu_lib import require
from ngpu_lib.data import CLASSES

#: How the halves work together -> how many messages process 0 may be owed when it takes a batch.
WAYS: dict[str, float] = {
    "back-propagation": 0,
    "guess": float("inf"),
    "guess, at most 2 late": 2,
    "guess, in step": 0,
    "fixed": 2,
}
UNITS = 64
#: Updates after which process 1 says where it is.
EVERY = 50


def check(ways: Sequence[str], seeds: Sequence[int], updates: int) -> None:
    """Raise ValueError for what cannot be run."""
    for way in require.sequence("ways", ways):
        require.one_of("ways", way, tuple(WAYS))
    for seed in require.sequence("seeds", seeds):
        require.whole("seeds", seed, 0, 2**31)
    require.whole("updates", updates, 1, 10**6)


class Piece(nn.Module):
    """A layer that can update by itself: ``guess`` gives the gradient in its output, from it and the label."""

    def __init__(self, inputs: int, outputs: int, top: bool, lr: float = 0.001):
        super().__init__()
        self.layer, self.top = nn.Linear(inputs, outputs), top
        self.guess = nn.Linear(outputs + CLASSES, outputs)
        nn.init.zeros_(self.guess.weight), nn.init.zeros_(self.guess.bias)
        self.step = torch.optim.Adam(self.layer.parameters(), lr, fused=True)
        self.learn = torch.optim.Adam(self.guess.parameters(), lr, fused=True)

    def forward(self, h_BU: Tensor) -> Tensor:
        return self.layer(h_BU) if self.top else self.layer(h_BU).relu()

    def correct(self, seen: Tensor, message_BU: Tensor) -> float:
        """The guess made from ``seen`` learns from the message; its squared error, in squared messages."""
        self.learn.zero_grad()
        error = (self.guess(seen) - message_BU).square().sum(1).mean()
        error.backward()
        self.learn.step()
        return error.item() / max(message_BU.square().sum(1).mean().item(), 1e-30)


def pieces_of(seed: int, inputs: int) -> list[Piece]:
    """The four layers as both processes draw them."""
    torch.manual_seed(seed)
    sizes = [inputs, UNITS, UNITS, UNITS, CLASSES]
    return [Piece(sizes[k], sizes[k + 1], top=k == 3) for k in range(4)]


def apart(
    pieces: Sequence[Piece], h_BU: Tensor, y_B: Tensor, send: Callable, moves: bool = True
) -> tuple[Tensor, tuple[Piece, Tensor], float]:
    """One update of some layers, from the bottom up, none of which waits for those above.

    Returns: the message to whoever is below; the highest piece with what its guess saw; the loss, at the top.
    """
    label_BV, below, start_BU = F.one_hot(y_B, CLASSES).float(), None, h_BU
    for piece in pieces:
        in_BU = h_BU.detach().requires_grad_()
        h_BU = piece(in_BU)
        if piece is pieces[-1] and not piece.top:
            send(h_BU.detach())
        piece.step.zero_grad()
        seen, loss = torch.cat([h_BU.detach(), label_BV], 1), 0.0
        if piece.top:
            total = F.cross_entropy(h_BU, y_B, reduction="sum")
            total.backward()
            loss = total.item() / len(y_B)
        else:
            h_BU.backward(piece.guess(seen).detach())
        if moves:
            piece.step.step()
        if below is None:
            start_BU = in_BU
        else:
            below[0].correct(below[1], in_BU.grad)
        below = piece, seen
    return start_BU.grad, below, loss
