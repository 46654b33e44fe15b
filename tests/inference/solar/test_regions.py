"""Events get the number of NOAA's active region that rotation has carried to them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.events.sky import Sky, rotation_deg
from inference.solar.regions import LONGEST_DAYS, NEAR_DEG, check_regions, distances_deg, with_regions
from tests.support.flares import NOON, at
from tests.support.sun_events import quiet_sun, solar_reel


def regions_of(*rows):
    """Regions of (number, minutes from noon, longitude, latitude)."""
    table = pd.DataFrame(rows, columns=["number", "time", "lon_deg", "lat_deg"])
    return table.assign(time=at(table["time"].to_numpy(float)))


def events_of(*rows):
    """Events of (peak in minutes, x, y in arcsec, instrument), in frame 0."""
    table = pd.DataFrame(rows, columns=["minute", "hpc_x_arcsec", "hpc_y_arcsec", "instrument"])
    return table.assign(t_peak=at(table.pop("minute").to_numpy(float)).astype(str), frame_peak=0)


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    reel = solar_reel(tmp_path_factory.mktemp("regions") / "aia_193", quiet_sun(4, 32), 24.0, 60.0)
    return Sky(reel)


def test_the_nearest_region_is_told_and_none_where_all_are_far(sky):
    x, y = sky.observer(np.array([0])).to_hpc(np.array([20.0]), np.array([-15.0]))
    events = events_of((0, x[0], y[0], ""), (0, 0, 0, ""), (0, x[0], y[0], "missing block"), (0, 1100, -300, ""))
    regions = regions_of((11520, 0, 20, -17), (11521, 0, 20, -10), (11525, 0, 88, -17))
    found = with_regions(events, regions, sky.surface)
    assert found["noaa_region"].tolist() == ["11520", "", "", "11525"]  # the last is off the limb
    assert found["noaa_distance_deg"][0] == pytest.approx(2.0, abs=0.01)
    assert found["noaa_distance_deg"].isna().tolist() == [False, True, True, False]
    nothing = with_regions(events[:0], regions, sky.surface)
    assert (len(nothing), "noaa_region" in nothing) == (0, True)


@given(
    st.floats(-LONGEST_DAYS, LONGEST_DAYS), st.floats(-60, 60), st.floats(-60, 60), st.floats(-8, 8), st.floats(-8, 8)
)
def test_a_region_is_carried_by_the_suns_rotation(days, lon, lat, dlon, dlat):
    regions = regions_of((11520, -1440 * days, lon, lat))
    exact = (NOON - regions["time"].to_numpy()[0]) / np.timedelta64(1, "s")  # to milliseconds
    carried = lon + float(rotation_deg(np.array(lat), exact))
    here = np.array([carried]), np.array([lat])
    apart = distances_deg(*here, np.array([NOON]), regions)[0, 0]
    # Earth's mean motion is 0.9856 degrees a day here and with four more digits in sunpy.
    assert apart == pytest.approx(0, abs=1e-3) if abs(exact) <= 86_400 * LONGEST_DAYS else np.isnan(apart)
    there = np.radians(np.array([carried + dlon, lat + dlat]))
    old = np.radians(np.array([carried, lat]))
    vectors = [np.array([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)]) for a, b in (there, old)]
    expected = np.degrees(np.arctan2(np.linalg.norm(np.cross(*vectors)), vectors[0] @ vectors[1]))
    apart = distances_deg(np.degrees(there[:1]), np.degrees(there[1:]), np.array([NOON]), regions)[0, 0]
    assert np.isnan(apart) or apart == pytest.approx(expected, abs=2e-3)


def test_of_a_region_its_place_nearest_in_time_counts():
    regions = regions_of((11520, -1440, 0, 10), (11520, 60, 30, 10), (11521, -1440 * 2, 0, -30))
    apart = distances_deg(np.array([30.0]), np.array([10.0]), np.array([NOON]), regions)
    assert np.isnan(apart[0, 0])
    assert apart[0, 1] < 1
    assert apart[0, 2] > NEAR_DEG


def test_a_list_of_another_time_is_refused_before_the_scoring():
    regions = regions_of((11520, 0, 0, 0))
    check_regions(regions, at(np.array([60.0, 70.0])), "srs.txt")
    with pytest.raises(ValueError, match=r"eval.regions srs.txt has places of 2012-07-19T12:00 .*within 3 days"):
        check_regions(regions, at(np.array([1440 * 4.0, 1440 * 5])), "srs.txt")
