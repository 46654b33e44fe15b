"""Where the pixels of a reel lie in the frames that it was made of.

Affine maps (2, 3) from pixels (x, y) of the reel to those of the whole source frame, upright and with its first row as
in the file; centres of pixels lie at whole numbers. One in reel.json where all frames share it, else one a frame in
frames.csv.
"""

import numpy as np
import pandas as pd

COLUMNS = ("to_source_xx", "to_source_xy", "to_source_x", "to_source_yx", "to_source_yy", "to_source_y")


def as_columns(to_source: np.ndarray) -> dict[str, float]:
    """The entries of a row of frames.csv."""
    return dict(zip(COLUMNS, map(float, to_source.ravel()), strict=True))


def maps_of(table: pd.DataFrame, meta: dict) -> np.ndarray | None:
    """The maps (T, 2, 3) of a reel's frames, or (1, 2, 3) of all; None in a reel that does not keep them."""
    if set(COLUMNS) <= set(table.columns):
        return table[list(COLUMNS)].to_numpy(np.float64).reshape(-1, 2, 3)
    told = meta.get("to_source")
    return np.array(told, np.float64).reshape(1, 2, 3) if told else None
