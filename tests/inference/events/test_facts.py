"""What the events table says beyond pixels and times."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.reel.mask_bits import INVALID, SATURATED
from inference.events.boxes import Box
from inference.events.events import EventLinker
from inference.events.facts import is_saturated

FRAMES, HEIGHT, WIDTH = 9, 5, 6


@dataclass
class Masks:
    """Of a reel the masks alone."""

    bits: np.ndarray  # (T, H, W)

    def read_masks(self, begin, end):
        return self.bits[begin:end]


def event_over(first, last, x0, y0):
    """An event of one box of 2 x 2 pixels in the frames first..last."""
    linker = EventLinker()
    for frame in range(first, last + 1):
        linker.push(frame, [Box(x0, y0, x0 + 2, y0 + 2, x0 + 1.0, y0 + 1.0, 1.0, 0.5, 4, "low")])
    (event,) = linker.finish()
    return event


@given(st.data(), st.integers(1, FRAMES + 1))
def test_an_event_is_saturated_where_a_pixel_of_its_box_is_in_one_of_its_frames(data, frames_at_a_time):
    first = data.draw(st.integers(0, FRAMES - 1))
    last = data.draw(st.integers(first, FRAMES - 1))
    x0, y0 = data.draw(st.integers(0, WIDTH - 2)), data.draw(st.integers(0, HEIGHT - 2))
    # Beside the event's frames and pixels as often as among them.
    frame = data.draw(st.integers(max(first - 1, 0), min(last + 1, FRAMES - 1)))
    y, x = data.draw(st.integers(0, HEIGHT - 1)), data.draw(st.integers(0, WIDTH - 1))
    bits = np.full((FRAMES, HEIGHT, WIDTH), INVALID, np.uint8)
    bits[frame, y, x] |= SATURATED
    is_inside = first <= frame <= last and y0 <= y < y0 + 2 and x0 <= x < x0 + 2
    assert is_saturated(event_over(first, last, x0, y0), Masks(bits), frames_at_a_time) == is_inside
