"""How high motion gets at a place on quiet days: what the scene says, and the place itself as far as it was seen.

Little is known of a place where hardly anybody walked. What passes there counts for what it would elsewhere, in sizes
of the things that stand on its row (perspective), until the place has had visits of its own. How many it takes is
learnt from the scene: places that differ, in two halves of the quiet clips alike, are believed soon; places that differ
by chance are not (random effects, as of DerSimonian and Laird 1986).
"""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import ndimage

from inference.calibration.tail import TailPrior
from inference.methods.motion.timing import VISITS, Timing
from inference.methods.objects.ground import Ground
from inference.methods.objects.perspective import blobs_of, size_by_row

REACH_SHARE = 0.04  # of the longer side: how far a visit tells of neighbours (sigma)
HALF_VISITS = 0.3  # that a place has in both halves at least, to say whether places differ
NOTHING_SEEN = "no quiet frames to learn from; give longer quiet clips"
GROWTH = 0.1  # of the logarithm of the highest, as the span grows by e
PRIOR_CHUNKS = 4  # of quiet data are worth as much as what is known of such scores without any
AGREEING = 5  # parts that quiet clips are cut into, to see whether they agree on the ways that things go
LEAST_SPREAD = 0.01  # of the logarithms: places that differ by less are alike


def sizes_of(frames: np.ndarray, some: Iterable[np.ndarray]) -> np.ndarray:
    """The usual size (h,) px of things by row, from quiet grey frames (n, h, w) uint8 of the ground, and some more."""
    ground = Ground.of(frames)
    blobs = [blobs_of(ground.objects_in(frame)[0]) for frame in some]
    return size_by_row(np.concatenate(blobs), frames.shape[1:])


def tail_prior(arrays: dict[str, np.ndarray]) -> TailPrior | None:
    """What is known of scores in units of a `usual_level`, from what a method has kept; None before it was fitted."""
    if "cadence_s" not in arrays:
        return None
    chunk_s = Timing.of(arrays).chunk * float(arrays["cadence_s"][0])
    return TailPrior(unit_s=chunk_s, shape=GROWTH, span_s=PRIOR_CHUNKS * chunk_s)


def highest_of_parts(maps: np.ndarray, part_frames: int, cell: int = 1) -> np.ndarray:
    """The highest of each of N parts in time of about so many frames, and of each cell: (n, h, w) -> (N, h / cell,
    w / cell)."""
    count = max(1, round(len(maps) / part_frames))
    parts = np.stack([part.max(axis=0) for part in np.array_split(maps, count)])
    n, h, w = parts.shape
    return parts.reshape(n, h // cell, cell, w // cell, cell).max(axis=(2, 4)).astype(np.float16)


def usual_level(chunks: Sequence[np.ndarray], size: np.ndarray, least: float) -> np.ndarray:
    """How high quiet maps get at each place, (h, w) float32, `least` or more: in its units, the highest of VISITS parts
    is 1 in the mean.

    chunks: the highest of parts in time (n, h, w), of about equal lengths. size: (h,) of things by row, in any unit.
    least: what is motion. Raises ValueError without any chunk.
    """
    if not chunks:
        raise ValueError(NOTHING_SEEN)
    profile = (size / np.median(size))[:, None].astype(np.float32)
    scaled = [chunk.astype(np.float32) / profile for chunk in chunks]
    level = profile * np.exp(place_factor(scaled, least / profile))
    highest = np.concatenate([(chunk.astype(np.float32) / level).max(axis=(1, 2)) for chunk in chunks])
    return np.maximum(level * highest_of(highest, VISITS), least).astype(np.float32)


def usual_levels(chunks: Sequence[np.ndarray], size: np.ndarray, least: float, least_share: float) -> np.ndarray:
    """How high quiet speeds get at each place, (K, h, w) float32: the first is the whole speed, and the others are its
    ways, a share of it at least. In their units, the highest of VISITS parts is 1 in the mean, whichever it is.

    Ways count as far as parts of the quiet clips agree on them: where one part shows a way that no other does, more
    will come, so the levels of all ways rise until they tell no more of parts that they are not from than speed does.

    chunks: the highest of parts in time (K, n, h, w). Otherwise as `usual_level`.
    """
    levels = _levels(chunks, size, least, least_share)
    parts = np.concatenate(chunks, axis=1) if chunks else np.zeros((0, 0))
    blocks = [block for block in np.array_split(np.arange(parts.shape[1]), AGREEING) if len(block)]
    if len(blocks) > 1:
        speed, ways = np.max([_highest_beside(parts, block, (size, least, least_share)) for block in blocks], axis=0)
        levels[1:] *= max(1.0, float(ways / max(speed, 1e-6)))
    highest = np.concatenate([_in_units(chunk, levels).max(axis=0) for chunk in chunks])
    return np.maximum(levels * highest_of(highest, VISITS), least).astype(np.float32)


def _levels(chunks: Sequence[np.ndarray], size: np.ndarray, least: float, least_share: float) -> np.ndarray:
    """The levels of each by itself; ways never below a share of speed's.

    Beforehand every way is as usual as any other, which is worth as much as what is known of the tail: seconds of quiet
    clips hardly show which ways nobody goes.
    """
    if not chunks:
        raise ValueError(NOTHING_SEEN)
    found = np.stack([usual_level([chunk[k] for chunk in chunks], size, least) for k in range(len(chunks[0]))])
    found[1:] = np.maximum(found[1:], least_share * found[0])
    parts = sum(chunk.shape[1] for chunk in chunks)
    own = parts / (parts + PRIOR_CHUNKS * VISITS)
    found[1:] = found[1:] ** own * np.maximum(found[1:], found[0]) ** (1 - own)
    return found


def _highest_beside(parts: np.ndarray, block: np.ndarray, how: tuple[np.ndarray, float, float]) -> tuple[float, float]:
    """What speed and ways of some parts reach by the levels of all others: (K, n, h, w) and numbers of parts."""
    others = np.delete(parts, block, axis=1)
    reached = _in_units(parts[:, block], _levels([others], *how)).max(axis=1)
    return float(reached[0]), float(reached[1:].max())


def _in_units(parts: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The highest place of each part (K, n, h, w), in units of levels (K, h, w): (K, n)."""
    return np.stack([(p.astype(np.float32) / level).max(axis=(1, 2)) for p, level in zip(parts, levels, strict=True)])


def highest_of(parts: np.ndarray, count: int) -> float:
    """What the highest of `count` parts is in the mean, from those of parts (N,): of all choices of so many of them.

    Of fewer, their highest, as much higher as the longer span lets expect: a clip of a few seconds has not shown how
    high motion gets in a quarter of a minute, and who took it for that would find every new clip unusual.
    """
    ordered, number = np.sort(parts), len(parts)
    if number < count:
        return float(ordered[-1] * (count / number) ** GROWTH)
    ranks = np.arange(count, number + 1)
    weights = np.cumprod([1.0, *((ranks[:-1]) / (ranks[:-1] - count + 1))])
    return float((ordered[count - 1 :] * weights).sum() / weights.sum())


def place_factor(chunks: Sequence[np.ndarray], least: np.ndarray) -> np.ndarray:
    """By how much a place (h, w) differs from the whole scene, as a logarithm, shrunk by how often it was visited."""
    reach = REACH_SHARE * max(chunks[0].shape[1:])
    halves = [visits_in(half, least) for half in in_halves(chunks)]
    count = sum(h[0].sum() for h in halves)
    if not count:
        return np.zeros(chunks[0].shape[1:], np.float32)
    centre = sum(h[1].sum() for h in halves) / count
    near = [[ndimage.gaussian_filter(part, reach, mode="nearest") for part in half] for half in halves]
    means = [(total - centre * visits) / np.maximum(visits, 1e-9) for visits, total, _ in near]
    both = np.minimum(near[0][0], near[1][0])
    both = np.where(both > HALF_VISITS, both, 0)
    between = float((both * means[0] * means[1]).sum() / max(both.sum(), 1e-9))
    between = max(between, LEAST_SPREAD**2)
    within = sum(h[2].sum() for h in halves) / count - centre**2
    visits = near[0][0] + near[1][0]
    mean = (near[0][1] + near[1][1] - centre * visits) / np.maximum(visits, 1e-9)
    return mean * visits / np.maximum(visits + max(within - between, 0) / between, 1e-9)


def in_halves(chunks: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Every other chunk, and the rest; of a single one its first and its second half."""
    if len(chunks) == 1:
        return np.array_split(chunks[0], 2)
    return [np.concatenate(chunks[k::2]) for k in (0, 1)]


def visits_in(peaks: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Of each place, over the parts (n, h, w) in which something moved: how many, and the sums of the logarithms of how
    high and of their squares, (3, h, w)."""
    logs = np.where(peaks > least, np.log(np.maximum(peaks, 1e-6)), np.nan)
    return np.stack([np.isfinite(logs).sum(axis=0), np.nansum(logs, axis=0), np.nansum(np.square(logs), axis=0)])


def earlier_version(name: str) -> str:
    """Why a run is refused whose levels are none of these."""
    return (
        f"this run of {name} is of an earlier version, which scored motion in other units, so its thresholds would be "
        "wrong; train it anew"
    )
