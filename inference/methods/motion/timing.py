"""Over how many frames motion is measured: times, so that a scene looks the same at 10 and at 30 frames a second."""

from dataclasses import dataclass

import numpy as np

PAIR_S = 0.1  # from the frame that a speed starts at to the one that it is told of
POOL_S = 0.9  # a step of a walker
CHUNK_S = 15.0  # a quiet clip's highest speed is taken over about so long, then averaged over clips
VISITS = 5  # parts of a chunk: what moves at a place in one of them is a visit
PAIR_FRAMES, POOL_FRAMES, CHUNK_FRAMES = 1, 9, 150  # the least, whatever time they take


@dataclass(frozen=True)
class Timing:
    """pair: frames from one to the one it is compared with; pool: frames averaged over, odd; chunk: of a maximum."""

    pair: int = PAIR_FRAMES
    pool: int = POOL_FRAMES
    chunk: int = CHUNK_FRAMES

    @property
    def guard(self) -> int:
        """Frames by which what is learnt from keeps away from what it judges: who crosses an end is on both sides."""
        return self.pool + self.part

    @property
    def part(self) -> int:
        """Frames of a part: who passes a place takes about so long."""
        return self.chunk // VISITS

    @staticmethod
    def at(cadence_s: float) -> "Timing":
        """That of a cadence; where frames come slowly, of the least numbers."""
        pair, pool, chunk = (round(seconds / cadence_s) for seconds in (PAIR_S, POOL_S, CHUNK_S))
        return Timing(max(pair, PAIR_FRAMES), max(pool // 2 * 2 + 1, POOL_FRAMES), max(chunk, CHUNK_FRAMES))

    @staticmethod
    def of(arrays: dict[str, np.ndarray]) -> "Timing":
        """That which a method was fitted with; runs from before there was one have the least numbers."""
        return Timing(*arrays["timing"].tolist()) if "timing" in arrays else Timing()

    def as_arrays(self) -> dict[str, np.ndarray]:
        return {"timing": np.array([self.pair, self.pool, self.chunk])}
