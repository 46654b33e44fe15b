"""Videos that show what others beside them show better: cameras' small ones, and films made of pictures beside them."""

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from data.sources.picture_file.pictures import SUFFIXES as OF_PICTURES
from data.sources.picture_folder.order import in_order
from data.sources.video_file.packets import open_video, video_streams

COPIES, LARGE = (".lrf", ".lrv"), (".MP4", ".mp4", ".MOV", ".mov", ".insv", ".INSV")
_LENS = re.compile(r"LRV_(\d{8}_\d{6})_\d\d_(\d{3})")  # Insta360's, of VID_..._00_... and VID_..._10_...
FEWEST_PICTURES = 8  # that a film is known by
COUNTED, ALIKE = 0.05, 0.9  # how far a film's frames may be from the pictures' number, and the least correlation
LEVELS = 3.0  # that a codec changes, of 255
THUMB_PX, ENDS = 32, 3  # side of what is compared; pictures at each end, as a film may begin a few later


def is_small(path: Path) -> bool:
    """Whether a camera wrote a video for its display beside the large one: DJI's .LRF, GoPro's GL010001.LRV, Insta360's
    LRV_20240101_120000_11_001.insv."""
    lens = _LENS.fullmatch(path.stem)
    if not lens and path.suffix.lower() not in COPIES:
        return False
    large = {path.stem} | ({f"G{letter}{path.stem[2:]}" for letter in "XHP"} if path.stem[:2] == "GL" else set())
    large |= {f"VID_{lens[1]}_{number}_{lens[2]}" for number in ("00", "10")} if lens else set()
    return any(
        (other := path.with_name(f"{stem}{suffix}")) != path and other.exists() for stem in large for suffix in LARGE
    )


def is_film_of_pictures(path: Path) -> bool:
    """Whether a video was made of the pictures of its folder, as Allsky does: it has about as many frames, and its
    first and last ones look as those do."""
    try:
        names = _pictures_in(path.parent, path.parent.stat().st_mtime_ns)
        if len(names) < FEWEST_PICTURES:
            return False
        with open_video(path) as container:
            n = _frames_told(container)
            if abs(n - len(names)) > max(1, COUNTED * len(names)):
                return False
            ends = _ends_of(container)
        begin, end = ([_thumb(path.parent / name) for name in own] for own in (names[:ENDS], names[-ENDS:]))
        return all(
            max(_alike(one, other) for other in own) >= ALIKE for one, own in zip(ends, (begin, end), strict=True)
        )
    except Exception:  # FFmpeg and Pillow raise many kinds on damaged files
        return False


@lru_cache(maxsize=8)
def _pictures_in(folder: Path, _changed: int) -> Sequence[str]:
    """The pictures of a folder, in the order of their names."""
    return in_order(name for name in os.listdir(folder) if name.lower().endswith(OF_PICTURES))


def _frames_told(container) -> int:
    """How many frames a video says it has, or has by its length and rate."""
    stream = video_streams(container)[0]
    if stream.frames or not stream.average_rate or not container.duration:
        return stream.frames
    return round(float(container.duration / 10**6 * stream.average_rate))


def _ends_of(container) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last frame of a video, small."""
    stream = video_streams(container)[0]
    first = last = next(container.decode(stream))
    container.seek(max(0, (container.duration or 0) - 10**6))
    for frame in container.decode(stream):
        last = frame
    return _small(first.to_image()), _small(last.to_image())


def _thumb(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        image.draft("L", (8 * THUMB_PX, 8 * THUMB_PX))  # of JPEG, a smaller one is decoded
        return _small(image)


def _small(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L").resize((THUMB_PX, THUMB_PX), Image.Resampling.BOX), np.float64).ravel()


def _alike(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two small pictures; 1 where hardly a level is between them, as of dark ones, 0 where one is
    flat and the other not."""
    if np.abs(one - other).mean() <= LEVELS:
        return 1.0
    return float(np.corrcoef(one, other)[0, 1]) if one.std() and other.std() else 0.0
