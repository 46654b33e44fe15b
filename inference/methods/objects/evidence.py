"""What is unusual about objects, kind by kind: how rare it is at its place, and how rare anywhere in the scene.

Both are probabilities in quiet clips (see `tails`), and one kind's evidence is the mean of their decades. What stands
out most of all kinds is the score, and the kind says in words what it is.

How many objects there are is no evidence. What one in a thousand does, one of ten does ten times as often: n of them
are n chances, so a frame's surprise is that of a single object, less the logarithm of n (Bonferroni). Two that touch
are taken for one that is large; n of them make n^2 pairs, so of size twice the logarithm is taken off.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
from scipy import ndimage

from inference.methods.motion.flow import quiet_maximum
from inference.methods.motion.timing import CHUNK_FRAMES
from inference.methods.objects.tails import Tail
from inference.methods.objects.walk import LEAST_SIZES, PACE_SIZES, PRIOR, STILL_SIZES, Measures

SHARED_CELLS, REACH_CELLS = 3, 5.0  # of the quiet maxima of a place: neighbours whose largest counts, and smoothing
WAYS, WAY_CELLS = 8, 2.0  # directions, and over how many cells they are shared
LEAST_EXTENT = LEAST_SIZES / np.sqrt(np.pi)  # radius of the smallest blob that is an object, if it is round; sizes
PRIOR_S = 3.0  # of an object's motion: by so much the directions of the whole scene join in with a place's own
SEEN_S = 1.0  # that an object takes to pass a place
STOOD_S, IDLE_S = 1.0, 0.5  # added to ages, so that the ratio of two short ones is near 1
OFTEN = 15  # times as long as the longest rest was looked at: else a place does not always run
RUN_SHARE = 0.5  # of the time that something moves there
SUPPORT = 0.05  # share of a place in motion, or covered: less says nothing of an object
RULE = 13  # by which evidence is made: that of another one is not what a run's tails and thresholds are of
LEAST_DECADES = 1.0  # of evidence: what is high where nothing is known, see `Tail.of`, has so many
SHADE = 0.002  # decades for each grey level that differs from the ground: an order among frames in which nothing is


class Place(NamedTuple):
    """What is usual at each place, cells (h, w): the quiet maxima of speed, extent and standing, the share of
    directions (WAYS, h, w), the share of time that something is there, and the longest rest s, infinite where no motion
    is a rule."""

    speed: np.ndarray
    extent: np.ndarray
    stood: np.ndarray
    ways: np.ndarray
    presence: np.ndarray
    rest_s: np.ndarray

    @classmethod
    def of(cls, chunks: Sequence[Measures], step_s: float) -> Self:
        """From chunks of quiet measures (n, h, w)."""
        speed, extent, stood = (
            quiet_maximum(np.mean([highest(c) for c in chunks], axis=0), SHARED_CELLS, REACH_CELLS, least)
            for highest, least in (
                (lambda c: speed_of(c).max(axis=0), PACE_SIZES),
                (lambda c: extent_of(c).max(axis=0), LEAST_EXTENT),
                (lambda c: c.stood_s.max(axis=0) + np.float32(STOOD_S), STOOD_S),
            )
        )
        total_s = step_s * sum(len(c.objects) for c in chunks)
        seen_s = step_s * sum(c.objects.sum(axis=0, dtype=np.float64) for c in chunks)
        near = ndimage.gaussian_filter(ndimage.maximum_filter(seen_s, SHARED_CELLS), 1.0, mode="nearest")
        presence = np.minimum((near / SEEN_S + 0.3) / (total_s / SEEN_S + 1), 1).astype(np.float32)
        return cls(speed, extent, stood, usual_ways(chunks, step_s), presence, longest_rest(chunks, step_s))


def usual_ways(chunks: Sequence[Measures], step_s: float) -> np.ndarray:
    """Share of the directions (WAYS, h, w) float32 that objects take at a place."""
    counts = np.zeros((WAYS, *chunks[0].vx.shape[1:]))
    for chunk in chunks:
        bin_of, share = direction(chunk.vx, chunk.vy)
        weight = strength(chunk) * step_s / SEEN_S
        for way in range(WAYS):
            counts[way] += np.where(bin_of == way, weight * (1 - share), 0).sum(axis=0)
            counts[way] += np.where((bin_of + 1) % WAYS == way, weight * share, 0).sum(axis=0)
    counts = ndimage.gaussian_filter(counts, (0, WAY_CELLS, WAY_CELLS), mode="nearest")
    counts = 0.5 * counts + 0.25 * (np.roll(counts, 1, axis=0) + np.roll(counts, -1, axis=0))
    anywhere = counts.sum(axis=(1, 2), keepdims=True)
    anywhere = (anywhere + 1) / (anywhere.sum() + WAYS)
    return ((counts + PRIOR_S * anywhere) / (counts.sum(axis=0) + PRIOR_S)).astype(np.float32)


def direction(vx: np.ndarray, vy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The direction just before a velocity's, 0 to WAYS - 1, and how far (0..1) the velocity lies towards the next."""
    turn = np.mod(np.arctan2(vy, vx) / (2 * np.pi), 1) * WAYS
    return np.floor(turn).astype(np.int64) % WAYS, turn - np.floor(turn)


def strength(m: Measures) -> np.ndarray:
    """How much (0..1) a place's motion is that of something that gets along: 0 of who stands, sways, or has gone."""
    along = np.hypot(m.vx, m.vy).astype(np.float32)
    gets_on = np.clip((along - STILL_SIZES) / (2 * STILL_SIZES), 0, 1)
    straight = np.clip(2 * along / np.maximum(m.speed, 1e-3) - 1, 0, 1)
    return gets_on * straight * np.clip(m.moving / PRIOR, 0, 1) * (m.objects > SUPPORT)


def longest_rest(chunks: Sequence[Measures], step_s: float) -> np.ndarray:
    """Longest rest (h, w) s of places that run: they move half of the time in every chunk, and were looked at OFTEN
    times as long. Where only a crowd moves so much, that few come is no stop."""
    total_s = step_s * sum(len(c.idle_s) for c in chunks)
    rest = np.max([c.idle_s.max(axis=0) for c in chunks], axis=0).astype(np.float32)
    runs = np.min([(c.idle_s == 0).mean(axis=0) for c in chunks], axis=0) > RUN_SHARE
    rest = ndimage.maximum_filter(rest, SHARED_CELLS)
    return np.where(runs & (OFTEN * (rest + IDLE_S) < total_s), rest, np.float32(np.inf))


def speed_of(m: Measures) -> np.ndarray:
    """Of what moves; 0 where nothing does, or where who did has gone: the walk remembers him for seconds."""
    return np.where((m.moving > SUPPORT) & (m.objects > SUPPORT), m.speed, np.float32(0))


def extent_of(m: Measures) -> np.ndarray:
    """Of what is there; 0 where it has gone."""
    return np.where(m.objects > SUPPORT, m.extent, np.float32(0))


def fast(m: Measures, p: Place) -> tuple[np.ndarray, np.ndarray]:
    """Speeds beside those of the place."""
    speed = speed_of(m)
    return speed / p.speed, speed


def large(m: Measures, p: Place) -> tuple[np.ndarray, np.ndarray]:
    """Sizes beside those of the place."""
    extent = extent_of(m)
    return extent / p.extent, extent


def stands(m: Measures, p: Place) -> tuple[np.ndarray, np.ndarray]:
    """For how long something stands, beside what stood there."""
    stood = m.stood_s + np.minimum(m.stood_s, np.float32(STOOD_S))  # who has just come does not stand yet
    return stood / p.stood, stood


def wrong_way(m: Measures, p: Place) -> tuple[np.ndarray, None]:
    """How rare a direction is at the place, in decades."""
    bin_of, share = direction(m.vx, m.vy)
    odds = [np.take_along_axis(p.ways, (bin_of + k) % WAYS, axis=0) for k in (0, 1)]
    return -np.log10(odds[0] * (1 - share) + odds[1] * share) * strength(m), None


def new(m: Measures, p: Place) -> tuple[np.ndarray, None]:
    """How rarely something is at the place, in decades."""
    return -np.log10(p.presence) * np.clip(m.objects / 0.5, 0, 1), None


def stopped(m: Measures, p: Place) -> tuple[np.ndarray, None]:
    """For how long nothing moves where much does, beside the longest rest."""
    return np.where(np.isfinite(p.rest_s), (m.idle_s + IDLE_S) / (p.rest_s + IDLE_S), 0), None


class Kind(NamedTuple):
    """measure: values beside what is usual at the place, and by themselves (n, h, w), 0 where there is no object.
    usual: of them, what is high where nothing is known. says: words for the values at a place. chances: n objects have
    n ** chances of it. least_idle_s: for how long nothing must have moved there, or it is no evidence, however rare.
    beyond: by how many decades it can be rarer than all of quiet clips; see `Tail`.
    """

    measure: Callable[[Measures, Place], tuple[np.ndarray, np.ndarray | None]]
    usual: float
    says: Callable[[dict[str, float]], str]
    chances: int = 1
    least_idle_s: float = 0.0
    beyond: float = np.inf


def stands_in_words(v: dict[str, float]) -> str:
    """What stands, or has gone, for the report."""
    return f"{'has gone' if v['edges'] < 0 else 'stands'} for {v['stood_s']:.0f} s"


def new_in_words(v: dict[str, float]) -> str:
    """What was not there before, or is gone, for the report."""
    return "was there before, and is gone" if v["edges"] < 0 else "was not there before"


def way_in_words(v: dict[str, float]) -> str:
    """What goes an unusual way, for the report."""
    return "moves against the usual direction" if v["against"] else "moves in an unusual direction"


KINDS: dict[str, Kind] = {
    "fast": Kind(fast, 1.5, lambda v: f"too fast for this place: {v['fast']:.1f} times"),
    "large": Kind(large, 1.5, lambda v: f"larger than usual here: {v['large']:.1f} times", chances=2),
    "stands": Kind(stands, 2.0, stands_in_words),
    "way": Kind(wrong_way, 1.0, way_in_words),
    # That nobody walked there tells of the clips' number, not of the walker: N of them hold nothing rarer than one in
    # N, and who strolls there in the next one, for all of it, would set the threshold of all else.
    "new": Kind(new, 1.0, new_in_words, beyond=0.5),
    "stopped": Kind(
        stopped,
        1.5,
        lambda v: f"motion has stopped for {v['idle_s']:.1f} s, never for more than {v['rest_s']:.1f} s",
        chances=0,  # it is the place's, not an object's
        least_idle_s=IDLE_S,  # leaves never rest, so that they did for a frame would be the rarest of all
    ),
}


class Evidence(NamedTuple):
    """What is usual at each place, the tails of each kind: beside that, and by itself; and their chances (K,)."""

    place: Place
    tails: dict[str, tuple[Tail, Tail]]
    chances: np.ndarray

    @classmethod
    def of(cls, quiet: Sequence[Measures], step_s: float) -> Self:
        """From the measures (n, h, w) of quiet stretches. Tails are of values at places known from other chunks."""
        chunks = [c for m in quiet for c in in_chunks(m)]
        if len(chunks) == 1:
            half = len(chunks[0].speed) // 2
            chunks = [Measures(*(f[part] for f in chunks[0])) for part in (slice(None, half), slice(half, None))]
        halves = chunks[::2], chunks[1::2]
        places = [Place.of(half, step_s) for half in halves[::-1]]
        tails = {}
        for name, kind in KINDS.items():
            pairs = [kind.measure(c, place) for place, half in zip(places, halves, strict=True) for c in half]
            beside, alone = zip(*pairs, strict=True)
            by_themselves = [a for a in alone if a is not None]
            tails[name] = _tail(beside, kind), _tail(by_themselves, kind)
        return cls(Place.of(chunks, step_s), tails, np.array([kind.chances for kind in KINDS.values()]))

    def packed(self) -> dict[str, np.ndarray]:
        """As arrays for the checkpoint."""
        tails = {f"tail.{name}.{i}": t.packed() for name, pair in self.tails.items() for i, t in enumerate(pair)}
        places = {f"place.{name}": value for name, value in self.place._asdict().items()}
        return places | tails | {"chances": self.chances, "rule": np.array(RULE)}

    @classmethod
    def unpacked(cls, arrays: dict[str, np.ndarray]) -> Self:
        place = Place(*(arrays[f"place.{name}"] for name in Place._fields))
        tails = {n: (Tail.unpacked(arrays[f"tail.{n}.0"]), Tail.unpacked(arrays[f"tail.{n}.1"])) for n in KINDS}
        return cls(place, tails, arrays["chances"])

    def surprises(self, m: Measures) -> np.ndarray:
        """Decades (K, h, w) of each kind in one frame."""
        of_one = np.stack([self._surprise(name, one(m)) for name in KINDS])  # (K, h, w)
        several = self.chances[:, None, None] * np.log10(np.maximum(m.number, 1))
        return np.maximum(of_one - several, 0).astype(np.float32)

    def _surprise(self, name: str, m: Measures) -> np.ndarray:
        kind = KINDS[name]
        beside, alone = kind.measure(m, self.place)
        found = self.tails[name][0](beside[0])
        if alone is not None:
            found = (found + self.tails[name][1](alone[0])) / 2
        return found * (m.idle_s[0] >= kind.least_idle_s)

    def words(self, m: Measures, kind: str, y: int, x: int) -> str:
        """What the evidence of a kind at a cell says."""
        values = {name: float(np.broadcast_to(value, m.speed.shape)[y, x]) for name, value in m._asdict().items()}
        values |= {name: float(KINDS[name].measure(one(m), self.place)[0][0, y, x]) for name in ("fast", "large")}
        near = m.edges[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        usual = int(self.place.ways[:, y, x].argmax())
        bin_of, share = direction(m.vx[y, x], m.vy[y, x])
        apart = abs((float(bin_of + share) - usual + WAYS / 2) % WAYS - WAYS / 2)
        against = apart > WAYS / 4 and self.place.ways[usual, y, x] > 2 / WAYS
        values |= {"edges": float(near.sum()), "against": against, "rest_s": float(self.place.rest_s[y, x])}
        return KINDS[kind].says(values)


def one(m: Measures) -> Measures:
    """The measures of one frame as those of a stretch of one."""
    return Measures(*(field[None] for field in m))


def in_chunks(m: Measures) -> list[Measures]:
    """Measures of about CHUNK_FRAMES frames each, float32."""
    edges = np.linspace(0, len(m.speed), max(1, round(len(m.speed) / CHUNK_FRAMES)) + 1).astype(int)
    return [Measures(*(f[a:b].astype(np.float32) for f in m)) for a, b in pairwise(edges.tolist())]


def _tail(parts: Sequence[np.ndarray], kind: Kind) -> Tail:
    values = [part[part > 0] for part in parts]
    return Tail.of(np.concatenate(values) if values else np.zeros(0), kind.usual, kind.beyond)
