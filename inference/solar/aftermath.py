"""A flare and what it leaves at its place: the dimming, the loops that light up in it while they cool, and the darkness
behind it that is only what was there before.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from inference.events.events import Event
from inference.events.joining.grouping import as_one, near_each_other
from inference.solar.kinds import DIMMING, FLARES, RECOVERY, WITH_DIMMING
from inference.units import HOUR_S

DIMMED_WITHIN_S = HOUR_S  # what is dark stands out once no background holds the flare's light any more


def with_aftermath(
    events: Sequence[Event], distance_px: float, time_of: Callable[[int], float], within_s: float = DIMMED_WITHIN_S
) -> list[Event]:
    """Events of which flares have taken in the dimmings that they left, as kinds that name both.

    A dimming is a flare's that begins with it or later, at most `within_s` seconds after it is over, with its box at
    most `distance_px` from the flare's: of several the strongest one's. What is dark before is none of it, and what
    lies elsewhere stays an event of its own. Where a place is only as dark again as before the flare, that is its end,
    whatever frames of the flare it was compared with, and its kind stays. Brightenings there that begin after the
    flare's peak are its loops, if they are weaker and take longer to rise; where nothing dims, nothing tells them from
    a flare of their own.
    time_of: seconds of a frame.
    """
    if not distance_px or not any(event.kind == DIMMING or is_dark_again(event) for event in events):
        return list(events)
    near = near_each_other(events, distance_px, sys.maxsize, time_of, within_s)
    free, found = np.ones(len(events), bool), dict(enumerate(events))
    for k in sorted(found, key=lambda k: -events[k].peak_score):
        flare = events[k]
        if not free[k] or flare.kind not in FLARES:
            continue
        beside = np.flatnonzero(near[k] & free).tolist()
        later = [j for j in beside if begins(events[j]) >= begins(flare)]
        dims, ends = [j for j in later if events[j].kind == DIMMING], [j for j in later if is_dark_again(events[j])]
        if not dims + ends:
            continue
        around = np.flatnonzero(near[[k, *dims]].any(axis=0) & free).tolist() if dims else []
        taken = dims + ends + [j for j in around if is_loop_of(flare, events[j], time_of)]
        whole = as_one([events[j] for j in (k, *taken)], ends=(DIMMING, RECOVERY))
        found[k] = replace(whole, kind=WITH_DIMMING[flare.kind] if dims else flare.kind)
        free[[k, *taken]] = False
        found = {j: event for j, event in found.items() if j not in taken}
    return list(found.values())


def begins(event: Event) -> int:
    """The frame in which its light left the noise, where that is known."""
    return event.course.onset if event.course else event.frame_start


def is_dark_again(event: Event) -> bool:
    """Whether a place has only lost the light that it had won."""
    return event.kind == RECOVERY and event.change == "darker"


def is_loop_of(flare: Event, event: Event, time_of: Callable[[int], float]) -> bool:
    """Whether a brightening may be loops that a flare has left, which light up as they cool: later, slower, weaker."""
    if event.kind not in FLARES or event.peak_score >= flare.peak_score or begins(event) <= flare.frame_peak:
        return False
    slower, rise = (time_of(e.frame_peak) - time_of(e.frame_start) for e in (event, flare))
    return slower > rise
