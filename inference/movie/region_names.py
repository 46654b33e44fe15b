"""NOAA's active region of what stands out most in a frame, for the caption of the movie."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from data.reel.reel import Reel
from inference.events.boxes import Box
from inference.events.events import CAMERA
from inference.events.sky import Sky
from inference.solar.regions import with_regions


class RegionNames:
    """Of the frames of a reel with places and UTC times; regions: as `with_regions` takes them."""

    def __init__(self, reel: Reel, sky: Sky, regions: pd.DataFrame):
        assert reel.times_utc is not None  # `regions_for` has asked
        self.times_utc, self.sky, self.regions = reel.times_utc, sky, regions

    @staticmethod
    def of(reel: Reel, regions: pd.DataFrame | None) -> "RegionNames | None":
        """None without a list, or of a reel without places on the Sun."""
        sky = None if regions is None else Sky.of(reel)
        return None if sky is None or regions is None else RegionNames(reel, sky, regions)

    def name(self, index: int, boxes: Sequence[Box]) -> str:
        """As "NOAA 11520"; empty where no box is the scene's, or no region is near the strongest."""
        scene = [box for box in boxes if box.level != CAMERA and not box.instrument]
        if not scene:
            return ""
        strongest, frame = max(scene, key=lambda box: box.peak), np.array([index])
        tx, ty = self.sky.pixel_to_hpc(frame, np.array([strongest.x]), np.array([strongest.y]))
        place = {"hpc_x_arcsec": tx, "hpc_y_arcsec": ty, "frame_peak": frame, "instrument": [""]}
        event = pd.DataFrame(place | {"t_peak": [str(self.times_utc[index])]})
        number = with_regions(event, self.regions, self.sky.surface)["noaa_region"].iloc[0]
        return f"NOAA {number}" if number else ""
