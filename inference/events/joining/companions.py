"""One flare, one event, also where its parts lie far apart: what begins tens of arcsec away within minutes is of it.

A flare lights up footpoints, remote ribbons and neighbouring loops of its active region within minutes: chromospheric
brightenings come some 12 minutes before its peak (Kirk et al. 2012, ApJ 750, 145), remote ribbons seconds after its
core. An eruption leaves two dimmings, one on either side. Everything joins the strongest near it, and nothing joins
what is itself a part: no chain leads from one active region to the next. What was over before the strongest began, at
another place, is none of it: a flare's start is not that of a small one in its region, minutes before.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from config import EvalConfig
from data.reel.contract import AnyReel
from inference.events.events import CAMERA, Event
from inference.events.joining.grouping import as_one, begun_in, between, families_of, strength_of, were_over
from inference.events.sky import Sky
from inference.units import HOUR_S, MINUTE_S, is_magnetic

FIELD_S = 2 * HOUR_S


class Reach(NamedTuple):
    """How far from the strongest its companions lie, arcsec between their boxes on the plane of the sky, and how many
    seconds before or after it they begin, at most."""

    arcsec: float
    within_s: float

    @classmethod
    def of(cls, settings: EvalConfig, reel: AnyReel) -> "Reach":
        """As `eval.group_distance_arcsec` and `group_within_min` say; starts are known to a frame, which is added.

        A magnetic field takes hours to emerge, and its two signs leave their noise up to FIELD_S apart.
        """
        least_s = FIELD_S if is_magnetic(reel) else 0.0
        within_s = max(MINUTE_S * settings.group_within_min, least_s)
        return cls(settings.group_distance_arcsec, within_s + reel.cadence_s)


def with_companions(events: Sequence[Event], sky: Sky, reach: Reach, sorts: Mapping[str, str]) -> list[Event]:
    """Events of which the strongest have taken in the others of their sort that lie within reach, in the order of
    their strength, then those that are of no sort, in their order.

    sorts: of kinds that may be one happening; events of other kinds, and those of whole frames, stay as they are.
    """
    sort = [sorts.get(event.kind, "") if event.level != CAMERA else "" for event in events]
    some = [k for k, of in enumerate(sort) if of]
    if not reach.arcsec or len(some) < 2:
        return list(events)
    strength = dict(zip(some, strength_of([events[k] for k in some]).tolist(), strict=True))
    some.sort(key=lambda k: (-strength[k], events[k].event))
    scene, own = [events[k] for k in some], np.array([sort[k] for k in some], object)
    near = within_reach(scene, sky, reach) & (own[:, None] == own) & ~were_over(scene)
    free, found = np.ones(len(scene), bool), []
    for k in range(len(scene)):
        if free[k]:
            members = np.flatnonzero(near[k] & free).tolist()
            free[members] = False
            found.append(as_one([scene[m] for m in members]))
    return [*found, *(event for event, of in zip(events, sort, strict=True) if not of)]


def families(events: Sequence[Event], sky: Sky | None, reach: Reach) -> list[list[int]]:
    """Which of the events may be one by now, whatever their sort, and so on from one to the next: lists of places.

    Those of whole frames are by themselves, as all are where there is no reach.
    """
    scene = [k for k, event in enumerate(events) if event.level != CAMERA]
    if sky is None or not reach.arcsec or len(scene) < 2:
        return [[k] for k in range(len(events))]
    near = within_reach([events[k] for k in scene], sky, reach)
    count, family = families_of(near)
    alone = [[k] for k, event in enumerate(events) if event.level == CAMERA]
    return [[scene[k] for k in np.flatnonzero(family == f).tolist()] for f in range(count)] + alone


def within_reach(events: Sequence[Event], sky: Sky, reach: Reach) -> np.ndarray:
    """Which lie and begin within reach of each other (N, N) bool."""
    begun = begun_in(events)
    later_s = np.abs(sky.times_s[begun][:, None] - sky.times_s[begun])
    return (apart_arcsec(events, sky) <= reach.arcsec) & (later_s <= reach.within_s)


def apart_arcsec(events: Sequence[Event], sky: Sky) -> np.ndarray:
    """How far the boxes of events are apart on the plane of the sky (N, N), 0 where they overlap."""
    x0, y0, x1, y1 = sky.bounds(events)
    return np.hypot(between(x0, x1, 0), between(y0, y1, 0))
