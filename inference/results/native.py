"""Events in the pixels of the files that their frames came from: what the reel has shrunk, at its full resolution."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from config import PrepConfig
from data.disk.files import replacing, write_json
from data.reel.reel import Reel
from data.sky.instruments import GRAY, colours_of, instrument_of
from data.sources.base import FrameSource, RawFrame

FOLDER, NOTES = "native", "native.json"
SHOWN = 12  # strongest events of the scene; a 4096 x 4096 JPEG 2000 takes a second
SIDE_PX, LEAST_PX = 512, 64  # of a picture at most, and of what it shows at least
MOST_BYTES = 2**29  # of a file
DARK, BRIGHT = 0.5, 99.8  # percentiles that are shown black and white


class NotShown(ValueError):
    """Why an event has no such picture."""


def draw_native(out: Path, events: pd.DataFrame, reel: Reel, folder: str) -> dict[str, str]:
    """native/event_<n>.png of the strongest events around their place at the peak, from the files in a folder, the one
    that prep was given; native.json says by event what is shown, or why nothing is. Returns that."""
    (out / FOLDER).mkdir(exist_ok=True)
    for old in (out / FOLDER).glob("event_*.png"):
        old.unlink()
    scene = events[events["instrument"] == ""].sort_values("peak_score", ascending=False, kind="stable")
    notes: dict[str, str] = {}
    for event in scene.head(SHOWN).to_dict("records"):
        try:
            picture, told = picture_of(event, reel, Path(folder))
        except NotShown as reason:
            notes[str(event["event"])] = str(reason)
            continue
        with replacing(path_of(out, event["event"])) as part:
            part.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        notes[str(event["event"])] = told
    write_json(out / NOTES, notes)
    return notes


def path_of(out: Path, event: int) -> Path:
    """Where an event's picture lies."""
    return out / FOLDER / f"event_{event:04d}.png"


def read_notes(out: Path) -> dict[str, str]:
    """What `draw_native` told; nothing where it was not asked."""
    path = out / NOTES
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def picture_of(event: dict, reel: Reel, folder: Path) -> tuple[np.ndarray, str]:
    """A picture (h, w, 3) BGR of an event's place in its peak's file, first row on top, and what it shows. Raises
    NotShown."""
    if "source_x0" not in event or len(reel.channels) > 1:
        raise NotShown("the reel does not know the place in its files, or has several channels; prepare it anew")
    row = reel.table.iloc[int(event["frame_peak"])]
    pixels = frame_of(str(row["source"]), str(row["sha256"]), folder)
    x0, y0, x1, y1 = crop_of([int(event[f"source_{edge}"]) for edge in ("x0", "y0", "x1", "y1")], pixels.shape)
    part = pixels[y0:y1, x0:x1].astype(np.float32)
    if part.ndim == 3:
        part = part.mean(axis=-1)
    if not np.isfinite(part).any():
        raise NotShown(f"nothing is known of its place in {row['source']}")
    dark, bright = np.nanpercentile(part, [DARK, BRIGHT])
    share = np.clip((np.nan_to_num(part, nan=dark) - dark) / max(bright - dark, 1e-6), 0, 1)
    shown = np.rint(255 * np.sqrt(share)).astype(np.uint8)
    shown = shown[::-1] if reel.meta["origin"] == "lower" else shown
    if max(shown.shape) > SIDE_PX:
        factor = SIDE_PX / max(shown.shape)
        size = [max(1, round(n * factor)) for n in shown.shape[::-1]]
        shown = cv2.resize(np.ascontiguousarray(shown), size, interpolation=cv2.INTER_AREA)
    name = instrument_of(reel.name, reel.meta).colormap
    ramp = np.repeat(np.arange(256.0), 3).reshape(-1, 3) if name == GRAY else colours_of(name)
    told = f"{row['source']}, columns {x0} to {x1 - 1}, rows {y0} to {y1 - 1}, {bright:.4g} and more is white"
    colours = np.ascontiguousarray(np.rint(ramp).astype(np.uint8)[:, ::-1])
    return colours[np.asarray(shown, np.uint8)], told


def frame_of(source: str, sha256: str, folder: Path) -> np.ndarray:
    """The pixels of the file that a frame came from, as stored. Raises NotShown."""
    from data.sources.all_kinds import source_of  # late: it loads every kind of input, and few events are shown so

    folder = folder.resolve()  # scan wants paths below it, and may be asked with a relative one
    path = (folder / source).resolve()
    if "#" in source or not path.is_relative_to(folder):
        raise NotShown(f"{source} is one of many frames in its file; only files of one frame are opened again")
    if not path.is_file():
        raise NotShown(f"{source} is not in {folder} any more; name the folder that prep was given in eval.sources")
    if path.stat().st_size > MOST_BYTES:
        raise NotShown(f"{source} has more than {MOST_BYTES} bytes")
    reader = source_of(path, [])
    if not isinstance(reader, FrameSource):
        raise NotShown(f"{source} is no picture any more")
    try:
        candidates = [c for c in reader.scan(path, folder, PrepConfig()) if c.source == source]
        found = next((frame for _, frame in reader.read(candidates[:1])), None)
    except Exception as error:  # readers of damaged files raise nearly anything
        raise NotShown(f"{source} can't be read: {error}") from None
    if not isinstance(found, RawFrame):
        raise NotShown(f"{source} can't be read: {found or 'it holds no frame'}")
    if sha256 not in ("", "nan", found.sha256):
        raise NotShown(f"{source} is not the file any more that prep read")
    if found.blank is None:
        return found.pixels
    return np.where(found.pixels == found.blank, np.nan, found.pixels.astype(np.float32))


def crop_of(box: Sequence[int], shape: tuple[int, ...], least_px: int = LEAST_PX) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of a square twice as wide as a box, moved and cut to lie in a frame of this shape."""
    x0, y0, x1, y1 = box
    side = max(least_px, 2 * max(x1 - x0, y1 - y0))
    spans = []
    for low, high, size in ((x0, x1, shape[1]), (y0, y1, shape[0])):
        length = min(side, size)
        start = min(max((low + high - length) // 2, 0), size - length)
        spans.append((start, start + length))
    return spans[0][0], spans[1][0], spans[0][1], spans[1][1]
