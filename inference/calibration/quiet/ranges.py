"""The quiet frames of a run: those that its training and its validation windows cover, kept in the run itself.

So a run needs nothing but itself, on any machine and with any settings of eval. In `calibration/quiet/`:

    ranges.csv   one row a range of consecutive frames: reel (the folder it lies in), begin, end, side of the split,
                 source, the reel that was trained on, and source_begin, its first frame there
    0/ 1/ ...    the frames of one such reel each, as a reel
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from config import TrainConfig
from data.disk.damage import read_table, told, whole_numbers
from data.disk.files import replacing_folder, write_csv
from data.disk.sealing import write_with_digest
from data.messages import logger
from data.reel.reel import Reel
from data.reel.views.excerpt import frame_bytes, write_excerpt
from data.reel.windows import training_split

log = logger(__name__)

MOST_BYTES = 2 * 2**30  # that a run keeps
RANGE_COLUMNS = ("reel", "begin", "end", "side", "source", "source_begin")
PIECE_WINDOWS = 4  # lengths of a window in a piece of quiet data that are more than that


@dataclass(frozen=True)
class QuietRange:
    """Consecutive quiet frames [begin, end) of a reel, on one side of the training split.

    source: name of the reel that was trained on; frame i here is its frame offset + i.
    """

    reel: Reel
    begin: int
    end: int
    side: str
    source: str = ""
    offset: int = 0

    def __len__(self) -> int:
        return self.end - self.begin

    def seen_from(self, blind_frames: int) -> int:
        """The first frame that a scorer says something of, which is blind to so many at the beginning of a stretch."""
        return min(max(self.begin, self.reel.begin_of(self.begin) + blind_frames), self.end)

    def pieces(self, frames: int) -> list["QuietRange"]:
        """The range in pieces of about so many frames, all of it, of nearly equal lengths."""
        count = max(1, round(len(self) / frames))
        edges = np.linspace(self.begin, self.end, count + 1).astype(int).tolist()
        return [replace(self, begin=begin, end=end) for begin, end in pairwise(edges)]


def ranges_of(reels: list[Reel], settings: TrainConfig) -> list[QuietRange]:
    """The runs of frames that the training and the validation windows of reels cover."""
    sides = dict(zip(("train", "val"), training_split(reels, settings), strict=True))
    ranges: list[QuietRange] = []
    for number, reel in enumerate(reels):
        for side, windows in sides.items():
            begin, end = 0, -1
            for start in np.sort(windows.start[windows.reel == number]).tolist():
                if start > end:
                    ranges += [QuietRange(reel, begin, end, side, reel.name)] if end > 0 else []
                    begin = start
                end = start + windows.length
            ranges += [QuietRange(reel, begin, end, side, reel.name)] if end > 0 else []
    return ranges


def mean_cadence_s(ranges: Sequence[QuietRange]) -> float:
    """The time that a quiet frame stands for."""
    return sum(len(r) * r.reel.cadence_s for r in ranges) / sum(map(len, ranges))


def keep_quiet(run: Path, ranges: Sequence[QuietRange], clip_length: int) -> None:
    """Copy quiet frames into a run, in place of those it has; at most MOST_BYTES, see `within`.

    Raises OSError, which says how to go on, where the disk has no room for them.
    """
    folder = run / "calibration" / "quiet"
    chosen = within(ranges, clip_length, MOST_BYTES)
    if (kept := sum(map(len, chosen))) < (total := sum(map(len, ranges))):
        log.warning(
            f"{run} keeps {kept} of {total} quiet frames, spread evenly over time: all have "
            f"{_bytes(ranges) / 2**30:.1f} GiB, and a run keeps at most {MOST_BYTES / 2**30:.1f}"
        )
    way_out = f"make room, then finish with: python main.py -m train --resume --model-path {run}"
    run.mkdir(parents=True, exist_ok=True)
    needed, free = _bytes(chosen), shutil.disk_usage(run).free
    if needed > free:
        needed, free = (f"{count / 2**20:.0f} MiB" for count in (needed, free))
        raise OSError(f"{folder} needs {needed} for the run's quiet frames, and the disk has {free} left; {way_out}")
    try:
        with replacing_folder(folder) as part:
            _write(part, chosen)
    except OSError as error:
        raise OSError(f"{folder}: the run's quiet frames could not be kept ({error}); {way_out}") from error


def _write(folder: Path, ranges: Sequence[QuietRange]) -> None:
    rows = []
    # Numbers name the folders: what a reel is called has no say in where files go.
    for number, (_, group) in enumerate(groupby(ranges, key=lambda r: r.reel.path)):
        of_reel, done = list(group), 0
        write_excerpt(of_reel[0].reel, [(r.begin, r.end) for r in of_reel], folder / str(number))
        for r in of_reel:
            rows.append((number, done, done + len(r), r.side, r.source, r.offset + r.begin))
            done += len(r)
    table = pd.DataFrame(rows, columns=RANGE_COLUMNS)
    write_with_digest(folder / "ranges.csv", lambda path: write_csv(path, table))


def quiet_ranges(run: Path) -> list[QuietRange]:
    """The quiet frames that a run keeps, by reel, training before validation. Raises FileNotFoundError without any."""
    folder = run / "calibration" / "quiet"
    path = folder / "ranges.csv"
    again = f"{run} has to be calibrated again; finish its training with --resume --model-path {run}"
    if not path.exists():
        raise FileNotFoundError(f"{folder} is missing or of an older version: {again}")
    with told(path, again):
        table = read_table(path, again, RANGE_COLUMNS, dtype={"source": str}, keep_default_na=False)
        places = np.stack([whole_numbers(table, name) for name in ("reel", "begin", "end", "source_begin")], axis=1)
        reels = {number: Reel(folder / str(number)) for number in np.unique(places[:, 0]).tolist()}
        ranges = [
            QuietRange(reels[number], begin, end, side, source, source_begin - begin)
            for (number, begin, end, source_begin), side, source in zip(
                places.tolist(), table["side"], table["source"], strict=True
            )
        ]
        if not ranges or not all(r.side in ("train", "val") and r.begin < r.end <= len(r.reel) for r in ranges):
            raise ValueError("a range that is none of its reel's")
        return ranges


def within(ranges: Sequence[QuietRange], clip_length: int, most_bytes: int) -> list[QuietRange]:
    """The ranges, or where they hold more than `most_bytes`, pieces of them that don't, spread evenly over time.

    Each side has half of the bytes, or what the other leaves: few validation frames make no threshold. A side has at
    least one piece, of about PIECE_WINDOWS windows.
    """
    if _bytes(ranges) <= most_bytes:
        return list(ranges)
    pieces = [piece for r in ranges for piece in r.pieces(PIECE_WINDOWS * clip_length)]
    of_side = {side: [i for i, piece in enumerate(pieces) if piece.side == side] for side in ("train", "val")}
    needed = {side: _bytes([pieces[i] for i in of_side[side]]) for side in of_side}
    share = {
        side: min(needed[side], max(most_bytes / 2, most_bytes - needed[other]))
        for side, other in (("train", "val"), ("val", "train"))
    }
    chosen: list[int] = []
    for side, places in of_side.items():
        count = max(1, int(len(places) * share[side] / needed[side]))
        chosen += [places[int((i + 0.5) * len(places) / count)] for i in range(count)]
    return [pieces[i] for i in sorted(chosen)]


def _bytes(ranges: Sequence[QuietRange]) -> int:
    return sum(len(r) * frame_bytes(r.reel) for r in ranges)
