"""One front, one event: the pieces that its ring breaks into, and what lights up in it as it passes."""

from collections.abc import Sequence

import numpy as np

from inference.events.events import Event
from inference.events.joining.companions import apart_arcsec
from inference.events.joining.grouping import as_one
from inference.events.sky import ARCSEC, Sky
from inference.solar.aftermath import begins
from inference.solar.kinds import FLARES, FRONT


def with_pieces(events: Sequence[Event], sky: Sky) -> list[Event]:
    """Events of which each front has taken in its pieces, the strongest front first.

    A ring is bright where the corona is, so it is seen as arcs. Two arcs of one ring lie at most its diameter apart,
    which is twice the speed of the front times how long it has gone on, and are seen at one time. A weaker brightening
    within the front's bounds that begins while it goes on, and does not outlast it, is an arc that was too short for a
    speed, or loops that the front lights up. What began before it, or goes on behind it, is a happening of its own: its
    flare.
    """
    fronts = sorted((k for k, e in enumerate(events) if e.kind == FRONT), key=lambda k: -events[k].peak_score)
    if not fronts or len(events) < 2:
        return list(events)
    apart = apart_arcsec(events, sky)
    free, found = np.ones(len(events), bool), dict(enumerate(events))
    for k in fronts:
        if not free[k]:
            continue
        reach_arcsec = diameter_arcsec(events[k], sky)
        pieces = [
            j
            for j in np.flatnonzero(free).tolist()
            if j != k and is_piece(events[j], events[k], apart[j, k], reach_arcsec)
        ]
        found[k] = as_one([events[j] for j in (k, *pieces)])
        free[[k, *pieces]] = False
        found = {j: event for j, event in found.items() if j not in pieces}
    return list(found.values())


def is_piece(event: Event, front: Event, distance_arcsec: float, reach_arcsec: float) -> bool:
    """Whether an event is of a front: another arc of it, or what it lights up."""
    if event.kind == FRONT:
        return begins(event) <= front.frame_end and begins(front) <= event.frame_end and distance_arcsec <= reach_arcsec
    is_weaker = event.kind in FLARES and event.peak_score < front.peak_score
    is_within = begins(front) < begins(event) and event.frame_end <= front.frame_end
    return is_weaker and is_within and distance_arcsec == 0


def diameter_arcsec(front: Event, sky: Sky) -> float:
    """How large a ring has become at the end of a front, by its speed on the plane of the sky."""
    assert front.course is not None  # a front is told by its speed
    lasts_s = float(np.diff(sky.times_s[[begins(front), front.frame_end]])[0])
    km = 2 * front.course.front_km_s * lasts_s
    return float(1000 * km / sky.wcs["dsun_m"][front.frame_peak] / ARCSEC)
