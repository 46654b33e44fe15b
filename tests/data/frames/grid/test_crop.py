"""prep.crop: the reel is made of the rectangle alone, and the sky stays where it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import Config, ConfigError, CropConfig, PrepConfig, from_dict
from data.frames.grid.letterbox import calibrate_into
from data.frames.grid.placement import Placed
from data.live.live_reel import Form
from data.live.live_source import Picture
from data.prepare_data import prep
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.sky.wcs import from_row
from data.sources.base import Candidate, FrameError, RawFrame
from tests.support.fits_files import fits_bytes
from tests.support.solar_frames import rolled_frame, wcs_of
from tests.support.videos import decode_all, write_video

A_PICTURE = Placed.of(Candidate("picture", "", "image", "reel"))


def made(folder, **given):
    config = PrepConfig(**{"clip_length": 2, "stride": 1, "resize": None} | given)
    (path,) = prep(Config(data_raw=str(folder / "in"), data_clips=str(folder / "out"), workers=1, prep=config))
    return Reel(path)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_cropped_frame_is_that_of_a_smaller_camera(data):
    height, width = (data.draw(st.integers(4, 40)) for _ in range(2))
    y, x = (data.draw(st.integers(0, n - 1)) for n in (height, width))
    h, w = (data.draw(st.integers(1, n)) for n in (height - y, width - x))
    crop = CropConfig(x, y, w, h)
    pixels = np.random.default_rng(0).integers(0, 250, (height, width), np.uint8)
    small = RawFrame(np.ascontiguousarray(pixels[y : y + h, x : x + w]), None, "")
    found, expected = (
        calibrate_into(raw, A_PICTURE, raw.pixels.shape, (8, 8), PrepConfig(crop=part))
        for raw, part in ((RawFrame(pixels, None, ""), crop), (small, None))
    )
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.bits, expected.bits)


def test_a_video_and_the_stream_that_is_like_it(tmp_path):
    pictures = decode_all(write_video(tmp_path / "in" / "v.mp4", 6))  # of 64 rows and 96 columns
    mask = ((0, 0, 30, 64),)  # in pixels of the whole picture, as the crop
    reel = made(tmp_path, crop=CropConfig(20, 10, 50, 40), mask=mask)
    assert reel.shape == (6, 1, 40, 50)
    assert (reel.masks[:, :, :10] == 1).all()
    assert not reel.masks[:, :, 10:].any()
    form = Form.of(reel, Config())
    for i, (_, picture) in enumerate(pictures):
        np.testing.assert_allclose(reel.frames[i, 0, :, 10:], picture[10:50, 30:70] / 255, atol=1e-6)
        np.testing.assert_array_equal(form.frame(Picture(picture, 0.0, 1.0, False, False))[0], reel.frames[i])
    with pytest.raises(FrameError, match="crop were given for 64x96"):
        form.frame(Picture(pictures[0][1][:50], 0.0, 1.0, False, False))


@pytest.mark.parametrize("register", ["auto", "off"])
def test_the_sky_of_a_part_is_that_of_the_whole(tmp_path, register):
    pixels, head = rolled_frame(128, roll_deg=20)
    wcs = wcs_of(head)
    star = (40, 84)  # x, y
    pixels[star[1] - 1 : star[1] + 2, star[0] - 1 : star[0] + 2] = 8000
    pixels[star[1], star[0]] = 16000
    (tmp_path / "in").mkdir()
    for second in range(2):
        head["T_OBS"] = f"2011-02-15T00:00:{second:02d}.34Z"
        (tmp_path / "in" / f"{second}.fits").write_bytes(fits_bytes(pixels, head, "primary"))
    reel = made(tmp_path, crop=CropConfig(20, 60, 70, 50), register=register)
    assert reel.shape[2:] == (50, 70)
    there = from_row(reel.table.iloc[0])
    assert there is not None
    y, x = np.unravel_index(int(reel.frames[0, 0].argmax()), (50, 70))
    found, expected = there.pixel_to_hpc(x, y), wcs.pixel_to_hpc(*star)
    assert np.hypot(found[0] - expected[0], found[1] - expected[1]) < wcs.scale_arcsec
    if register == "off":
        assert (x, y) == (star[0] - 20, star[1] - 60)


def test_a_full_disc_that_was_cropped_stays_where_it_is(tmp_path):
    pixels, head = rolled_frame(128, roll_deg=0)
    (tmp_path / "in").mkdir()
    for second in range(2):
        head["T_OBS"] = f"2011-02-15T00:00:{second:02d}.34Z"
        (tmp_path / "in" / f"{second}.fits").write_bytes(fits_bytes(pixels, head, "primary"))
    reel = made(tmp_path, crop=CropConfig(0, 0, 128, 118))
    assert not (reel.masks[:, 2:-2, 2:-2] & INVALID).any()  # nothing was moved in from outside


def test_what_lies_outside_is_refused_with_the_size_of_the_frame(tmp_path):
    write_video(tmp_path / "in" / "v.mp4", 4)
    with pytest.raises(ValueError, match=r"x 50\.\.100, y 0\.\.64, and the frame is 96 wide, 64 high"):
        made(tmp_path, crop=CropConfig(50, 0, 50, 64), colour="rgb")
    assert (tmp_path / "out" / "v.rejected.csv").read_text().count("prep.crop asks for") == 4
    with pytest.raises(FrameError, match="the frame is 96 wide"):
        calibrate_into(
            RawFrame(np.zeros((64, 96), np.uint8), None, ""),
            A_PICTURE,
            (64, 96),
            (8, 8),
            PrepConfig(crop=CropConfig(0, 0, 97, 1)),
        )


def test_it_is_part_of_what_a_reel_is(tmp_path):
    write_video(tmp_path / "in" / "v.mp4", 4)
    made(tmp_path, crop=CropConfig(0, 0, 50, 64), resize=(8, 8))
    made(tmp_path, crop=CropConfig(0, 0, 50, 64), resize=(8, 8))
    for other in (CropConfig(1, 0, 50, 64), None):
        with pytest.raises(FileExistsError, match="other frames or settings"):
            made(tmp_path, crop=other, resize=(8, 8))


@pytest.mark.parametrize(
    "wrong",
    [
        [1, 2, 3, 4],
        {"x": 1, "y": 2, "width": 3},
        {"x": -1, "y": 2, "width": 3, "height": 4},
        {"x": 1, "y": 2, "width": 0, "height": 4},
        {"x": 1.5, "y": 2, "width": 3, "height": 4},
        {"x": 1, "y": 2, "w": 3, "height": 4},
    ],
)
def test_it_is_strict(wrong):
    with pytest.raises(ConfigError, match=r"prep\.crop"):
        from_dict({"prep": {"crop": wrong}}, "a.yaml")
