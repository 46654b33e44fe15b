"""Which samples of a reel a run was trained on: how well it does is told by the others."""

from pathlib import Path

import numpy as np

from data.messages import logger
from data.reel.reel import Reel
from inference.calibration.quiet.ranges import QuietRange, quiet_ranges

log = logger(__name__)

UNSEEN, SEEN = "samples that were not trained on", "samples that were trained on, as there are no others"


def trained_on(run: Path, reel: Reel) -> np.ndarray:
    """The samples (T,) bool that training windows of the run cover: of the same table by their numbers, of one that has
    grown since, or was cut otherwise, by their times."""
    seen = np.zeros(len(reel), bool)
    for part in quiet_ranges(run):
        if part.side != "train" or part.source != reel.name or part.reel.channels != reel.channels:
            continue
        if part.reel.meta.get("source_sha256") == reel.meta.get("source_sha256"):
            seen[part.begin + part.offset : part.end + part.offset] = True
        else:
            seen |= _of_its_times(part, reel)
    return seen


def _of_its_times(part: QuietRange, reel: Reel) -> np.ndarray:
    utc = part.reel.times_utc
    if utc is None or reel.times_utc is None:
        return np.zeros(len(reel), bool)
    return (reel.times_utc >= utc[part.begin]) & (reel.times_utc <= utc[part.end - 1])


def judged(seen: np.ndarray, name: str) -> tuple[np.ndarray, str]:
    """Which of N windows errors are told by, those that hold nothing `seen` (N,), and what these are, for people.

    Where there are none, all, and that is told.
    """
    if seen.all() and len(seen):
        log.warning(
            f"{name}: all of it was trained on, and the errors are of what the model has seen; evaluate other data to "
            "know how good it is"
        )
        return np.ones(len(seen), bool), SEEN
    return ~seen, UNSEEN
