"""What each of the two processes does: see ngpu_lib.halves."""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn import functional as F

from ngpu_lib.data import MNIST, load_mnist
from ngpu_lib.halves.layers import EVERY, UNITS, WAYS, Piece, apart, check, pieces_of
from ngpu_lib.ranks import join

ROWS, IMAGES, TESTED = 100, 10_000, 5000
#: Seconds that a half waits for the other before it gives it up.
PATIENCE = 60.0


class Wire:
    """What goes to the other process and what comes from it; a thread takes what comes, as it comes.

    count: how many tensors of ``shape`` will come. waits: how often ``take`` had to wait.
    """

    def __init__(self, other: int, count: int, shape: tuple[int, ...]):
        self.other, self.count, self.shape = other, count, shape
        self.waits, self.sent, self.taken = 0, [], 0
        self._box: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        try:
            for _ in range(self.count):
                message = torch.empty(self.shape)
                distributed.recv(message, self.other)
                self._box.put(message)
        except Exception as error:
            self._box.put(error)

    def send(self, message: Tensor) -> None:
        """Send and go on; the tensor must stay as it is."""
        try:
            self.sent.append((distributed.isend(message, self.other), message))
        except RuntimeError as error:
            raise self._gone(error) from None

    def take(self, wait: bool) -> Tensor | None:
        """The next of what has come; if nothing has: None, or ``wait`` for it and count that."""
        if self._box.empty():
            if not wait:
                return None
            self.waits += 1
        try:
            message = self._box.get(timeout=PATIENCE)
        except queue.Empty:
            raise self._gone(f"it has said nothing for {PATIENCE:.0f} s") from None
        if isinstance(message, Exception):
            raise self._gone(message)
        self.taken += 1
        return message

    def close(self) -> None:
        """Wait until all that was sent has arrived."""
        try:
            for work, _ in self.sent:
                work.wait(timedelta(seconds=PATIENCE))
        except RuntimeError as error:
            raise self._gone(error) from None

    def _gone(self, reason: Any) -> ConnectionError:
        first = (str(reason).splitlines() or ["it is gone"])[0]
        return ConnectionError(
            f"process {self.other} has gone after {self.taken} of {self.count} messages, so process "
            f"{1 - self.other} stops ({first})"
        )


def batches(mnist: MNIST, updates: int) -> Iterator[tuple[Tensor, Tensor]]:
    """What both processes draw: images, of which only the lower half reads, and their labels."""
    images_NP = mnist.train_images_BHW[:IMAGES].flatten(1).float() / 255
    for _ in range(updates):
        chosen = torch.randint(len(images_NP), (ROWS,))
        yield images_NP[chosen], mnist.train_labels_B[:IMAGES][chosen].long()


def lower(pieces: Sequence[Piece], mnist: MNIST, way: str, updates: int) -> dict[str, Any]:
    """Process 0: the lower layers. How often it waited for messages, and how old those were that came."""
    wire, owed, ages, errors = Wire(1, updates, (ROWS, UNITS)), deque(), [], []
    waits = 0  # for the gradient of this very update; what else it waits for are holds
    for x_BP, y_B in batches(mnist, updates):
        if way == "back-propagation":
            h_BU = pieces[1](pieces[0](x_BP))
            wire.send(h_BU.detach())
            for piece in pieces:
                piece.step.zero_grad()
            h_BU.backward(wire.take(wait=True))
            waits = wire.waits
            for piece in pieces:
                piece.step.step()
            continue
        _, below, _ = apart(pieces, x_BP, y_B, wire.send, moves=way != "fixed")
        owed.append(below)
        while owed and (message := wire.take(wait=len(owed) > WAYS[way])) is not None:
            piece, seen = owed.popleft()
            errors.append(piece.correct(seen, message))
            ages.append(len(owed))
    holds = wire.waits - waits
    for _ in owed:  # the training is over; these messages only have to arrive
        wire.take(wait=True)
    wire.close()
    age, last = sum(ages) / max(len(ages), 1), errors[-(len(errors) // 4) :]
    found = {"waits": waits, "holds": holds, "age": age, "oldest": max(ages, default=0)}
    return found | {"too late": len(owed), "unexplained": sum(last) / max(len(last), 1)}


def upper(pieces: Sequence[Piece], mnist: MNIST, way: str, updates: int) -> dict[str, Any]:
    """Process 1: the upper layers. How often it waited for what they read, and the loss of every batch."""
    wire, losses = Wire(0, updates, (ROWS, UNITS)), []
    for _, y_B in batches(mnist, updates):
        h_BU = wire.take(wait=True)
        if way == "back-propagation":
            h_BU.requires_grad_()
            for piece in pieces:
                piece.step.zero_grad()
            loss = F.cross_entropy(pieces[1](pieces[0](h_BU)), y_B)
            loss.backward()
            message_BU, loss = h_BU.grad, loss.item()
            for piece in pieces:
                piece.step.step()
        else:
            message_BU, _, loss = apart(pieces, h_BU, y_B, wire.send)
        wire.send(message_BU)
        losses.append(round(loss, 5))
        if len(losses) % EVERY == 0:
            print(f"{way}: update {len(losses)} of {updates}", flush=True)
    wire.close()
    return {"waits": wire.waits, "losses": losses}


@torch.no_grad()
def examined(rank: int, pieces: Sequence[Piece], mnist: MNIST) -> float:
    """The share of test images that the two halves get right together; known to process 1."""
    labels_B = mnist.test_labels_B[:TESTED]
    if rank == 0:
        images_BP = mnist.test_images_BHW[:TESTED].flatten(1).float() / 255
        distributed.send(pieces[1](pieces[0](images_BP)), 1)
        return 0.0
    h_BU = torch.empty(len(labels_B), UNITS)
    distributed.recv(h_BU, 0)
    return (pieces[1](pieces[0](h_BU)).argmax(1) == labels_B).double().mean().item()


def one_run(rank: int, mnist: MNIST, way: str, seed: int, updates: int) -> dict[str, Any]:
    """One training by both; what process 1 returns is the whole of it."""
    drawn = pieces_of(seed, mnist.train_images_BHW[0].numel())
    half = drawn[2:] if rank else drawn[:2]
    found = (upper if rank else lower)(half, mnist, way, updates)
    right = examined(rank, half, mnist)
    both: list[Any] = [None, None]
    distributed.all_gather_object(both, found)
    waits, losses = [each.pop("waits") for each in both], both[1].pop("losses")
    run = {"way": way, "seed": seed, "updates": updates, "right": right, "waits": waits}
    return run | both[0] | {"losses": losses}


def main(arguments: Sequence[str] | None = None) -> int:
    """One of the two processes; process 1 prints where it is, and a JSON line for every run."""
    parser = argparse.ArgumentParser(prog="python -m ngpu_lib.halves.process")
    parser.add_argument("--ways", nargs="+", default=["guess"], metavar="WAY", help=", ".join(WAYS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--updates", type=int, default=400)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        check(given.ways, given.seeds, given.updates)
        with join(lost="nothing of this run is kept") as ranks:
            if ranks is None or ranks.world != 2:
                needs = "2, as torchrun --nproc-per-node 2 or halves.train start them"
                raise ValueError(
                    f"world: got {ranks.world if ranks else 1} processes; needs {needs}"
                )
            ranks.agree(vars(given))
            mnist = load_mnist(progress=False)
            ranks.agree({"digits": mnist.source})
            for seed in given.seeds:
                for way in given.ways:
                    run = one_run(ranks.rank, mnist, way, seed, given.updates)
                    if ranks.rank == 1:
                        print(json.dumps(run), flush=True)
    except (ValueError, OSError) as error:
        print(f"halves: {error}", file=sys.stderr, flush=True)
        os._exit(2)  # a thread may still be waiting for the other process
    return 0


if __name__ == "__main__":
    sys.exit(main())
