"""A walk through frames that follows what moves: each place of a frame carries what its object did before.

Tracks without blobs that have to be told apart: fields of speed, velocity and age are carried along by the optical flow
itself, so a person in a crowd has a history as one alone has. Everything is kept on cells of CELL px, pooled over
about an object's size, and per second, whatever the cadence.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np

from inference.camera.motion import steadied
from inference.methods.motion.flow import flow_search, shrunk
from inference.methods.motion.known_motion import KnownMotion, Motion
from inference.methods.objects.ground import Ground, steepness
from inference.methods.objects.perspective import blobs_of

WORK_PX, CELL = 192, 3  # frames are shrunk to at most so many px on a side, in whole cells
MEMORY_S = 0.6  # over which speed and size are averaged, along the way of the object
LEAST_PX = 0.2  # a frame: less is no motion
NEAR_PX = 5  # motion counts on objects and so near to them
POOL_SIZES = 0.7  # of an object's size: the square that is averaged over
PRIOR = 0.15  # share of a square full of motion: less of it says little
STILL_SIZES, PACE_SIZES = 0.15, 0.3  # a second: who stands gets along, and moves, by less
FORGET = 1.0  # seconds of standing that a second of another state takes back: passers-by hide a bag for a moment
GONE_S = 1.0  # of a place that is seen empty, over which what stood there is forgotten: the next one is another
LONGEST_S = 300.0  # that is counted
LEAST_SIZES = 0.5  # of an object's size: a smaller blob is none
RUNS = 0.12  # share of a square that moves, where something runs


class Measures(NamedTuple):
    """Of one frame, cells (h, w) float32, and (1, 1) the number of objects.

    objects: share of the place that is covered by them. moving: by motion. speed and the velocity vx, vy: sizes a
    second. extent: radius of the largest circle within the object, in sizes. stood_s: for how long it has stood.
    idle_s: for how long nothing has moved there. edges: by how many grey levels a px the outline is stronger in the
    frame than in the ground. contrast: by how much it differs from the ground, in what makes an object.
    """

    objects: np.ndarray
    moving: np.ndarray
    speed: np.ndarray
    vx: np.ndarray
    vy: np.ndarray
    extent: np.ndarray
    stood_s: np.ndarray
    idle_s: np.ndarray
    edges: np.ndarray
    contrast: np.ndarray
    number: np.ndarray


class Walk:
    """Frames (h, w) uint8 one after the other -> their measures. Memory does not grow with them.

    size_px: (h,) of objects by row. step_s: from a frame to the next. known: motion that was measured before, and is to
    be.
    """

    def __init__(self, ground: Ground, size_px: np.ndarray, step_s: float, known: KnownMotion | None = None):
        self.ground, self.step_s, self.known = ground, step_s, KnownMotion(0) if known is None else known
        height, width = (n // CELL for n in ground.picture.shape)
        self.size_px = np.maximum(size_px.reshape(height, CELL).mean(axis=1), CELL)[:, None].astype(np.float32)
        side = 2 * round(POOL_SIZES * float(np.median(self.size_px)) / CELL / 2) + 1
        self.square = (side, side)
        self.kept = float(np.exp(-step_s / MEMORY_S))
        self.full = 1 / (1 - self.kept)
        self.before: np.ndarray | None = None
        self.near = np.zeros(ground.picture.shape, bool)  # on objects of the frame before, and near to them
        self.sums = np.zeros((4, height, width), np.float32)  # weight, path, and way in x and y, px a second
        self.extent, self.stood_s = np.zeros((2, height, width), np.float32)
        self.idle_s = np.full((height, width), -step_s, np.float32)  # the first frame shows no motion, and so no rest
        self.pixels = np.stack(np.meshgrid(*(np.arange(n) for n in ground.picture.shape[::-1]))).astype(np.float32)
        self.grid = np.stack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float32)  # (2, h, w) x, y
        self.search = flow_search()

    def step(self, frame: np.ndarray) -> Measures:
        """The measures of the next frame."""
        objects, ground = self.ground.objects_in(frame)
        objects = self._without_specks(objects)
        back = self._flow(frame)  # (h, w, 2), to where it was
        length = np.linalg.norm(back, axis=2)
        near = cv2.dilate(objects.astype(np.uint8), np.ones((NEAR_PX, NEAR_PX), np.uint8)) > 0
        moves = (length > LEAST_PX).astype(np.float32)
        was_there, self.near = self._at_source(self.near, back), near
        self._carry(back, moves * near * was_there, length, objects)
        covered, running = (self._pooled(cells(m.astype(np.float32))) for m in (objects, moves))
        edges, contrast = cells(outline(frame, ground, objects)), cells(np.abs(frame - ground))
        return self._measures(covered, running, edges, contrast, self._number(objects))

    def _without_specks(self, objects: np.ndarray) -> np.ndarray:
        """Objects (h, w) without blobs that are too small for one; who comes in at the picture's edge is not whole."""
        height, width = objects.shape
        _, number_of, facts, centres = cv2.connectedComponentsWithStats(objects.astype(np.uint8))
        x, y, w, h, area = facts.T
        inside = (x > 0) & (y > 0) & (x + w < width) & (y + h < height)
        usual_px = self.size_px[np.minimum(centres[:, 1].astype(int) // CELL, len(self.size_px) - 1), 0]
        is_object = ~inside | (np.sqrt(area) >= LEAST_SIZES * usual_px)
        is_object[0] = False  # the ground
        return is_object[number_of]

    def _number(self, objects: np.ndarray) -> np.ndarray:
        """How many objects (1, 1) a frame shows; those that touch are one."""
        row, size_px = blobs_of(objects, touching_edges=True).T
        usual_px = self.size_px[np.minimum(row.astype(int) // CELL, len(self.size_px) - 1), 0]
        return np.array([[np.count_nonzero(size_px >= LEAST_SIZES * usual_px)]], np.float32)

    def _flow(self, frame: np.ndarray) -> np.ndarray:
        before, self.before = self.before, frame
        if before is None:
            return np.zeros((*frame.shape, 2), np.float32)
        return self.known.of(before, frame, self._measured).velocity

    def _measured(self, before: np.ndarray, after: np.ndarray) -> Motion:
        start: Any = None  # cv2 takes no flow to start from, though its types ask for one
        return Motion(self.search.calc(after, steadied(before, after), start), 1.0)

    def _at_source(self, places: np.ndarray, back: np.ndarray) -> np.ndarray:
        """What was (h, w) bool at the place that the motion says each pixel comes from; none beyond the picture.

        What was no object there has come from elsewhere, at the picture's edge or by a cut: such motion is no one's.
        """
        x, y = (self.pixels[axis] + back[:, :, axis] for axis in (0, 1))
        return cv2.remap(places.astype(np.uint8), x, y, cv2.INTER_NEAREST, borderValue=0) > 0

    def _carry(self, back: np.ndarray, weight: np.ndarray, length: np.ndarray, objects: np.ndarray) -> None:
        """Take the fields along with the motion, and add this frame's."""
        mean = np.stack([cells(back[:, :, axis] * weight) for axis in (0, 1)]) / np.maximum(cells(weight), 1e-3)
        x, y = self.grid + mean / CELL

        def carried(part: np.ndarray) -> np.ndarray:
            return cv2.remap(part, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

        way = -back / self.step_s
        now = [weight, length * weight / self.step_s, way[:, :, 0] * weight, way[:, :, 1] * weight]
        self.sums = self.kept * np.stack([carried(s) for s in self.sums]) + np.stack([cells(part) for part in now])
        distance = cv2.distanceTransform(np.pad(objects.astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
        radius = cells(cv2.dilate(distance, np.ones((CELL, CELL), np.uint8))) / self.size_px
        grown = cv2.dilate(radius, np.ones(self.square, np.uint8)) * (cells(objects.astype(np.float32)) > 0)
        self.extent = (self.kept * carried(self.extent) + (1 - self.kept) * grown).astype(np.float32)

    def _measures(
        self, covered: np.ndarray, running: np.ndarray, edges: np.ndarray, contrast: np.ndarray, number: np.ndarray
    ) -> Measures:
        weight, path, x, y = (self._pooled(part) for part in self.sums)
        motion = np.maximum(weight + PRIOR * self.full, 1e-6) * self.size_px
        speed, vx, vy = path / motion, x / motion, y / motion
        stands = (np.hypot(vx, vy) < STILL_SIZES) & (speed < PACE_SIZES)
        age = self.stood_s + np.where(stands & (covered > PRIOR), self.step_s, -FORGET * self.step_s)
        age = np.where(covered > 0, age, age * np.exp(-self.step_s / GONE_S))
        self.stood_s = np.clip(age, 0, LONGEST_S).astype(np.float32)
        self.idle_s = np.minimum(np.where(running > RUNS, 0, self.idle_s + self.step_s), LONGEST_S).astype(np.float32)
        stood_s = np.minimum(covered / 0.5, 1) * self._pooled(self.stood_s)
        return Measures(covered, running, speed, vx, vy, self.extent, stood_s, self.idle_s, edges, contrast, number)

    def _pooled(self, part: np.ndarray) -> np.ndarray:
        return cv2.blur(part, self.square, borderType=cv2.BORDER_REFLECT)


def grey_frames(frames: np.ndarray) -> np.ndarray:
    """Frames (n, C, H, W) about 0..1 -> grey (n, h, w) uint8, at most WORK_PX on a side, in whole cells."""
    return shrunk(frames, WORK_PX, CELL)


def cells(picture: np.ndarray) -> np.ndarray:
    """Means (h / CELL, w / CELL) float32 over the cells of a picture (h, w)."""
    size = picture.shape[1] // CELL, picture.shape[0] // CELL
    return cv2.resize(picture.astype(np.float32), size, interpolation=cv2.INTER_AREA)


def outline(frame: np.ndarray, ground: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """How much steeper (h, w) a frame is than the ground on objects' outlines: negative where something is gone."""
    mask = objects.astype(np.uint8)
    rim = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    return np.where(rim, steepness(frame.astype(np.float32)) - steepness(ground), 0).astype(np.float32)
