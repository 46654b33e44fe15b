"""Pictures that show one moment of a video beside them, as recorders and players write them: they are no sequence."""

import os
import re
from functools import lru_cache
from pathlib import Path

from PIL import Image

from data.sources.video import SUFFIXES
from data.sources.video_file.packets import open_video, video_streams

_CALLED = re.compile(r"[-_. ](?:thumb|thumbnail|poster|cover|snapshot|still|preview)$", re.IGNORECASE)


def is_still(path: Path) -> bool:
    """Whether a picture is called as a video beside it (`a.jpg`, `a.mp4.jpg` or `a-thumb.jpg` of `a.mp4`) and is no
    larger: the pictures that phones take with a short video are.
    """
    try:
        videos = _videos_in(path.parent, path.parent.stat().st_mtime_ns)
    except OSError:
        return False
    video = videos.get(path.stem) or videos.get(_CALLED.sub("", path.stem))
    return video is not None and (path.suffix.lower() == ".thm" or _pixels(path) <= _pixels_of_video(video))


@lru_cache(maxsize=8)
def _videos_in(folder: Path, _changed: int) -> dict[str, Path]:
    """The videos of a folder by their names, with and without suffix."""
    found = [folder / name for name in sorted(os.listdir(folder)) if name.lower().endswith(SUFFIXES)]
    return {path.stem: path for path in found} | {path.name: path for path in found}


def _pixels(path: Path) -> float:
    """How many a picture has; endless of what can't be read, and of several pages, which a movie was made of."""
    try:
        with Image.open(path) as image:
            return image.width * image.height if getattr(image, "n_frames", 1) == 1 else float("inf")
    except Exception:  # Pillow raises many kinds on damaged files
        return float("inf")


def _pixels_of_video(path: Path) -> int:
    """How many a frame of a video has, 0 of what can't be read."""
    try:
        with open_video(path) as container:
            return max((s.codec_context.width * s.codec_context.height for s in video_streams(container)), default=0)
    except Exception:  # FFmpeg and its wrapper raise many kinds on what is no video
        return 0
