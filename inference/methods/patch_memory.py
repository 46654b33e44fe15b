"""Memory of places: a patch is unusual when it looks like none that quiet frames have shown at its place.

Source: PatchCore (Roth et al. 2022, arXiv 2106.08265), with plain patches in place of a net's features and one memory
for each place. A head that travels, a door or a parked car has many usual looks, of which a median knows one; here each
that was seen is usual. How far new usual looks lie from those differs from place to place: distances are in units of
the place's own spread, but of no less than LEAST_SHARE of the scene's, so that nothing is too well known.
"""

from collections.abc import Sequence

import numpy as np

from inference.calibration.quiet.ranges import QuietRange
from inference.methods.base import Method, all_but, enlarged
from inference.methods.mutual import REACH, describe

EVERY = 2  # place is looked at, on either axis; those beside it are in its patch
MEMORY_FRAMES, MEMORY_BYTES = 512, 2**26  # at most, that are remembered
SPREAD_FRAMES, PARTS = 120, 5  # of them, by which the spread is measured: each against those of the other parts
LEAST_SHARE = 2.0  # of the scene's spread (rms over its places), that a place's unit has at least
LEAST_UNIT = 1e-3  # in the stretch's units, where nothing ever changes


class PatchMemory(Method):
    """Distance of a patch to the nearest that its place has shown, in units of how far quiet ones lie apart there."""

    pictures_only = any_cadence = True
    own_unit = in_parts = True

    def fit(self, quiet: Sequence[QuietRange], seed: int) -> None:
        """The memory (R, h, w, D) of at most MEMORY_FRAMES frames, evenly over time, and the unit (h', w') of those
        places that are looked at.

        Raises ValueError for fewer than two frames to learn from.
        """
        train = [r for r in quiet if r.side == "train"]
        if sum(map(len, train)) < 2:
            raise ValueError(
                f"model.name {self.settings.name} compares quiet frames with each other, and there are fewer than two: "
                "give more of them, or choose model.name difference"
            )
        first, _ = self.read(train[0].reel, np.array([train[0].begin]))
        most = max(2, min(MEMORY_FRAMES, MEMORY_BYTES // describe(first[0]).nbytes))
        memory = np.stack([describe(frame) for frames, _ in self.sample(train, most) for frame in frames])
        self.arrays = {"memory": memory, "unit": _unit(memory)}

    @property
    def guard(self) -> int:
        return self.clip_length

    def beside(self, k: int, parts: list[list[QuietRange]]) -> list[QuietRange]:
        return all_but(k, parts)  # looks come again, and who has seen few of them is not the scorer itself

    def compare(self, frames: np.ndarray, valid: np.ndarray) -> tuple[None, np.ndarray]:
        found = nearest_in(np.stack([describe(frame) for frame in frames]), self.arrays["memory"])
        return None, enlarged(found / self.arrays["unit"], frames)


def _unit(memory: np.ndarray) -> np.ndarray:
    """(R, h, w, D) -> (h', w'): root of the mean square over time of each place's distances, with the scene's."""
    part = np.arange(len(memory)) * min(PARTS, len(memory)) // len(memory)
    some = np.arange(0, len(memory), max(1, -(-len(memory) // SPREAD_FRAMES)))
    found = [nearest_in(memory[some[part[some] == p]], memory[part != p]) for p in np.unique(part[some])]
    variance = np.concatenate(found).var(axis=0)
    return np.maximum(np.sqrt(variance + LEAST_SHARE**2 * variance.mean()), np.float32(LEAST_UNIT))


def nearest_in(places: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """Distance (n, h', w') of each place that is looked at, of (n, h, w, D), to the nearest of a memory (R, h, w, D) at
    most REACH places away.

    |a - b|^2 - |a|^2 of all pairs at once; as sums and no products of matrices, which are so small here that threads
    cost more than they save, and may round otherwise.
    """
    padded = np.pad(memory, ((0, 0), (REACH, REACH), (REACH, REACH), (0, 0)), mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, (2 * REACH + 1,) * 2, axis=(1, 2))[:, ::EVERY, ::EVERY]
    around = around.transpose(1, 2, 3, 0, 4, 5)  # (h', w', D, R, 3, 3)
    centres, looked_at = memory[0, ::EVERY, ::EVERY], places[:, ::EVERY, ::EVERY]
    found = np.empty(looked_at.shape[:3], np.float32)
    known = np.empty((memory.shape[-1], around[0, 0, 0].size), np.float32)  # both are filled anew for each place
    pairs = np.empty((len(places), known.shape[1]), np.float32)
    for i, j in np.ndindex(*found.shape[1:]):
        centre = centres[i, j]  # numbers that are small are told apart better
        np.subtract(around[i, j], centre[:, None, None, None], out=known.reshape(around.shape[2:]))
        own = looked_at[:, i, j] - centre
        np.einsum("nd,dk->nk", -2 * own, known, out=pairs)
        pairs += np.einsum("dk,dk->k", known, known)
        found[:, i, j] = np.sqrt(np.maximum(pairs.min(axis=1) + np.square(own).sum(axis=1), 0))
    return found
