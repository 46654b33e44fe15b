"""Behaviour of objects, learnt from quiet clips alone: no class is known, no detector was trained elsewhere."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from data.reel.reel import Reel
from inference.calibration.quiet.ranges import QuietRange
from inference.events.boxes import Box
from inference.methods.base import BLOCK_FRAMES, Method, enlarged
from inference.methods.objects.evidence import KINDS, LEAST_DECADES, RULE, SHADE, Evidence
from inference.methods.objects.ground import LEAST_LEVELS, Ground
from inference.methods.objects.perspective import blobs_of, size_by_row
from inference.methods.objects.walk import Measures, Walk, grey_frames

GROUND_FRAMES, SIZE_FRAMES = 200, 400  # at most, that the ground and the sizes are from
LEAST_FRAMES = 8
MOST_FRAMES, PIECE_FRAMES = 6000, 300  # quiet ones that are walked through, in pieces


class Told(NamedTuple):
    """What a frame's boxes are told by: the decades (K, h, w) of each kind, and what they are from."""

    evidence: Evidence
    surprises: np.ndarray
    measures: Measures
    cell: tuple[float, float]  # px of the frame, rows and columns

    @property
    def decades(self) -> np.ndarray:
        """The score (h, w) of each cell.

        What is not rare even where nothing is known is nothing, or it would be an event where quiet clips are empty.
        A difference that makes no object orders frames in which nothing is, and no more: quiet frames reach its most.
        """
        most = self.surprises.max(axis=0)
        shade = SHADE * np.minimum(self.measures.contrast, LEAST_LEVELS)
        return np.where(most >= LEAST_DECADES, most, np.float32(0)) + shade

    def __call__(self, box: Box) -> str:
        """In words, what is most unusual of the cells that a box's scores are from; "" where none of them is."""
        (y0, y1), (x0, x1) = (
            cells_of(first, stop, side)
            for first, stop, side in zip((box.y0, box.x0), (box.y1, box.x1), self.cell, strict=True)
        )
        part = self.surprises[:, y0:y1, x0:x1]
        kind, y, x = np.unravel_index(part.argmax(), part.shape)
        if part[kind, y, x] <= 0:
            return ""
        return self.evidence.words(self.measures, tuple(KINDS)[kind], y0 + int(y), x0 + int(x))


def cells_of(first: int, stop: int, side: float) -> tuple[int, int]:
    """Half-open range of the cells, `side` px long, that the scores of the pixels [first, stop) are from.

    Maps are enlarged by straight lines between the middles of cells, so a pixel has a part of the next cell too.
    """
    return max(math.floor((first + 0.5) / side - 0.5), 0), math.floor((stop - 0.5) / side - 0.5) + 2


class Walking(NamedTuple):
    """How far a walk through a stretch has got."""

    reel: Reel
    begin: int
    following: int
    walk: Walk


class Objects(Method):
    """Decades by which an object is rarer than what quiet clips show: its speed, size, direction, how long it stands,
    that it is there at all, and that what always runs has stopped."""

    pictures_only = True
    is_steady = own_unit = True
    by_speed = True
    shares_motion = True
    _walking: Walking | None = None
    _told: list[Told]

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """The ground, sizes by row, and what is usual at each place.

        Raises ValueError for fewer than LEAST_FRAMES frames to learn from.
        """
        train = [r for r in quiet if r.side == "train"]
        if (count := sum(map(len, train))) < LEAST_FRAMES:
            raise ValueError(
                f"model.name {self.settings.name} learns from how things move, and {count} quiet training frames are "
                f"too few: give clips of at least {LEAST_FRAMES} frames, better minutes, or choose model.name robust_z"
            )
        step_s = train[0].reel.cadence_s
        ground = Ground.of(np.concatenate([grey_frames(f) for f, _ in self.sample(train, GROUND_FRAMES)]))
        blobs = [blobs_of(ground.objects_in(grey_frames(f)[0])[0]) for f, _ in self.sample(train, SIZE_FRAMES)]
        sizes = size_by_row(np.concatenate(blobs), ground.picture.shape)
        self.arrays = {"cadence_s": np.array([step_s]), "ground": ground.picture, "spread": ground.spread}
        self.arrays["size_px"] = sizes
        pieces = [piece for r in train for piece in r.pieces(PIECE_FRAMES)]
        every = max(1, -(-sum(map(len, pieces)) // MOST_FRAMES))
        self.arrays |= Evidence.of([self._measured(piece) for piece in pieces[::every]], step_s).packed()

    def _measured(self, r: QuietRange) -> Measures:
        """The measures (n, h, w) float16 of a range."""
        walk, found = self._new_walk(r.reel), []
        for first in range(r.begin, r.end, BLOCK_FRAMES):
            frames, _ = self.read(r.reel, np.arange(first, min(first + BLOCK_FRAMES, r.end)))
            found += [Measures(*(f.astype(np.float16) for f in walk.step(grey))) for grey in grey_frames(frames)]
        return Measures(*(np.stack(fields) for fields in zip(*found, strict=True)))

    def _new_walk(self, reel: Reel) -> Walk:
        ground = Ground(self.arrays["ground"], self.arrays["spread"])
        return Walk(ground, self.arrays["size_px"], reel.cadence_s, self.known_motion)

    def open(self, reel: Reel, begin: int, end: int) -> None:
        """What follows in a stretch that was walked through, as the last frames of a stream do, goes on from there."""
        super().open(reel, begin, end)
        known = self._walking
        if known is None or known.reel is not reel or not known.begin < begin <= known.following < end:
            self._walking = Walking(reel, begin, begin, self._new_walk(reel))

    def goes_on_at(self, begin: int) -> int:
        return self._walked.following

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[None, np.ndarray]:
        walked = self._walked
        measures = [walked.walk.step(grey) for grey in grey_frames(frames)]
        self._walking = walked._replace(following=walked.following + len(frames))
        surprises = [self.evidence.surprises(m) for m in measures]
        side = frames.shape[2] / surprises[0].shape[1], frames.shape[3] / surprises[0].shape[2]
        self._told = [Told(self.evidence, s, m, side) for s, m in zip(surprises, measures, strict=True)]
        return None, enlarged(np.stack([t.decades for t in self._told]), frames)

    def words(self, i: int) -> Told:
        return self._told[i]

    @property
    def _walked(self) -> Walking:
        assert self._walking is not None  # a stretch was opened
        return self._walking

    @property
    def evidence(self) -> Evidence:
        """Raises ValueError for a run of another version, whose evidence was other."""
        if self._evidence is None:
            if int(self.arrays.get("rule", 0)) != RULE:
                raise ValueError(
                    f"this run of {self.settings.name} is of another version, whose scores were others; train it anew"
                )
            self._evidence = Evidence.unpacked(self.arrays)
        return self._evidence

    _evidence: Evidence | None = None
