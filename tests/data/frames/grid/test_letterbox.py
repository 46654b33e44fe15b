"""Frames keep their proportion in a grid of another one: what is added at the sides is masked, and the sky follows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Config, PrepConfig
from data.frames.grid.letterbox import inner_shape, on_grid
from data.live.live_reel import Form
from data.live.live_source import Picture
from data.prepare_data import prep
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.sky.wcs import FrameWcs
from tests.support.fits_files import write_frames
from tests.support.videos import decode_all, write_video

SIDES = st.tuples(st.integers(1, 4000), st.integers(1, 4000))


@given(shape=SIDES, grid=SIDES)
def test_a_frame_fills_its_grid_as_far_as_its_proportion_lets_it(shape, grid):
    keep = PrepConfig(aspect="keep")
    inner = inner_shape(shape, grid, keep)
    assert all(1 <= n <= m for n, m in zip(inner, grid, strict=True))
    assert inner[0] == grid[0] or inner[1] == grid[1]
    scale = min(m / n for n, m in zip(shape, grid, strict=True))
    assert all(abs(n - max(1, side * scale)) <= 0.5 + 1e-9 for n, side in zip(inner, shape, strict=True))
    assert inner_shape(shape, grid, PrepConfig(), is_counts=True) == grid
    assert inner_shape(shape, grid, PrepConfig(aspect="stretch")) == grid
    assert inner_shape(shape, grid, PrepConfig()) == inner


def made(folder, **settings):
    config = PrepConfig(clip_length=4, stride=2, resize=(32, 32), **settings)
    (path,) = prep(Config(data_raw=str(folder / "in"), data_clips=str(folder / "out"), workers=1, prep=config))
    return Reel(path)


@pytest.mark.parametrize("aspect", ["auto", "keep", "stretch"])
def test_a_video_keeps_its_proportion_unless_told_otherwise(tmp_path, aspect):
    pictures = decode_all(write_video(tmp_path / "in" / "v.mp4", 6))  # of 64 rows and 96 columns
    reel = made(tmp_path, aspect=aspect)
    if aspect == "stretch":
        assert not (reel.masks[:] & INVALID).any()
        return
    inside = np.s_[5:26]  # 21 of 32 rows
    outside = np.ones(32, bool)
    outside[inside] = False
    assert (reel.masks[:, outside] & INVALID).all()
    assert not (reel.masks[:, inside] & INVALID).any()
    assert not reel.frames[:, 0, outside].any()
    means = [picture.mean() / 255 for _, picture in pictures]
    np.testing.assert_allclose(reel.frames[:, 0, inside].mean(axis=(1, 2)), means, rtol=1e-4)
    assert set(reel.table["coverage"]) == {1.0}  # nothing of the source is missing


def test_detectors_fill_their_grid_as_before(tmp_path):
    write_frames(tmp_path / "in", 5)  # of 24 rows and 32 columns
    assert not (made(tmp_path).masks[:] & INVALID).any()


def test_a_stream_is_made_like_the_reel_that_a_model_was_trained_on(tmp_path):
    pictures = decode_all(write_video(tmp_path / "in" / "v.mp4", 6))
    for aspect in ("auto", "stretch"):
        reel = made(tmp_path, aspect=aspect)
        form = Form.of(reel, Config())
        for i, (_, picture) in enumerate(pictures):
            frame, bits = form.frame(Picture(picture, 0.0, 1.0, False, False))
            np.testing.assert_array_equal(frame, reel.frames[i])
            np.testing.assert_array_equal(bits, reel.masks[i])
        reel.path.rename(tmp_path / f"done_{aspect}")


def test_the_sky_lies_where_the_frame_does():
    wcs = FrameWcs(48.5, 32.5, 2.0, 2.0, 0.0, 10.0, -20.0, 0.0, 0.0, 1.5e11, 960.0)
    small = on_grid(wcs, (64, 96), (32, 32), (21, 32))
    assert (small.crpix1, small.crpix2) == (16.5, 5 + 11.0)  # the frame's middle
    assert (small.cdelt1, small.cdelt2) == (6.0, pytest.approx(2 * 64 / 21))
