"""Events that are clouds' before the Sun: too large for anything on it, or part of what passes when clouds do."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from data.reel.reel import Reel
from inference.camera.light import PART, disc_parts
from inference.camera.watch import CLOUDS
from inference.events.events import CAMERA, Event
from inference.events.sky import Sky

LARGEST_FLARE = 0.01  # of the disc; the highest importance of H-alpha flares, 4, begins at 0.0024 (1200 millionths)


def without_clouds(
    events: Sequence[Event], clouded: Collection[int], reel: Reel, sky: Sky, gap_frames: int
) -> list[Event]:
    """Tracks, those of clouds with that reason; all as they are where most of the disc is out of view.

    Clouds are what covers PART of the disc or more. Beside them in time (by as much as they last, and at least by
    `gap_frames`) lie their edges, and what was held against clouded frames: of what begins there, only brightenings of
    at most LARGEST_FLARE of the disc that score more than all clouds are the Sun's. Clouds take light away, so no
    brightening is of their edge that began more than `gap_frames` before them. clouded: frames that the camera's watch
    has told of.
    """
    if not disc_parts(reel).any():
        return list(events)
    disc_px = np.pi * (sky.wcs["rsun_arcsec"][0] / sky.pixel_arcsec) ** 2
    scene = [event for event in events if event.level != CAMERA]
    large = [event for event in scene if event.area_px >= PART * disc_px]
    spans = [(event.frame_start, event.frame_end) for event in large] + spans_of(clouded, gap_frames)

    beside = [event for event in scene if event in large or _begins_beside(event, spans, gap_frames)]
    may_be_flares = [e for e in beside if e.change == "brighter" and e.area_px <= LARGEST_FLARE * disc_px]
    loudest = max((e.peak_score for e in beside if e not in may_be_flares), default=0.0)
    clouds = {e.event for e in beside if e not in may_be_flares or e.peak_score <= loudest}
    return [
        replace(e, reasons=(CLOUDS,), unexplained=(), kind=CLOUDS) if e.level != CAMERA and e.event in clouds else e
        for e in events
    ]


def _begins_beside(event: Event, spans: Sequence[tuple[int, int]], gap_frames: int) -> bool:
    for first, last in spans:
        after = max(gap_frames, last - first + 1)
        before = gap_frames if event.change == "brighter" else after
        if first - before <= event.frame_start <= last + after:
            return True
    return False


def spans_of(frames: Collection[int], gap_frames: int) -> list[tuple[int, int]]:
    """The first and last frames of runs over gaps of at most so many frames."""
    ordered = np.array(sorted(frames), int)
    parts = np.split(ordered, np.flatnonzero(np.diff(ordered) > gap_frames + 1) + 1)
    return [(int(part[0]), int(part[-1])) for part in parts if len(part)]
