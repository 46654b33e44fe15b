"""Damaged input is recorded and counted, never fatal, and the good frames beside it are prepared."""

import gzip
import io
import itertools
import os
import sys
import tarfile
import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from config import Config, PrepConfig
from data.frames.grid.placement import Placed
from data.frames.grid.to_grid import calibrate
from data.prepare_data import prep
from data.reel.reel import Reel
from data.sources.base import FrameError
from tests.support import frames
from tests.support.fits_files import BLANK, LAYOUTS, broken_inside, counts, fits_bytes, header, write_frames, write_tar
from tests.support.videos import decode_all, number_of, write_video

PREP = PrepConfig()
SMALL = PrepConfig(clip_length=2, stride=1, resize=(6, 8))


def with_card(payload: bytes, name: str, value) -> bytes:
    """A FITS file with the value of its last card `name` replaced, whatever that makes of it."""
    at = payload.rindex(f"{name:<8}= ".encode())
    return payload[:at] + f"{name:<8}= {value:>20}".ljust(80).encode() + payload[at + 80 :]


def table_only() -> bytes:
    stream = io.BytesIO()
    table = fits.BinTableHDU.from_columns([fits.Column("x", "E", array=np.zeros(3))])
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    return stream.getvalue()


RICE, PLAIN = fits_bytes(counts(1)), fits_bytes(counts(1), layout="primary")
CUBE = fits_bytes(np.zeros((3, 4, 5), np.int16), layout="primary")
HEAP = len(RICE) - 2000
# Damaged file -> part of the reason it must get.
DAMAGED = {
    "empty": (b"", "file is empty"),
    "text": (b"These are my notes on the flare.\n" * 200, "does not begin as FITS"),
    "short_text": (b"x", "does not begin as FITS"),
    "zeros": (bytes(20000), "file begins with zeros alone"),
    "cut_in_header": (RICE[:1000], "file is truncated"),
    "cut_before_image": (RICE[:2880], "no HDU holds a two-dimensional image"),
    "cut_in_table": (RICE[:HEAP], "truncated"),
    "cut_plain": (PLAIN[:-3000], "truncated"),
    "garbage_heap": (broken_inside(RICE), "not readable as FITS"),
    "table_only": (table_only(), "no HDU holds a two-dimensional image"),
    "cube": (CUBE, "a cube of 3 images 4x5 is not read: no CTYPE3 says that they follow in time"),
    "nothing": (fits_bytes(np.zeros((0, 5), np.int16), layout="primary"), "no HDU holds a two-dimensional image"),
    "all_nan": (fits_bytes(np.full((24, 32), np.nan, np.float32), layout="primary"), "no pixel is valid"),
    "all_infinite": (fits_bytes(np.full((24, 32), np.inf, np.float32), layout="primary"), "no pixel is valid"),
    "all_blank": (fits_bytes(np.full((24, 32), BLANK, np.int16)), "no pixel is valid"),
    "huge": (with_card(with_card(PLAIN, "NAXIS1", 10**6), "NAXIS2", 10**6), "1000000x1000000 pixels"),
    "huge_rice": (with_card(with_card(RICE, "ZNAXIS1", 10**6), "ZNAXIS2", 10**6), "1000000x1000000 pixels"),
    "many_axes": (with_card(PLAIN, "NAXIS", 10**9), "NAXIS 1000000000"),
    "many_axes_rice": (with_card(RICE, "ZNAXIS", 10**9), "ZNAXIS 1000000000"),
    "many_columns": (with_card(table_only(), "TFIELDS", 10**9), "TFIELDS 1000000000"),
    "negative_axis": (with_card(PLAIN, "NAXIS1", -32), "axes of sizes"),
    "text_axis": (with_card(PLAIN, "NAXIS1", "'wide'"), "axes of sizes"),
    "wide_axis": (with_card(PLAIN, "NAXIS1", 10**19), "bytes are impossible"),
    "long_axis": (with_card(PLAIN, "NAXIS2", 10**15), "pixels are read"),
    "huge_cube": (with_card(CUBE, "NAXIS3", 10**19), "bytes are impossible"),
    "long_table": (with_card(RICE, "NAXIS2", 10**9), "file is truncated"),
    "large_heap": (with_card(RICE, "PCOUNT", 10**15), "file is truncated"),
    "odd_type": (with_card(PLAIN, "BITPIX", 17), "not readable as FITS"),
    "odd_compression": (with_card(RICE, "ZCMPTYPE", "'MAGIC_1'"), "Unrecognized compression type"),
    "endless_scale": (with_card(PLAIN, "CROTA2", "1E300").replace(b"CROTA2", b"BSCALE"), "no pixel is valid"),
    "no_exptime": (fits_bytes(counts(1), header(EXPTIME=None)), "header has no EXPTIME"),
    "text_exptime": (fits_bytes(counts(1), header(EXPTIME="long")), "header has no EXPTIME"),
    "negative_exptime": (fits_bytes(counts(1), header(EXPTIME=-1.0)), "EXPTIME -1 s is impossible"),
    "endless_exptime": (fits_bytes(counts(1), header(EXPTIME=1e300)), "EXPTIME 1e+300 s is impossible"),
    "no_time": (fits_bytes(counts(1), header(T_OBS=None, DATE_OBS_=None)), "header has neither T_OBS nor DATE-OBS"),
    "odd_time": (fits_bytes(counts(1), header(T_OBS="2012-99-99T00:00:00", DATE_OBS_=None)), "is not readable"),
    "text_quality": (fits_bytes(counts(1), header(QUALITY="good")), "QUALITY 'good' is no number"),
}
DAMAGED_GZIP = {
    "cut": (gzip.compress(RICE)[:-500], "file is truncated"),
    "flipped": (bytes(b ^ (i == 500) for i, b in enumerate(gzip.compress(RICE))), "damaged gzip"),
    "only_magic": (b"\x1f\x8b", "file is truncated"),
    "of_text": (gzip.compress(b"notes"), "does not begin as FITS"),
}
STRANGE_BLANKS = {"text_blank": "'none'", "float_blank": "-32768.5", "logical_blank": "T", "wide_blank": str(10**12)}


def prepared(root, out, settings=SMALL):
    """The only reel that prep makes of a folder."""
    (path,) = prep(Config(data_raw=str(root), data_clips=str(out), workers=1, prep=settings))
    return Reel(path)


def test_damaged_files_are_counted_with_their_reasons_and_the_rest_is_prepared(tmp_path):
    write_frames(tmp_path / "in", 4)
    for i, (name, (payload, _)) in enumerate(DAMAGED.items()):
        # Times of their own where the header is whole, so that no file is rejected as a duplicate.
        (tmp_path / "in" / f"x_{i:02d}_{name}.fits").write_bytes(payload.replace(b"07:30:0", b"09:%02d:0" % i))
    for name, (payload, _) in DAMAGED_GZIP.items():
        (tmp_path / "in" / f"y_{name}.fits.gz").write_bytes(payload)
    for i, (name, value) in enumerate(STRANGE_BLANKS.items()):
        payload = with_card(PLAIN, "BLANK", value).replace(b"07:30:0", b"10:%02d:0" % i)
        (tmp_path / "in" / f"z_{name}.fits").write_bytes(payload)
    reel = prepared(tmp_path / "in", tmp_path / "out")

    lost = reel.candidates[~reel.candidates["accepted"]].set_index("source")["reason"]
    expected = {f"x_{i:02d}_{n}.fits": why for i, (n, (_, why)) in enumerate(DAMAGED.items())}
    expected |= {f"y_{n}.fits.gz": why for n, (_, why) in DAMAGED_GZIP.items()}
    assert set(lost.index) == set(expected)
    wrong = {source: lost[source] for source, why in expected.items() if why not in lost[source]}
    assert not wrong
    assert (lost.str.len() > 5).all()
    # An odd BLANK means that no pixel is missing, not that the frame is lost.
    stored = [f"frame_{i:03d}.fits" for i in range(4)] + [f"z_{name}.fits" for name in STRANGE_BLANKS]
    assert sorted(reel.table["source"]) == sorted(stored)
    assert np.isfinite(reel.frames).all()
    assert [p.name for p in (tmp_path / "out").glob(".*")] == [".lock"]


@pytest.mark.parametrize("name", [n for n in DAMAGED if n.split("_")[0] in ("huge", "many", "wide", "long", "large")])
def test_memory_does_not_follow_what_a_header_claims(tmp_path, name):
    (tmp_path / "a.fits").write_bytes(DAMAGED[name][0])
    tracemalloc.start()
    (candidate,) = frames.scan(tmp_path / "a.fits", PREP)
    ((_, raw),) = frames.read([candidate])  # as if it had been accepted
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(raw, FrameError)
    assert peak < 20e6


def accepted(payload: bytes, folder) -> list:
    """Pixels of a file, if both its header and its data are accepted."""
    (folder / "a.fits").write_bytes(payload)
    (candidate,) = frames.scan(folder / "a.fits", PREP)
    ((_, raw),) = frames.read([candidate])
    return [] if candidate.reason or isinstance(raw, FrameError) else [raw]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_cut_anywhere_is_rejected(tmp_path, layout):
    payload = fits_bytes(counts(2), layout=layout)
    assert accepted(payload, tmp_path)
    # What fills up the last block holds no data: without it a file is whole, and is told so.
    end = len(payload) if layout.endswith("gz") else len(payload.rstrip(b"\0"))
    lengths = np.unique(np.concatenate([np.arange(0, end, 457), end - np.array([1, 2, 80, 2880])]))
    assert not [n for n in lengths if accepted(payload[: max(n, 0)], tmp_path)]


@pytest.mark.parametrize("layout", ["rice", "primary", "extension"])
@pytest.mark.parametrize("missing", [1, 300])
def test_a_file_whose_last_block_is_not_filled_up_is_whole_and_flagged(tmp_path, layout, missing):
    payload = fits_bytes(counts(2), layout=layout)
    assert payload.endswith(bytes(missing))
    (raw,) = accepted(payload[:-missing], tmp_path)
    np.testing.assert_array_equal(raw.pixels, counts(2))
    assert raw.flags == "FITS: the last block is not filled up"
    assert not accepted(payload, tmp_path)[0].flags


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["rice", "primary", "rice.gz"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    st.booleans(),
)
def test_no_damage_is_fatal(tmp_path_factory, layout, damage, in_header):
    payload = bytearray(fits_bytes(counts(2), layout=layout))
    reach = min(len(payload), 3 * 2880) if in_header else len(payload)
    for place, value in damage:
        payload[int(place * reach)] = value
    folder = tmp_path_factory.mktemp("d")
    for raw in accepted(bytes(payload), folder):
        (candidate,) = frames.scan(folder / "a.fits", PREP)
        frame = None
        try:
            frame = calibrate(raw, Placed.of(candidate), (24, 32), (6, 8), PREP)
        except FrameError as error:
            reason = str(error)
        assert reason if frame is None else np.isfinite(frame.values).all()


# Archives


def hostile_tar(path, mode, outside):
    """A tar whose members want to be written elsewhere, or are no files at all."""
    names = ["../../escaped.fits", f"{outside}/absolute.fits", "/etc/absolute.fits", "a/./b/../c.fits", "good.fits"]
    with tarfile.open(path, mode) as tar:
        for i, name in enumerate(names):
            payload = fits_bytes(counts(i), header(12.0 * i))
            info = tarfile.TarInfo(name)
            info.size = len(payload)
            tar.addfile(info, io.BytesIO(payload))
        kinds = {"soft": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "dir": tarfile.DIRTYPE, "fifo": tarfile.FIFOTYPE}
        for name, kind in kinds.items():
            info = tarfile.TarInfo(f"{name}.fits")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    return names


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tgz", "w:gz")])
def test_hostile_archives_write_nothing_and_follow_no_link(tmp_path, name, mode):
    (tmp_path / "in").mkdir()
    (tmp_path / "outside").mkdir()
    names = hostile_tar(tmp_path / "in" / name, mode, tmp_path / "outside")
    reel = prepared(tmp_path / "in", tmp_path / "deep" / "er" / "out")
    assert reel.table["source"].tolist() == [f"{name}::{n}" for n in names]
    lost = reel.candidates[~reel.candidates["accepted"]]
    assert sorted(lost["source"]) == [f"{name}::{n}.fits" for n in ("fifo", "hard", "soft")]  # a folder is no frame
    assert set(lost["reason"]) == {"archive member is not a regular file"}
    everything = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert [p for p in everything if not p.startswith("deep/er/out/aia_171/")] == ["deep/er/out/.lock", f"in/{name}"]
    assert not os.path.exists("/etc/absolute.fits")


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tgz", "w:gz")])
@pytest.mark.parametrize("kept", [0.15, 0.5, 0.93])
def test_a_cut_archive_gives_the_frames_before_the_cut(tmp_path, name, mode, kept):
    members = {f"{i}.fits": fits_bytes(counts(i), header(12.0 * i)) for i in range(8)}
    whole = write_tar(tmp_path / name, members, mode).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(kept * len(whole))])
    candidates = frames.scan(tmp_path, PREP)
    good = [c for c in candidates if not c.reason]
    results = dict(zip((c.member for c in good), (raw for _, raw in frames.read(good)), strict=True)) if good else {}
    read = [m for m, raw in results.items() if not isinstance(raw, FrameError)]
    assert read == [f"{i}.fits" for i in range(len(read))]
    assert abs(len(read) - kept * 8) <= 1.5
    for i, member in enumerate(read):
        np.testing.assert_array_equal(results[member].pixels, counts(i))
    assert "damaged archive after" in candidates[-1].reason


def test_a_compressed_archive_with_a_damaged_middle(tmp_path):
    members = {f"{i}.fits": fits_bytes(counts(i), header(12.0 * i)) for i in range(12)}
    damaged = bytearray(write_tar(tmp_path / "a.tgz", members, "w:gz").read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 40] = bytes(40)
    (tmp_path / "a.tgz").write_bytes(damaged)
    reel = prepared(tmp_path, tmp_path / "out")
    n = len(reel)
    assert 3 <= n <= 7
    assert reel.table["source"].tolist() == [f"a.tgz::{i}.fits" for i in range(n)]
    assert reel.candidates["reason"].str.contains("damaged archive").sum() == 1


@pytest.mark.parametrize("payload", [b"", b"no archive" * 100, gzip.compress(b"no archive" * 100, mtime=0), RICE])
@pytest.mark.parametrize("name", ["x.tar", "x.tgz", "x.tar.gz"])
def test_what_is_no_archive_is_one_rejected_row(tmp_path, name, payload):
    (tmp_path / name).write_bytes(payload)
    found = frames.scan(tmp_path, PREP)
    # tarfile takes an empty file for an empty archive; either way nothing is lost silently.
    assert [c.reason[:15] for c in found] == ["damaged archive"]


def test_an_archive_that_goes_on_in_garbage_is_told(tmp_path):
    """tarfile itself takes a damaged header for the end, and would lose all frames behind it without a word."""
    members = {f"{i}.fits": fits_bytes(counts(i), header(12.0 * i)) for i in range(6)}
    whole = write_tar(tmp_path / "a.tar", members).read_bytes()
    at = whole.index(b"3.fits" + bytes(50))
    garbage = whole[:at] + b"\xff" * 512 + whole[at + 512 :]
    for damaged, found in ((garbage, (0, 1, 2, 4, 5)), (whole[:at], (0, 1, 2))):
        (tmp_path / "a.tar").write_bytes(damaged)
        *good, lost = frames.scan(tmp_path, PREP)
        assert [c.member for c in good] == [f"{i}.fits" for i in found]
        assert f"damaged archive after {len(found)} frames" in lost.reason
        for candidate, raw in frames.read(good):
            np.testing.assert_array_equal(raw.pixels, counts(int(candidate.member[0])))


def test_archives_of_other_things_give_no_frame_and_a_reason(tmp_path):
    write_tar(tmp_path / "a.tar", {"readme.md": b"hello", "v.doc": b"x", "w.doc": b"x"})
    (found,) = frames.scan(tmp_path, PREP)
    assert found.reason == "it holds no FITS and no pictures, but 2 .doc, 1 .md"
    with pytest.raises(ValueError, match=r"none of the 1 frames.*it holds no FITS"):
        prep(Config(data_raw=str(tmp_path), data_clips=str(tmp_path / "out"), workers=1))
    write_tar(tmp_path / "a.tar", {"readme.txt": b"hello"})
    with pytest.raises(ValueError, match=r"none of the 1 frames.*unpacked, and of no kind that is read"):
        prep(Config(data_raw=str(tmp_path), data_clips=str(tmp_path / "out"), workers=1))


# Video and images


@pytest.mark.parametrize(
    ("name", "movflags", "kept"),
    [("v.mp4", "faststart", 0.6), ("b_frames.mkv", "", 0.7), ("intra.avi", "", 0.6), ("b_frames.avi", "", 0.8)],
)
def test_a_video_cut_in_the_middle_gives_the_frames_before_the_cut(tmp_path, name, movflags, kept):
    path = write_video(tmp_path / "in" / name, 60, movflags=movflags)
    expected = decode_all(path)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    reel = prepared(tmp_path / "in", tmp_path / "out", replace(SMALL, resize=None))
    assert 10 <= len(reel) < 58
    numbers = [int(source.rsplit("#")[-1]) for source in reel.table["source"]]
    assert numbers[:-2] == list(range(len(numbers) - 2))  # B-frames may go missing just before the cut
    for frame, number in zip(reel.frames[:, 0] * 255, numbers, strict=True):
        assert number_of(frame) == number
        np.testing.assert_allclose(frame, expected[number][1], atol=1e-3)
    lost = reel.candidates.loc[~reel.candidates["accepted"], "reason"]
    assert lost.str.contains("frames that its header announces|it ends after").sum() == 1


@pytest.mark.parametrize("name", ["v.mp4", "one_key_frame.mov"])
def test_a_video_without_its_index_is_rejected_as_a_whole(tmp_path, name):
    path = write_video(tmp_path / name, 30)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(ValueError, match="not readable as video"):
        prep(Config(data_raw=str(tmp_path), data_clips=str(tmp_path / "out"), workers=1))
    (table,) = (tmp_path / "out").glob("*.rejected.csv")
    assert pd.read_csv(table)["reason"].str.contains("not readable as video").tolist() == [True]


def test_damage_inside_a_video_is_told_and_costs_only_the_frames_it_touches(tmp_path):
    path = write_video(tmp_path / "intra.avi", 40)
    payload = bytearray(path.read_bytes())
    middle = len(payload) // 2
    payload[middle : middle + 3000] = bytes(3000)
    path.write_bytes(payload)
    *candidates, damage = frames.scan(tmp_path, PREP)
    results = list(frames.read([c for c in candidates if not c.reason]))
    shown = [number_of(raw.pixels) for _, raw in results if not isinstance(raw, FrameError)]
    assert len(shown) >= 34
    assert shown[:17] == list(range(17))
    assert all(a < b for a, b in itertools.pairwise(shown))
    assert "of the 40 frames that its header announces" in damage.reason


@pytest.mark.parametrize("payload", [b"", b"no video" * 500, RICE])
def test_what_is_no_video_is_one_rejected_row(tmp_path, payload):
    (tmp_path / "v.mp4").write_bytes(payload)
    (candidate,) = frames.scan(tmp_path, PREP)
    assert candidate.reason.startswith(("not readable as video", "video is damaged"))  # FFmpeg even knows FITS


def test_a_sound_file_is_no_video(tmp_path):
    import av

    with av.open(str(tmp_path / "v.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert [c.reason for c in frames.scan(tmp_path, PREP)] == ["not readable as video: it has no video stream"]


def test_unreadable_images_are_counted_and_the_rest_is_prepared(tmp_path):
    folder = tmp_path / "in" / "clip"
    folder.mkdir(parents=True)
    for i in range(6):
        Image.fromarray(counts(i).astype(np.uint8)).save(folder / f"{i}.png")
    png = (folder / "1.png").read_bytes()
    (folder / "1.png").write_bytes(png[: len(png) // 2])
    (folder / "3.png").write_text("a text with the wrong name")
    (folder / "4.png").write_bytes(b"")
    reel = prepared(tmp_path / "in", tmp_path / "out")
    assert reel.table["source"].tolist() == [f"clip/{i}.png" for i in (0, 2, 5)]
    lost = reel.candidates[~reel.candidates["accepted"]]
    assert lost["source"].tolist() == [f"clip/{i}.png" for i in (1, 3, 4)]
    assert lost["reason"][:2].str.startswith("not readable as image").all()
    assert lost["reason"].iloc[2] == "file is empty"
    assert reel.times_s.tolist() == [0, 2, 5]


def test_an_image_larger_than_any_is_not_decoded(tmp_path):
    """A few bytes that claim 60000 x 60000 pixels."""
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a.png")
    payload = bytearray((tmp_path / "a.png").read_bytes())
    payload[16:24] = (60000).to_bytes(4, "big") * 2
    import zlib

    payload[29:33] = zlib.crc32(payload[12:29]).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(payload)
    (candidate,) = frames.scan(tmp_path, PREP)
    assert "pixels" in candidate.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1,2\n", "has no time column"),
        ("", "not readable as times"),
        ("frame,time\nfirst,2012-07-19T00:00:00\n", "not readable as times"),
        ("time,label\n2012-07-19T00:00:00,3.5\n", "not readable as times"),
        ("time\nnever\n", "holds no readable time; the first cell is 'never'"),
        ('time\n"2012', "not readable as times"),
    ],
)
def test_a_damaged_times_csv_is_the_reason_of_every_frame(tmp_path, text, reason):
    write_video(tmp_path / "v.mp4", 2)
    (tmp_path / "v_frame_times.csv").write_text(text)
    (tmp_path / "clip").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "clip" / "0.png")
    (tmp_path / "clip" / "times.csv").write_text(text)
    candidates = frames.scan(tmp_path, PREP)
    assert {c.kind for c in candidates} == {"video", "image"}
    assert all(c.reason for c in candidates)
    assert reason in candidates[0].reason
    assert reason in candidates[-1].reason


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs a user whom permissions hold")
def test_a_file_without_permission_is_a_reason(tmp_path):
    (path,) = write_frames(tmp_path, 1)
    path.chmod(0)
    assert "unreadable file" in frames.scan(tmp_path, PREP)[0].reason


def test_names_that_are_no_text_are_recorded(tmp_path):
    write_frames(tmp_path / "in", 3)
    name = os.fsencode(tmp_path / "in") + b"/\xff\xfe_bad.fits"
    try:
        with open(name, "wb") as stream:
            stream.write(b"no FITS")
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    reel = prepared(tmp_path / "in", tmp_path / "out")
    assert len(reel) == 3
    assert len(reel.candidates) == 4


def test_a_reel_that_can_not_be_made_does_not_stop_the_others(tmp_path):
    """Whatever stands against it: here a file that is in its way, as it could be a name or the disk."""
    for name in "abc":
        write_video(tmp_path / "in" / f"{name}.mp4", 6)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("no reel")
    config = PrepConfig(clip_length=4, stride=2, resize=None)
    with pytest.raises(FileExistsError, match="is in the way and no reel"):
        prep(Config(data_raw=str(tmp_path / "in"), data_clips=str(tmp_path / "out"), workers=1, prep=config))
    assert sorted(path.parent.name for path in (tmp_path / "out").glob("*/reel.json")) == ["b", "c"]
