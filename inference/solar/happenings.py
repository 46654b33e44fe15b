"""One happening on the Sun, one event: what groups of boxes come to once their kinds are known."""

from collections.abc import Callable, Sequence

from inference.events.events import Event
from inference.events.joining.companions import Reach, with_companions
from inference.events.sky import Sky
from inference.solar.aftermath import DIMMED_WITHIN_S, with_aftermath
from inference.solar.fronts import with_pieces
from inference.solar.kinds import TOGETHER, with_bipoles


def as_happenings(
    groups: Sequence[Event],
    tracks: Sequence[Event],
    sky: Sky,
    reach: Reach,
    distance_px: float,
    time_of: Callable[[int], float],
    within_s: float = DIMMED_WITHIN_S,
) -> list[Event]:
    """Groups (`grouped`) of measured tracks, of which the strongest have taken in their companions, flares what they
    leave within `within_s`, and fronts their pieces. distance_px: 0 leaves flares and fronts as they are."""
    found = with_bipoles(with_companions(groups, sky, reach, TOGETHER), tracks)
    if not distance_px:
        return found
    return with_pieces(with_aftermath(found, distance_px, time_of, within_s), sky)
