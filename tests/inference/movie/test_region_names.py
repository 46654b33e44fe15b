"""The movie's caption names NOAA's active region of the strongest box that is the Sun's."""

import numpy as np
import pandas as pd
import pytest

from inference.events.boxes import Box
from inference.events.events import CAMERA
from inference.events.sky import Sky
from inference.movie.region_names import RegionNames
from tests.support.sun_events import quiet_sun, solar_reel

FRAME = np.array([2])


@pytest.fixture(scope="module")
def reel(tmp_path_factory):
    return solar_reel(tmp_path_factory.mktemp("names") / "aia_193", quiet_sun(4, 32), 24.0, 60.0)


@pytest.fixture(scope="module")
def regions(reel):
    noon = pd.to_datetime(reel.times_utc[2])
    rows = [(11520, noon, 20.0, -15.0), (11521, noon, -30.0, 10.0)]
    return pd.DataFrame(rows, columns=["number", "time", "lon_deg", "lat_deg"])


def box(reel, lon: float, lat: float, peak: float, level: str = "high", instrument: str = "") -> Box:
    sky = Sky(reel)
    tx, ty = sky.observer(FRAME).to_hpc(np.array([lon]), np.array([lat]))
    x, y = (float(v[0]) for v in sky.hpc_to_pixel(FRAME, tx, ty))
    return Box(int(x), int(y), int(x) + 1, int(y) + 1, x, y, peak, peak, 1, level, instrument)


def test_the_strongest_box_of_the_sun_is_named(reel, regions):
    names = RegionNames.of(reel, regions)
    assert names
    west, east, nowhere = box(reel, 21, -14, 20.0), box(reel, -30, 12, 10.0), box(reel, 60, 40, 30.0)
    cameras = [box(reel, -30, 10, 90.0, CAMERA, "clouds"), box(reel, -30, 10, 80.0, "high", "clouds")]
    assert names.name(2, [east, west, *cameras]) == "NOAA 11520"
    assert names.name(2, [east]) == "NOAA 11521"
    assert names.name(2, [east, nowhere]) == ""
    assert names.name(2, cameras) == ""


def test_no_list_no_names(reel):
    assert RegionNames.of(reel, None) is None
