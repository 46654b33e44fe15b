"""One process or many: the same training under `python` and under `torchrun`, told apart by the environment.

`train.batch_size` counts windows of one process, so that N processes step like one with N times the batch.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import Sampler

from training.device import pick_device


@dataclass(frozen=True)
class Processes:
    """This process among all that train together."""

    rank: int
    world: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this is the one process that writes files and prints."""
        return self.rank == 0

    def sum(self, *values: float) -> list[float]:
        """Each value summed over all processes, in float64."""
        if self.world == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return total.tolist()

    def from_main(self, value: Any) -> Any:
        """The main process's `value`, on every process."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, device=self.device)
        return box[0]

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with gradients averaged, and batch statistics shared, over all processes.

        Raises ValueError for batch normalisation on several CPU processes, which torch can't share.
        """
        if self.world == 1:
            return model
        # Batch norm over one process's share would train another model than one process trains.
        on_cuda = self.device.type == "cuda"
        if not on_cuda and any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules()):
            raise ValueError(
                "this model normalises over the batch, which torch shares over processes only on CUDA; "
                "train it in one process, or choose model.name=autoencoder"
            )
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return DistributedDataParallel(model, device_ids=[self.device.index] if on_cuda else None)


@contextmanager
def processes(device: str) -> Iterator[Processes]:
    """Join the processes that torchrun started (RANK, LOCAL_RANK, WORLD_SIZE), or stand alone without them.

    Who holds a wrapped model when this ends keeps the group's threads, which may abort Python's end.
    """
    rank, local_rank = (int(os.environ.get(name, 0)) for name in ("RANK", "LOCAL_RANK"))
    world = int(os.environ.get("WORLD_SIZE", 1))
    chosen = pick_device(device, local_rank)
    if world == 1:
        yield Processes(0, 1, chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    # Its functions' defaults are the group of the time of import, and DistributedDataParallel imports it: imported only
    # then, it would keep the group, whose threads then run into Python's end and abort the process.
    from torch.distributed.nn import functional  # noqa: F401

    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", rank=rank, world_size=world)
    try:
        yield Processes(rank, world, chosen)
    finally:
        dist.destroy_process_group()
        # A wrapped model refers to itself in circles and to the group, whose threads Python's end must not meet.
        gc.collect()


def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """The order of n windows in an epoch, a pure function of its arguments: (n,)."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def global_batches(order: np.ndarray, size: int, drop_last: bool) -> list[np.ndarray]:
    """An order cut into batches of `size`; a last smaller one is kept or dropped."""
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    return batches[:-1] if drop_last and len(batches[-1]) < size else batches


class Batches(Sampler):
    """This process's share of every training batch of an epoch, as lists of window numbers.

    Over all processes every window comes once an epoch (all but a last incomplete batch with `drop_last`).
    endless: each epoch has n windows of its own, numbered on from those of the one before.
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        seed: int,
        *,
        drop_last: bool,
        rank: int = 0,
        world: int = 1,
        endless: bool = False,
    ):
        """n windows, batch_size of them a process. Raises ValueError when they don't fill one batch."""
        self.n, self.size, self.seed, self.drop_last = n, batch_size * world, seed, drop_last
        self.rank, self.world, self.endless = rank, world, endless
        self.start(epoch=0)
        if not self.batches:
            raise ValueError(
                f"{n} training windows don't fill one batch of {self.size} (train.batch_size {batch_size} on {world} "
                "processes); lower train.batch_size or set train.drop_last=false"
            )

    def start(self, epoch: int, first: int = 0) -> None:
        """Choose the epoch that the next iteration runs, and how many of its batches a resumed run has behind it."""
        order = epoch_order(self.n, self.seed, epoch) + self.endless * epoch * self.n
        self.batches = global_batches(order, self.size, self.drop_last)
        self.first = first

    def __len__(self) -> int:
        return len(self.batches) - self.first

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches[self.first :]:
            # All processes must step together, so one without a share runs a window that weighs 0.
            share = self._share(batch)
            yield (share if len(share) else batch[:1]).tolist()

    def shares(self, i: int) -> tuple[int, int]:
        """Windows of batch i on this process and on all."""
        return len(self._share(self.batches[i])), len(self.batches[i])

    def _share(self, batch: np.ndarray) -> np.ndarray:
        return np.array_split(batch, self.world)[self.rank]
