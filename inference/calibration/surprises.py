"""The scores of a model on a series and plain evidence beside it, in one unit: how rare each is in quiet data.

A sample's score is the model's surprise and that of its most surprising evidence together (Fisher's way of two tests).
What only one of both sees is found, and what neither sees in quiet data raises no threshold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inference.calibration.noise import bulk
from inference.calibration.quiet_events import faulty
from inference.calibration.tail import PRIOR_SHAPE, TailPrior
from inference.evidence.local import KINDS
from inference.evidence.rarity import Rarity, fit_rarity
from inference.evidence.relations import beyond_in_quiet, fit_relations, means_of, relations_of

# What the highest of so many samples of a clean series is in the mean, and by what power of their number it grows; that
# much a series of its own has to show before its own highest says more. Chosen on synthetic series and made ones.
SAMPLES, HIGHEST, GROWTH = 10_000, 6.0, 0.1
# From so many variables on, one that is unusual is lost among the others, and each is known by them.
MANY = 10
VALUE = KINDS.index("value")
Combine = Callable[[np.ndarray], np.ndarray]  # parts (n, K) -> (n,)


@dataclass(frozen=True)
class Surprises:
    """Rarity curves, 2 x GRID numbers each: of the model's scores (K, 2, G) and of evidence (C, E, 2, G).

    centre: (C, E), from which evidence is measured. Of MANY variables and more also what they are to each other,
    `Relations.as_array`, with curves (C, 2, G), and the curve (2, G) of what the most surprising of all says; None of
    fewer, and in runs of before.
    """

    centre: np.ndarray
    model: np.ndarray
    evidence: np.ndarray
    relations: np.ndarray | None = None
    beyond: np.ndarray | None = None
    highest: np.ndarray | None = None

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
        found = np.zeros(evidence.shape[:2], np.float32)
        for c, e in np.ndindex(self.centre.shape):
            sizes = np.abs(evidence[:, c, e] - self.centre[c, e])
            found[:, c] = np.fmax(found[:, c], _curve(*self.evidence[c, e])(sizes))
        if self.relations is not None and self.beyond is not None:
            sizes = relations_of(self.relations).beyond(means_of(evidence[:, :, VALUE]))
            for c, curve in enumerate(self.beyond):
                found[:, c] = np.fmax(found[:, c], _curve(*curve)(sizes[:, c]))
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


def fit_surprises(scores: np.ndarray, evidence: Sequence[np.ndarray], cadence_s: float, reach: int) -> Surprises:
    """From the scores (N, K) of quiet samples that the model was not fitted on, and evidence (M, C, E) of all quiet.

    Both in the order of time, NaN unknown; evidence as stretches. What stands out from all else decides no curve, see
    `faulty`. One kind of evidence at a time: all of a table of many variables may be more than the table itself.
    """
    usual = _usual(scores, cadence_s, reach)
    model = np.stack([_fitted(column, usual) for column in scores.T])
    centres, curves = [], []
    for e in range(evidence[0].shape[2]):
        sizes = np.concatenate([stretch[:, :, e] for stretch in evidence])  # (M, C)
        centres.append([_centre(column) for column in sizes.T])
        np.abs(np.subtract(sizes, centres[-1], out=sizes, casting="same_kind"), out=sizes)
        usual = _usual(sizes, cadence_s, reach)
        curves.append([_fitted(column, usual) for column in sizes.T])
    made = Surprises(np.array(centres).T, model, np.moveaxis(np.array(curves), 0, 1))
    return _of_many(made, evidence, cadence_s, reach) if len(made.centre) >= MANY else made


def _of_many(made: Surprises, evidence: Sequence[np.ndarray], cadence_s: float, reach: int) -> Surprises:
    """The same that knows what variables are to each other, and how surprising the most surprising one is as a rule."""
    means = np.concatenate([means_of(stretch[:, :, VALUE]) for stretch in evidence])
    beyond = beyond_in_quiet(means)
    usual = _usual(beyond, cadence_s, reach)
    curves = np.stack([_fitted(column, usual) for column in beyond.T])
    made = replace(made, relations=fit_relations(means).as_array(), beyond=curves)
    # By the relations of new data, not those of all quiet ones: these have seen what they judge.
    plain = replace(made, relations=None)
    of_each = np.concatenate([plain.beside(stretch) for stretch in evidence])
    for c, curve in enumerate(curves):
        of_each[:, c] = np.fmax(of_each[:, c], _curve(*curve)(beyond[:, c]))
    highest = of_each.max(axis=1)
    return replace(made, highest=_fitted(highest, _usual(highest[:, None], cadence_s, reach)))


def _centre(column: np.ndarray) -> float:
    """The median of what is known of a column (M,); 0 of one that is unknown throughout."""
    known = column[np.isfinite(column)]
    return float(np.median(known)) if len(known) else 0.0


def _usual(sizes: np.ndarray, cadence_s: float, reach: int) -> np.ndarray:
    """Which of the samples (N,) stand out in none of their sizes (N, K), each in units of its own scatter."""
    levels = np.zeros(len(sizes))
    for column in sizes.T:
        known = np.nan_to_num(column)
        centre, scatter = bulk(known[:, None, None])
        np.maximum(levels, (known - centre[0, 0]) / max(scatter[0, 0], 1e-9), out=levels)
    return ~faulty(levels.astype(np.float32), cadence_s, reach)


def _fitted(column: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """The curve (2, GRID) of one column (N,)."""
    known = column[usual & np.isfinite(column)]
    rarity = fit_rarity(known if len(known) else np.zeros(1))
    return np.stack([rarity.scores, rarity.surprises])
