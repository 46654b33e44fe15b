"""Trains under torchrun, and notes every window that this process read; then it trains others, as to start processes
takes longer than either.

    torchrun --module tests.support.in_team CLIPS RUN LOG SETTINGS [CONFIG ...]
"""

import json
import os
import sys
import weakref
from contextlib import nullcontext

import torch
import torch.distributed as dist

import config
import data.reel.views.window_dataset as windows
import training.train as training
from tests.support.trainings import small_config
from training.distributed import processes

_read, _join = windows.read_window, dist.init_process_group
_groups: list[weakref.ref] = []


def joining(*given, **named) -> None:
    _join(*given, **named)
    _groups.append(weakref.ref(dist.group.WORLD))


def main(clips: str, run: str, log: str, settings: str, *others: str) -> None:
    def noting(reel, start, length, scaling):
        with open(f"{log}.{os.environ['RANK']}", "a") as out:
            print(start, file=out)
        return _read(reel, start, length, scaling)

    torch.set_num_threads(1)
    dist.init_process_group, windows.read_window = joining, noting
    with processes("cpu") as team:  # of one group: gloo hangs where the same processes meet a second time
        training.processes = lambda device: nullcontext(team)
        training.train(small_config(clips, run, **json.loads(settings)))
        windows.read_window = _read
        for path in others:
            training.train(config.load(path))


if __name__ == "__main__":
    main(*sys.argv[1:])
    # Threads of a group that is left when Python ends may abort the process, and torchrun calls the training failed.
    assert [group() for group in _groups] == [None], "the group is left"
