"""Which series a folder or file holds, what they are called, and why other files hold none."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from config import PrepConfig
from data.disk.files import folder_name, unlike
from data.messages import logger, unreadable
from data.series.joining import counted_name, joined
from data.series.resample import resampled
from data.series.scaling import share_scaling
from data.sources.base import Series, SeriesInput, TableError
from data.sources.table import is_even, refuse_short

log = logger(__name__)

MOST_TOLD = 5  # tables beside frames, with their reasons
LABEL_NAMES = re.compile(
    r"(?:^|[^a-z])(?:labels?|ground[_ -]?truth|is_anomaly|anomal(?:y|ies))(?:[^a-z]|$)", re.IGNORECASE
)
LABELS_ALONE = "it holds 0 and 1 alone, as labels of the samples of another file: prep.labels_csv takes it"


def read_all(inputs: Iterable[SeriesInput], root: Path, prep: PrepConfig) -> tuple[list[Series], list[str]]:
    """The series of files that may hold some, and why others hold none.

    A file given directly is one, and so is every file with prep.classes; another one found in a folder must look like
    one. Each reason is printed too.
    """
    found, left_out = [], []
    smallest = 0 if root.is_file() or prep.classes else 2 * prep.clip_length
    inputs = [item for item in inputs if not _is_asked_for_otherwise(item.path, prep)]
    alike = Counter(counted_name(item.path, root) for item in inputs) if _may_join(prep) else Counter()
    beside: list[str] = []
    for item in inputs:
        together = max(1, alike[counted_name(item.path, root)])
        try:
            read = item.source.read_series(item.path, prep, -(-smallest // together))
            if item.beside_frames and not all(map(is_even, read)):
                raise TableError("its times are uneven or unknown")
            if smallest and all(map(_is_label, read)):
                raise TableError(LABELS_ALONE)
            found += read
        except Exception as error:  # one bad file stops no other
            (beside if item.beside_frames else left_out).append(_told(item.path, error))
    found = _finished(joined(found, root, prep.gap_threshold) if _may_join(prep) else found, prep, smallest, left_out)
    for told in left_out:
        log.warning(told)
    if beside:
        told = "; ".join(beside[:MOST_TOLD])
        log.warning(f"{len(beside)} tables beside frames are left out: {told}; prep.times_csv takes one of their times")
    return share_scaling(found, prep), left_out


def _may_join(prep: PrepConfig) -> bool:
    return prep.join_files and not prep.classes


def _finished(found: list[Series], prep: PrepConfig, smallest: int, left_out: list[str]) -> list[Series]:
    """The series as they are to be stored, of those that are long enough now; why others aren't goes to `left_out`."""
    finished = []
    for series in found:
        try:
            refuse_short(len(series.values), smallest)
            finished.append(resampled(_classed(series, prep), prep))
        except Exception as error:  # one bad series stops no other
            left_out.append(_told(series.path, error))
    return finished


def _told(path: Path, error: Exception) -> str:
    return f"{path.name} is no series: {error if isinstance(error, TableError) else unreadable(error)}"


def _is_label(series: Series) -> bool:
    """Whether a series holds 0 and 1 alone below a name for labels, as test sets have them in a file of their own."""
    known = series.values[np.isfinite(series.values)]
    names = f"{series.path.parent.name}/{series.name}"
    return bool(len(series.channels) == 1 and LABEL_NAMES.search(names) and np.isin(known, [0, 1]).all())


def _is_asked_for_otherwise(path: Path, prep: PrepConfig) -> bool:
    """Whether a file is one that the settings name as something else than a series."""
    named = (prep.times_csv, prep.labels_csv)
    return any(name and Path(name).resolve() == path.resolve() for name in named)


def _classed(series: Series, prep: PrepConfig) -> Series:
    """With prep.classes, the series with its folder as class and in its name, scaled like all others with a class.

    A case keeps the class that its file gives it.
    """
    if not prep.classes or "class" in series.facts:
        return series
    label = series.path.resolve().parent.name
    facts = series.facts | {"class": label}
    return replace(series, name=f"{label}_{series.name}", scaled_with=series.scaled_with or "classes", facts=facts)


def names_for(found: list[Series], taken: Iterable[str]) -> list[str]:
    """A folder's name for the reel of each series, numbered where it is taken, with the folder of its file where that
    tells files of one name apart.
    """
    used, names = set(taken), []
    places: dict[str, set[Path]] = {}
    for series in found:
        places.setdefault(series.name, set()).add(series.path.parent)
    for series in found:
        name = f"{series.path.parent.name}_{series.name}" if len(places[series.name]) > 1 else series.name
        names.append(unlike(folder_name(name, "series"), used))
        used.add(names[-1])
    return names
