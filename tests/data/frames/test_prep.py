"""prep from files to a finished reel, with the real parts; every stored number is compared with a slow one."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from config import Config, PrepConfig
from config.paths import OF_FILES
from data.frames.assemble import read_given, write_index
from data.prepare_data import prep
from data.reel.mask_bits import INVALID, SATURATED
from data.reel.reel import Reel
from data.reel.stretch import Stretch, fit_asinh
from data.reel.windows import read_windows
from tests.support.fits_files import BLANK, broken_inside, counts, fits_bytes, header, utc, write_frames, write_tar
from tests.support.paths import ROOT
from tests.support.reels import make_reel
from tests.support.videos import picture, write_video

pytestmark = pytest.mark.pictures

SMALL = PrepConfig(clip_length=4, stride=2, resize=(6, 8))


def run(folder, out, settings=SMALL, workers=1):
    """The reels that prep makes, by name."""
    config = Config(data_raw=str(folder), data_clips=str(out), workers=workers, prep=settings)
    return {path.name: Reel(path) for path in prep(config)}


def digests(folder):
    """SHA-256 of every file of a reel, as far as the same input must give the same bytes."""
    names = ("frames.npy", "masks.npy", "frames.csv", "reel.json", "windows.csv", "preview.mp4", "summary.png")
    return {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names if (folder / n).is_file()}


def rates(pixels, exptime_s=2.0):
    """(24, 32) counts -> (6, 8) mean DN/s."""
    return pixels.reshape(6, 4, 8, 4).mean((1, 3)) / exptime_s


SECONDS = [0, 12, 24, 36, 48, 60, 72, 300, 312, 324, 336, 348]  # a gap of 228 s


@pytest.fixture(scope="module")
def solar(tmp_path_factory):
    """Twelve good frames with a gap, alternating exposures, some missing and saturated pixels, and four bad ones."""
    folder = tmp_path_factory.mktemp("solar")
    truth = []
    for i, second in enumerate(SECONDS):
        exptime_s = (2.0, 0.5)[i % 2]
        pixels = (counts(i, rate=400) * exptime_s).astype(np.int16)
        truth.append(rates(pixels, exptime_s))
        if i == 3:
            pixels[:4, :4] = BLANK
        if i == 5:
            pixels[0, 31] = 16383
            truth[-1] = rates(pixels, exptime_s)
        head = header(second, exptime_s=exptime_s, QUALITY=1 << 30 if i == 2 else 0)
        (folder / f"{i:02d}.fits").write_bytes(fits_bytes(pixels, head))
    (folder / "dark.fits").write_bytes(fits_bytes(counts(50), header(84, QUALITY=1 << 16)))
    (folder / "again.fits").write_bytes(fits_bytes(counts(51), header(12, exptime_s=0.5)))
    (folder / "large.fits").write_bytes(fits_bytes(counts(52, (48, 64)), header(96)))
    (folder / "lost.fits").write_bytes(b"")
    return folder, np.array(truth, np.float32)


@pytest.fixture(scope="module")
def solar_reel(solar, tmp_path_factory):
    reels = run(solar[0], tmp_path_factory.mktemp("out"))
    assert list(reels) == ["aia_171"]
    return reels["aia_171"]


def test_stored_frames_are_the_stretched_rates(solar, solar_reel):
    truth = solar[1].copy()
    assert solar_reel.shape == (12, 1, 6, 8)
    (stretch,) = solar_reel.stretches
    valid = np.ones((12, 6, 8), bool)
    valid[3, 0, 0] = False
    np.testing.assert_array_equal((solar_reel.masks & INVALID) == 0, valid)
    np.testing.assert_allclose(solar_reel.frames[:, 0][valid], stretch.forward(truth)[valid], rtol=1e-5)
    assert np.all(solar_reel.frames[:, 0][~valid] == 0)
    assert np.argwhere(solar_reel.masks & SATURATED).tolist() == [[5, 0, 7]]
    # One scaling for all frames, so physical values come back.
    for i in (0, 3, 5):
        physical = solar_reel.physical(i, i + 1)[0][0]
        np.testing.assert_allclose(physical[valid[i]], truth[i][valid[i]], rtol=1e-4)
        assert np.isnan(physical[~valid[i]]).all()


def test_the_scaling_is_the_fit_to_all_valid_values(solar, solar_reel):
    values = solar[1][np.broadcast_to((solar_reel.masks & INVALID) == 0, (12, 6, 8))]
    (stretch,), expected = solar_reel.stretches, fit_asinh(values)
    np.testing.assert_allclose([stretch.x0, stretch.vmax], [expected.x0, expected.vmax], rtol=1e-5)


def test_every_frame_has_a_row(solar_reel):
    table = solar_reel.candidates
    assert len(table) == 16
    assert table["source"].is_unique
    stored = solar_reel.table
    assert stored["source"].tolist() == [f"{i:02d}.fits" for i in range(12)]
    assert stored["index"].tolist() == list(range(12))
    assert stored["reason"].isna().all()
    assert stored["exptime_s"].tolist() == [(2.0, 0.5)[i % 2] for i in range(12)]
    assert stored.loc[0, "time_utc"] == utc(1.0)
    np.testing.assert_allclose(stored["time_s"], [s + (1.0, 0.25)[i % 2] - 1.0 for i, s in enumerate(SECONDS)])
    assert stored.loc[3, "coverage"] == pytest.approx(1 - 16 / 768, abs=1e-6)
    assert stored.loc[5, "saturated"] == pytest.approx(1 / 768, abs=1e-6)
    assert stored.loc[2, "flags"] == "QUALITY bit 30"
    assert stored["sha256"].str.fullmatch("[0-9a-f]{64}").all()
    reasons = table[~table["accepted"]].set_index("source")["reason"].to_dict()
    assert reasons == {
        "dark.fits": "QUALITY bit 16",
        "again.fits": "same time as 01.fits",
        "large.fits": "shape 48x64 differs from 24x32 by more than prep.shape_tolerance_px 2",
        "lost.fits": "file is empty",
    }


def test_reel_json_tells_what_was_done(solar_reel):
    meta = solar_reel.meta
    assert (meta["name"], meta["channels"], meta["origin"], meta["unit"]) == ("aia_171", ["171"], "lower", "DN/s")
    assert (meta["dtype"], meta["source_shape"], meta["shape"]) == ("float32", [24, 32], [12, 1, 6, 8])
    assert "divided by EXPTIME (DN/s)" in meta["calibration"]
    assert meta["cadence_s"] == pytest.approx(12, abs=1)
    assert set(meta["versions"]) == {"python", "numpy", "astropy", "cv2", "av"}


def test_windows_stay_on_either_side_of_the_gap(solar_reel):
    assert read_windows(solar_reel)["start"].tolist() == [0, 2, 3, 7, 8]


def test_preview_and_summary_are_pictures_of_the_reel(solar_reel):
    with av.open(str(solar_reel.path / "preview.mp4")) as movie:
        stream = movie.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        pictures = [frame.to_ndarray(format="gray") for frame in movie.decode(video=0)]
    assert len(pictures) == 12
    middle = pictures[0][16:-40, 16:-16].astype(float)  # without the time at the bottom
    stored = solar_reel.frames[0, 0, ::-1]  # FITS counts rows from below
    top, bottom = stored[1:3].mean(), stored[3:5].mean()
    assert (middle[: len(middle) // 2].mean() > middle[len(middle) // 2 :].mean()) == (top > bottom)
    with Image.open(solar_reel.path / "summary.png") as page:
        assert page.width > 800
        assert page.height > 600


def test_two_workers_make_the_same_bytes(solar, solar_reel, tmp_path):
    (reel,) = run(solar[0], tmp_path / "out", workers=2).values()
    assert digests(reel.path) == digests(solar_reel.path)


def test_a_tar_elsewhere_makes_the_same_frames(solar, solar_reel, tmp_path):
    for name, mode in (("a.tar", "w"), ("b.tgz", "w:gz")):
        members = {p.name: p.read_bytes() for p in sorted(solar[0].iterdir(), reverse=True)}
        write_tar(tmp_path / name / name, members, mode)
        (reel,) = run(tmp_path / name, tmp_path / f"out_{name}").values()
        for array in ("frames.npy", "masks.npy"):
            assert (reel.path / array).read_bytes() == (solar_reel.path / array).read_bytes()


# Running again


def test_running_again_reads_no_pixels_and_changes_nothing(tmp_path, capsys):
    paths = write_frames(tmp_path / "in", 6)
    (reel,) = run(tmp_path / "in", tmp_path / "out").values()
    before = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in reel.path.iterdir()}
    for path in paths:  # destroy the pixels, keep headers, sizes and times
        payload, time_ns = path.read_bytes(), path.stat().st_mtime_ns
        path.write_bytes(payload[:8640] + bytes(len(payload) - 8640))
        os.utime(path, ns=(time_ns, time_ns))
    run(tmp_path / "in", tmp_path / "out")
    assert {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in reel.path.iterdir()} == before
    assert "already prepared" in capsys.readouterr().err


def test_other_settings_or_frames_are_refused_with_the_way_out(tmp_path):
    write_frames(tmp_path / "in", 6)
    (reel,) = run(tmp_path / "in", tmp_path / "out").values()
    before = digests(reel.path)
    with pytest.raises(FileExistsError, match="move it away, remove it, or choose another --data-clips"):
        run(tmp_path / "in", tmp_path / "out", replace(SMALL, resize=(12, 16)))
    write_frames(tmp_path / "in", 7)
    with pytest.raises(FileExistsError, match="other frames or settings"):
        run(tmp_path / "in", tmp_path / "out")
    assert digests(reel.path) == before


def test_the_input_may_move(tmp_path, monkeypatch):
    write_frames(tmp_path / "in", 6)
    (reel,) = run(tmp_path / "in", tmp_path / "out").values()
    before = digests(reel.path)
    shutil.move(tmp_path / "in", tmp_path / "elsewhere")
    run(tmp_path / "elsewhere", tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    run(Path("elsewhere"), Path("out"))
    assert digests(reel.path) == before


def test_other_windows_only_index_anew_and_keep_the_verdicts(tmp_path):
    write_frames(tmp_path / "in", 12)
    (reel,) = run(tmp_path / "in", tmp_path / "out").values()
    table = read_windows(reel)
    table.loc[1, ["verdict", "by"]] = "reject", "hand"
    table.to_csv(reel.path / "windows.csv", index=False)
    written = (reel.path / "windows.csv").read_bytes()
    frames_time = (reel.path / "frames.npy").stat().st_mtime_ns

    run(tmp_path / "in", tmp_path / "out")  # the same windows: the verdicts stay
    assert (reel.path / "windows.csv").read_bytes() == written
    run(tmp_path / "in", tmp_path / "out", replace(SMALL, clip_length=6, stride=3))
    assert read_windows(reel)["start"].tolist() == [0, 3, 6]
    assert (reel.path / "windows.csv.old").read_bytes() == written
    run(tmp_path / "in", tmp_path / "out", replace(SMALL, stride=1))
    assert (reel.path / "windows.csv.old").read_bytes() == written  # never overwritten
    assert len(read_windows(reel)) == 9
    assert (reel.path / "windows.csv.old2").is_file()
    assert (reel.path / "frames.npy").stat().st_mtime_ns == frames_time


def test_whoever_reads_while_windows_are_indexed_anew_finds_an_index(tmp_path, monkeypatch):
    reel = make_reel(tmp_path / "cam", np.full((48, 1, 2, 2), 0.5))
    before, seen = (reel.path / "windows.csv").read_bytes(), []

    def replace_seen(source, target):
        os_replace(source, target)
        if Path(target).name.startswith("windows.csv"):
            seen.append((reel.path / "windows.csv").read_bytes() == before)

    os_replace = os.replace
    monkeypatch.setattr(os, "replace", replace_seen)
    write_index(reel, replace(SMALL, clip_length=6, stride=3))
    assert seen == [True, False]  # the copy took its name, then the new index


def test_a_reel_too_short_for_a_window_is_told_and_stays_so(tmp_path, capsys):
    write_frames(tmp_path / "in", 3)
    for _ in range(2):
        (reel,) = run(tmp_path / "in", tmp_path / "out").values()
        assert len(read_windows(reel)) == 0
        assert not (reel.path / "windows.csv.old").exists()
    said = capsys.readouterr().err
    assert "warning: aia_171: no stretch without a gap holds prep.clip_length 4 frames; the longest has 3" in said
    assert "choose at most 3 to evaluate, give more frames to train" in said


def test_movie_only_first_and_everything_later(tmp_path):
    write_frames(tmp_path / "in", 6)
    (reel,) = run(tmp_path / "in", tmp_path / "out", replace(SMALL, movie_only=True)).values()
    assert (reel.path / "preview.mp4").is_file()
    assert not (reel.path / "windows.csv").exists()
    frames_time = (reel.path / "frames.npy").stat().st_mtime_ns
    run(tmp_path / "in", tmp_path / "out")
    assert (reel.path / "frames.npy").stat().st_mtime_ns == frames_time
    assert read_windows(reel)["start"].tolist() == [0, 2]
    movie_time = (reel.path / "preview.mp4").stat().st_mtime_ns
    run(tmp_path / "in", tmp_path / "out", replace(SMALL, movie_only=True))
    assert (reel.path / "preview.mp4").stat().st_mtime_ns > movie_time  # asked for, so drawn anew
    assert (reel.path / "windows.csv").is_file()


def test_what_is_in_the_way_is_not_touched(tmp_path):
    write_frames(tmp_path / "in", 4)
    (tmp_path / "out" / "aia_171").mkdir(parents=True)
    (tmp_path / "out" / "aia_171" / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is in the way and no reel"):
        run(tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out" / "aia_171" / "thesis.txt").read_text() == "mine"


def test_reels_below_the_input_are_not_taken_for_input(tmp_path):
    write_frames(tmp_path, 4)
    for _ in range(2):
        assert list(run(tmp_path, tmp_path / "out")) == ["aia_171"]


# Several channels


@pytest.fixture(scope="module")
def stacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three")
    for i in range(5):
        for shift, wavelength in enumerate((171, 193, 304)):
            pixels = counts(10 * i + shift, rate=200 * (shift + 1))
            if (i, wavelength) == (1, 193):
                pixels[:4, :4] = BLANK
            payload = fits_bytes(pixels, header(36 * i + 3 * shift, wavelength))
            if (i, wavelength) == (3, 304):
                payload = broken_inside(payload)
            (folder / f"{wavelength}_{i}.fits").write_bytes(payload)
    return folder


def test_wavelengths_become_channels(stacked, tmp_path):
    settings = replace(SMALL, channels="stack", clip_length=2)
    (reel,) = run(stacked, tmp_path / "out", settings).values()
    assert (reel.name, list(reel.channels), reel.shape) == (
        *("aia_171_aia_193_aia_304", ["171", "193", "304"]),
        (4, 3, 6, 8),
    )
    for i, source in enumerate((0, 1, 2, 4)):
        physical = reel.physical(i, i + 1)[0]
        for channel in range(3):
            expected = rates(counts(10 * source + channel, rate=200 * (channel + 1)))
            good = np.isfinite(physical[channel])
            np.testing.assert_allclose(physical[channel][good], expected[good], rtol=1e-4)
    # What one channel misses no channel has: a model sees all of them at once.
    assert np.argwhere(reel.masks & INVALID).tolist() == [[1, 0, 0]]
    assert np.all(reel.frames[1, :, 0, 0] == 0)
    table = reel.candidates
    assert table["source_304"].dropna().tolist() == [f"304_{i}.fits" for i in range(5)]
    (lost,) = table.loc[~table["accepted"], "reason"]
    assert lost.startswith("not readable as FITS")


def test_wavelengths_apart_are_reels_with_scalings_of_their_own(stacked, tmp_path):
    reels = run(stacked, tmp_path / "out", replace(SMALL, clip_length=2))
    assert {name: len(reel) for name, reel in reels.items()} == {"aia_171": 5, "aia_193": 5, "aia_304": 4}
    x0 = [reel.stretches[0].x0 for reel in reels.values()]
    assert x0[0] < 0.7 * x0[1] < 0.7 * x0[2]


def test_wavelengths_that_are_not_asked_for_are_on_record(stacked, tmp_path, capsys):
    assert list(run(stacked, tmp_path / "out", replace(SMALL, clip_length=2, wavelengths=(171,)))) == ["aia_171"]
    table = pd.read_csv(tmp_path / "out" / "aia_193.rejected.csv")
    assert table["reason"].unique().tolist() == ["wavelength 193 is not among prep.wavelengths"]
    assert len(table) == 5
    assert "aia_193: none of 5 frames can be used" in capsys.readouterr().err


def test_when_no_frame_can_be_used_the_message_counts_the_reasons(tmp_path):
    write_frames(tmp_path / "raw", 3, QUALITY=1 << 17)
    for i in range(4):  # readable headers: only the decoder sees that most pixels are missing
        pixels = np.full((24, 32), BLANK, np.int16)
        pixels[:6] = counts(i)[:6]
        (tmp_path / "raw" / f"empty_{i}.fits").write_bytes(fits_bytes(pixels, header(600 + 12 * i)))
    with pytest.raises(ValueError, match=r"none of the 7 frames in .*/raw can be used") as caught:
        run(tmp_path / "raw", tmp_path / "out", replace(SMALL, quality_reject=(17,)))
    told = str(caught.value).partition(": ")[2]
    assert told.startswith("4 x coverage 0.2"), told
    assert "; 3 x QUALITY bit 17" in told
    assert str(tmp_path / "out" / "aia_171.rejected.csv") in told


# The intensity scaling


def test_a_given_scaling_is_the_same_for_every_reel(tmp_path):
    settings = replace(SMALL, stretch={"171": (100.0, 5000.0)})
    stored = []
    for name, rate in (("quiet", 100.0), ("bright", 1000.0)):
        for i in range(4):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{i}.fits").write_bytes(fits_bytes(counts(i, rate=rate), header(12 * i)))
        (reel,) = run(tmp_path / name, tmp_path / "out" / name, settings).values()
        assert reel.stretches == [Stretch("asinh", 100.0, 5000.0)]
        np.testing.assert_allclose(reel.physical(2, 3)[0][0], rates(counts(2, rate=rate)), rtol=1e-4)
        stored.append(reel.frames[:].mean())
    assert stored[1] > 2 * stored[0]
    (third,) = run(tmp_path / "bright", tmp_path / "out3", replace(SMALL, stretch_from=str(reel.path))).values()
    assert third.stretches == reel.stretches


@pytest.mark.parametrize("name", OF_FILES["prep"])
@pytest.mark.parametrize("path", ["nosuch.csv", ""])
def test_a_file_that_is_not_there_is_told_by_its_setting_before_any_work(name, path):
    """Of tables and FITS some were never asked for, and a run went on without them."""
    with pytest.raises(ValueError, match=f"prep.{name} '{path}' does not exist"):
        read_given(PrepConfig(**{name: path}))


def test_a_flare_does_not_dim_the_rest_of_its_frame(tmp_path):
    """The scaling belongs to the reel, never to a frame."""
    (tmp_path / "in").mkdir()
    for i in range(6):
        pixels = counts(0)
        if i == 3:
            pixels[:8, :8] = 16000
        (tmp_path / "in" / f"{i}.fits").write_bytes(fits_bytes(pixels, header(12 * i)))
    (reel,) = run(tmp_path / "in", tmp_path / "out").values()
    np.testing.assert_array_equal(reel.frames[3, 0, 2:], reel.frames[0, 0, 2:])
    assert reel.frames[3, 0, 0, 0] > reel.frames[0, 0, 0, 0] + 0.1


def test_the_fit_leaves_excluded_times_out(solar, solar_reel, tmp_path):
    interval = (utc(290), utc(400))
    (reel,) = run(solar[0], tmp_path / "out", replace(SMALL, fit_exclude_utc=(interval,))).values()
    valid = (solar_reel.masks[:7] & INVALID) == 0
    expected = fit_asinh(solar[1][:7][valid])
    (stretch,) = reel.stretches
    np.testing.assert_allclose([stretch.x0, stretch.vmax], [expected.x0, expected.vmax], rtol=1e-5)
    assert reel.stretches != solar_reel.stretches


def test_scaling_mistakes_are_told_before_anything_is_decoded(solar, tmp_path):
    out = tmp_path / "out"
    for settings, message in (
        (replace(SMALL, fit_exclude_utc=(("2012-07-19", "2012-07-20"),)), "leaves no frame to fit on"),
        (replace(SMALL, stretch_from=str(tmp_path / "none")), "prep.stretch_from .* does not exist"),
        (replace(SMALL, labels_csv=str(tmp_path / "none.csv")), "none.csv"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            run(solar[0], out, settings)
    assert not list(out.glob("*"))


def test_values_beyond_the_number_format_are_masked(tmp_path):
    write_frames(tmp_path / "in", 4)
    settings = replace(SMALL, stretch={"171": (1e-300, 2e-300)}, precision="float16")
    (reel,) = run(tmp_path / "in", tmp_path / "out", settings).values()
    assert reel.frames.dtype == np.float16
    assert np.isfinite(reel.frames).all()
    assert np.all(reel.frames[(reel.masks & INVALID)[:, None] > 0] == 0)


# Pictures, video, labels


def test_video_and_images_are_scaled_by_their_full_scale(tmp_path):
    write_video(tmp_path / "in" / "v.mp4", 6)
    for folder, dtype in (("eight", np.uint8), ("sixteen", np.uint16)):
        (tmp_path / "in" / folder).mkdir()
        for i in range(4):
            pixels = np.full((24, 32), (i + 1) * np.iinfo(dtype).max // 5, dtype)
            Image.fromarray(pixels).save(tmp_path / "in" / folder / f"{i}.png")
    reels = run(tmp_path / "in", tmp_path / "out")
    assert {name: reel.shape[0] for name, reel in reels.items()} == {"eight": 4, "sixteen": 4, "v": 6}
    for name, vmax in (("eight", 255.0), ("sixteen", 65535.0), ("v", 255.0)):
        assert reels[name].stretches == [Stretch("linear", 1.0, vmax)]
        assert (reels[name].meta["origin"], reels[name].meta["unit"]) == ("upper", "level")
        assert reels[name].times_utc is None
    for name in ("eight", "sixteen"):
        np.testing.assert_allclose(reels[name].frames[:, 0, 3, 3], [0.2, 0.4, 0.6, 0.8], atol=1e-6)
    assert reels["v"].cadence_s == pytest.approx(0.04)


def test_a_burned_in_text_is_hidden(tmp_path):
    write_video(tmp_path / "in" / "v.mp4", 6)
    (reel,) = run(tmp_path / "in", tmp_path / "out", replace(SMALL, resize=None, mask=((0, 40, 96, 64),))).values()
    assert np.all((reel.masks[:, 40:] & INVALID) > 0)
    assert not (reel.masks[:, :40] & INVALID).any()
    assert np.all(reel.frames[:, 0, 40:] == 0)
    assert reel.table["coverage"].tolist() == [1.0] * 6


def test_labels_come_from_intervals(solar, tmp_path):
    truth = tmp_path / "truth.csv"
    truth.write_text(f"event,start,end\nflare,{utc(30)}Z,{utc(65).replace('T', ' ')}\nlate,{utc(340)},{utc(9000)}\n")
    (reel,) = run(solar[0], tmp_path / "out", replace(SMALL, labels_csv=str(truth))).values()
    assert reel.labels.tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1]
    assert (reel.path / "labels.csv").is_file()
    truth.write_text("start,end\n")
    with pytest.raises(FileExistsError):  # other labels are another reel
        run(solar[0], tmp_path / "out", replace(SMALL, labels_csv=str(truth)))
    (reel,) = run(solar[0], tmp_path / "out2", replace(SMALL, labels_csv=str(truth))).values()
    assert reel.labels.tolist() == [0.0] * 12
    truth.write_text("first,second\n")
    with pytest.raises(ValueError, match="needs the columns start,end; it has"):
        run(solar[0], tmp_path / "out3", replace(SMALL, labels_csv=str(truth)))


def test_labels_from_a_times_csv(tmp_path):
    write_video(tmp_path / "in" / "v.mp4", 4)
    (tmp_path / "in" / "v_frame_times.csv").write_text(
        "frame,time,label\n" + "".join(f"{i},{utc(60 * i)},{int(i > 1)}\n" for i in range(4))
    )
    (reel,) = run(tmp_path / "in", tmp_path / "out").values()
    assert reel.labels.tolist() == [0, 0, 1, 1]
    assert str(reel.times_utc[2]) == utc(120)
    assert reel.cadence_s == 60


# Limits


def test_a_full_disk_is_told_before_decoding(tmp_path):
    write_frames(tmp_path / "in", 3)
    with pytest.raises(OSError, match=r"GB free, and prep needs .* smaller prep\.resize or another --data-clips"):
        run(tmp_path / "in", tmp_path / "out", replace(SMALL, resize=(2_000_000, 2_000_000)))


def test_nothing_usable_is_an_error_with_reasons_and_a_table(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(3):  # only decoding can tell
        (tmp_path / "in" / f"{i}.fits").write_bytes(broken_inside(fits_bytes(counts(i), header(12 * i))))
    with pytest.raises(ValueError, match="none of the 3 frames"):
        run(tmp_path / "in", tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").glob("[!.]*")] == ["aia_171.rejected.csv"]
    reasons = pd.read_csv(tmp_path / "out" / "aia_171.rejected.csv")["reason"]
    assert reasons.str.startswith("not readable as FITS").tolist() == [True] * 3
    write_frames(tmp_path / "in2", 3)
    run(tmp_path / "in2", tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").glob("[!.]*")] == ["aia_171"]


MEMORY = """
import resource, sys
from config import Config, PrepConfig
from data.prepare_data import prep
for n in (10, 100):
    settings = PrepConfig(resize=(32, 32), movie_only=True)
    prep(Config(data_raw=f"{sys.argv[1]}/{n}", data_clips=f"{sys.argv[1]}/out{n}", workers=1, prep=settings))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource")
def test_a_reel_that_can_not_be_made_does_not_stop_the_others(tmp_path):
    write_frames(tmp_path / "in" / "a", 6, wavelength=94)
    for path in (tmp_path / "in" / "a").iterdir():
        head = header(12.0 * int(path.stem[-3:]), wavelength=94)
        path.write_bytes(fits_bytes(np.zeros((24, 32), np.int16), head))
    write_frames(tmp_path / "in" / "b", 6)
    with pytest.raises(ValueError, match="1 of 2 reels could not be made, the others were:\naia_94"):
        run(tmp_path / "in", tmp_path / "out")
    assert len(Reel(tmp_path / "out" / "aia_171")) == 6


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path):
    """Frames of 1 MB each: 90 more of them would be 90 MB as they are, and 360 MB as floats."""
    pixels = np.kron(picture(3)[:, :64, 0], np.ones((16, 16), np.uint8))
    for n in (10, 100):
        (tmp_path / str(n)).mkdir()
        Image.fromarray(pixels).save(tmp_path / str(n) / "0.bmp")
        for i in range(1, n):
            os.link(tmp_path / str(n) / "0.bmp", tmp_path / str(n) / f"{i}.bmp")
    command = [sys.executable, "-c", MEMORY, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    few, many = (int(line) for line in done.stdout.splitlines() if line.isdigit())
    assert many - few < 25, f"{few} MB after 10 frames, {many} MB after 100"


def test_meta_is_strict_json(solar_reel):
    def refuse(text):
        raise ValueError(text)

    meta = json.loads((solar_reel.path / "reel.json").read_text(), parse_constant=refuse)
    assert meta == solar_reel.meta
