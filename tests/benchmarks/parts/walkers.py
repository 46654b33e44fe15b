"""Walkers of a scene, followed in its usual clips and cut out, from where they enter the picture to where they leave.

No entry point.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

HEIGHTS, LEAST_SPEED = (0.06, 0.5), 0.2  # of a walker: share of the frame's height, and of its own height a second
ENOUGH_TRACKS = 4
MOST_NOISE = 4.0  # grey levels
HIDDEN_S = 2.0  # for how long a walker may be one with another, or with what stands before it
PACE_FRAMES, ENOUGH_FRAMES = 8, 6  # over which it is told where it will be, and seen for so long before it is awaited
ALIKE, ALIKE_AREA = 0.2, 0.3  # logarithms of its height and of what it covers, from one sight of it to the next


class Form(NamedTuple):
    """What is taken for a walker: its height over its width, the share of its box that it fills, and for how long."""

    slimness: tuple[float, float]
    filled: float
    seen_s: float


FORMS = (Form((1.3, 4.5), 0.35, 1.5), Form((1.1, 5.5), 0.25, 0.6))


class Cut(NamedTuple):
    """A walker in one frame: its pixels (h, w, C) and mask (h, w), and where the mask's centre lies (x, y)."""

    image: np.ndarray
    mask: np.ndarray
    centre: np.ndarray


Seen = list[tuple[int, Cut]]  # frame, and the walker in it


def walkers(clips: Iterable[np.ndarray], ground: np.ndarray, noise: np.ndarray, fps: float) -> list[list[Cut]]:
    """Tracks of lone walkers who get along, from clips of frames (T, H, W, C) uint8 and what `ground_of` says.

    A track has one cut a frame, without gaps, and begins and ends outside the picture where the walker came from a
    border and went to one. Where tracks are too few, of what is less like a walker, and seen for less time. Raises
    ValueError where there is nobody.
    """
    for form in FORMS:
        found = [track for frames in clips for track in _tracks(frames, ground, noise, fps, form)]
        if len(found) >= ENOUGH_TRACKS:
            break
    if not found:
        raise ValueError("not one lone walker was found in the clips, so none can be planted")
    shape = ground.shape[:2]
    return [[*_beyond(track[::-1], shape)[::-1], *track, *_beyond(track, shape)] for track in found]


def _tracks(frames: np.ndarray, ground: np.ndarray, noise: np.ndarray, fps: float, form: Form) -> list[list[Cut]]:
    finished: list[Seen] = []
    followed: list[Seen] = []
    least = max(9.0, 5 * float(np.median(noise)))
    for t, frame in enumerate(frames):
        cuts, going_on = _cuts(frame, ground, least, form), []
        for track in followed:
            if (cut := _same(track, t, cuts)) is not None:
                track.append((t, cut))
                cuts = [c for c in cuts if c is not cut]
            awaited = HIDDEN_S * fps if len(track) >= ENOUGH_FRAMES else 0
            (going_on if t - track[-1][0] <= awaited else finished).append(track)
        followed = going_on + [[(t, cut)] for cut in cuts]
    long = [_filled(seen) for seen in finished + followed if seen[-1][0] - seen[0][0] + 1 >= form.seen_s * fps]
    return [track for track in long if np.hypot(*speed_of(track)) * fps > LEAST_SPEED * len(track[0].mask)]


def _same(track: Seen, t: int, cuts: Sequence[Cut]) -> Cut | None:
    """The walker of a track in frame t: near where it was, or after a while hidden, near where it must be."""
    (before, last), (first, early) = track[-1], track[-PACE_FRAMES:][0]
    place = last.centre
    if t - before > 1:
        place = place + (last.centre - early.centre) / max(before - first, 1) * (t - before)
    near = [c for c in cuts if _alike(c, last) and np.hypot(*(c.centre - place)) < 0.4 * len(c.mask[0])]
    return near[0] if near else None


def _alike(cut: Cut, last: Cut) -> bool:
    """Whether it is as high and as large: who has met another is one with him, and would leap to the middle of both."""
    height, area = (abs(np.log(a / b)) for a, b in ((len(cut.mask), len(last.mask)), (cut.mask.sum(), last.mask.sum())))
    return bool(height < ALIKE and area < ALIKE_AREA)


def _filled(seen: Seen) -> list[Cut]:
    """A cut for each frame: while hidden it gets along evenly, in its own poses."""
    found: list[Cut] = []
    for (t, cut), (then, after) in pairwise(seen):
        found.append(cut)
        step = (after.centre - cut.centre) / (then - t)
        found += _going_on(found, step, then - t - 1)
    return [*found, seen[-1][1]]


def _going_on(track: Sequence[Cut], step: np.ndarray, frames: int) -> list[Cut]:
    """So many frames more at so many px (x, y) a frame, in the last poses back and forth."""
    period = max(2 * (len(track) - 1), 1)
    back = [min(i % period, period - i % period) for i in range(1, frames + 1)]
    return [track[-1 - k]._replace(centre=track[-1].centre + i * step) for i, k in enumerate(back, 1)]


def _beyond(track: Sequence[Cut], shape: tuple[int, int]) -> list[Cut]:
    """How a walker goes on until it has left the picture; nothing where no border lies ahead within its own size."""
    last, speed = track[-1], speed_of(track)
    size = np.array(last.mask.shape[::-1])
    ahead = np.where(speed > 0, shape[::-1] - last.centre, last.centre)
    frames = (ahead + size / 2) / np.maximum(np.abs(speed), 1e-6)
    axis = int(frames.argmin())
    if ahead[axis] - size[axis] / 2 > size.max() or abs(speed[axis]) < np.hypot(*speed) / 2:
        return []
    return _going_on(track, speed, int(np.ceil(frames[axis])) + 1)


def is_outside(cut: Cut, shape: tuple[int, int]) -> bool:
    """Whether nothing of it is in a picture of so many rows and columns."""
    half = np.array(cut.mask.shape[::-1]) / 2
    return bool(((cut.centre < -half) | (cut.centre > shape[::-1] + half)).any())


def ground_of(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ground (H, W, C) float32 of frames (T, H, W, C) uint8, and the spread of its noise.

    Of steps from frame to frame only as much counts as no walker needs; most grey levels of a video do not change.
    """
    some = frames[:: max(1, len(frames) // 100)].astype(np.float32)
    steps = np.minimum(np.abs(np.diff(frames[:100].astype(np.float32), axis=0)), MOST_NOISE)
    return np.median(some, axis=0), np.sqrt(np.pi) / 2 * np.mean(steps, axis=0)


def _cuts(frame: np.ndarray, ground: np.ndarray, least: float, form: Form) -> list[Cut]:
    """What in a frame has the size and form of one walker, away from the edges."""
    difference = np.abs(frame - ground).max(axis=2)
    differs = (cv2.GaussianBlur(difference, (0, 0), 1) > least).astype(np.uint8)
    closed = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, np.ones((5, 3), np.uint8))
    _, labels, boxes, centres = cv2.connectedComponentsWithStats(closed)
    found, (rows, columns) = [], frame.shape[:2]
    for i, (x, y, w, h, area) in enumerate(boxes):
        whole = x > 2 and y > 2 and x + w < columns - 2 and y + h < rows - 2
        is_slim = form.slimness[0] < h / w < form.slimness[1] and area > form.filled * w * h
        if i and whole and is_slim and HEIGHTS[0] < h / rows < HEIGHTS[1]:
            part = slice(y - 2, y + h + 2), slice(x - 2, x + w + 2)
            found.append(Cut(frame[part].copy(), labels[part] == i, centres[i]))
    return found


def speed_of(track: Sequence[Cut]) -> np.ndarray:
    """Mean velocity (x, y), px a frame."""
    return (track[-1].centre - track[0].centre) / len(track)
