"""Pictures of another size than most of their reel: which are brought to it, and which are rejected."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from config import Config, PrepConfig
from data.frames.grid.common_shape import are_one_view, to_shape
from data.prepare_data import prep
from data.reel.reel import Reel
from data.sources.base import FrameError

GREY = np.kron(np.random.default_rng(1).integers(20, 230, (6, 8), np.uint8), np.ones((8, 8), np.uint8))


@given(st.integers(20, 400), st.integers(20, 400), st.floats(0.2, 5))
def test_one_view_is_one_at_any_scale(height, width, scale):
    scaled = round(height * scale), round(width * scale)
    if min(scaled) >= 10:
        assert are_one_view(scaled, (height, width)) == (
            abs(scaled[0] * width / scaled[1] - height) <= max(1, height / 100)
        )
    assert are_one_view((height, width), (height, width))
    assert not are_one_view((height, 2 * width), (height, width))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("times", [2, 3])
def test_a_picture_shows_the_same_at_both_sizes(dtype, times):
    large = np.kron(GREY, np.ones((times, times), np.uint8)).astype(dtype)
    small, present = to_shape(large, GREY.shape, 2, True)
    assert present is None
    np.testing.assert_allclose(small, GREY, atol=0.5)
    back, _ = to_shape(GREY.astype(dtype), large.shape, 2, True)
    assert np.corrcoef(back.ravel(), large.ravel())[0, 1] > 0.9


def test_what_holds_no_level_somewhere_or_was_measured_is_not_scaled():
    holes = GREY.astype(np.float32)
    holes[3, 3] = np.nan
    for pixels, is_picture in ((holes, True), (GREY, False), (GREY[:, :40], True)):
        with pytest.raises(FrameError, match="differs from 96x128"):
            to_shape(pixels, (96, 128), 2, is_picture)


@pytest.mark.parametrize(
    ("sizes", "kept", "is_told"),
    [
        ([1] * 6 + [2] * 6, 12, True),  # a camera that was set to another resolution
        ([1] * 4 + [2] * 5 + [1] * 4, 13, True),
        ([2, 1] * 6, 6, False),  # small copies among pictures
        ([2] * 10 + [1], 10, False),
    ],
)
def test_sizes_that_change_for_good_are_one_reel(tmp_path, caplog, sizes, kept, is_told):
    """All of the rarer size were rejected: half of a recording was lost, told in a line."""
    for i, size in enumerate(sizes):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(np.kron(GREY + np.uint8(i), np.ones((size, size), np.uint8))).save(tmp_path / f"in/{i:03d}.png")
    settings = PrepConfig(clip_length=2, stride=1, resize=(12, 16))
    (path,) = prep(Config(data_raw=str(tmp_path / "in"), data_clips=str(tmp_path / "out"), workers=1, prep=settings))
    reel = Reel(path)
    assert len(reel.table) == kept
    assert ("brought to that of most frames" in caplog.text) == is_told
    if is_told:
        steps = np.diff(255 * np.asarray(reel.frames, np.float64).mean((1, 2, 3)))
        np.testing.assert_allclose(steps, 1, atol=0.3, err_msg="each is a level brighter, whatever its size")
