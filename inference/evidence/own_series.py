"""How far every sample of a series is from all the rest of it: what looks at the whole series say, in one number.

No model is asked, and no quiet data: it sees what is usual in the series itself, also where that was never quiet data,
as a machine's next setting. In a long fault it sees the begin and the end.
"""

import numpy as np

from data.series.robust import cut_off, robust_scale
from inference.evidence.likeness import unlikeness
from inference.evidence.neighbours import strangeness, weight_of
from inference.evidence.own_tail import outlasting
from inference.evidence.rare_windows import rareness

UNLIKENESS_WEIGHT = 2.0  # logits for each factor e of a distance: by anomalies planted into quiet parts of real series
RARENESS_WEIGHT = 3.0  # logits for each factor e by which windows are rarer than usual: by made-up series
STRANGENESS_WEIGHT = 15.0  # logits for each factor e of a distance to the nearest: by made-up series


def beside(rows: np.ndarray) -> np.ndarray:
    """What looks at all of a series add to the logits (C, n) of rows (C, n) in spreads from their centers."""
    unlike, rare, strange = unlikeness(rows), rareness(rows), strangeness(rows)
    # In long series alone, as `strange` is: a logit for each mean of their own tails that the two are beyond these.
    alone = weight_of(rows.shape[1]) * (outlasting(rare) + outlasting(strange))
    return UNLIKENESS_WEIGHT * unlike + RARENESS_WEIGHT * rare + STRANGENESS_WEIGHT * strange + alone


def near_rows(values: np.ndarray) -> np.ndarray:
    """Values (n, C), NaN unknown -> (C, n) float32, in spreads from the center and no farther than 8 of them."""
    center, spread = (part.astype(np.float64) for part in robust_scale(values.T))
    return ((cut_off(values.T, center, spread) - center) / spread).astype(np.float32)
