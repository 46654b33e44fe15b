"""What strange places do, from the frames of the reel that is judged: those before, without labels.

Quiet frames of another day tell nothing of a place. What it has done since the reel began does, once that is over.
"""

import cv2
import numpy as np

from inference.methods.flux.carried import LONGEST_S, Moment, moved, places_of
from inference.methods.flux.spreads import RARE_PX, WIDER_PX
from inference.methods.flux.turning import Places

PRIOR = 1.0  # times a background's reach: as many frames' weight has what quiet frames tell of strange places
MOST = 5.0  # spreads of a change that count: one flare does not blind its place for the day
AGAIN_S = LONGEST_S / 4  # so long, what is known is kept as it lies at one moment; then half of it is forgotten
FRESH, WAITING, PAST = range(3)


class Past:
    """Mean squares (K, C, H, W) of excesses, in spreads of what is as bright, of the frames of a reel so far.

    strange: (K,), by how much spreads are wider where nothing is known. reach: (K,) frames, how long each excess lasts
    at most: a change counts when it is over, not as long as it is what is to be judged. So frames wait, between once
    and twice the reach.
    """

    def __init__(self, strange: np.ndarray, reach: list[int]):
        self.strange, self.reach = strange.reshape(-1, 1, 1, 1), reach
        self._reel, self._begin, self._following = "", 0, 0
        self._waited = [0] * len(reach)
        self._since: Moment | None = None
        self._kept: tuple[Moment, np.ndarray] | None = None  # what is wider, and when
        self._from: tuple[Moment, Places | None] | None = None  # where frames of a moment lie in the sums

    def of(self, reel: str, begin: int, looks_back: int) -> "Past":
        """That of a stretch that is to be judged: this one, if it is of the same reel as the one before, or what is
        left of that (with frames that a method looks back at, and that were seen); else a new one."""
        goes_on = reel == self._reel and self._begin < begin and begin >= self._following - looks_back
        past = self if goes_on else Past(self.strange, self.reach)
        past._reel, past._begin = reel, begin
        return past

    def wider(self, now: Moment, shape: tuple[int, ...]) -> np.ndarray:
        """By how much spreads (K, C, H, W) of strange places are wider in a frame than those of what is as bright."""
        if self._since is None:
            return np.broadcast_to(self.strange, shape)
        if self._kept is None or not now.is_near(self._kept[0]):
            places = places_of(now, self._since, (shape[-2], shape[-1]))
            known = self._known()
            there = known if places is None else moved(known, places)
            self._kept = now, np.where(np.isfinite(there), there, self.strange)
        return self._kept[1]

    def _known(self) -> np.ndarray:
        """As `wider`, where places were at the moment that sums are kept of."""
        prior = PRIOR * np.array(self.reach, np.float32)[:, None, None, None]
        mean = (prior * self.strange**2 + self._squares[PAST]) / (prior + self._frames[PAST])
        flat = np.sqrt(mean).astype(np.float32).reshape(-1, *mean.shape[-2:])
        kernel = np.ones((WIDER_PX, WIDER_PX), np.uint8)
        return np.stack([cv2.dilate(cv2.medianBlur(one, RARE_PX), kernel) for one in flat]).reshape(mean.shape)

    def add(self, ratio: np.ndarray, now: Moment, index: int) -> None:
        """Take in the excesses (K, C, H, W) of frame `index`, in spreads of what is as bright; NaN unknown."""
        if index < self._following:
            return
        self._following = index + 1
        most = MOST * self.wider(now, ratio.shape)
        ratio = np.clip(ratio, -most, most)
        if self._since is None:
            self._since = now
            self._squares, self._frames = np.zeros((2, 3, *ratio.shape), np.float32)
        elif abs(now.at_s - self._since.at_s) > AGAIN_S:
            self._turn_to(now)
        if self._from is None or not now.is_near(self._from[0]):
            self._from = now, places_of(self._since, now, ratio.shape[-2:])
        there = ratio if self._from[1] is None else moved(ratio, self._from[1])
        is_known = np.isfinite(there)
        self._squares[FRESH] += np.where(is_known, np.square(there), 0)
        self._frames[FRESH] += is_known
        self._waited = [frames + 1 for frames in self._waited]
        for k, waited in enumerate(self._waited):
            if waited >= self.reach[k]:
                self._pass(k)

    def _pass(self, k: int) -> None:
        for sums in (self._squares, self._frames):
            sums[PAST, k] += sums[WAITING, k]
            sums[WAITING, k], sums[FRESH, k] = sums[FRESH, k], 0
        self._waited[k], self._kept = 0, None

    def _turn_to(self, now: Moment) -> None:
        assert self._since is not None  # a frame was added
        places = places_of(now, self._since, self._squares.shape[-2:])
        for sums in (self._squares, self._frames):
            sums[:] = np.nan_to_num(moved(sums, places)) if places is not None else sums
            sums[PAST] /= 2
        self._since, self._kept, self._from = now, None, None
