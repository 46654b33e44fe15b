"""The light of the solar disc as a whole: clouds take it from large parts at once, and nothing on the Sun does.

Below an atmosphere the transmission goes with the weather; in a spacecraft's eclipse it goes with the Earth's limb.
"""

from collections import deque
from typing import cast

import cv2
import numpy as np

from data.reel.contract import AnyReel
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from inference.events.sky import Sky
from inference.solar.coronagraph.polar import occulted_rsun
from inference.units import is_signed

TILES = 16  # the frame in TILES x TILES parts
INNER_RSUN = 0.95  # the middle of a part of the disc lies within
LEAST_DISC = 0.5  # share of the disc that must be in view: a dimming may well fill a cut-out
MEMORY, LONGEST_CADENCE_S = 60, 120.0  # frames; in more than two hours the Sun itself turns from part to part
CLEAR = 0.9  # the quantile of a part's light in them that the clear sky has
PART = 0.25  # of the disc
KNOWN = 0.5  # of the pixels of a part


def sky_of(reel: AnyReel) -> Sky | None:
    """Where the frames of a reel lie on the Sun; None of one that is no picture of it, and of a live one."""
    return Sky.of(cast(Reel, reel)) if reel.shape[0] and not reel.is_series else None


def _shows_light(reel: AnyReel) -> bool:
    """Whether its frames are of the disc's light, and not of the corona beside it, a field or velocities."""
    return occulted_rsun(cast(Reel, reel)) is None and not is_signed(reel)


def disc_parts(reel: AnyReel) -> np.ndarray:
    """Which parts of a frame lie on the solar disc, (TILES, TILES) bool; none where most of the disc is out of view.

    None either where frames are farther apart than LONGEST_CADENCE_S: clouds pass within minutes; and where values are
    no light, but a field or velocities, whose mean may be nothing. By the pointing of the reel's first frame: a disc
    wanders by less than a part.
    """
    nothing = np.zeros((TILES, TILES), bool)
    sky = sky_of(reel)
    if sky is None or reel.cadence_s > LONGEST_CADENCE_S or not _shows_light(reel):
        return nothing
    height, width = reel.shape[2:]
    rows, columns = np.indices((TILES, TILES)).reshape(2, -1) + 0.5
    first = np.zeros(rows.size, int)
    tx, ty = sky.pixel_to_hpc(first, columns * width / TILES - 0.5, rows * height / TILES - 0.5)
    on_disc = (sky.radius(first, tx, ty)[0] < INNER_RSUN).reshape(TILES, TILES)
    part_arcsec2 = abs(sky.wcs["cdelt1"][0] * sky.wcs["cdelt2"][0]) * width * height / TILES**2
    disc_arcsec2 = np.pi * (INNER_RSUN * sky.wcs["rsun_arcsec"][0]) ** 2
    return on_disc if on_disc.sum() * part_arcsec2 >= LEAST_DISC * disc_arcsec2 else nothing


def light_of(frame: np.ndarray, valid: np.ndarray, stretches: list[Stretch], parts: np.ndarray) -> np.ndarray:
    """The mean linear light (N,) of each of the parts in a frame (C, H, W), NaN where most of it is not known."""
    if not parts.any():
        return np.zeros(0)
    flux = sum(s.inverse(channel.astype(np.float32)) for s, channel in zip(stretches, frame, strict=True))
    total, share = (
        cv2.resize(a.astype(np.float32), (TILES, TILES), interpolation=cv2.INTER_AREA)[parts]
        for a in (np.where(valid, flux, 0), valid)
    )
    return np.where(share >= KNOWN, total / np.maximum(share, KNOWN), np.nan)


class Transmission:
    """How much of the light of the latest MEMORY frames is missing in the next one, frame by frame."""

    def __init__(self):
        self.memory: deque[np.ndarray] = deque(maxlen=MEMORY)

    def lost(self, light: np.ndarray) -> float:
        """The share of its light that PART of the disc has lost, or more; 0 where that is not known.

        Clouds only take away, so the clear sky is what is bright among the latest frames; one that stays for most of
        them, as another exposure does, is taken for clear. light: (N,), see `light_of`.
        """
        self.memory.append(light)
        if not light.size or not np.isfinite(light).any():
            return 0.0
        clear = of_known(np.stack(self.memory), CLEAR)
        known = clear > 0
        return float(np.nanquantile(1 - light[known] / clear[known], 1 - PART)) if known.any() else 0.0


def of_known(values: np.ndarray, share: float) -> np.ndarray:
    """`np.nanquantile` of each column of (T, N), which goes through all of them; here only where one is lacking."""
    found = np.quantile(values, share, axis=0)
    if (lacks := np.isnan(found)).any():
        found[lacks] = np.nanquantile(values[:, lacks], share, axis=0)
    return found
