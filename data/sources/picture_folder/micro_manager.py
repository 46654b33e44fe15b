"""When Micro-Manager took the pictures of a folder, by the metadata.txt that it writes beside them.

Source: https://micro-manager.org/Micro-Manager_File_Formats, of version 1.4 and 2.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

BESIDE = "metadata.txt"
MOST_BYTES = 2**28
CLOCKS, ELAPSED = ("ReceivedTime", "Time"), "ElapsedTime-ms"
FORMS = ("%Y-%m-%d %H:%M:%S.%f %z", "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S")


def told_beside(paths: Sequence[Path]) -> dict[Path, datetime]:
    """When pictures of one folder were taken, with the zone where it is told; {} where that is not told of each.

    Their steps are those of the camera's own clock in milliseconds, from the first time that is told with a date.
    """
    beside = paths[0].parent / BESIDE
    try:
        if beside.stat().st_size > MOST_BYTES:
            return {}
        told = dict(_frames(json.loads(beside.read_bytes())))
    except (OSError, ValueError, RecursionError):  # no such file, or another's
        return {}
    own = [told.get(path.name, {}) for path in paths]
    begins = [begin for one in own if (begin := _begin(one))]
    if not begins:
        return {}
    try:
        return {path: begins[0] + timedelta(milliseconds=one[ELAPSED]) for path, one in zip(paths, own, strict=True)}
    except (KeyError, TypeError, ValueError, OverflowError):  # not told of one, or no number
        return {}


def _frames(content: Any) -> Iterator[tuple[str, dict]]:
    """What is told of each picture, by its name without folders."""
    for told in content.values() if isinstance(content, dict) else ():
        if isinstance(told, dict) and isinstance(told.get("FileName"), str):
            yield told["FileName"].replace("\\", "/").rpartition("/")[2], told


def _begin(told: dict) -> datetime | None:
    """When the recording began, by a picture that tells both its date and its time since then."""
    text = next((told[key] for key in CLOCKS if isinstance(told.get(key), str)), "")
    for form in FORMS:
        try:
            return datetime.strptime(text, form) - timedelta(milliseconds=told[ELAPSED])
        except (ValueError, KeyError, TypeError, OverflowError):
            continue
    return None
