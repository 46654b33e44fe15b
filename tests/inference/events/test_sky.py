"""Places on the Sun, against astropy's WCS and sunpy's coordinates."""

import astropy.units as u
import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time, TimeDelta
from hypothesis import given, settings
from hypothesis import strategies as st
from sunpy.coordinates import HeliographicStonyhurst, Helioprojective, get_earth, propagate_with_solar_surface
from sunpy.coordinates.sun import angular_radius
from sunpy.sun.models import differential_rotation

from data.sky.wcs import FrameWcs, as_columns
from inference.events.sky import SKY_COLUMNS, Sky, rotation_deg
from tests.support.reels import make_reel

TIME = Time("2012-07-19T05:58:00")


def earth_wcs(time=TIME, **changes):
    observer, radius = get_earth(time), float(angular_radius(time).to_value("arcsec"))
    facts = {"crpix1": 31.0, "crpix2": 34.5, "cdelt1": 38.0, "cdelt2": 39.0, "crval1": 40.0, "crval2": -25.0}
    facts |= {"crota2": 7.0, "rsun_arcsec": radius, "hgln_deg": observer.lon.deg, "hglt_deg": observer.lat.deg}
    return FrameWcs(**(facts | {"dsun_m": observer.radius.to_value("m")} | changes))


def sky_of(*frames, step_s=3600.0):
    """A Sky without a reel on disk: only its table matters."""

    class Table:
        table = pd.DataFrame([as_columns(f) for f in frames])
        times_s = np.arange(len(frames)) * step_s

    return Sky.of(Table)


def helioprojective(wcs, tx, ty, time=TIME):
    observer = SkyCoord(
        wcs.hgln_deg * u.deg, wcs.hglt_deg * u.deg, wcs.dsun_m * u.m, frame=HeliographicStonyhurst(obstime=time)
    )
    return SkyCoord(tx * u.arcsec, ty * u.arcsec, frame=Helioprojective(obstime=time, observer=observer))


@settings(max_examples=30)
@given(
    x=st.floats(-5, 70), y=st.floats(-5, 70), crota2=st.floats(-180, 180), cdelt2=st.sampled_from([-2.4, 0.6, 38.0]),
    crval1=st.floats(-1000, 1000),
)  # fmt: skip
def test_pixels_are_where_astropy_has_them(x, y, crota2, cdelt2, crval1):
    wcs = earth_wcs(crota2=crota2, cdelt2=cdelt2, cdelt1=abs(cdelt2), crval1=crval1)
    sky, frame = sky_of(wcs), np.array([0])
    tx, ty = sky.pixel_to_hpc(frame, np.array([x]), np.array([y]))
    expected = wcs.pixel_to_hpc(x, y)
    assert np.hypot(tx - expected[0], ty - expected[1]) < 1e-6
    back = sky.hpc_to_pixel(frame, tx, ty)
    assert np.hypot(back[0] - x, back[1] - y) < 1e-6


def test_heliographic_places_are_sunpys():
    wcs = earth_wcs()
    tx, ty = (a.ravel() for a in np.meshgrid(np.linspace(-1100, 1100, 23), np.linspace(-1100, 1100, 23)))
    lon, lat = sky_of(wcs).observer(np.zeros(len(tx), int)).to_hgs(tx, ty)
    with np.errstate(invalid="ignore"):
        expected = helioprojective(wcs, tx, ty).transform_to(HeliographicStonyhurst(obstime=TIME))
    assert np.array_equal(np.isnan(lon), np.isnan(expected.lon.deg))
    inside = ~np.isnan(lon)
    assert 200 < inside.sum() < len(tx)
    np.testing.assert_allclose(lon[inside], expected.lon.deg[inside], atol=1e-4)
    np.testing.assert_allclose(lat[inside], expected.lat.deg[inside], atol=1e-4)
    back = sky_of(wcs).observer(np.zeros(inside.sum(), int)).to_hpc(lon[inside], lat[inside])
    np.testing.assert_allclose(np.stack(back), np.stack([tx[inside], ty[inside]]), atol=1e-3)


def test_rotation_carries_pixels_as_sunpy_does():
    """Six hours: 0.2 of a pixel of error at 38 arcsec would be 8 arcsec; sunpy is met within 1."""
    later = TIME + TimeDelta(6 * u.hour)
    sky = sky_of(earth_wcs(), earth_wcs(later), step_s=6 * 3600.0)
    tx, ty = np.array([0.0, 300, -600, 200]), np.array([0.0, -400, 100, 600])
    x, y = sky.hpc_to_pixel(np.zeros(4, int), tx, ty)
    moved = sky.pixel_to_hpc(np.ones(4, int), *sky.carried(np.zeros(4, int), np.ones(4, int), x, y))
    with propagate_with_solar_surface():
        frame = helioprojective(earth_wcs(later), 0, 0, later).frame
        expected = helioprojective(earth_wcs(), tx, ty).transform_to(frame.replicate_without_data())
    assert np.abs(moved[0] - expected.Tx.arcsec).max() < 1.0
    assert np.abs(moved[1] - expected.Ty.arcsec).max() < 1.0
    assert (moved[0] - tx).min() > 25  # they did move


def test_places_off_the_limb_stay_and_follow_the_pointing():
    sky = sky_of(earth_wcs(), earth_wcs(crpix1=33.0))
    x, y = sky.hpc_to_pixel(np.array([0]), np.array([1100.0]), np.array([-300.0]))
    new = sky.carried(np.array([0]), np.array([1]), x, y)
    assert new[0] == pytest.approx(x + 2)
    assert new[1] == pytest.approx(y)


def test_rotation_is_that_of_sunpy():
    latitude = np.linspace(-90, 90, 13)
    expected = differential_rotation(1 * u.day, latitude * u.deg, model="howard", frame_time="synodic")
    np.testing.assert_allclose(rotation_deg(latitude, np.full(13, 86400.0)), expected.to_value("deg"), atol=1e-3)


def test_columns_of_events_on_and_off_the_disc(tmp_path):
    wcs = earth_wcs(crota2=0.0)
    reel = make_reel(tmp_path / "r", np.zeros((3, 1, 64, 64), np.float32))
    table = reel.candidates.assign(**as_columns(wcs))
    table.to_csv(reel.path / "frames.csv", index=False)
    sky = Sky.of(type(reel)(reel.path))
    (x, ox), (y, oy) = sky.hpc_to_pixel(np.zeros(2, int), np.array([300.0, 1100.0]), np.array([100.0, -280.0]))
    events = pd.DataFrame({"frame_peak": [1, 2], "x": [x, ox], "y": [y, oy], "area_px": [4, 9]})
    events = events.assign(x0=[int(x) - 1, int(ox)], x1=[int(x) + 3, int(ox) + 2], y0=[int(y), int(oy)])
    events["y1"] = events["y0"] + 2
    found = sky.columns(events)
    assert list(found.columns) == list(SKY_COLUMNS)
    assert found["on_disk"].tolist() == [True, False]
    assert found["hpc_x_arcsec"].tolist() == pytest.approx([300, 1100])
    assert np.isnan(found["hgs_lon_deg"][1])
    assert found["radius_rsun"][1] == pytest.approx(np.hypot(1100, 280) / wcs.rsun_arcsec)
    assert found["position_angle_deg"][1] == pytest.approx(270 - np.degrees(np.arctan2(280, 1100)))
    assert found["area_arcsec2"].tolist() == pytest.approx([4 * 38 * 39, 9 * 38 * 39])
    assert (found["hpc_x1_arcsec"] - found["hpc_x0_arcsec"]).tolist() == pytest.approx([4 * 38, 2 * 38], rel=1e-3)


def test_a_reel_without_wcs_has_no_sky(tmp_path):
    assert Sky.of(make_reel(tmp_path / "r", np.zeros((3, 1, 8, 8), np.float32))) is None
