"""Limb, grid and colours of a movie of the Sun."""

import numpy as np

from inference.events.sky import Sky
from inference.movie.layout import MovieStyle
from inference.movie.movie import captions_of
from inference.movie.render import Composer
from inference.movie.sky_lines import SkyLines
from tests.support.reels import drifting_blobs, make_reel
from tests.support.sun_events import RSUN_ARCSEC, quiet_sun, solar_reel


def test_the_limb_is_a_circle_of_the_apparent_radius_and_the_grid_lies_within(tmp_path):
    reel = solar_reel(tmp_path / "aia_193", quiet_sun(2, 64), 24.0, 40.0, (100.0, 0.0))
    lines = SkyLines.of(reel)
    assert lines is not None
    limb, grid = lines.points(1)
    centre = np.array([31.5 - 100 / 40, 31.5])
    np.testing.assert_allclose(np.hypot(*(limb - centre).T), RSUN_ARCSEC / 40, rtol=1e-3)
    assert np.hypot(*(grid - centre).T).max() < 1.001 * RSUN_ARCSEC / 40
    tx, ty = Sky(reel).pixel_to_hpc(np.zeros(len(grid), int), *grid.T)
    lon, lat = Sky(reel).observer(np.zeros(len(grid), int)).to_hgs(tx, ty)
    off = np.minimum(np.abs(lon / 15 - np.round(lon / 15)), np.abs(lat / 15 - np.round(lat / 15)))
    assert off.max() < 0.01
    assert lines.points(0)[0] is limb  # the place on the sky is the same
    assert captions_of(reel)[0].startswith("SDO/AIA 193 A  2012-07-19")
    assert SkyLines.of(make_reel(tmp_path / "cam", drifting_blobs(2))) is None


def test_lines_are_drawn_where_they_are_and_frames_in_the_instruments_colours():
    def composer(**changes):
        return Composer((24, 32), MovieStyle((0.0, 1.0), 3.0, 6.0, scale_factor=8, origin="lower", **changes))

    plain, coloured = composer(), composer(colormap="sdoaia171")
    dark, light = np.zeros((24, 32)), np.full((24, 32), 0.6)
    for one in (plain, coloured):
        one.compose(light, dark, 0.0, "")
    frames = [one.rgb()[one.layout.top + 50, one.layout.panel_x[0] + 50].astype(int) for one in (plain, coloured)]
    assert np.ptp(frames[0]) <= 3
    assert frames[1][0] - frames[1][2] > 60  # gold
    points = np.array([[5.0, 2.0], [-4.0, 3.0], [40.0, 3.0]])  # two of them are not on the panel
    plain.compose(dark, dark, 0.0, "", sky=[points])
    panel = plain.rgb()[plain.layout.top :, plain.layout.panel_x[1] :][: 24 * 8, : 32 * 8].astype(int).sum(axis=2)
    (where,) = np.argwhere(panel > 300)
    assert where.tolist() == [int((23 - 2 + 0.5) * 8), int(5.5 * 8)]
