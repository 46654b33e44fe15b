"""What a second look at finished reels finds, told in lines. It decides nothing and changes nothing."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from data.frames.doubts.kinds import told_kinds
from data.frames.doubts.names import some_of
from data.frames.doubts.order import told_order
from data.frames.doubts.same import seen_at, told_same
from data.frames.doubts.small import small_pictures
from data.frames.doubts.times import told_carries
from data.messages import amount, logger
from data.reel.reel import Reel

log = logger(__name__)

MOST_REELS = 128  # of a run that are compared with each other


def tell_doubts(name: str, frames: np.ndarray, table: pd.DataFrame) -> None:
    """Say where a reel's pictures and times don't agree with how its frames were taken together.

    frames: (T, C, H, W) as stored; table: the rows of frames.csv.
    """
    stored = table[table["accepted"]].sort_values("index")
    pictures = small_pictures(frames)
    names = stored["source"].astype(str).tolist()[: len(pictures)]
    kinds_or_order = told_kinds(pictures, names) or told_order(pictures, names)
    for told in filter(None, (kinds_or_order, told_carries(stored["time_s"].to_numpy(np.float64)))):
        log.warning(f"{name}: {told}")


def tell_copies(paths: Sequence[Path]) -> None:
    """Say which of the reels that were made show the same pictures."""
    if 1 < len(paths) <= MOST_REELS:
        reels = [Reel(path) for path in paths]
        for told in told_same({reel.name: (len(reel), seen_at(reel)) for reel in reels}):
            log.warning(told)


def tell_single(paths: Sequence[Path]) -> None:
    """Say in one line which of the reels that were made hold a single frame."""
    single = [path.name for path in paths if Reel(path).shape[0] == 1]
    if single:
        log.warning(
            f"{amount(len(single), 'reel')} of one frame, from which nothing can be learnt and which nothing is found "
            f"in: {some_of(single)}; frames of one recording belong into one folder, called by their time or number"
        )
