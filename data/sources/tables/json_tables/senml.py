"""SenML (RFC 8428): records whose names, times and values count from bases that stand in one of those before them."""

from typing import Any

import pandas as pd

from data.sources.base import TableError

_BASES = ("bn", "bt", "bu", "bv", "bs")
_VALUES = ("v", "vb", "vs", "s")
_NUMBERS = ("bt", "bv", "bs", "t", "v", "s")
FIRST_ABSOLUTE_S = 2**28  # smaller times count from now on (section 4.5.3), which a file does not tell


def packs_of(value: Any) -> list[dict[str, Any]]:
    """The records of a pack of SenML, of several in a list, or of one as drafts before the RFC have it, whose records
    stand in `e` beside their bases; [] of anything else.
    """
    if isinstance(value, dict):
        records = value.get("e")
        inner = records if isinstance(records, list) and all(isinstance(row, dict) for row in records) else []
        bases = {key: value[key] for key in _BASES if key in value}
        found = [bases | inner[0], *inner[1:]] if inner and bases else []
        return found if is_senml(found) else []
    if not isinstance(value, list) or not value:
        return []
    if all(isinstance(row, dict) and "e" not in row for row in value):
        return value if is_senml(value) else []
    packs = [packs_of(part) for part in value] if packs_of(value[0]) else [[]]
    return [row for pack in packs for row in _by_itself(pack)] if all(packs) else []


def _by_itself(pack: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A pack whose first record sets all bases, so that none of another one counts."""
    return [{"bn": "", "bt": 0.0, "bv": 0.0, "bs": 0.0} | pack[0], *pack[1:]]


def is_senml(records: list) -> bool:
    """Whether a list is a pack of SenML: records with values, of which one has a base."""
    if not records or not all(isinstance(row, dict) for row in records):
        return False
    has_base = any(key in row for row in records for key in _BASES)
    return has_base and all(any(key in row for key in (*_VALUES, *_BASES)) for row in records)


def of_senml(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of time (UNIX, s), sensor and value. Raises TableError where times count from a moment that is not told, or
    a time or value is no number."""
    rows, base = [], {"bn": "", "bt": 0.0, "bv": 0.0, "bs": 0.0}
    for number, record in enumerate(records):
        _refuse_words(number, record)
        base |= {key: record[key] for key in base if key in record}
        sensor, time = f"{base['bn']}{record.get('n', '')}", base["bt"] + record.get("t", 0.0)
        row = {"time": time, "sensor": sensor}
        if "v" in record or "s" in record:
            rows.append(row | {"value": base["bv"] + record["v"] if "v" in record else base["bs"] + record["s"]})
        elif isinstance(record.get("vb"), bool):
            rows.append(row | {"value": float(record["vb"])})
    if not rows:
        raise TableError("its SenML holds no number")
    if any(row["time"] < FIRST_ABSOLUTE_S for row in rows):
        raise TableError("its SenML counts times from when it was sent, which it does not tell; write a base time (bt)")
    table = pd.DataFrame(rows)
    return (
        table
        if table["sensor"].nunique() > 1
        else table.drop(columns="sensor").rename(columns={"value": rows[0]["sensor"]})
    )


def _refuse_words(number: int, record: dict[str, Any]) -> None:
    for key in _NUMBERS:
        if key in record and (isinstance(record[key], bool) or not isinstance(record[key], int | float)):
            raise TableError(f"record {number} of its SenML holds {key} {record[key]!r}, which is no number")
