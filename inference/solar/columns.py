"""What the table of events says of the Sun beyond that of any other scene: the kind, and since when it was there."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from data.reel.reel import Reel
from inference.camera.watch import CLOUDS
from inference.events.course import Course
from inference.events.events import CAMERA, Event
from inference.events.facts import IDENTITY_COLUMNS
from inference.events.sky import Sky
from inference.events.source_place import file_clock
from inference.events.tables import iso_utc
from inference.solar.coronagraph.polar import occulted_rsun
from inference.solar.kinds import CHANGE, kind_in_field, kind_in_velocity, kind_of, radius_of
from inference.solar.place.measure import course_of
from inference.units import is_magnetic, is_velocity

SOLAR_COLUMNS = ("kind", "t_detected", "frame_detected", "start_resolution_s")
COURSE_COLUMNS = ("relative_change", "lasts_s", "front_km_s", "outward_km_s")
MOST_MEASURED = 400  # tracks, the strongest; each takes some hundredths of a second


def measured(events: Sequence[Event], reel: Reel, sky: Sky) -> list[Event]:
    """Tracks with their kind and onset, but for clouds; of more than MOST_MEASURED the weaker ones by
    sign and place alone. A coronagraph shows nothing of the disc: there all are changes in the corona."""
    if occulted_rsun(reel) is not None:
        return [event if event.level == CAMERA else replace(event, kind=CHANGE) for event in events]
    ranked = sorted((e.peak_score for e in events if e.level != CAMERA), reverse=True)
    least = ranked[MOST_MEASURED] if len(ranked) > MOST_MEASURED else -np.inf
    return [
        event if event.level == CAMERA or CLOUDS in event.reasons else _measured(event, reel, sky, least)
        for event in events
    ]


def _measured(event: Event, reel: Reel, sky: Sky, least: float) -> Event:
    course = course_of(event, reel, sky) if event.peak_score > least else None
    return replace(event, course=course, kind=_kind(event, course, reel, sky))


def _kind(event: Event, course: Course | None, reel: Reel, sky: Sky) -> str:
    if is_magnetic(reel):
        return kind_in_field(course)
    return kind_in_velocity(event, course) if is_velocity(reel) else kind_of(event, course, radius_of(event, sky))


def with_solar_columns(table: pd.DataFrame, events: Sequence[Event], reel: Reel) -> pd.DataFrame:
    """The table of events with SOLAR_COLUMNS and COURSE_COLUMNS; starts are back-dated to the onset, where it is known.

    events: in the order of the table. start_resolution_s: from the frame before the start to it; NaN where there is
    none without a gap, or nothing was known of the place before.
    """
    detected = table["frame_start"].to_numpy(np.int64)
    onset = np.array([e.course.onset if e.course else e.frame_start for e in events], np.int64)
    has_before = np.array(
        [e.course is not None and o > reel.begin_of(o) for e, o in zip(events, onset.tolist(), strict=True)], bool
    )
    steps = reel.times_s[onset] - reel.times_s[np.maximum(onset - 1, 0)]
    kinds = [instrument or e.kind for e, instrument in zip(events, table["instrument"], strict=True)]
    table = table.assign(
        frame_start=onset,
        time_start_s=reel.times_s[onset],
        kind=np.array(kinds, object),
        t_detected=table["t_start"],
        frame_detected=detected,
        start_resolution_s=np.where(has_before, steps, np.nan),
        **{name: [getattr(e.course, name, np.nan) for e in events] for name in COURSE_COLUMNS},
    )
    table = table[[*table.columns.difference(list(IDENTITY_COLUMNS), sort=False), *IDENTITY_COLUMNS]]
    if reel.times_utc is not None:
        table["t_start"] = iso_utc(reel.times_utc[onset])
    if reel.clock_s is not None:
        table["clock_start"] = [file_clock(s) for s in reel.clock_s[onset].tolist()]
    return table
