"""What the events table says beyond pixels and times: severity, camera or scene, saturation, place, identity."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from config.sections.eval import Zone
from data.reel.contract import Watched
from data.reel.mask_bits import SATURATED
from inference.events.events import Event
from inference.events.instrument import event_reason
from inference.events.sky import Sky
from inference.events.source_place import file_clock, source_columns
from inference.events.tables import events_table, in_order
from inference.zones import named_zones

FACT_COLUMNS = ("severity", "instrument", "saturated", "channel")
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
MOST_CHANNELS = 8  # that are written out
CLOCK_COLUMNS = ("clock_start", "clock_peak", "clock_end")
IDENTITY_COLUMNS = ("model", "reel", "config")


class Named(NamedTuple):
    """A variable that an event is about, and its share of it, 0..1."""

    variable: str
    share: float


def describe(
    events: Sequence[Event],
    reel: Watched,
    sky: Sky | None,
    camera: np.ndarray,
    high: float,
    identity: dict[str, str],
    variables: Callable[[Event], Sequence[Named]] | None = None,
    zones: Sequence[Zone] = (),
) -> pd.DataFrame:
    """The complete events table: that of `events_table`, FACT_COLUMNS, SKY_COLUMNS where there is a sky, identity.

    SOURCE_COLUMNS, the place in source pixels at the peak, and CLOCK_COLUMNS, a video's own times, where the reel
    knows them.

    severity: the peak score in units of the high threshold. instrument: why the event is taken for the camera's, or ''.
    saturated: a pixel of its boxes was, in one of its frames. identity: values of IDENTITY_COLUMNS. variables: of a
    series, those that an event is about, strongest first (columns variables and shares); it is where the strongest is,
    when that has a place. zones: column zone names those that an event is in, where there are any.
    """
    ordered = in_order(events)
    table = events_table(ordered, reel.times_s, reel.times_utc)
    table["severity"] = table["peak_score"] / high
    table["instrument"] = [event_reason(event, camera) for event in ordered]
    table["saturated"] = [is_saturated(event, reel) for event in ordered]
    few = len(reel.channels) <= MOST_CHANNELS
    table["channel"] = printable("+".join(reel.channels)) if few else f"{len(reel.channels)} variables"
    if sky is not None:
        table = table.join(sky.columns(table))
    if (places := source_columns(table, table["frame_peak"].to_numpy(np.int64), reel)) is not None:
        table = table.join(places)
    if zones and not reel.is_series:
        table["zone"] = [printable(name) for name in named_zones(zones, table)]
    if reel.clock_s is not None:
        for moment, name in zip(("start", "peak", "end"), CLOCK_COLUMNS, strict=True):
            table[name] = [file_clock(s) for s in reel.clock_s[table[f"frame_{moment}"].to_numpy(np.int64)].tolist()]
    if variables is not None and reel.is_series:
        named = [variables(event) for event in ordered]
        table["variables"] = [printable("; ".join(n.variable for n in found)) for found in named]
        table["shares"] = ["; ".join(f"{n.share:.2f}" for n in found) for found in named]
        if places := reel.meta.get("places"):
            strongest = [found[0].variable if found else "" for found in named]
            for axis in ("x", "y"):
                table[f"hpc_{axis}_arcsec"] = [places.get(n, {}).get(f"{axis}_arcsec", np.nan) for n in strongest]
    for name in IDENTITY_COLUMNS:
        table[name] = identity[name]
    return table.astype({"instrument": object, "saturated": bool, "channel": object})


def told_variables(event: Mapping[Any, Any]) -> str:
    """The variables of a row of the events table with their shares, for people; "" where none is named."""
    names, shares = (event.get(name) for name in ("variables", "shares"))
    if not isinstance(names, str) or not isinstance(shares, str) or not names:
        return ""
    found, percents = names.split("; "), [f"{float(share):.0%}" for share in shares.split("; ")]
    if len(found) != len(percents):  # a name has the separator in it
        return names
    return ", ".join(f"{name} {percent}" for name, percent in zip(found, percents, strict=True))


def printable(text: str) -> str:
    r"""A text without characters that XML and tables can't hold: each as an escape, as in \x07."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def is_saturated(event: Event, reel: Watched, frames_at_a_time: int = 256) -> bool:
    """Whether a pixel of the event's box was saturated in one of the frames that show it."""
    rows, columns = slice(event.y0, event.y1), slice(event.x0, event.x1)
    for first in range(event.frame_start, event.frame_end + 1, frames_at_a_time):
        last = min(first + frames_at_a_time, event.frame_end + 1)
        if (reel.read_masks(first, last)[:, rows, columns] & SATURATED).any():
            return True
    return False
