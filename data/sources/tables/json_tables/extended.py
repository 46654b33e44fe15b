"""Values that MongoDB writes with their kind around them: {"$date": ...}, {"$numberLong": "5"}."""

from typing import Any, cast

_WHOLE, _PARTS = ("$numberLong", "$numberInt"), ("$numberDouble", "$numberDecimal")


def plain_value(record: dict) -> Any:
    """The value in a record of one kind's name; the record itself of others. For json's object_hook."""
    key, value = cast(tuple[str, Any], next(iter(record.items()))) if len(record) == 1 else ("", None)
    try:
        if key in _WHOLE:
            return int(value)
        if key in _PARTS:
            return float(value)
    except (TypeError, ValueError):
        return record
    return value if key in ("$date", "$oid") else record
