"""Labels of frames, where the file that holds them has one for each."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from config import PrepConfig
from data.messages import logger
from data.sources.arrays.numpy_arrays import PERHAPS_LABELS
from data.sources.table import LABEL_COLUMNS
from data.sources.tables.values.cells import labels_of

log = logger(__name__)


def told_labels(beside: Mapping[str, Callable[[], np.ndarray]], where: str, prep: PrepConfig) -> np.ndarray | None:
    """Labels (T,), 1 anomalous, 0 normal, NaN unknown, of the first array that is called so; None without one.

    beside: what reads arrays (T,), by their names in the file. Of numbers only 0 and 1 are labels where the settings
    don't name the array: others are mostly classes of what is seen.
    """
    for name, read in beside.items():
        if not _is_called(name, prep):
            continue
        cells = read()
        are_classes = cells.dtype.kind in "biuf" and not set(np.unique(cells)) <= {0, 1}
        labels, _ = labels_of(pd.Series(cells), prep.label_normal)
        if labels is None or (are_classes and not prep.label_column):
            log.info(
                f"{where}: {name} is left out: which of its values are normal is not told; prep.label_column with its "
                "name, and prep.label_normal, make labels of it"
            )
            continue
        log.info(f"{where}: {name} labels {np.count_nonzero(labels == 1)} of its {len(labels)} frames as anomalous")
        return labels
    return None


def _is_called(name: str, prep: PrepConfig) -> bool:
    plain = name.rpartition("/")[2]
    if prep.label_column:
        return prep.label_column in (name, plain)
    return plain.lower() in LABEL_COLUMNS or bool(PERHAPS_LABELS.fullmatch(plain))
