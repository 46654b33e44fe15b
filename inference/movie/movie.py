"""The result movie of a reel, drawn and encoded in a thread of its own while the model works on the next frames."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any, Protocol

import numpy as np
import pandas as pd

from config import EvalConfig
from config.sections.eval import Zone
from data.pictures.movie import MovieWriter
from data.reel.reel import Reel
from data.sky.instruments import GRAY, instrument_of
from data.sources.base import RGB
from inference.calibration.noise import NoiseModel
from inference.events.boxes import Box
from inference.movie.layout import MovieStyle
from inference.movie.region_names import RegionNames
from inference.movie.render import Composer
from inference.movie.sky_lines import SkyLines
from inference.scorers.nets.residual import ScoredFrame
from inference.zones import outlines

NAME = "anomaly.mp4"
WAITING_FRAMES = 32
PANEL_PX = 256  # a panel's longer side without eval.scale_factor; twice as large costs four times the encoding


class Lines(Protocol):
    """What is drawn over a frame."""

    def points(self, frame: int) -> Sequence[np.ndarray]: ...


class ZoneLines:
    """The outlines of the zones, the same over every frame."""

    def __init__(self, lines: np.ndarray):
        self.lines = lines

    @staticmethod
    def of(reel: Reel, zones: Sequence[Zone]) -> "ZoneLines | None":
        return ZoneLines(outlines(zones, reel)) if zones and not reel.is_series else None

    def points(self, frame: int) -> Sequence[np.ndarray]:
        return [self.lines]


class ResultMovie:
    """Takes frames as they are scored; `add` waits when the encoder is this many frames behind."""

    def __init__(
        self,
        composer: Composer,
        writer: MovieWriter,
        captions: list[str],
        lines: Lines | None = None,
        regions: RegionNames | None = None,
    ):
        self.composer, self.writer, self.captions, self.lines, self.regions = composer, writer, captions, lines, regions
        self._queue: Queue = Queue(WAITING_FRAMES)
        self._error: Exception | None = None
        self._thread = Thread(target=self._work, name="movie", daemon=True)
        self._thread.start()

    def add(self, scored: ScoredFrame, score: np.ndarray, boxes: list[Box]) -> None:
        """Append one frame; raises what the drawing thread met."""
        if self._error:
            raise self._error
        self._queue.put((scored, score, boxes))

    def finish(self) -> None:
        """Wait until every frame is written."""
        self._queue.put(None)
        self._thread.join()
        if self._error:
            raise self._error

    def _work(self) -> None:
        while item := self._queue.get():
            try:
                if self._error is None:
                    self._draw(*item)
            except Exception as error:  # handed to the main thread; later frames are taken off the queue unseen
                self._error = error

    def _draw(self, scored: ScoredFrame, score: np.ndarray, boxes: list[Box]) -> None:
        in_colour = self.composer.style.in_colour
        frame = shown(scored.frame, scored.valid, in_colour)
        anomaly = np.where(scored.valid, score, np.nan)
        extra: dict[str, Any] = {}
        if self.composer.style.diagnostic:
            extra["reconstruction"] = shown(scored.reconstruction, scored.valid, in_colour)
            extra["residual"] = np.where(scored.valid, scored.residual, np.nan)
        if self.lines:
            extra["sky"] = self.lines.points(scored.index)
        caption = self.captions[scored.index]
        if self.regions and (name := self.regions.name(scored.index, boxes)):
            caption += f"  {name}"
        self.writer.write_i420(self.composer.compose(frame, anomaly, float(score.max()), caption, boxes, **extra))


class NoMovie:
    """In the place of a `ResultMovie` where none is wanted."""

    def add(self, scored: ScoredFrame, score: np.ndarray, boxes: list[Box]) -> None:
        """Nothing is drawn."""


def shown(image: np.ndarray | None, valid: np.ndarray, in_colour: bool = False) -> np.ndarray:
    """The channels of (C, H, W) as one picture, NaN where invalid; all NaN of no image.

    (H, W), or in colours (H, W, 3).
    """
    if image is None:
        return np.full(valid.shape, np.nan)
    if in_colour:
        return np.ascontiguousarray(np.where(valid[..., None], image.transpose(1, 2, 0), np.nan))
    return np.where(valid, image.mean(axis=0), np.nan)


def is_in_colour(reel: Reel) -> bool:
    """Whether its channels are red, green and blue."""
    return tuple(reel.channels) == RGB


def residual_limit(noise: NoiseModel) -> float:
    """The residual at the hot end of its colours: far beyond what quiet pixels reach."""
    return float(np.quantile(noise.mean + 8 * noise.spread, 0.95))


def captions_of(reel: Reel) -> list[str]:
    """What is written over each frame: the instrument, else the reel's name; UTC, else seconds."""
    title = instrument_of(reel.name, reel.meta).title.replace("Å", "A") or reel.name  # OpenCV's font is ASCII
    if reel.times_utc is None:
        return [f"{title}  {second:.2f} s" for second in reel.times_s]
    return [f"{title}  {str(time)[:19].replace('T', ' ')} UTC" for time in reel.times_utc]


@contextmanager
def movie_of(
    reel: Reel,
    noise: NoiseModel,
    low: float,
    high: float,
    settings: EvalConfig,
    out: Path,
    regions: pd.DataFrame | None = None,
) -> Iterator[ResultMovie]:
    """A ResultMovie written to `out`; the file takes its name only when all went well.

    regions: NOAA's, for the captions.
    """
    composer = Composer(reel.shape[2:], style_of(reel, noise, low, high, settings))
    with MovieWriter(out / NAME, settings.fps, composer.size, preset="ultrafast", crf=24) as writer:
        lines = SkyLines.of(reel) or ZoneLines.of(reel, settings.zones)
        movie = ResultMovie(composer, writer, captions_of(reel), lines, RegionNames.of(reel, regions))
        try:
            yield movie
        finally:
            movie.finish()


def style_of(reel: Reel, noise: NoiseModel, low: float, high: float, settings: EvalConfig) -> MovieStyle:
    """How a reel's movie is drawn."""
    return MovieStyle(
        frame_range=(0.0, 1.0),
        threshold_low=low,
        threshold_high=high,
        mode=settings.mode,
        diagnostic=settings.diagnostic,
        heat_weight=settings.heat_weight,
        scale_factor=settings.scale_factor or max(1, round(PANEL_PX / max(reel.shape[2:]))),
        origin=reel.meta["origin"],
        residual_max=residual_limit(noise),
        score_name="score" if settings.score == "standardised" else "residual",
        colormap=instrument_of(reel.name, reel.meta).colormap if len(reel.channels) == 1 else GRAY,
        in_colour=is_in_colour(reel),
    )
