"""Wavelengths side by side: one field and one time in all of them, whatever their scale and orientation."""

from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest

from inference.events.sky import Sky
from inference.results.side_by_side import (
    BORDER_PX,
    CAPTION_PX,
    FOLDER,
    FOUND_BGR,
    SIDE_PX,
    draw_side_by_side,
    shown,
    to_panel,
)
from inference.solar.joint import channel_of, joint_events
from tests.support.sun_events import quiet_sun, solar_reel, spot

FLARE_XY, PIXEL, CENTRE = (24, 30), 3.0, (200.0, 100.0)


@pytest.fixture
def pair(tmp_path):
    """Two reels of a flare at one place, and a table of its event in the first."""
    reels = []
    for name in ("aia_193", "aia_171"):
        flux = spot(quiet_sun(40, 48), *FLARE_XY, 40 * 725.3, 24.0, None, rise=3)
        reels.append(solar_reel(tmp_path / "reels" / name, flux, 24.0, PIXEL, CENTRE))
    return reels


def found_in(reel, tmp_path, frame, is_seen=True):
    """A channel with the flare where it is brightest, or with none."""
    sky = Sky(reel)
    at = np.array([frame])
    brightest = reel.read(frame, frame + 1)[0][0, 0]
    y, x = np.unravel_index(brightest.argmax(), brightest.shape)
    tx, ty = (float(v[0]) for v in sky.pixel_to_hpc(at, np.array([float(x)]), np.array([float(y)])))
    assert reel.times_utc is not None
    time = str(reel.times_utc[frame])
    row = {"event": 1, "t_start": time, "t_peak": time, "t_end": time, "change": "brighter", "kind": "brightening"}
    row |= {"severity": 3.0, "relative_change": 1.0, "hpc_x_arcsec": tx, "hpc_y_arcsec": ty, "noaa_region": np.nan}
    row |= {"hpc_x0_arcsec": tx - 9, "hpc_y0_arcsec": ty - 9, "hpc_x1_arcsec": tx + 9, "hpc_y1_arcsec": ty + 9}
    (tmp_path / reel.name).mkdir()
    pd.DataFrame([row | {"instrument": ""}] if is_seen else [], columns=[*row, "instrument"]).to_csv(
        tmp_path / reel.name / "events.csv", index=False
    )
    return channel_of(reel, tmp_path / reel.name)


def test_the_same_place_lies_in_the_middle_of_every_panel(pair, tmp_path):
    channels = [found_in(pair[1], tmp_path, 25, is_seen=False), found_in(pair[0], tmp_path, 25)]
    stale = tmp_path / FOLDER / "event_0099.png"
    stale.parent.mkdir()
    stale.touch()
    joint = joint_events(channels)
    draw_side_by_side(tmp_path, joint, channels)
    assert not stale.exists()
    picture = np.asarray(cv2.imread(str(tmp_path / FOLDER / "event_0001.png")))
    assert picture.shape == (SIDE_PX + CAPTION_PX, 2 * SIDE_PX + BORDER_PX, 3)
    panels = picture[CAPTION_PX:, :SIDE_PX], picture[CAPTION_PX:, -SIDE_PX:]
    middle = slice(SIDE_PX // 2 - 12, SIDE_PX // 2 + 12)
    for panel in panels:
        light = panel.astype(float).sum(axis=-1)
        assert light[middle, middle].mean() > 2 * np.median(light)
    is_framed = [(panel == np.array(FOUND_BGR)).all(axis=-1).any() for panel in panels]
    assert is_framed == [True, False]  # who saw it comes first


def test_a_reel_that_is_not_there_is_black_with_a_caption(pair, tmp_path):
    channels = [found_in(pair[0], tmp_path, 25), replace(found_in(pair[1], tmp_path, 25, is_seen=False), reel=None)]
    draw_side_by_side(tmp_path, joint_events(channels), channels)
    picture = np.asarray(cv2.imread(str(tmp_path / FOLDER / "event_0001.png")))
    assert not picture[CAPTION_PX:, -SIDE_PX:].any()
    assert picture[:CAPTION_PX, -SIDE_PX:].any()


def test_north_is_up_and_west_is_right(pair):
    sky = Sky(pair[0])
    frame = np.array([25])
    tx, ty = (float(v[0]) for v in sky.pixel_to_hpc(frame, np.array([24.0]), np.array([24.0])))
    field = np.array([tx, ty, 120.0])
    light = shown(pair[0], sky, 25, field).astype(float).sum(axis=-1)
    y, x = np.argwhere(light == light.max()).mean(axis=0)  # what is brightest is white, some pixels wide
    image = pair[0].read(25, 26)[0][0, 0]
    row, column = np.unravel_index(image.argmax(), image.shape)
    at = [float(v[0]) for v in sky.pixel_to_hpc(frame, np.array([float(column)]), np.array([float(row)]))]
    assert np.abs(to_panel(field, *at) - (x, y)).max() < SIDE_PX * PIXEL / field[2]  # within a pixel of the reel
