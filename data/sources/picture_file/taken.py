"""When pictures were taken, by their EXIF data, and where a camera's count leaves some out."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from config import PrepConfig
from data.sources.base import TableError
from data.sources.times.cells import times_of
from data.sources.times.utc import iso_ms

EXIF_IFD, TAKEN, FRACTION, OFFSET = 0x8769, 0x9003, 0x9291, 0x9011  # DateTimeOriginal and what belongs to it
FEWEST_UNLIKE = 0.9  # of the times: coarser ones tell less than the count
EVEN = 0.8  # of the steps of a count that leaves some out


def times_taken(paths: Sequence[Path], prep: PrepConfig) -> dict[str, str]:
    """UTC (ISO 8601 with milliseconds) of pictures by name, "" of those without; {} where they do not tell them apart.

    Without an offset the times are UTC, or local in prep.time_zone, as those in names are.
    """
    if len(paths) < 2 or not _taken(paths[0]):
        return {}
    cells = pd.Series([_taken(path) or None for path in paths], dtype=object, name="of the EXIF data")
    try:
        utc = times_of(cells, prep).utc
    except TableError:
        return {}
    if utc is None or len(np.unique(utc[~np.isnat(utc)])) < FEWEST_UNLIKE * len(paths):
        return {}
    return {path.name: "" if np.isnat(time) else iso_ms(time) for path, time in zip(paths, utc, strict=True)}


def _taken(path: Path) -> str:
    """The text of a picture's own time, "" where it has none that can be read."""
    try:
        with Image.open(path) as image:
            tags = image.getexif().get_ifd(EXIF_IFD)
        date = str(tags.get(TAKEN, "")).strip("\0 ")
        fraction, offset = (str(tags.get(tag, "")).strip("\0 ") for tag in (FRACTION, OFFSET))
    except Exception:  # Pillow raises many kinds on damaged files and EXIF data
        return ""
    if not re.fullmatch(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d", date):
        return ""
    date += f".{fraction}" if fraction.isdecimal() else ""
    return date + (offset if re.fullmatch(r"[+-]\d\d:\d\d", offset) else "")


def places_of(names: Sequence[str]) -> list[int]:
    """The place of each picture, counted from 0, where names in order end in a count that goes on evenly but for those
    it leaves out: 0 1 2 5 of f1 f2 f3 f6. Else just their order.
    """
    found = [re.search(r"\d+(?=\D*$)", unicodedata.normalize("NFC", Path(name).stem)) for name in names]
    others = {(m.string[: m.start()], m.string[m.end() :]) for m in found if m}
    counts = [int(m[0][-15:]) for m in found if m]
    steps = np.diff(counts)
    if (steps < 0).any():  # as order.py puts those of a counter that began anew
        steps = np.where(steps < 0, steps + max(counts) + (min(counts) == 0), steps)
    usual = int(np.median(steps)) if len(steps) else 0
    if None in found or len(others) != 1 or usual < 1 or (steps % usual).any() or (steps == usual).mean() < EVEN:
        return list(range(len(names)))
    return [0, *(np.cumsum(steps) // usual).tolist()]
