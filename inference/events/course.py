"""What an event did to the light of its place; measured on the Sun alone, see solar/place/measure.py."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Course:
    """onset: the first frame in which its light had left its noise.

    relative_change: the mean of its place at the peak over that before, less 1; 0.5 is half as much light again.
    lasts_s, lasts_frames: above half of its greatest change; lower bounds where the frames end first.
    share_new: how much of what changed since the frames just before is a change from the half hour before, too; about 0
    where a place only becomes again what it was. What gets darker is held against the darkest of an hour and
    a half, too.
    front_km_s, outward_km_s: of what is new in it, away from where it began, and away from the Sun's centre, on the
    plane of the sky; 0 where nothing new moves steadily (solar/place/motion.py).
    breadth: of what is new, across the way over along it; a round spot has 1.
    added: the light that its place has won at the peak, all of it, in units of the reel times px; negative where it has
    lost some.
    """

    onset: int
    relative_change: float
    lasts_s: float
    lasts_frames: int
    share_new: float = 1.0
    front_km_s: float = 0.0
    outward_km_s: float = 0.0
    breadth: float = 0.0
    added: float = 0.0
