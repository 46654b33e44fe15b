"""What an event on the Sun is: plain rules on its sign, course, motion and place, each with its source.

Speeds are those on the plane of the sky, and so lower bounds. Where a cadence is too coarse for a speed, as for a front
at one frame in 15 minutes, an event is what its sign and place say. A magnetogram shows no light: there a field grows
or fades, and flux emerges with both signs. Nor does a Dopplergram: there a place begins to move away or nearer.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from inference.events.course import Course
from inference.events.events import Event
from inference.events.sky import Sky

BRIGHTENING, LIMB = "brightening", "limb brightening"
DIMMING, DARKENING = "dimming", "darkening"
FRONT, ERUPTION, RECOVERY = "moving front", "eruption", "recovery"
EJECTION, CHANGE = "coronal mass ejection", "change in the corona"  # of a coronagraph's reel, see corona.py
KINDS = (BRIGHTENING, LIMB, DIMMING, DARKENING, FRONT, ERUPTION, RECOVERY)
EMERGENCE, BIPOLE, FADING, OF_FIELD = "emerging flux", "emerging bipole", "fading flux", "change of the field"
AWAY, NEARER = "redshift", "blueshift"
FLARES = BRIGHTENING, LIMB
WITH_DIMMING = {kind: f"{kind} with dimming" for kind in FLARES}  # of a flare that left one at its place
ALONE = (DIMMING, FRONT, FADING)  # of an eruption's traces those that have an event of their own beside its flare
# Kinds that may be of one eruption, by what they do to the light.
TOGETHER: dict[str, str] = {BRIGHTENING: "more", LIMB: "more", DIMMING: "less", DARKENING: "less", EMERGENCE: "flux"}
TOGETHER |= {AWAY: "away", NEARER: "nearer"}
ENDS = (RECOVERY,)  # of what was dark before, and no happening of their own

DIMMED = 10**-0.19 - 1
LONGEST_DARKENING_S, FEWEST_DIMMED = 600.0, 4  # frames
FRONT_KM_S = (100.0, 2000.0)
FRONT_BREADTH, FRONT_GREATEST = 1.5, 3.0  # the latter of the light before
ERUPTION_KM_S = 25.0
OFF_DISC_RSUN = 1.0
LEAST_NEW = 0.25


def kind_of(event: Event, course: Course | None, radius_rsun: float) -> str:
    """One of KINDS. course: None where nothing is known of the place before, then sign and place decide.

    A place that only becomes again what it was in the half hour before is a recovery: behind a filament or wave that
    has passed, and behind what a camera had lost, it is brighter than just before.
    """
    is_dark, is_off = event.change == "darker", radius_rsun > OFF_DISC_RSUN
    if course is None:
        return DARKENING if is_dark else LIMB if is_off else BRIGHTENING
    if course.share_new < LEAST_NEW:
        return RECOVERY
    if is_dark and has_dimmed(course):
        return DIMMING
    if erupts(course, is_dark, is_off):
        return ERUPTION
    if is_dark:
        return DARKENING
    if is_off:
        return LIMB
    return FRONT if is_front(course) else BRIGHTENING


def kind_in_field(course: Course | None) -> str:
    """The kind of an event in a magnetogram: whether the field of its place has grown, whatever its sign."""
    if course is None:
        return OF_FIELD
    if course.share_new < LEAST_NEW:
        return RECOVERY
    return EMERGENCE if course.relative_change > 0 else FADING


def kind_in_velocity(event: Event, course: Course | None) -> str:
    """The kind of an event in a Dopplergram: whether its place has begun to move away from the observer or nearer."""
    if course is not None and course.share_new < LEAST_NEW:
        return RECOVERY
    return NEARER if event.change == "darker" else AWAY


def with_bipoles(events: Sequence[Event], tracks: Sequence[Event]) -> list[Event]:
    """Events of which those of emerging flux of both signs are bipoles. tracks: what they are made of, with kinds."""
    signs = {track.event: track.change for track in tracks if track.kind == EMERGENCE}
    both = {"brighter", "darker"}
    return [
        replace(event, kind=BIPOLE)
        if event.kind == EMERGENCE and both <= {signs.get(track) for track in event.tracks}
        else event
        for event in events
    ]


def has_dimmed(course: Course) -> bool:
    """A coronal dimming: log10 of the light over that before is at most -0.19, a loss of 35 %, and it stays.

    Dissauer et al. (2018, ApJ 855, 137). Dimmings last for 3 to 12 hours (Reinard & Biesecker 2008, ApJ 674, 576);
    LONGEST_DARKENING_S is far below, for reels that end first, and above what passes by takes away.
    """
    stays = course.lasts_s > LONGEST_DARKENING_S and course.lasts_frames >= FEWEST_DIMMED
    return stays and course.relative_change <= DIMMED


def is_front(course: Course) -> bool:
    """A front that moves away from where it began, as coronal waves do.

    Nitta et al. (2013, ApJ 776, 58) find 200 to 1500 km/s in 171 of them, and AWARE takes up to 2000 for possible
    (Ireland et al. 2019, Solar Physics 294, 158). A front lies across its way: what is about as long as it is wide is
    the next loop of a flare, or a jet. Waves add 20 to 70 % to the light of what they pass (Muhr et al. 2011,
    ApJ 739, 89); FRONT_GREATEST is far above, and what adds more is the flare that one comes from.
    """
    is_faint = course.relative_change <= FRONT_GREATEST
    return is_faint and FRONT_KM_S[0] <= course.front_km_s <= FRONT_KM_S[1] and course.breadth >= FRONT_BREADTH


def erupts(course: Course, is_dark: bool, is_off: bool) -> bool:
    """A filament (dark) or prominence (bright, off the disc) that leaves; a filament may do so in any direction.

    Gopalswamy et al. (2003, ApJ 586, 562): those that move outward do so with 65 km/s on average, and those that only
    move along the limb with 10; ERUPTION_KM_S is the geometric mean.
    """
    if is_off:
        return course.outward_km_s >= ERUPTION_KM_S
    return is_dark and course.front_km_s >= ERUPTION_KM_S


def radius_of(event: Event, sky: Sky) -> float:
    """Distance of an event's centre at its peak from the disc's, in solar radii."""
    frame = np.array([event.frame_peak])
    tx, ty = sky.pixel_to_hpc(frame, np.array([event.x]), np.array([event.y]))
    return float(sky.radius(frame, tx, ty)[0][0])
