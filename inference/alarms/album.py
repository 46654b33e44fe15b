"""Pictures of what a stream has just shown, drawn as the frames of eval's movies: a JPEG of now, a clip of an event."""

from collections import deque
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from config import EvalConfig
from data.disk.parts import beside
from data.pictures.movie import MovieWriter
from data.reel.reel import Reel
from inference.detection import Detection
from inference.events.boxes import Box
from inference.job import Job
from inference.movie.movie import shown, style_of
from inference.movie.render import Composer

BEFORE = 0.25  # of a clip shows what came before its event
MOST_CLIPS = 16  # that are recorded at a time
SLOWEST_FPS = 8.0  # frames of minutes are played faster than they came
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 85]


class Shot(NamedTuple):
    """A frame as it is drawn: pictures (H, W) float16, NaN where there is nothing; the frame may be (H, W, 3)."""

    frame: np.ndarray
    anomaly: np.ndarray
    score: float
    caption: str
    boxes: list[Box]


class Album:
    """The last frames of a stream, `clip_frames` of them, and as many of each event that is open.

    fps: of clips; folder: where these are made.
    """

    def __init__(self, composer: Composer, clip_frames: int, fps: float, folder: Path):
        self.composer, self.clip_frames, self.fps, self.folder = composer, clip_frames, fps, folder
        self._last: deque[Shot] = deque(maxlen=max(1, round(BEFORE * clip_frames)))
        self._clips: dict[int, list[Shot]] = {}

    def add(self, found: Detection, caption: str) -> None:
        """Take in a frame."""
        valid = found.scored.valid
        frame = shown(found.scored.frame, valid, self.composer.style.in_colour).astype(np.float16)
        anomaly = np.where(valid, found.score, np.nan).astype(np.float16)
        shot = Shot(frame, anomaly, float(found.score.max()), caption, found.boxes)
        self._last.append(shot)
        for clip in self._clips.values():
            if len(clip) < self.clip_frames:
                clip.append(shot)

    def begin(self, event: int) -> None:
        """An event opens: from now on, and from a little before, its frames are kept."""
        if self.clip_frames and len(self._clips) < MOST_CLIPS:
            self._clips[event] = list(self._last)

    def picture(self) -> bytes:
        """The latest frame, a JPEG."""
        self._draw(self._last[-1])
        return cv2.imencode(".jpg", self.composer.rgb()[..., ::-1], JPEG)[1].tobytes()

    def forget(self, event: int) -> None:
        """An event that is a part of another one gets no clip."""
        self._clips.pop(event, None)

    def clip(self, event: int) -> bytes | None:
        """The first frames of an event that is over, H.264 in MP4; None where none were kept."""
        if not (shots := self._clips.pop(event, None)):
            return None
        path = beside(self.folder / "clip.mp4", "part", ".mp4")  # which the next start clears after a kill
        try:
            with MovieWriter(path, self.fps, self.composer.size, preset="ultrafast", crf=26) as writer:
                for shot in shots:
                    writer.write_i420(self._draw(shot))
            return path.read_bytes()
        finally:
            path.unlink(missing_ok=True)

    def _draw(self, shot: Shot) -> np.ndarray:
        return self.composer.compose(shot.frame, shot.anomaly, shot.score, shot.caption, shot.boxes)


class NoAlbum:
    """Of a series, which has no pictures."""

    def add(self, found: Detection, caption: str) -> None:
        """Nothing."""

    def begin(self, event: int) -> None:
        """Nothing."""

    def forget(self, event: int) -> None:
        """Nothing."""

    def picture(self) -> bytes | None:
        return None

    def clip(self, event: int) -> bytes | None:
        return None


def album_of(trained_on: Reel, job: Job, cadence_s: float, settings: EvalConfig, folder: Path) -> Album:
    """The album of a stream, drawn in the colours of the reel that the run was trained on."""
    style = style_of(trained_on, job.calibration.noise, job.low, job.high, job.settings)
    fps = min(settings.fps, max(SLOWEST_FPS, 1 / cadence_s)) if cadence_s else settings.fps
    return Album(Composer(trained_on.shape[2:], style), settings.follow_clip_frames, fps, folder)
