"""The quiet frames of a run: those that its training and its validation windows cover."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from config import TrainConfig
from data.reel.files import write_csv
from data.reel.reel import Reel
from data.reel.windows import training_split


def note_windows(run: Path, reels: list[Reel], settings: TrainConfig) -> None:
    """Write the run's training and validation windows to calibration/windows.csv, so that they outlive the split."""
    sides = training_split(reels, settings)
    tables = [
        pd.DataFrame({"reel": [str(reels[i].path.resolve()) for i in s.reel], "start": s.start, "side": name})
        for name, s in zip(("train", "val"), sides, strict=True)
    ]
    write_csv(run / "calibration" / "windows.csv", pd.concat(tables))


@dataclass(frozen=True)
class QuietRange:
    """Consecutive quiet frames [begin, end) of a reel, on one side of the training split."""

    reel: Reel
    begin: int
    end: int
    side: str


def quiet_ranges(run: Path, length: int) -> list[QuietRange]:
    """The runs of frames that the training and the validation windows cover.

    Raises FileNotFoundError when the windows or their reels are gone.
    """
    path = run / "calibration" / "windows.csv"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: {run} was never calibrated; finish its training with --resume")
    ranges: list[QuietRange] = []
    for (reel_path, side), table in pd.read_csv(path).groupby(["reel", "side"]):
        reel, begin, end = Reel(reel_path), None, -1
        for start in sorted(table["start"].tolist()):
            if start > end:
                ranges += [QuietRange(reel, begin, end, side)] if begin is not None else []
                begin = start
            end = start + length
        ranges.append(QuietRange(reel, begin, end, side))
    return ranges
