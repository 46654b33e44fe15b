"""The scores of a model on a series and plain evidence beside it, in one unit: how rare each is in quiet data.

A sample's score is the model's surprise and that of its most surprising evidence together (Fisher's way of two tests).
What only one of both sees is found, and what neither sees in quiet data raises no threshold.

A curve has seen the highest of what it is fitted on, and of hundreds of curves there is always one that new samples
pass. So quiet samples are judged part by part, by curves of all others (cross-validation), as new ones will be.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from data.series.wandering import wanders
from inference.calibration.noise import bulk
from inference.calibration.quiet.events import faulty
from inference.calibration.tail import PRIOR_SHAPE, TailPrior
from inference.evidence.local import KINDS, REACH
from inference.evidence.rarity import Rarity, fit_rarity
from inference.evidence.relations import fit_relations, means_of, relations_of

# What the highest of so many samples of a clean series is in the mean, and by what power of their number it grows; that
# much a series of its own has to show before its own highest says more. Chosen on synthetic series and made ones.
SAMPLES, HIGHEST, GROWTH = 10_000, 6.0, 0.1
# From so many variables on, one that is unusual is lost among the others, and each is known by them.
MANY = 10
VALUE = KINDS.index("value")
PARTS = 5  # of the quiet samples
LEAST_SCATTER = 1e-6  # of the largest deviation: less is the rounding of single precision
GUARD_SHARE = 0.25  # of a part: what judges it is fitted on no sample that is nearer, at most
Combine = Callable[[np.ndarray], np.ndarray]  # parts (n, K) -> (n,)


@dataclass(frozen=True)
class Surprises:
    """Rarity curves, 2 x GRID numbers each: of the model's scores (K, 2, G) and of evidence (C, E, 2, G).

    centre: (C, E), from which evidence is measured; NaN of a value that wanders, which says nothing. Of MANY variables
    and more also what they are to each other, `Relations.as_array`, with curves (C, 2, G), and the curve (2, G) of what
    the most surprising of all says; None of fewer, and in runs of before. own: curves (C, 2, G) of how far samples
    lie from the rest of their series; None where that has no weight.
    """

    centre: np.ndarray
    model: np.ndarray
    evidence: np.ndarray
    relations: np.ndarray | None = None
    beyond: np.ndarray | None = None
    highest: np.ndarray | None = None
    own: np.ndarray | None = None

    def of_own(self, own: np.ndarray) -> np.ndarray:
        """How surprising it is that samples lie so far from the rest of their series (n, C): (n, C)."""
        curves = zip(own.T, self.own if self.own is not None else (), strict=True)
        return np.stack([_curve(*curve)(column) for column, curve in curves], axis=1)

    def __call__(self, scores: np.ndarray, evidence: np.ndarray, weight: float, combine: Combine) -> np.ndarray:
        """Surprises (n, K) of scores (n, K) with evidence (n, C, E) of this weight; NaN where there is no score.

        Where the model has one score for all variables, so has what they say, by `combine`, or if that is rarer, as
        the most surprising one of many.
        """
        found = self.of_model(scores)
        beside = self.beside(evidence)
        if beside.shape == found.shape:
            return found + weight * beside
        together = combine(beside)
        if self.highest is not None:
            together = np.maximum(together, _curve(*self.highest)(beside.max(axis=1)))
        return found + weight * together[:, None]

    def of_model(self, scores: np.ndarray) -> np.ndarray:
        """The surprises (n, K) of scores (n, K) alone."""
        return np.stack([_curve(*c)(scores[:, k]) for k, c in enumerate(self.model)], axis=1)

    def beside(self, evidence: np.ndarray) -> np.ndarray:
        """What evidence (n, C, E) alone says of each variable: (n, C), the surprise of its most surprising kind."""
        beyond = None
        if self.relations is not None:
            beyond = relations_of(self.relations).beyond(means_of(evidence[:, :, VALUE]))
        return self.most_of_each(evidence, beyond)

    def most_of_each(self, evidence: np.ndarray, beyond: np.ndarray | None) -> np.ndarray:
        """The same (n, C) where it is known how far each variable lies beyond what the others let expect (n, C)."""
        found = np.zeros(evidence.shape[:2], np.float32)
        for c, e in np.ndindex(self.centre.shape):
            sizes = np.abs(evidence[:, c, e] - self.centre[c, e])
            found[:, c] = np.fmax(found[:, c], _curve(*self.evidence[c, e])(sizes))
        if self.beyond is not None and beyond is not None:
            for c, curve in enumerate(self.beyond):
                found[:, c] = np.fmax(found[:, c], _curve(*curve)(beyond[:, c]))
        return found


def rare_prior(cadence_s: float) -> TailPrior:
    """What is known of surprises that are rarer than one in the quiet samples, which come every so many seconds.

    They have the same unit in any series, so series of any kind tell of it. The tail of a second of smooth scores hangs
    on one or two episodes: what it lets expect says next to nothing of what new samples reach.
    """
    span_s = SAMPLES * cadence_s
    return TailPrior(span_s * HIGHEST ** (-1 / GROWTH), GROWTH, span_s, is_beyond=True)


def _curve(scores: np.ndarray, surprises: np.ndarray) -> Rarity:
    return Rarity(scores, surprises, PRIOR_SHAPE)


@dataclass(frozen=True)
class Fitted:
    """From all quiet samples, for new ones; and for each of PARTS parts of them from the others, see `parts_of`."""

    for_new: Surprises
    for_parts: list[Surprises]


def parts_of(lengths: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
    """Quiet stretches of such lengths, cut where a part of all of them ends: which stretch, [begin, end) in it, and
    which part; in the order of time."""
    offsets, edges = np.cumsum([0, *lengths]).tolist(), _edges(sum(lengths))
    for number, (first, stop) in enumerate(pairwise(offsets)):
        for part, (low, high) in enumerate(pairwise(edges)):
            begin, end = max(first, low), min(stop, high)
            if begin < end:
                yield number, begin - first, end - first, part


def _edges(count: int) -> list[int]:
    return np.linspace(0, count, PARTS + 1).astype(int).tolist()


def _looked_at(count: int) -> list[np.ndarray]:
    """Masks (count,) of the samples that each is fitted on: all, and for every part those that share nothing with it.

    So as many beside it are left out as evidence reaches, or where there are few, as they can spare.
    """
    number, guard = np.arange(count), min(REACH, int(GUARD_SHARE * count / PARTS))
    others = [(number < low - guard) | (number >= high + guard) for low, high in pairwise(_edges(count))]
    return [np.ones(count, bool), *others]


def fit_surprises(
    scores: np.ndarray,
    evidence: Sequence[np.ndarray],
    cadence_s: float,
    reach: int,
    own: Sequence[np.ndarray] = (),
) -> Fitted:
    """From the scores (N, K) of quiet samples that the model was not fitted on, and evidence (M, C, E) of all quiet.

    Both in the order of time, NaN unknown; evidence as stretches. What stands out from all else decides no curve, see
    `faulty`. One kind of evidence at a time: all of a table of many variables may be more than the table itself.
    """
    usual = _usual(scores, cadence_s, reach)
    model = np.stack([_fitted(*column) for column in zip(scores.T, usual.T, strict=True)])
    looked_at = _looked_at(sum(map(len, evidence)))
    centres, curves = [], []  # of each kind: (1 + PARTS, C) and (1 + PARTS, C, 2, G)
    for e in range(evidence[0].shape[2]):
        values = np.concatenate([stretch[:, :, e] for stretch in evidence])  # (M, C)
        of_each = np.array([[_centre(column[some]) for column in values.T] for some in looked_at])
        if e == VALUE:  # where a level was is nothing that a variable keeps to if it wanders
            of_each[:, wanders(values)] = np.nan
        usual = _usual(np.abs(values - of_each[0]), cadence_s, reach)
        found = [
            [
                _fitted(np.abs(column - at), own & some)
                for column, at, own in zip(values.T, centre, usual.T, strict=True)
            ]
            for centre, some in zip(of_each, looked_at, strict=True)
        ]
        centres.append(of_each)
        curves.append(np.array(found))
    of_kinds = zip(np.stack(centres, axis=2), np.stack(curves, axis=2), strict=True)
    made = [Surprises(centre, model, of_them) for centre, of_them in of_kinds]
    if evidence[0].shape[1] >= MANY:
        made = _of_many(made, evidence, looked_at, cadence_s, reach)
    if own:
        made = _with_own(made, np.concatenate(own), looked_at, cadence_s, reach)
    return Fitted(made[0], made[1:])


def _with_own(
    made: list[Surprises], own: np.ndarray, looked_at: list[np.ndarray], cadence_s: float, reach: int
) -> list[Surprises]:
    """The same that know how far quiet samples lie from the rest of their series (M, C)."""
    columns = list(zip(own.T, _usual(own, cadence_s, reach).T, strict=True))
    curves = (np.stack([_fitted(column, usual & some) for column, usual in columns]) for some in looked_at)
    return [replace(one, own=curve) for one, curve in zip(made, curves, strict=True)]


def _of_many(
    made: list[Surprises], evidence: Sequence[np.ndarray], looked_at: list[np.ndarray], cadence_s: float, reach: int
) -> list[Surprises]:
    """The same that know what variables are to each other, and how surprising the most surprising one is as a rule."""
    means = np.concatenate([means_of(stretch[:, :, VALUE]) for stretch in evidence])
    relations = [fit_relations(means[some]) for some in looked_at]
    edges = pairwise(_edges(len(means)))
    judged = [of.beyond(means[begin:end]) for of, (begin, end) in zip(relations[1:], edges, strict=True)]
    beyond = np.concatenate(judged)
    usual = _usual(beyond, cadence_s, reach)
    curves = [
        np.stack([_fitted(column, own & some) for column, own in zip(beyond.T, usual.T, strict=True)])
        for some in looked_at
    ]
    made = [
        replace(one, relations=of.as_array(), beyond=curve)
        for one, of, curve in zip(made, relations, curves, strict=True)
    ]
    offsets, highest = np.cumsum([0, *map(len, evidence)]), []
    for number, begin, end, part in parts_of(list(map(len, evidence))):
        rows = slice(offsets[number] + begin, offsets[number] + end)
        highest.append(made[1 + part].most_of_each(evidence[number][begin:end], beyond[rows]).max(axis=1))
    of_all = np.concatenate(highest)
    curve = _fitted(of_all, _usual(of_all[:, None], cadence_s, reach)[:, 0])
    return [replace(one, highest=curve) for one in made]


def _centre(column: np.ndarray) -> float:
    """The median of what is known of a column (M,); 0 of one that is unknown throughout."""
    known = column[np.isfinite(column)]
    return float(np.median(known)) if len(known) else 0.0


def _usual(sizes: np.ndarray, cadence_s: float, reach: int) -> np.ndarray:
    """Which sizes (N, K) are usual: those of the samples that stand out in none, each in units of its own scatter.

    One that is constant but for rare commands, whose scatter is rounding or none, has no say: in such units they tower
    over all faults of the others. All of its own are usual.
    """
    levels, is_steady = np.zeros(len(sizes)), np.zeros(sizes.shape[1], bool)
    for k, column in enumerate(sizes.T):
        known = np.nan_to_num(column)
        (centre,), (scatter,) = (part[0] for part in bulk(known[:, None, None]))
        is_steady[k] = scatter <= LEAST_SCATTER * np.abs(known - centre).max()
        if not is_steady[k]:
            np.maximum(levels, (known - centre) / scatter, out=levels)
    return ~faulty(levels.astype(np.float32), cadence_s, reach)[:, None] | is_steady


def _fitted(column: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """The curve (2, GRID) of those that are usual of one column (N,)."""
    known = column[usual & np.isfinite(column)]
    rarity = fit_rarity(known if len(known) else np.zeros(1))
    return np.stack([rarity.scores, rarity.surprises])
