"""Whether a reel holds several things in turns, or a few frames that are of none of them."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from data.frames.doubts.names import columns, forms
from data.frames.doubts.small import NOISE, apart, steps, together

MOST_KINDS, FEWEST = 16, 3  # cameras, channels, places; frames of each
FEWEST_FRAMES = 8
FARTHER = 3.0  # times as far from each other as among themselves: two things
TURNS = 0.3  # of the frames that follow one of another look
SAMPLES = 12  # of each kind that are compared with the others
FEW = 0.2  # of the frames: those called otherwise


def told_kinds(pictures: np.ndarray, names: Sequence[str]) -> str:
    """A line where the pictures (N, P) are of several kinds, as far as names or turns tell; "" where they are not."""
    if len(pictures) < FEWEST_FRAMES:
        return ""
    return _by_names(pictures, names) or _in_turns(pictures) or _odd(pictures, names)


def _by_names(pictures: np.ndarray, names: Sequence[str]) -> str:
    """Kinds by a part of the names that has few values, each of which holds pictures alike."""
    for part in [list(forms(names)), *columns(names)]:
        counts = Counter(part)
        if not 1 < len(counts) <= MOST_KINDS or min(counts.values()) < FEWEST:
            continue
        looks = _looks(pictures, np.unique(part, return_inverse=True)[1])
        if looks > 1:
            few = ", ".join(sorted(counts)[:4])
            return (
                f"by their names its pictures are of {looks} kinds that look nothing like each other ({few}): if "
                "these are cameras, channels or places, put each into a folder of its own"
            )
    return ""


def _looks(pictures: np.ndarray, kind: np.ndarray) -> int:
    """How many looks there are of frames of each kind (N,): kinds are of one where any two of their frames are near,
    as those of two days are, or of two hours on their border."""
    rows = [np.flatnonzero(kind == value) for value in range(kind.max() + 1)]
    own = np.concatenate([apart(pictures, row[:-1], row[1:]) for row in rows])
    near = FARTHER * max(NOISE, float(np.quantile(own, 0.9)))
    borders = np.flatnonzero(kind[1:] != kind[:-1])
    is_near = np.zeros((len(rows), len(rows)), bool)
    closer = borders[apart(pictures, borders, borders + 1) < near]
    is_near[kind[closer], kind[closer + 1]] = True
    samples = [pictures[row[np.linspace(0, len(row) - 1, SAMPLES).astype(int)]] for row in rows]
    for one, other in combinations(range(len(rows)), 2):
        between = np.abs(samples[one][:, None] - samples[other][None]).mean(axis=2)
        is_near[one, other] |= between.min() < near
    return len(set(together(is_near)))


def _in_turns(pictures: np.ndarray) -> str:
    """Kinds in turns: a frame is far from the next one, and like one a few frames later."""
    longest = min(MOST_KINDS, len(pictures) // FEWEST)
    next_one = steps(pictures)
    if longest < 2:
        return ""
    nearest = np.full(len(next_one), np.inf)
    for lag in range(2, longest + 1):
        later = steps(pictures, lag)
        nearest[: len(later)] = np.minimum(nearest[: len(later)], later)
        nearest[lag - 1 :] = np.minimum(nearest[lag - 1 :], later[: len(nearest) - lag + 1])
    is_far = next_one > FARTHER * np.maximum(nearest, NOISE)
    if is_far.mean() < TURNS:
        return ""
    turns = [lag for lag in range(2, longest + 1) if np.median(steps(pictures, lag)) < np.median(next_one) / FARTHER]
    told = f"each {turns[0]} frames it looks the same again" if turns else "its frames look like earlier ones again"
    return (
        f"{told}, and unlike the frames between: if cameras, channels or exposures take turns there, prepare each by "
        "itself"
    )


def _odd(pictures: np.ndarray, names: Sequence[str]) -> str:
    """Few frames that are called otherwise than the rest, and unlike those of it that are nearest."""
    words = forms(names)
    most = Counter(words.tolist()).most_common(1)[0][0]
    usual, odd = np.flatnonzero(words == most), np.flatnonzero(words != most)
    if not 0 < len(odd) <= FEW * len(words):
        return ""
    behind = np.searchsorted(usual, odd)
    sides = (usual[np.clip(behind - 1, 0, None)], usual[np.clip(behind, None, len(usual) - 1)])
    to_them = np.minimum(*(apart(pictures, odd, side) for side in sides))
    strange = odd[to_them > FARTHER * max(NOISE, float(np.quantile(steps(pictures[usual]), 0.9)))]
    if not len(strange):
        return ""
    return (
        f"{len(strange)} of {len(words)} frames are called otherwise than the rest, and look otherwise than what is "
        f"around them ({names[strange[0]]}): if they are none of it, move them away"
    )
