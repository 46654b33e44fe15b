"""Tables of events: events.csv, and the same as strict JSON."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pandas as pd

from data.disk.files import harmless, replacing
from inference.events.events import Event

COLUMNS = (
    *("event", "t_start", "t_peak", "t_end", "time_start_s", "time_peak_s", "time_end_s"),
    *("frame_start", "frame_peak", "frame_end", "n_frames", "x", "y", "x0", "y0", "x1", "y1", "area_px"),
    *("peak_score", "mean_score", "level", "change", "parts"),
)


def in_order(events: Iterable[Event]) -> list[Event]:
    """Events in the order of their starts, in which tables number them."""
    return sorted(events, key=lambda e: (e.frame_start, e.event))


def events_table(
    events: Iterable[Event], time_s: np.ndarray | None = None, time_utc: np.ndarray | None = None
) -> pd.DataFrame:
    """One row an event with COLUMNS, in the order of start, numbered 1 to n in that order.

    time_s: (T,) seconds of every frame on the reel's clock; without it the time_*_s columns are NaN.
    time_utc: (T,) datetime64 or ISO strings without zone, NaT where unknown; t_* are then ISO 8601 UTC with
        milliseconds, else empty strings.
    """
    ordered = in_order(events)
    table = pd.DataFrame([asdict(event) for event in ordered], columns=[field.name for field in fields(Event)])
    table = table.astype({f.name: f.type for f in fields(Event) if f.type in (int, float)})  # also when it is empty
    table["event"] = np.arange(1, len(table) + 1)
    for moment in ("start", "peak", "end"):
        frame = table[f"frame_{moment}"].to_numpy(np.int64)
        table[f"time_{moment}_s"] = np.nan if time_s is None else np.asarray(time_s, np.float64)[frame]
        table[f"t_{moment}"] = "" if time_utc is None else iso_utc(np.asarray(time_utc, "datetime64[ms]")[frame])
    return table[list(COLUMNS)]


def iso_utc(times: np.ndarray) -> np.ndarray:
    """ISO 8601 with milliseconds and without zone, as 2012-07-19T05:58:00.000; empty for NaT."""
    return np.where(np.isnat(times), "", np.datetime_as_string(times, unit="ms"))


def events_json(table: pd.DataFrame, extra: dict) -> str:
    """Strict JSON: `extra`, then "events", one object a row. What is unknown (NaN, infinite, empty) becomes null."""
    if "events" in extra:
        raise ValueError("extra holds the key 'events', which is the list of events; name it otherwise")
    rows = [{key: None if value == "" else value for key, value in row.items()} for row in table.to_dict("records")]
    return json.dumps(_strict({**extra, "events": rows}), indent=2, allow_nan=False) + "\n"


def _strict(value):
    if isinstance(value, dict):
        return {key: _strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_strict(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_events(folder: str | Path, table: pd.DataFrame, extra: dict) -> None:
    """Write events.csv and events.json into `folder`, each beside its name and then renamed."""
    with replacing(Path(folder) / "events.csv") as part:
        harmless(table).to_csv(part, index=False, lineterminator="\n")
    with replacing(Path(folder) / "events.json") as part:
        part.write_text(events_json(table, extra), encoding="utf-8", newline="\n")
