"""Reels of 8-bit pictures with prep.precision auto: a byte a value, and the values that readers get are the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import main
from config import Config, PrepConfig
from data.live.frame_files import FolderFiles
from data.live.frame_form import FrameForm
from data.live.kept_reel import KeptReel
from data.prepare_data import prep
from data.reel.reel import Reel
from data.reel.stretch import Levels, Stretch, stored_as, values_of
from data.reel.views.excerpt import write_excerpt
from inference.methods.motion.flow import shrunk
from tests.support.videos import write_video

VIDEO = Stretch("linear", 1.0, 255.0)
HALF_LEVEL = 0.5 / 255 + 2**-23  # and the rounding of float32 values up to 1


def made(folder, name, **settings):
    config = PrepConfig(clip_length=4, stride=2, **settings)
    (path,) = prep(Config(data_raw=str(folder / "in"), data_clips=str(folder / name), workers=0, prep=config))
    return Reel(path)


@pytest.fixture
def both(tmp_path):
    """The same video as float32 and by `auto`."""
    write_video(tmp_path / "in" / "cam.mp4", 24)
    return lambda **settings: [made(tmp_path, name, precision=name, **settings) for name in ("float32", "auto")]


@given(hnp.arrays(np.uint8, (3, 4)))
def test_a_level_that_is_kept_is_the_float32_value_it_was(levels):
    stretched = VIDEO.forward(levels.astype(np.float32))
    np.testing.assert_array_equal(stored_as(stretched, np.dtype(np.uint8)), levels)
    np.testing.assert_array_equal(values_of(levels), stretched)


@given(hnp.arrays(np.float32, 20, elements=st.floats(0, 1, width=32)))
def test_what_lies_between_two_levels_moves_by_half_of_one_at_most(y):
    assert np.abs(values_of(stored_as(y, np.dtype(np.uint8))) - y).max() <= HALF_LEVEL


@pytest.mark.parametrize("colour", ["gray", "rgb"])
def test_pixels_of_the_source_are_the_same_bit_by_bit_in_a_quarter_of_the_space(both, colour):
    plain, short = both(resize=None, colour=colour)
    assert (short.stored.dtype, short.meta["dtype"], short.frames.dtype) == (np.uint8, "uint8", np.float32)
    for one, other in zip(plain.read(3, 20), short.read(3, 20), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    np.testing.assert_array_equal(plain.physical(0, 24), short.physical(0, 24))
    np.testing.assert_array_equal(np.asarray(short.frames), plain.frames)
    np.testing.assert_array_equal(short.frames[5, :, 3], plain.frames[5, :, 3])
    values = plain.frames.size
    assert [(r.path / "frames.npy").stat().st_size - 128 for r in (plain, short)] == [4 * values, values]


def test_resized_ones_are_within_half_a_level(both):
    plain, short = both(resize=(30, 44))
    difference = np.abs(short.frames[:] - plain.frames[:])
    assert 0 < difference.max() <= HALF_LEVEL
    # Methods on motion, all of which look at this, look at whole grey levels: they see no other picture.
    np.testing.assert_array_equal(shrunk(short.frames[:], 40, 6), shrunk(plain.frames[:], 40, 6))


@pytest.mark.parametrize(
    "masks", [{}, {"mask": ((3, 3, 20, 11),)}, {"field_circle": (50, 30, 45)}, {"resize": (48, 48), "aspect": "keep"}]
)
def test_a_mask_that_all_frames_have_is_kept_once_and_read_for_each(both, masks):
    for reel in both(**{"resize": None} | masks):
        assert np.load(reel.path / "masks.npy").shape == (1, *reel.shape[2:])
        assert reel.masks.shape == (24, *reel.shape[2:])
        bits = reel.read_masks(5, 9)
        np.testing.assert_array_equal(bits, reel.masks[5:9])
        assert bits.any() == bool(masks)
        assert (reel.frames[:][:, 0][(reel.masks & 1) > 0] == 0).all()


def test_an_excerpt_is_kept_as_its_reel_is(both, tmp_path):
    for reel in both(resize=None, mask=((3, 3, 20, 11),)):
        write_excerpt(reel, [(2, 5), (9, 20)], tmp_path / f"{reel.meta['dtype']}-excerpt")
        part = Reel(tmp_path / f"{reel.meta['dtype']}-excerpt")
        assert part.stored.dtype == reel.stored.dtype
        for whole, read in zip((reel.frames, reel.masks), part.read(0, 14), strict=True):
            np.testing.assert_array_equal(read, np.concatenate([whole[2:5], whole[9:20]]))


def save(folder, depth):
    (folder / "in").mkdir()
    for i in range(6):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 9)).astype(depth)
        Image.fromarray(pixels * (16 if depth == np.uint16 else 1)).save(folder / "in" / f"{i}.png")


@pytest.mark.parametrize(
    ("depth", "settings"),
    [
        (np.uint16, {}),
        (np.uint8, {"transfer": "sqrt"}),
        (np.uint8, {"stretch": {"gray": (10.0, 200.0)}}),
    ],
)
def test_what_has_more_to_tell_than_8_bits_is_float32(tmp_path, depth, settings):
    save(tmp_path, depth)
    auto, plain = (made(tmp_path, name, precision=name, resize=None, **settings) for name in ("auto", "float32"))
    assert auto.stored.dtype == np.float32
    np.testing.assert_array_equal(auto.frames, plain.frames)


def test_an_array_of_levels_is_read_where_it_is_asked_for():
    """A reel may be larger than the memory: no more is decoded than a caller takes."""

    class Counted(np.ndarray):
        taken = 0

        def __getitem__(self, key):
            found = super().__getitem__(key)
            Counted.taken += np.asarray(found).nbytes
            return found

    frames = Levels(np.zeros((1000, 1, 8, 8), np.uint8).view(Counted))
    assert frames[3].dtype == np.float32
    assert Counted.taken == 64
    assert (len(frames), frames.shape) == (1000, (1000, 1, 8, 8))


def test_pictures_of_other_depths_in_one_reel_are_float32(tmp_path):
    save(tmp_path, np.uint8)
    deep = np.random.default_rng(7).integers(0, 4096, (8, 9)).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "in" / "6.png")
    assert made(tmp_path, "reels", precision="auto", resize=None).stored.dtype == np.float32


def test_a_run_of_it_finds_what_a_run_of_float32_finds(tmp_path):
    """Through prep, train and eval, at the source's own size: not one score is another."""
    write_video(tmp_path / "in" / "cam.mp4", 60)
    tables = [scores_of(tmp_path, precision) for precision in ("float32", "auto")]
    assert tables[0] == tables[1]
    assert tables[0].count(b"\n") > 50


def scores_of(folder, precision):
    settings = {"workers": 0, "device": "cpu", "prep.resize": "null", "prep.precision": precision}
    settings |= {"prep.clip_length": 8, "model.name": "robust_z"}
    run = folder / f"run-{precision}"
    places = ["--data-raw", str(folder / "in"), "--data-clips", str(folder / precision), "--model-path", str(run)]
    for mode in ("prep", "train", "eval"):
        assert main.main(["-m", mode, *places, *(w for k, v in settings.items() for w in ("--set", f"{k}={v}"))]) == 0
    (found,) = (run / "eval").glob("*/scores.csv")
    return found.read_bytes()


def test_pictures_that_are_followed_are_kept_and_read_as_prep_has_them(tmp_path):
    (tmp_path / "in").mkdir()
    for second in range(5):
        pixels = np.random.default_rng(second).integers(0, 256, (16, 18), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"gate_20120719_07300{second}.png")
    reel = made(tmp_path, "reels", precision="auto", resize=(7, 8), mask=((2, 2, 6, 7),))
    form = FrameForm.of(reel, Config(), PrepConfig())
    kept = KeptReel(tmp_path / "kept", "gate", form, reel, 1.0, 2**20)
    for met in FolderFiles(tmp_path / "in", "*", form, 0.0, {}).poll():
        kept.append(met, form.made(met.candidate))
    for whole, read, viewed in zip(reel.read(0, 5), kept.read(0, 5), kept.view().read(0, 5), strict=True):
        np.testing.assert_array_equal(read, whole)
        np.testing.assert_array_equal(viewed, whole)
    np.testing.assert_array_equal(kept.view().frames[3], reel.frames[3])
    np.testing.assert_array_equal(kept.view().masks[3], reel.masks[3])
    assert (tmp_path / "kept" / "frames.dat").stat().st_size == kept.facts["slots"] * 7 * 8
