"""A stretch of a reel as scorers should see it: a broken frame shows the last sound one before it.

So what a camera does for a frame ends with that frame, in whatever way a model looks at its neighbours; and no scorer
has to know. What was broken, and how, is told with each scored frame.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np

from config import EvalConfig
from data.frames.grid.fill_blocks import FILLED, ROWS_FILLED
from data.reel.contract import AnyReel
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.scaled import read_scaled, target_stretches
from data.reel.stretch import Stretch, restretch
from inference.camera.blocks import Blocks
from inference.camera.bounds import Bounds
from inference.camera.light import disc_parts, light_of, sky_of
from inference.camera.looks import Look
from inference.camera.watch import BROKEN, Watch
from inference.scorers.base import FramesOf, Scorer
from inference.scorers.nets.residual import ScoredFrame
from inference.scorers.nets.windows import scored_stretches

AT_ONCE = 32  # frames that are looked at together
MOST_HELD = 64  # sound frames that are kept for the broken ones behind them


class WatchedStretch:
    """A reel from frame `begin` on, up to a gap: read from there in any blocks, it looks at every frame once, in order.

    Threads may read at once, and the reel may still grow.
    """

    def __init__(self, reel: AnyReel, begin: int, bounds: Bounds, scaling: dict[str, Stretch]):
        self.reel, self.scaling, self.watch = reel, scaling, Watch(bounds)
        self.kinds: dict[int, str] = {}  # of frames that are not as they should be
        self._instead: dict[int, int] = {}  # broken frame -> the sound one that it shows
        self._held: OrderedDict[int, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._sound: tuple[int, np.ndarray, np.ndarray] | None = None
        known = reel.so_far()  # of one that grows the first frame at least
        self._disc, self._is_sun = disc_parts(known), sky_of(known) is not None
        self._blocks: dict[int, np.ndarray] = {}  # frame -> its pixels that were lost in transmission
        self._seen = Blocks(bounds.block_px)
        self._next, self._lock = begin, threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reel, name)

    def as_reel(self) -> Reel:
        """This stretch, for what reads it by those members of a Reel that it has too."""
        return cast(Reel, self)

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Frames (n, C, H, W) and mask bits (n, H, W) of [start, stop), as `Reel.read`."""
        frames, bits = self.reel.read(start, stop)  # may wait, so nobody is locked out meanwhile
        with self._lock:
            while self._next < start:
                self._see(*self.reel.read(self._next, min(start, self._next + AT_ONCE)))
            self._see(frames[self._next - start :], bits[self._next - start :])
            for index in range(start, stop):
                if index in self._blocks:
                    bits[index - start] |= INVALID * self._blocks[index].astype(bits.dtype)
                if index in self._instead:
                    frames[index - start], bits[index - start] = self._shown(self._instead[index])
        return frames, bits

    def told(self, frames: Iterator[ScoredFrame], reach: int) -> Iterator[ScoredFrame]:
        """Scored frames of this stretch, each as it is and with what is wrong with it.

        reach: how far before a scored frame a scorer still reads.
        """
        for scored in frames:
            kind = self.kinds.get(scored.index, "")
            if kind in BROKEN:
                own, valid = read_scaled(cast(Reel, self.reel), scored.index, scored.index + 1, self.scaling)
                scored = replace(scored, frame=own[0] * valid)
            lost = self._blocks.get(scored.index)
            yield replace(scored, camera=kind, lost=lost) if kind or lost is not None else scored
            self._forget(scored.index - reach)

    def _forget(self, before: int) -> None:
        # Who reads may be looking at many frames: scoring goes on meanwhile, and a later frame forgets for this one.
        if not self._lock.acquire(blocking=False):
            return
        try:
            for known in (self.kinds, self._instead, self._blocks):
                for index in [i for i in known if i < before]:
                    del known[index]
        finally:
            self._lock.release()

    def _see(self, frames: np.ndarray, bits: np.ndarray) -> None:
        flags = self._flags(len(frames)) if self._is_sun else {}
        scaled = restretch(frames.astype(np.float32), self.reel.stretches, target_stretches(self.reel, self.scaling))
        for frame, own, mask in zip(frames, scaled, bits, strict=True):
            valid = (mask & INVALID) == 0
            if self._is_sun:
                valid &= ~self._lost(own, valid, flags.get(self._next, ""))
                mask = np.where(valid, mask, mask | INVALID)
            light = light_of(frame, valid, self.reel.stretches, self._disc)
            kind = self.watch.see(Look.of(own * valid, valid), light)
            if kind:
                self.kinds[self._next] = kind
            if kind not in BROKEN:
                self._sound = self._next, frame.copy(), mask.copy()
            elif self._sound is not None:
                self._instead[self._next] = self._sound[0]
                self._held[self._sound[0]] = self._sound[1:]
                if len(self._held) > MOST_HELD:
                    self._held.popitem(last=False)
            self._next += 1

    def _flags(self, count: int) -> dict[int, str]:
        """What prep found odd about the next frames."""
        known = cast(Reel, self.reel.so_far())
        if "flags" not in known.table:
            return {}
        rows = known.table["flags"].fillna("").astype(str)
        begin = max(self._next, known.first)  # what is kept of a live reel may have gone on
        return dict(enumerate(rows[begin - known.first : self._next + count - known.first], begin))

    def _lost(self, frame: np.ndarray, valid: np.ndarray, flags: str) -> np.ndarray:
        """The pixels (H, W) of blocks that the next frame lacks: those that the ones before had, and, where its flags
        tell of blocks or rows of fill, those that were masked then."""
        has_rows = ROWS_FILLED in flags
        masked = self._seen.masked(valid, has_rows or FILLED in flags, has_rows)
        lost = masked | self._seen.lost(frame, valid)[0]
        if lost.any():
            self._blocks[self._next] = lost
        return lost

    def _shown(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if index in self._held:
            return self._held[index]
        frames, bits = self.reel.read(index, index + 1)
        return frames[0], bits[0]


def watched_reel(
    scorer: Scorer, reel: Reel, settings: EvalConfig, bounds: Bounds, frames_of: FramesOf | None = None
) -> Iterator[ScoredFrame]:
    """Every frame of a reel that can be scored, in time order, as `score_reel`, with what is wrong with it.

    frames_of: in place of the scorer's `frames`.
    """
    for begin, end in scored_stretches(reel, scorer.clip_length):
        watched = WatchedStretch(reel, begin, bounds, scorer.scaling)
        frames = (frames_of or scorer.frames)(watched.as_reel(), begin, end, settings)
        yield from watched.told(frames, reach_of(scorer, settings))


def reach_of(scorer: Scorer, settings: EvalConfig) -> int:
    """How many frames before one that was scored a scorer may still read."""
    return 2 * scorer.at_once(settings) + scorer.looks_back
