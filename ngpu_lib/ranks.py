"""One training on several processes, each with its part of every batch (data-parallel training).

    torchrun --nproc-per-node 2 -m ngpu_lib.cli train multiply

torchrun starts the processes and tells each its *rank*; PyTorch's DistributedDataParallel averages their
gradients (gloo on CPUs, NCCL on GPUs). Every rank draws the same batch, keeps its part, and ends each
update with the same weights. Rank 0 alone writes.

What one process computes and what several compute together is the same, up to rounding, as long as
nothing is drawn while a step runs: dropout and noise are drawn by each rank for its own items.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from ngpu_lib import require
from ngpu_lib.train import BatchSource, Loss, seed_for

#: What the back ends say when another process is gone.
_GONE = re.compile(
    r"closed by peer|connection reset|broken pipe|timed out|remote process exited", re.IGNORECASE
)

#: What is left of a run that has lost a rank: ``ngpu train`` writes checkpoints.
KEPT = "the last checkpoint is intact (torchrun --max-restarts 3 goes on from it by itself)"


class Ranks:
    """This process among several that train together. Made by ``join``.

    rank: 0..world - 1. world: how many. device: where this rank computes.
    """

    def __init__(self, rank: int, world: int, device: str):
        self.world = require.whole("world", world, 2)
        self.rank = require.whole("rank", rank, 0, world - 1)
        self.device = device
        self._alike = 0  # the seed that all ranks share behind the loss of this update

    @property
    def writes(self) -> bool:
        """Whether this rank writes files and shows progress: rank 0 does, for all."""
        return self.rank == 0

    def wait(self) -> None:
        """Go on when every rank has come here."""
        distributed.barrier()

    def share(self, batches: BatchSource, seed: int) -> BatchSource:
        """The batch source of this rank: its items of every batch, and random numbers of its own.

        Args:
            batches: the source of a run by itself. seed: of the run.

        Raises (from the source):
            ValueError: the ranks are at different steps, or a batch has no equal part for each.
        """
        agreed = False

        def own(step: int, generator: torch.Generator) -> Any:
            nonlocal agreed
            if not agreed:
                self.agree({"step": step})
                agreed = True
            whole = batches(step, generator)
            self._alike = seed_for(seed + 2**34, step)
            torch.manual_seed(seed_for(seed + self.rank * 2**33, step))
            return [self.part(b) for b in (whole if isinstance(whole, (list, tuple)) else [whole])]

        return own

    def part(self, batch: Any) -> Any:
        """Every ``world``-th item of a batch, from this rank's on."""
        items = len(batch)
        if items % self.world:
            raise ValueError(
                f"batch_size: got {items} items for {self.world} ranks; needs a multiple of {self.world}"
            )
        names = [entry.name for entry in fields(batch)]
        return replace(batch, **{n: getattr(batch, n)[self.rank :: self.world] for n in names})

    def parallel(self, loss: Loss, model: nn.Module) -> Loss:
        """The loss of the whole batch, computed together; its backward averages the gradients.

        A batch's loss is a mean over the symbols that count. The parts of a batch need not hold
        equally many, so each part is divided by the count of all parts, over the number of ranks
        (``counts`` of losses.SequenceLoss). Metrics are averaged over the ranks.
        """
        engine = DistributedDataParallel(_LossOf(loss, model))

        def together(_model: nn.Module, batches: Any) -> tuple[Tensor, dict[str, float]]:
            counts = torch.tensor(
                [float(b.loss_mask_BL.sum()) for b in batches], device=self.device
            )
            distributed.all_reduce(counts)
            loss.counts = (counts / self.world).tolist()
            value, metrics = engine(batches)
            torch.manual_seed(
                self._alike
            )  # what is drawn from here on, all draw alike: gradient noise
            numbers = torch.tensor(
                [value.item(), *metrics.values()], dtype=torch.float64, device=self.device
            )
            distributed.all_reduce(numbers)
            mean, *rest = (numbers / self.world).tolist()
            return value + (mean - value.detach()), dict(zip(metrics, rest, strict=True))

        return together

    def agree(self, what: dict[str, Any]) -> None:
        """Raise ValueError on every rank where one trains something else than rank 0, naming it."""
        found: list[Any] = [None] * self.world
        distributed.all_gather_object(found, what)
        for rank, other in enumerate(found):
            differing = [k for k in {*other, *found[0]} if other.get(k) != found[0].get(k)]
            for name in sorted(differing)[:1]:
                raise ValueError(
                    f"{name}: rank {rank} got {other.get(name)!r}, rank 0 {found[0].get(name)!r}; all "
                    "ranks need the same command and the same checkpoint"
                )


class _LossOf(nn.Module):
    """A loss as the forward of a module, which is what DistributedDataParallel wraps.

    The packed path reads the model's weights itself and never calls the model's forward, so wrapping
    the model would average nothing.
    """

    def __init__(self, loss: Loss, model: nn.Module):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, batches: Sequence[Any]) -> tuple[Tensor, dict[str, float]]:
        return self.loss(self.model, batches)


@contextmanager
def join(device: str = "cpu", *, lost: str = KEPT) -> Iterator[Ranks | None]:
    """This process's Ranks where torchrun has started it, None elsewhere; leaves the group at the end.

    Args:
        device: "cpu" (gloo) or "cuda" (NCCL; each rank takes the GPU of its local rank).
        lost: what the error says of the work done, where another rank has gone.

    Raises:
        ValueError: a group of one. OSError: no meeting point, or its port is in use. ConnectionError:
            another rank has gone while they worked together.
    """
    if "WORLD_SIZE" not in os.environ:
        yield None
        return
    rank, world = (_from_environment(name) for name in ("RANK", "WORLD_SIZE"))
    if world == 1:
        raise ValueError(
            "world: got 1 process; needs 2 or more (for one, start ngpu train without torchrun)"
        )
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
        torch.cuda.set_device(device)
    try:
        store, _, _ = next(distributed.rendezvous("env://"))
        # A restarted group meets at the same place, where the addresses of the first one still hang.
        store = distributed.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
        backend = "nccl" if device.startswith("cuda") else "gloo"
        distributed.init_process_group(backend, store=store, rank=rank, world_size=world)
    except (RuntimeError, ValueError) as error:
        place = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        reason = "it is in use" if "EADDRINUSE" in str(error) else str(error).splitlines()[0]
        raise OSError(
            f"ranks: cannot meet at {place} ({reason}); choose another --master-port"
        ) from None
    try:
        yield Ranks(rank, world, device)
    except RuntimeError as error:
        if not _GONE.search(str(error)):
            raise
        raise ConnectionError(
            f"rank {rank}: another rank has gone, so this one stops; {lost}"
        ) from None
    finally:
        distributed.destroy_process_group()


def _from_environment(name: str) -> int:
    """A whole number that torchrun puts into the environment."""
    try:
        return int(os.environ[name])
    except (KeyError, ValueError):
        raise ValueError(
            f"{name}: got {os.environ.get(name)!r}; needs a whole number (torchrun sets it)"
        ) from None
