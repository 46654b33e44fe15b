"""Light curves against a slow loop over pixels, and what becomes of gaps, masks, labels and places."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from config import LightCurvesConfig
from data.prepare_data import prep
from data.reel.mask_bits import INVALID, SATURATED
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from data.series import light_curves as module
from data.series.light_curves import cells, light_curves
from data.sky.wcs import WCS_COLUMNS
from inference.events.sky import Sky
from tests.support.reels import drifting_blobs, make_reel

STRETCHES = [Stretch("asinh", 20.0, 900.0), Stretch("linear", 1.0, 255.0)]
GRID = LightCurvesConfig(grid=(3, 2))


@pytest.fixture
def video(tmp_path):
    """A reel of two channels with a gap, masked pixels, a frame without a valid pixel in one cell, and labels."""
    masks = np.random.default_rng(0).choice([0, INVALID, SATURATED], (30, 14, 11), p=[0.7, 0.2, 0.1]).astype(np.uint8)
    masks[4, :4, :5] = INVALID  # the whole of cell r0c0
    masks[:, 9:, 5:] = INVALID  # cell r2c1, always
    times_s = np.concatenate([np.arange(20) * 12.0, 1000 + np.arange(10) * 12.0])
    labels = np.where(np.arange(30) < 25, 0.0, 1.0)
    frames = drifting_blobs(30, 14, 11, C=2)
    facts = {"stretch": STRETCHES, "channels": ["193", "304"], "meta": {"unit": "DN/s", "class": "flare"}}
    rejected = [(300.0, "too dark")]
    return make_reel(
        tmp_path / "in" / "sun", frames, times_s=times_s, masks=masks, labels=labels, rejected=rejected, **facts
    )


def by_hand(reel: Reel, t: int, c: int, box: tuple[int, int, int, int]) -> dict[str, float]:
    """Mean, maximum and spread of the valid pixels, one pixel after another."""
    x0, y0, x1, y1 = box
    values = []
    for y in range(y0, y1):
        for x in range(x0, x1):
            if not reel.masks[t, y, x] & INVALID:
                values.append(float(reel.stretches[c].inverse(np.float64(reel.frames[t, c, y, x]))))
    if not values:
        return {"mean": np.nan, "max": np.nan, "spread": np.nan}
    mean = sum(values) / len(values)
    return {"mean": mean, "max": max(values), "spread": (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5}


def cut(reel: Reel, out, **settings) -> Reel:
    chosen = {"data_raw": str(reel.path), "data_clips": str(out), "workers": 0, "prep.clip_length": 8}
    (made,) = prep(config.load(None, chosen | {"prep.light_curves": settings}))
    return Reel(made)


@pytest.mark.parametrize("block_values", [1, 10**9])
def test_curves_are_those_of_a_loop_over_pixels(video, monkeypatch, block_values):
    monkeypatch.setattr(module, "BLOCK_VALUES", block_values)
    series = light_curves(video, GRID)
    assert len(series.channels) == 2 * 5 * 3
    for name, values in zip(series.channels, series.values.T, strict=True):
        channel, place, statistic = name.split(" ")
        box = cells(GRID, (14, 11))[place]
        expected = [by_hand(video, t, video.channels.index(channel), box)[statistic] for t in range(30)]
        np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-9, err_msg=name)
    assert series.notes["193 r2c1 max"] == "left out: no valid pixel"


def test_times_gaps_labels_unit_and_class_are_carried_over(video, tmp_path):
    reel = cut(video, tmp_path / "out", grid=[3, 2])
    assert reel.name == "sun_light_curves"
    assert reel.is_series
    np.testing.assert_array_equal(reel.times_utc, video.times_utc)
    np.testing.assert_array_equal(reel.labels, video.labels)
    assert (reel.cadence_s, reel.meta["unit"], reel.meta["class"]) == (12.0, "DN/s", "flare")
    assert len(reel.candidates) == 30  # not the frame that was rejected
    starts = pd.read_csv(reel.path / "windows.csv")["start"]
    assert not ((starts < 20) & (starts + 8 > 20)).any()
    assert reel.table["flags"][4].startswith("interpolated: 193 r0c0 mean, 193 r0c0 max")
    assert reel.table["flags"].notna().sum() == 1
    values = light_curves(video, GRID).values
    others = np.arange(30) != 4
    np.testing.assert_allclose(reel.signals()[others], values[others], rtol=1e-5, atol=1e-3)


def test_places_are_centres_in_pixels_and_arcsec(video, tmp_path):
    wcs = dict(zip(WCS_COLUMNS, (6.0, 7.5, 19.2, -19.2, 3.0, -4.0, 2.0, 944.0, 0.0, 4.7, 1.52e11), strict=True))
    table = pd.read_csv(video.path / "frames.csv").assign(**wcs)
    table.to_csv(video.path / "frames.csv", index=False)
    reel = cut(video, tmp_path / "out", boxes={"active": [2, 3, 7, 9]}, statistics=["max"])
    assert reel.channels == ["193 active max", "304 active max"]
    place = reel.meta["places"]["304 active max"]
    assert (place["x_px"], place["y_px"]) == (4.0, 5.5)
    expected = Sky.of(Reel(video.path)).pixel_to_hpc(np.array([0]), np.array([4.0]), np.array([5.5]))
    assert (place["x_arcsec"], place["y_arcsec"]) == pytest.approx((expected[0][0], expected[1][0]), abs=2e-3)


def test_one_channel_has_no_prefix_and_no_sky_no_arcsec(tmp_path):
    video = make_reel(tmp_path / "camera", drifting_blobs(20, 6, 6), start_utc=None)
    reel = cut(video, tmp_path / "out", grid=[1, 2], statistics=["mean"])
    assert reel.channels == ["r0c0 mean", "r0c1 mean"]
    assert reel.times_utc is None
    assert reel.labels is None
    assert reel.meta["places"]["r0c1 mean"] == {"x_px": 4.0, "y_px": 2.5}
    np.testing.assert_allclose(reel.signals()[:, 1], video.frames[:, 0, :, 3:].mean(axis=(1, 2)), rtol=1e-5)


def lifted_video(folder, is_lifted: bool) -> Reel:
    """A scene from dark to bright with a flare in cell r0c1 in frame 12; a short exposure may lift the dark in 20."""
    scene = np.linspace(0.1, 0.9, 48 * 48).reshape(1, 1, 48, 48)
    frames = scene + 0.01 * np.random.default_rng(0).standard_normal((40, 1, 48, 48))
    frames[12, 0, 4:12, 30:38] += 0.3
    frames[20] += 0.2 * (1 - scene[0]) ** 2 * is_lifted
    masks = np.zeros((40, 48, 48), np.uint8)
    masks[:, :6, :6] = INVALID
    frames[:, :, :6, :6] = 7.0
    return make_reel(folder / f"lifted_{is_lifted}", frames, masks=masks)


def test_without_the_common_mode_a_lifted_noise_floor_is_gone_and_a_flare_stays(tmp_path):
    settings = {"grid": (4, 2), "statistics": ("mean",)}
    lifted, plain = (lifted_video(tmp_path, is_lifted) for is_lifted in (True, False))
    wanted, raw, found = (
        light_curves(reel, LightCurvesConfig(**settings, common_mode=common)).values
        for reel, common in ((plain, False), (lifted, False), (lifted, True))
    )
    assert np.abs(raw - wanted)[20].max() > 0.1
    assert np.abs(found - wanted).max() < 0.01
    rise = found[12] - np.median(found, axis=0)
    assert rise.argmax() == 1
    assert rise[1] > 20 * np.abs(np.delete(rise, 1)).max()


def test_a_folder_of_reels_gives_one_series_each_and_they_are_kept(video, tmp_path, capsys):
    make_reel(tmp_path / "in" / "xrs", drifting_blobs(20, 1, 1, C=2))
    make_reel(tmp_path / "in" / "moon", drifting_blobs(20, 6, 6))
    settings = {"data_raw": str(tmp_path / "in"), "data_clips": str(tmp_path / "in"), "prep.clip_length": 8}
    chosen = config.load(None, settings | {"prep.light_curves": {"grid": [2, 2]}})
    made = prep(chosen)
    assert sorted(path.name for path in made) == ["moon_light_curves", "sun_light_curves"]
    assert prep(chosen) == made
    told = capsys.readouterr().err
    assert "xrs is itself a series" in told
    assert "moon_light_curves: already prepared" in told


def test_other_labels_or_places_are_another_reel(video, tmp_path):
    cut(video, tmp_path / "out", grid=[2, 2])
    with pytest.raises(FileExistsError, match="other frames or settings"):
        cut(video, tmp_path / "out", grid=[3, 2])
    table = pd.read_csv(video.path / "frames.csv").assign(label=0.0)
    table.to_csv(video.path / "frames.csv", index=False)
    with pytest.raises(FileExistsError, match="other frames or settings"):
        cut(Reel(video.path), tmp_path / "out", grid=[2, 2])


def test_what_is_no_reel_of_frames_is_refused(tmp_path):
    pd.DataFrame({"time": range(40), "v": range(40)}).to_csv(tmp_path / "goes.csv", index=False)
    chosen = {"data_raw": str(tmp_path / "goes.csv"), "data_clips": str(tmp_path / "out")}
    with pytest.raises(ValueError, match="cut from prepared reels of frames"):
        prep(config.load(None, chosen | {"prep.light_curves": {"grid": [2, 2]}}))
    series = make_reel(tmp_path / "xrs", drifting_blobs(20, 1, 1))
    with pytest.raises(ValueError, match="holds series only"):
        cut(series, tmp_path / "out", grid=[1, 1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"boxes": {"a": [0, 0, 12, 3]}}, "box a ends at .12, 3., outside the reel's 11 x 14 pixels"),
        ({"grid": [15, 2]}, "finer than the reel's 14 x 11 pixels"),
        ({"boxes": {"a": [6, 10, 11, 14]}}, "no frame has a valid pixel"),
    ],
)
def test_places_that_do_not_fit_are_refused(video, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        cut(video, tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "either grid"),
        ({"grid": [2, 2], "boxes": {"a": [0, 0, 1, 1]}}, "either grid"),
        ({"grid": [0, 2]}, "grid"),
        ({"boxes": {"a": [3, 0, 1, 1]}}, "x0 < x1"),
        ({"grid": [2, 2], "statistics": []}, "statistics"),
        ({"grid": [2, 2], "statistics": ["median"]}, "statistics"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(config.ConfigError, match=message):
        config.load(None, {"prep.light_curves": settings})


@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), st.data())
def test_cells_of_a_grid_cover_every_pixel_once_and_evenly(shape, data):
    grid = tuple(data.draw(st.integers(1, side)) for side in shape)
    covered, sizes = np.zeros(shape, int), set()
    for x0, y0, x1, y1 in cells(LightCurvesConfig(grid=grid), shape).values():
        covered[y0:y1, x0:x1] += 1
        sizes.add((y1 - y0, x1 - x0))
    assert (covered == 1).all()
    for side in zip(*sizes, strict=True):
        assert max(side) - min(side) <= 1
        assert min(side) >= 1


def test_places_are_strict_json(video, tmp_path):
    reel = cut(video, tmp_path / "out", grid=[3, 2])
    meta = json.loads((reel.path / "reel.json").read_text())
    assert set(meta["places"]) == set(meta["channels"])
    assert meta["light_curves"]["reel"] == "sun"
