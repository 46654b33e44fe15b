"""Pictures are scaled by the range that their camera uses, which need not be that of the type they are stored in."""

import numpy as np
import pytest
from PIL import Image

from config import Config, PrepConfig
from data.prepare_data import prep
from data.reel.reel import Reel
from tests.support.videos import picture


def made(folder, **settings):
    config = PrepConfig(clip_length=4, stride=2, resize=None, **settings)
    (path,) = prep(Config(data_raw=str(folder / "in"), data_clips=str(folder / "out"), workers=1, prep=config))
    return Reel(path)


def scenes(n=6):
    """(n, 64, 96) in 0..1, of which one pixel is 1."""
    found = np.stack([picture(i)[..., 0] / 255 for i in range(n)])
    found[:, 0, 0] = 1
    return found


def save(folder, name, pixels):
    (folder / "in").mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / "in" / name)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_the_bits_in_use_are_the_range(tmp_path, caplog, bits, suffix):
    top = 2**bits - 1
    for i, scene in enumerate(scenes()):
        save(tmp_path, f"{i}.{suffix}", np.rint(scene * top).astype(np.uint16))
    reel = made(tmp_path)
    np.testing.assert_allclose(reel.frames[:, 0], scenes(), atol=0.51 / top)  # rounding to levels
    assert (f"{bits} bit of 16 are in use: 0..{top} is taken for their range" in caplog.text) == (bits < 16)


def test_one_bright_picture_decides_for_its_reel(tmp_path):
    """The range is the reel's, not each frame's: a frame that is dark stays dark."""
    for i, top in enumerate([300, 4000, 200, 1000]):
        save(tmp_path, f"{i}.png", np.full((8, 9), top, np.uint16))
    np.testing.assert_allclose(made(tmp_path).frames[:, 0, 0, 0], np.array([300, 4000, 200, 1000]) / 4095, rtol=1e-6)


def test_pictures_of_eight_and_of_twelve_bits_have_one_scale(tmp_path, caplog):
    for i, scene in enumerate(scenes()):
        deep = np.rint(scene * 4095).astype(np.uint16)
        save(tmp_path, f"{i}.png", deep if i % 2 else np.rint(scene * 255).astype(np.uint8))
    np.testing.assert_allclose(made(tmp_path).frames[:, 0], scenes(), atol=0.51 / 255)
    assert "3 of 6 pictures have 8 bits, brought to 0..4095" in caplog.text


def test_a_small_part_of_the_range_far_from_0_is_taken_and_told(tmp_path, caplog):
    """Hundredths of a kelvin fill a 40th of 16 bits: a movie of them was flat, and steps of float16 sixteen wide."""
    known = scenes()
    known[:, 0, 1] = 0
    for i, scene in enumerate(known):
        save(tmp_path, f"{i}.png", np.rint(29000 + 1500 * scene).astype(np.uint16))
    reel = made(tmp_path)
    (stretch,) = reel.meta["stretch"]
    assert (stretch["kind"], stretch["x0"], stretch["vmax"]) == ("affine", 27500, 32000)
    np.testing.assert_allclose(reel.frames[:, 0], 1 / 3 + known / 3, atol=0.51 / 4500)
    assert "its values go from 29000 to 30500, 2.3% of 0..65535" in caplog.text


@pytest.mark.parametrize(("low", "high"), [(0, 900), (3000, 5000), (20000, 29000), (29000, 29000)])
def test_other_parts_of_the_range_are_as_they_are(tmp_path, low, high):
    for i, scene in enumerate(scenes()):
        save(tmp_path, f"{i}.png", np.rint(low + (high - low) * scene).astype(np.uint16))
    assert made(tmp_path).meta["stretch"][0]["kind"] == "linear"
