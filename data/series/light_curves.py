"""Light curves: the brightness of places of a video reel over time, as a series whose variables know where they are.

Each place, a cell of a grid or a named box, gives a variable for each channel and statistic, in the reel's physical
unit. Pixels that are masked take no part; a place without any other in a frame has no value there. With `common_mode`
what all pixels of one brightness share in a frame is taken off first, e.g. a noise floor that a short exposure lifts.
"""

import hashlib
import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np

from config import LightCurvesConfig
from data.messages import logger, progress
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel, find_reels
from data.reel.views.common_mode import common_mode
from data.sky.wcs import from_row
from data.sources.base import Series
from data.sources.table import numbered

log = logger(__name__)

BLOCK_VALUES = 2**22  # of frames at a time, in double precision: 32 MB
TYPICAL_FRAMES, TYPICAL_VALUES = 64, 2**26  # that the usual look is the median of

Box = tuple[int, int, int, int]


def video_reels(path: str | Path) -> list[Reel]:
    """The reels of frames at `path`, one or a folder of them; series among them are left out and printed.

    Raises ValueError when there is none.
    """
    way_out = "prep.light_curves are cut from prepared reels of frames: run prep without it first, and give its reels"
    try:
        reels = find_reels(path)
    except FileNotFoundError:
        raise ValueError(f"{path} holds no reel; {way_out} as --data-raw") from None
    for reel in reels:
        if reel.is_series:
            log.info(f"{reel.name} is itself a series: no light curves are cut from it")
    videos = [reel for reel in reels if not reel.is_series]
    if not videos:
        raise ValueError(f"{path} holds series only, e.g. {reels[0].name}; {way_out} as --data-raw")
    return videos


def light_curves(reel: Reel, settings: LightCurvesConfig) -> Series:
    """The light curves of a reel: as many samples as it has frames, at their times and with their labels.

    Variables are named by channel (where there are several), place and statistic: `193 r3c4 mean`, rows and columns
    counted from 0 at the first stored pixel. Those without any value are left out. Raises ValueError when a box or the
    grid does not fit into the reel's frames.
    """
    boxes = cells(settings, reel.shape[2:])
    values = _measure(reel, list(boxes.values()), settings)  # (T, C, boxes, statistics)
    prefixes = [f"{channel} " for channel in reel.channels] if len(reel.channels) > 1 else [""]
    places = [place for _ in prefixes for place in boxes for _ in settings.statistics]
    names = [f"{prefix}{place} {name}" for prefix in prefixes for place in boxes for name in settings.statistics]
    values = values.reshape(len(reel), len(names))
    known = np.any(np.isfinite(values), axis=0)
    if not known.any():
        raise ValueError("no frame has a valid pixel in any of the places of prep.light_curves")
    where = _where(reel, boxes)
    channels = [name for name, has_value in zip(names, known, strict=True) if has_value]
    facts = {
        "places": {name: where[place] for name, place, k in zip(names, places, known, strict=True) if k},
        "light_curves": {"reel": reel.name, "identity": reel.meta["identity"], **asdict(settings)},
    }
    if reel.meta.get("class"):
        facts["class"] = reel.meta["class"]
    notes = dict(zip(names, np.where(known, "value", "left out: no valid pixel").tolist(), strict=True))
    labels = np.full(len(reel), np.nan) if reel.labels is None else reel.labels
    rows, name = numbered("frame", len(reel)), f"{reel.name}_light_curves"
    source = (reel.path, name, tuple(channels), reel.meta["unit"], reel.times_utc, reel.times_s)
    return Series(*source, values[:, known], labels, rows, (), None, _digest(reel, settings), notes, facts=facts)


def cells(settings: LightCurvesConfig, shape: tuple[int, int]) -> dict[str, Box]:
    """Places by name, as half-open boxes (x0, y0, x1, y1) of the pixels of frames of `shape` (H, W).

    The cells of a grid differ by at most one pixel in height and width. Raises ValueError when a place does not fit.
    """
    height, width = shape
    for name, (_, _, x1, y1) in settings.boxes.items():
        if x1 > width or y1 > height:
            raise ValueError(f"box {name} ends at ({x1}, {y1}), outside the reel's {width} x {height} pixels")
    if settings.boxes:
        return dict(settings.boxes)
    assert settings.grid is not None  # the settings have boxes or a grid
    rows, columns = settings.grid
    if rows > height or columns > width:
        raise ValueError(
            f"prep.light_curves.grid {rows} x {columns} is finer than the reel's {height} x {width} pixels"
        )
    y, x = (np.arange(n + 1) * side // n for n, side in ((rows, height), (columns, width)))
    return {
        f"r{r}c{c}": (int(x[c]), int(y[r]), int(x[c + 1]), int(y[r + 1])) for r in range(rows) for c in range(columns)
    }


def _measure(reel: Reel, boxes: list[Box], settings: LightCurvesConfig) -> np.ndarray:
    """Statistics of the valid pixels of every frame, channel and box: (T, C, boxes, statistics); NaN without any."""
    measured = np.full((len(reel), len(reel.channels), len(boxes), len(settings.statistics)), np.nan)
    size = max(1, BLOCK_VALUES // math.prod(reel.shape[1:]))
    typical = _typical_frame(reel) if settings.common_mode else None
    with progress(total=len(reel), desc=f"light curves of {reel.name}", unit="frame") as bar:
        for start in range(0, len(reel), size):
            stored, bits = reel.read(start, min(start + size, len(reel)))
            valid = (bits & INVALID) == 0  # (n, H, W)
            if typical is not None:
                stored = _without_common_mode(stored, typical, valid)
            frames = np.stack(
                [s.inverse(stored[:, c].astype(np.float64)) for c, s in enumerate(reel.stretches)], axis=1
            )  # (n, C, H, W)
            for i, (x0, y0, x1, y1) in enumerate(boxes):
                inside = np.s_[y0:y1, x0:x1]
                measured[start : start + len(frames), :, i] = _statistics(
                    frames[:, :, *inside], valid[:, None, *inside], settings.statistics
                )
            bar.update(len(frames))
    return measured


def _typical_frame(reel: Reel) -> np.ndarray:
    """The median (C, H, W) of stored frames from everywhere in the reel; NaN where none of them is valid."""
    count = min(TYPICAL_FRAMES, max(8, TYPICAL_VALUES // math.prod(reel.shape[1:])), len(reel))
    chosen = []
    for i in np.linspace(0, len(reel) - 1, count).astype(int).tolist():
        stored, bits = reel.read(i, i + 1)
        chosen.append(np.where((bits & INVALID) == 0, stored[0], np.nan))
    never = np.isnan(chosen).all(axis=0)
    return np.where(never, np.nan, np.nanmedian(np.where(never, 0, chosen), axis=0)).astype(np.float32)


def _without_common_mode(stored: np.ndarray, typical: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Stored frames (n, C, H, W) less what the valid pixels (n, H, W) of one brightness share against `typical`."""
    found = stored.astype(np.float32)
    for i, frame in enumerate(found):
        for c, usual in enumerate(typical):
            known = valid[i] & np.isfinite(usual)
            usual = np.where(known, usual, 0)
            frame[c] -= common_mode(np.where(known, frame[c] - usual, 0), usual, known)[0]
    return found


def _statistics(values: np.ndarray, valid: np.ndarray, statistics: tuple[str, ...]) -> np.ndarray:
    """Mean, maximum and spread (standard deviation) of the valid pixels: values (n, C, h, w) -> (n, C, statistics)."""
    count = valid.sum(axis=(2, 3)).astype(np.float64)  # (n, 1)
    count[count == 0] = np.nan
    mean = np.sum(values, axis=(2, 3), where=valid) / count  # (n, C)
    found = {"mean": mean}
    if "max" in statistics:
        found["max"] = np.max(values, axis=(2, 3), where=valid, initial=-np.inf) + 0 * mean  # NaN without a pixel
    if "spread" in statistics:
        square = (values - mean[:, :, None, None]) ** 2
        found["spread"] = np.sqrt(np.sum(square, axis=(2, 3), where=valid) / count)
    return np.stack([found[name] for name in statistics], axis=-1)


def _where(reel: Reel, boxes: dict[str, Box]) -> dict[str, dict[str, float]]:
    """The centre of each place in the reel's pixels, the first one's centre is (0, 0), and in arcsec where known.

    Arcsec are helioprojective, by the WCS of the frame in the middle of the reel.
    """
    corners = np.array(list(boxes.values()), np.float64)  # (N, 4)
    x, y = (corners[:, :2] + corners[:, 2:] - 1).T / 2
    found = {"x_px": x, "y_px": y}
    wcs = from_row(reel.table.iloc[len(reel) // 2])
    if wcs is not None:
        found["x_arcsec"], found["y_arcsec"] = (v.round(3) for v in wcs.pixel_to_hpc(x, y))
    return {name: {key: float(v[i]) for key, v in found.items()} for i, name in enumerate(boxes)}


def _digest(reel: Reel, settings: LightCurvesConfig) -> str:
    """SHA-256 of what decides the curves: the reel's frames, its table with times and labels, and the settings."""
    table = hashlib.sha256((reel.path / "frames.csv").read_bytes()).hexdigest()
    facts = [reel.meta["identity"], table, asdict(settings)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
