"""Values that MongoDB writes with their kind around them: {"$date": ...}, {"$numberLong": "5"}."""

from typing import Any

_WHOLE, _PARTS = ("$numberLong", "$numberInt"), ("$numberDouble", "$numberDecimal")


def plain_value(record: dict[str, Any]) -> Any:
    """The value in a record of one kind's name; the record itself of others. For json's object_hook."""
    if len(record) != 1:
        return record
    ((key, value),) = record.items()
    try:
        if key in _WHOLE:
            return int(value)
        if key in _PARTS:
            return float(value)
    except (TypeError, ValueError):
        return record
    return value if key in ("$date", "$oid") else record
