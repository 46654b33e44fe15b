"""The quiet data that promises.py trains on and watches: what each is, and who writes its two parts.

No entry point. A set is a folder `train` and a folder `watch` of what prep reads, the second later than the first, or
other clips of the same scene. So that all of them together take minutes, a part of a series has at most MOST_SAMPLES
samples and the parts of a video some hundred frames each.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

MOST_SAMPLES = 4000


@dataclass(frozen=True)
class QuietSet:
    """Data in which nothing unusual is known to happen.

    kind: series, video or solar. recipe: the file of settings it goes through, below the repository's root; settings:
    dotted keys on top. needs: where it lies below --data; empty for what the benchmark makes. write(data, folder).
    """

    name: str
    kind: str
    recipe: str
    needs: str
    write: Callable[[Path, Path], None]
    settings: dict[str, Any] = field(default_factory=dict)


def write_series(folder: Path, values: np.ndarray, share: float = 0.5) -> None:
    """Values (T, C) as an npz for each part: `share` of 2 MOST_SAMPLES at most for training, the rest is watched."""
    values = values[: 2 * MOST_SAMPLES]
    split = round(share * len(values))
    for part, some in (("train", values[:split]), ("watch", values[split:])):
        (folder / part).mkdir(parents=True)
        np.savez(folder / part / f"{part}.npz", values=some)
