"""Coronal mass ejections of a catalogue: the rows of a CSV of flares whose type begins with CME (or is CE, the HEK's).

Beside `start`, when the coronagraph first saw it, a row may have its position angle, width and speed, in the columns of
NAMES. What is a halo goes all around. A speed may stand in the type as well: "CME (LASCO C2; halo 1631 km/s)".
"""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd

from data.labels.sun.catalog import CatalogError, read_rows, time_of

COLUMNS = ("id", "first_seen", "position_angle_deg", "width_deg", "speed_km_s")
NAMES = {
    "first_seen": ("start", "event_starttime", "first_seen"),
    "position_angle_deg": ("position_angle_deg", "position_angle", "central_pa", "cpa", "mpa", "pa"),
    "width_deg": ("width_deg", "angular_width", "cme_angularwidth", "width", "da"),
    "speed_km_s": ("speed_km_s", "linear_speed", "cme_radiallinvel", "speed", "v"),
    "type": ("type", "event_type"),
}
WHOLE_DEG = 360.0
_SPEED = re.compile(r"(\d+(?:\.\d+)?) *km/s")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


def read_cmes(path: str | Path) -> pd.DataFrame:
    """CMEs with COLUMNS in the order in which they were seen; first_seen is datetime64[ms] UTC, numbers are NaN where
    unknown. None in a file without a column of types. Raises CatalogError."""
    path = Path(path)
    names, rows = read_rows(path)
    column = {key: next((name for name in some if name in names), None) for key, some in NAMES.items()}
    found = []
    for number, cells in enumerate(rows, 1):
        kind = cells.get(column["type"] or "", "").lower()
        if not kind.startswith("cme") and kind != "ce":
            continue
        if column["first_seen"] is None:
            raise CatalogError(f"{path} has no column for when a CME was first seen; name it start")
        try:
            found.append(_cme(cells, column))
        except ValueError as error:
            raise CatalogError(f"{path}, data row {number}: {error}") from None
    table = pd.DataFrame(found, columns=list(COLUMNS)).astype(dict.fromkeys(COLUMNS[2:], np.float64))
    return table.astype({"first_seen": "datetime64[ms]"}).sort_values("first_seen").reset_index(drop=True)


def _cme(cells: dict[str, str], column: dict[str, str | None]) -> tuple:
    """A row of the table. Raises ValueError for a time that is none."""
    seen = time_of("start", cells[column["first_seen"] or ""])
    angle, width, speed = (_number(cells.get(column[name] or "", "")) for name in COLUMNS[2:])
    if any("halo" in cell.lower() for cell in cells.values()) and math.isnan(width):
        width = WHOLE_DEG
    if math.isnan(speed) and (told := _SPEED.search(cells[column["type"] or ""])):
        speed = float(told[1])
    return f"CME {str(seen)[:16]}", seen, angle, width, speed


def _number(text: str) -> float:
    """The number that a cell begins with, as lists write >144; NaN where there is none, as of a halo's angle."""
    found = _NUMBER.search(text)
    return float(found[0]) if found else math.nan
