"""Every kind of input gives the right frames, at the right times, in the right order."""

import io
import random
import sys
import tarfile

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from config import PrepConfig
from data import sources
from data.sources.base import FrameError
from data.sources.picture_folder.order import natural_key
from data.sources.times.in_names.names import times_in_names
from data.sources.times.utc import parse_utc
from tests.support import frames
from tests.support.fits_files import BLANK, LAYOUTS, START, counts, fits_bytes, header, utc, write_tar
from tests.support.videos import KINDS, decode_all, number_of, picture, write_video

PREP = PrepConfig()


def scan(root, prep=PREP):
    return frames.scan(root, prep)


def pixels_of(candidates):
    """Pixels by source; every frame must have been read."""
    read = {c.source: raw for c, raw in frames.read(candidates)}
    assert not [str(raw) for raw in read.values() if isinstance(raw, FrameError)]
    return {source: raw.pixels for source, raw in read.items()}


# FITS


@pytest.mark.parametrize("layout", LAYOUTS)
def test_fits_layouts_give_the_stored_counts_and_the_header(tmp_path, layout):
    suffix = ".fits.gz" if layout.endswith("gz") else ".fits"
    (tmp_path / f"a{suffix}").write_bytes(fits_bytes(counts(3), header(12.0, exptime_s=1.5), layout))
    (candidate,) = scan(tmp_path)
    assert candidate.reason == ""
    assert (candidate.reel, candidate.channel, candidate.exptime_s) == ("aia_171", "171", 1.5)
    assert candidate.time_utc == utc(12.75)  # T_OBS, the middle of the exposure
    assert candidate.shape == (24, 32)
    ((_, raw),) = frames.read([candidate])
    assert raw.blank == BLANK
    np.testing.assert_array_equal(raw.pixels, counts(3))
    assert raw.pixels.dtype.kind == "i"  # not converted before its size is known


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("layout", ["rice", "primary"])
def test_fits_pixel_types(tmp_path, dtype, layout):
    pixels = counts(1).astype(dtype) if dtype != "uint16" else counts(1).astype(dtype) + np.uint16(40000)
    if dtype == "uint8":
        pixels = (counts(1) % 251).astype(dtype)
    (tmp_path / "a.fits").write_bytes(fits_bytes(pixels, header(BLANK=None), layout))
    ((_, raw),) = frames.read(scan(tmp_path))
    # Rice on floats quantises them; integers have to come back exactly.
    tolerance = 1.0 if layout == "rice" and dtype.startswith("float") else 0
    np.testing.assert_allclose(raw.pixels.astype(np.float64), pixels.astype(np.float64), rtol=0, atol=tolerance)


def test_fits_missing_pixels_are_marked(tmp_path):
    holed = counts(1)
    holed[2, 3] = BLANK
    (tmp_path / "int.fits").write_bytes(fits_bytes(holed, header()))
    scaled = header(12)
    scaled["BSCALE"], scaled["BZERO"] = 0.5, 10.0
    hdu = fits.PrimaryHDU(holed)
    hdu.header.update(scaled)
    stream = io.BytesIO()
    hdu.writeto(stream)
    (tmp_path / "scaled.fits").write_bytes(stream.getvalue())
    ((_, plain), (_, with_scale)) = frames.read(scan(tmp_path))
    assert plain.pixels[2, 3] == plain.blank == BLANK
    assert with_scale.blank is None
    assert np.argwhere(np.isnan(with_scale.pixels)).tolist() == [[2, 3]]


def test_fits_takes_the_hdu_that_holds_an_image(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("x", "E", array=np.zeros(3))])
    cube = fits.ImageHDU(np.zeros((4, 5, 6), np.int16))
    image = fits.CompImageHDU(counts(5), header())
    fits.HDUList([fits.PrimaryHDU(), table, cube, image]).writeto(tmp_path / "a.fits")
    np.testing.assert_array_equal(pixels_of(scan(tmp_path))["a.fits"], counts(5))


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"T_OBS": "2012-07-19T07:30:02.57Z", "DATE_OBS_": "2012-07-19T07:00:00"}, "2012-07-19T07:30:02.570"),
        ({"T_OBS": None, "DATE_OBS_": "2012-07-19T07:00:00"}, "2012-07-19T07:00:00.000"),
        ({"T_OBS": "2012.07.19_07:30:36_TAI"}, "2012-07-19T07:30:01.000"),  # 35 leap seconds after 2012-07-01
        ({"T_OBS": "2012-06-30T07:30:34_TAI"}, "2012-06-30T07:30:00.000"),  # 34 before
        ({"T_OBS": "MISSING", "DATE_OBS_": "2012-07-19T07:00:00"}, "2012-07-19T07:00:00.000"),
        ({"T_OBS": None, "DATE_OBS_": "2012-07-19", "TIME_OBS_": "07:31:02.5"}, "2012-07-19T07:31:02.500"),
    ],
)
def test_fits_times(tmp_path, cards, expected):
    head = header(**{name: value for name, value in cards.items() if name != "TIME_OBS_"})
    if "TIME_OBS_" in cards:
        head["TIME-OBS"] = cards["TIME_OBS_"]
    (tmp_path / "a.fits").write_bytes(fits_bytes(counts(), head))
    (candidate,) = scan(tmp_path)
    assert (candidate.time_utc, candidate.reason) == (expected, "")


@pytest.mark.parametrize(
    ("cards", "prep", "reason"),
    [
        ({"QUALITY": 1 << 17}, {}, "QUALITY bit 17"),
        ({"QUALITY": (1 << 31) - (1 << 32)}, {}, "QUALITY bit 31"),  # written as a signed number
        ({"QUALITY": 1 << 8}, {}, ""),
        ({"QUALITY": 1 << 8}, {"quality_reject": (8, 9)}, "QUALITY bit 8"),
        ({"QUALITY": "bad"}, {}, "QUALITY 'bad' is no number"),
        ({"EXPTIME": None}, {}, "header has no EXPTIME"),
        ({"EXPTIME": None}, {"normalise_exposure": False}, ""),
        ({"EXPTIME": None, "EXPOSURE": 1.0}, {}, ""),
        ({"EXPTIME": 0.0}, {}, "EXPTIME 0 s is impossible"),
        ({"EXPTIME": -2.0}, {}, "EXPTIME -2 s is impossible"),
        ({"EXPTIME": 1e300}, {}, "EXPTIME 1e+300 s is impossible"),
        ({"EXPTIME": "2.0"}, {}, ""),  # a number as text
        ({"EXPTIME": "long"}, {}, "header has no EXPTIME"),
        ({"WAVELNTH": 304}, {"wavelengths": (171, 193)}, "wavelength 304 is not among prep.wavelengths"),
        ({"T_OBS": None, "DATE_OBS_": None}, {}, "header has neither T_OBS nor DATE-OBS"),
        ({"T_OBS": "yesterday", "DATE_OBS_": None}, {}, "time 'yesterday' is not readable"),
    ],
)
def test_fits_refusals_have_a_reason(tmp_path, cards, prep, reason):
    (tmp_path / "a.fits").write_bytes(fits_bytes(counts(), header(**cards)))
    (candidate,) = scan(tmp_path, PrepConfig(**prep))
    assert candidate.reason.startswith(reason)
    assert bool(candidate.reason) == bool(reason)


# Archives


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz")])
def test_tar_members_are_read_without_unpacking(tmp_path, name, mode):
    members = {f"deep/frame_{i}.fits": fits_bytes(counts(i), header(12.0 * i)) for i in range(5)}
    members["deep/readme.txt"] = b"no frame"
    members["packed.fits.gz"] = fits_bytes(counts(9), header(100.0), "rice.gz")
    write_tar(tmp_path / name, members, mode)
    candidates = scan(tmp_path)
    assert [c.member for c in candidates] == [m for m in members if not m.endswith("txt")]
    random.Random(0).shuffle(candidates)
    read = pixels_of(candidates)
    for i in range(5):
        np.testing.assert_array_equal(read[f"{name}::deep/frame_{i}.fits"], counts(i))
    np.testing.assert_array_equal(read[f"{name}::packed.fits.gz"], counts(9))
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_tar_members_of_one_name_stay_apart(tmp_path):
    for path, mode in ((tmp_path / "a.tar", "w"), (tmp_path / "b.tgz", "w:gz")):
        with tarfile.open(path, mode) as tar:
            for i in range(3):
                payload = fits_bytes(counts(i), header(12.0 * i))
                info = tarfile.TarInfo("same.fits")
                info.size = len(payload)
                tar.addfile(info, io.BytesIO(payload))
        candidates = [c for c in scan(tmp_path) if c.path == str(path)]
        assert len(candidates) == 3
        for i, (candidate, raw) in enumerate(frames.read(candidates)):
            assert candidate is candidates[i]
            np.testing.assert_array_equal(raw.pixels, counts(i))


# Video


@pytest.mark.parametrize("name", KINDS)
def test_video_frames_have_their_exact_numbers_and_times(tmp_path, name):
    write_video(tmp_path / name, 40)
    candidates = scan(tmp_path)
    assert [c.source for c in candidates] == [f"{name}#{i}" for i in range(40)]
    assert not [c.reason for c in candidates if c.reason]
    assert candidates[0].shape == (64, 96)
    np.testing.assert_allclose([c.time_s for c in candidates], np.arange(40) / 25, atol=1e-3)
    read = pixels_of(candidates)
    assert [number_of(read[f"{name}#{i}"]) for i in range(40)] == list(range(40))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("first", "last"), [(0, 1), (7, 19), (12, 24), (13, 14), (38, 40)])
def test_video_read_from_the_middle_equals_reading_it_all(tmp_path, name, first, last):
    path = write_video(tmp_path / name, 40)
    expected = decode_all(path)
    candidates = scan(tmp_path)[first:last]
    for i, (candidate, raw) in zip(range(first, last), frames.read(candidates), strict=True):
        assert candidate.position == expected[i][0]
        np.testing.assert_array_equal(raw.pixels, expected[i][1])


@pytest.mark.parametrize("name", ["variable.mp4", "variable.mkv"])
def test_video_with_a_variable_frame_rate(tmp_path, name):
    times_ms = np.cumsum(np.random.default_rng(0).integers(20, 400, 30)).tolist()
    write_video(tmp_path / name, 30, times_ms)
    candidates = scan(tmp_path)
    np.testing.assert_allclose([c.time_s for c in candidates], (np.array(times_ms) - times_ms[0]) / 1000, atol=1e-3)
    assert [number_of(p) for p in pixels_of(candidates).values()] == list(range(30))


def test_video_groups_begin_at_key_frames(tmp_path):
    """Frames of a group are read in one pass; groups are long enough to be worth it, and bounded where keys allow."""
    write_video(tmp_path / "b_frames.mp4", 250)
    write_video(tmp_path / "one_key_frame.mov", 250)
    by_file = {}
    for candidate in scan(tmp_path):
        by_file.setdefault(candidate.source.split("#")[0], []).append(candidate.group)
    sizes = np.unique(by_file["b_frames.mp4"], return_counts=True)[1]
    assert len(sizes) == 3
    assert all(96 <= n < 96 + 12 for n in sizes[:-1])
    assert set(by_file["one_key_frame.mov"]) == {0}


@pytest.mark.parametrize("named", ["v_frame_times.csv", "v.csv"])
def test_video_times_and_labels_come_from_a_csv_beside_it(tmp_path, named):
    write_video(tmp_path / "v.mp4", 6)
    rows = "".join(f"{i},{utc(900 * i)},{int(i == 3)}\n" for i in (0, 1, 3, 4, 5))
    (tmp_path / named).write_text("frame,date_obs,label\n" + rows)
    candidates = scan(tmp_path)
    assert [c.time_utc for c in candidates] == [utc(900 * i) if i != 2 else "" for i in range(6)]
    assert [c.reason for c in candidates] == ["", "", "times CSV has no row for this frame", "", "", ""]
    assert [c.label for i, c in enumerate(candidates) if i != 2] == [0, 0, 1, 0, 0]


def test_video_times_from_settings(tmp_path):
    write_video(tmp_path / "v.mp4", 4)
    prep = PrepConfig(start_utc="2012-07-19 07:30:01", frames_per_second=0.1)
    assert [c.time_utc for c in scan(tmp_path, prep)] == [utc(10 * i) for i in range(4)]


# Images


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_images_are_in_natural_order(tmp_path):
    for i in (10, 9, 1, 2, 100):
        save(tmp_path / "clip" / f"Frame{i}.png", np.full((8, 9), i, np.uint8))
    candidates = scan(tmp_path)
    assert [c.source for c in candidates] == [f"clip/Frame{i}.png" for i in (1, 2, 9, 10, 100)]
    assert [c.time_s for c in candidates] == [0, 1, 2, 3, 4]
    assert [p[0, 0] for p in pixels_of(candidates).values()] == [1, 2, 9, 10, 100]


@given(st.lists(st.text(st.sampled_from("ab019_.-é²"), min_size=1, max_size=6), max_size=8))
def test_natural_key_orders_any_names(names):
    ordered = sorted(names, key=natural_key)
    assert sorted(ordered) == sorted(names)


@given(
    st.sampled_from(["IMG_001", "photo", "cam 2"]),
    st.sampled_from(["({})", " ({})", "-{}", "_{}"]),
    st.sampled_from([".jpg", ".PNG", ".tif"]),
)
def test_bursts_and_copies_come_after_what_they_are_of(stem, form, suffix):
    names = [stem + suffix, *(stem + form.format(number) + suffix for number in range(1, 12))]
    shuffled = names[::-1]
    assert sorted(shuffled, key=natural_key) == names


def test_a_link_to_a_file_of_the_folder_is_not_read_again(tmp_path):
    outside = tmp_path / "outside"
    root = tmp_path / "raw"
    (root / "day").mkdir(parents=True)
    outside.mkdir()
    for number in range(3):
        save(root / "day" / f"cam_{number}.png", picture(number))
    save(outside / "cam_3.png", picture(3))
    (root / "day" / "cam_3.png").symlink_to(outside / "cam_3.png")
    (root / "day" / "latest.png").symlink_to("cam_2.png")
    (root / "newest.png").symlink_to(root / "day" / "cam_2.png")
    found = sources.discover(root)
    assert [file.name for item in found.frames for file in item.files] == [f"cam_{number}.png" for number in range(4)]
    assert {(item.path.name, item.reason) for item in found.unread} == {
        (name, sources.MET_BEFORE) for name in ("latest.png", "newest.png")
    }


@pytest.mark.parametrize("name", ["20240714_0130_hmi_512.jpg", "x.2024-07-14T013000Z.png", "2024_07_14__01_30_00.tif"])
def test_images_have_times_in_their_names(tmp_path, name):
    save(tmp_path / name, picture(1))
    assert [c.time_utc for c in scan(tmp_path)] == ["2024-07-14T01:30:00.000"]


@pytest.mark.parametrize("name", ["frame_20240714.jpg", "img_0001.png", "20241314_0130.png", "120240714_01305.png"])
def test_no_time_is_read_into_other_names(name):
    assert times_in_names([name], PrepConfig()) == [""]


def test_an_image_without_a_time_among_others_with_one(tmp_path):
    for name in ("20240714_0130.png", "20240714_0300.png", "thumbnail.png"):
        save(tmp_path / name, picture(1))
    assert [c.reason for c in scan(tmp_path)] == ["", "", "no time in the file name, unlike in most of its folder"]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_images_keep_their_depth(tmp_path, suffix):
    pixels = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    save(tmp_path / f"a.{suffix}", pixels)
    (read,) = pixels_of(scan(tmp_path)).values()
    assert read.dtype.kind == "u"
    np.testing.assert_array_equal(read, pixels)


def test_float_and_colour_images_become_gray(tmp_path):
    save(tmp_path / "a.tif", np.linspace(-1, 1, 60, dtype=np.float32).reshape(6, 10))
    save(tmp_path / "b.png", np.full((6, 10, 3), (10, 200, 30), np.uint8))
    gray = pixels_of(scan(tmp_path))
    assert gray["a.tif"].dtype == np.float32
    assert gray["b.png"].shape == (6, 10)
    assert gray["b.png"][0, 0] == round(0.299 * 10 + 0.587 * 200 + 0.114 * 30)


def test_image_times_and_labels_from_a_csv(tmp_path):
    for i in range(3):
        save(tmp_path / "clip" / f"{i}.png", picture(i))
    rows = [f"{i}.png,{utc(i)},{int(i == 2)}" for i in (2, 0, 1)]
    (tmp_path / "clip" / "times.csv").write_text("\n".join(["file,time,label", *rows]))
    candidates = scan(tmp_path)
    assert [(c.time_utc, c.label) for c in candidates] == [(utc(0), 0), (utc(1), 0), (utc(2), 1)]


def test_image_folders_are_reels_of_their_own(tmp_path):
    for folder in ("train/01", "test/01"):
        save(tmp_path / folder / "0.png", picture(0))
    assert [c.reel for c in scan(tmp_path)] == ["test/01", "train/01"]


# Everything together


def test_a_mixed_folder_is_searched_recursively(tmp_path):
    (tmp_path / "sub" / "deeper").mkdir(parents=True)
    (tmp_path / "sub" / "a.FITS").write_bytes(fits_bytes(counts(0)))
    (tmp_path / "sub" / "deeper" / "b.fts").write_bytes(fits_bytes(counts(1), header(12)))
    write_tar(tmp_path / "c.tar", {"c.fits": fits_bytes(counts(2), header(24))})
    write_video(tmp_path / "sub" / "v.mkv", 3)
    save(tmp_path / "pictures" / "0.jpg", picture(0))
    (tmp_path / "notes.txt").write_text("nothing to read")
    (tmp_path / ".hidden.fits").write_bytes(b"junk of an operating system")
    (tmp_path / "reel").mkdir()
    (tmp_path / "reel" / "reel.json").write_text("{}")
    save(tmp_path / "reel" / "summary.png", picture(0))
    found = {c.source: c.kind for c in scan(tmp_path)}
    assert found == {
        "sub/a.FITS": "fits",
        "sub/deeper/b.fts": "fits",
        "c.tar::c.fits": "tar",
        "sub/v.mkv#0": "video",
        "sub/v.mkv#1": "video",
        "sub/v.mkv#2": "video",
        "pictures/0.jpg": "image",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_linked_folders_are_searched_once(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.fits").write_bytes(fits_bytes(counts(0)))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "disk")
    (tmp_path / "in" / "twice").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "dangling.fits").symlink_to(tmp_path / "gone.fits")
    assert [c.source for c in scan(tmp_path / "in")] == ["linked/a.fits"]


def test_a_single_file_is_an_input(tmp_path):
    (tmp_path / "a.fits").write_bytes(fits_bytes(counts(0)))
    (tmp_path / "b.fits").write_bytes(fits_bytes(counts(1)))
    assert [c.source for c in scan(tmp_path / "a.fits")] == ["a.fits"]


def test_nothing_to_read_is_an_error_that_names_what_could_be(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(FileNotFoundError, match=r"\.fits.*\.tar.*\.mp4.*\.jpg"):
        sources.discover(tmp_path)
    with pytest.raises(FileNotFoundError, match="--data-raw"):
        sources.discover(tmp_path / "nowhere")


def test_a_file_that_vanished_is_a_reason_for_each_of_its_frames(tmp_path):
    paths = [tmp_path / "a.fits", tmp_path / "b.tgz", tmp_path / "c.tar", tmp_path / "d.mp4", tmp_path / "e" / "0.png"]
    paths[0].write_bytes(fits_bytes(counts()))
    write_tar(paths[1], {"x.fits": fits_bytes(counts())}, "w:gz")
    write_tar(paths[2], {"x.fits": fits_bytes(counts())})
    write_video(paths[3], 3)
    save(paths[4], picture(0))
    candidates = scan(tmp_path)
    for path in paths:
        path.unlink()
        results = list(frames.read([c for c in candidates if c.path == str(path)]))
        assert len(results) == (3 if path.suffix == ".mp4" else 1)
        assert all(isinstance(raw, FrameError) and str(raw) for _, raw in results)


def test_parse_utc_keeps_milliseconds():
    assert parse_utc(" 2012-07-19 07:30:01.123456Z ") == "2012-07-19T07:30:01.123"
    assert parse_utc(START.isoformat()) == utc(0)
    with pytest.raises(FrameError, match="2012-07-99"):
        parse_utc("2012-07-99T00:00:00")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.heic", ".heic 1: convert to JPEG or PNG"),
        ("a.7z", ".7z 1: unpack"),
        ("a.dcm", ".dcm 1: convert to TIFF or FITS"),
        ("a.ser", ".ser 1: convert to AVI, or to a folder of TIFF"),
    ],
)
def test_where_nothing_can_be_read_it_is_told_what_is_there(tmp_path, name, told):
    (tmp_path / name).write_bytes(bytes(range(256)))
    with pytest.raises(FileNotFoundError, match=told):
        scan(tmp_path)


@pytest.mark.parametrize("name", ["a.fits", "a.png", "a.mp4", "a.tif", "a.avi"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "file is empty"),
        (bytes(9000), "zeros alone"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n", "git lfs pull gets them"),
        (b"\n<!DOCTYPE html><html><title>403</title></html>", "a web page"),
    ],
)
def test_what_stands_where_a_file_should_is_named(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    (candidate,) = frames.scan(tmp_path, PrepConfig())
    assert told in candidate.reason


@pytest.mark.parametrize(
    ("kind", "way_out"),
    [(".tdms", "export as CSV"), (".sav", "export as CSV"), (".edf", "save as .npz"), (".lp", "write as CSV or JSON")],
)
def test_tables_of_other_programs_have_their_way_out(tmp_path, kind, way_out):
    (tmp_path / f"a{kind}").write_bytes(b"x" * 64)
    with pytest.raises(FileNotFoundError, match=rf"1 of unknown kind \({kind} 1: {way_out}"):
        sources.discover(tmp_path)
