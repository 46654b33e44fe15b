"""Times since a start in the names of pictures: t0.040, 12.5s, 10min, 01d00h01m, 00-01-05.250."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

UNITS_S = {"ms": 1e-3, "msec": 1e-3, "s": 1.0, "sec": 1.0, "seconds": 1.0, "min": 60.0, "h": 3600.0, "hr": 3600.0}
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?<!\d)(?:(?P<days>\d+)d)?(?P<hours>\d+)h(?P<minutes>[0-5]?\d)m(?:(?P<seconds>[0-5]?\d(?:[.,]\d+)?)s)?(?![A-Za-z\d])",
        r"(?<!\d)(?P<hours>\d\d)(?P<sign>[-_:.])(?P<minutes>[0-5]\d)(?P=sign)(?P<seconds>[0-5]\d[.,]\d{1,6})(?!\d)",
        rf"(?<![\d.])(?P<number>\d+(?:\.\d+)?)[ _]?(?P<unit>{'|'.join(UNITS_S)})(?![A-Za-z\d])",
        r"(?<![A-Za-z])t(?:ime)?[ =_-]?(?P<number>\d+\.\d+)(?!\d)",
    )
)


def seconds_in_names(names: Sequence[str]) -> list[float]:
    """Seconds since a start of the files of a folder, in the order that they are given; [] where one tells none, or
    they do not rise from each to the next: then what looks so is something else, as an exposure or a view.
    """
    stems = [re.sub(r"\.[A-Za-z][A-Za-z0-9]*$", "", Path(name).name) for name in names]
    for form in _FORMS:
        found = [[_seconds(match) for match in form.finditer(stem)] for stem in stems]
        if len(names) > 1 and all(len(own) == 1 for own in found):
            seconds = [own[0] for own in found]
            return seconds if (np.diff(seconds) > 0).all() else []
    return []


def _seconds(match: re.Match) -> float:
    fields = match.groupdict()
    if "number" in fields:
        return float(fields["number"]) * UNITS_S[fields.get("unit", "s").lower()]
    seconds = float((fields["seconds"] or "0").replace(",", "."))
    hours = 24 * int(fields.get("days") or 0) + int(fields["hours"])
    return 3600 * hours + 60 * int(fields["minutes"]) + seconds
