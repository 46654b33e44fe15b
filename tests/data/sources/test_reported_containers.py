"""Reported archives, pictures and videos have their right outcome."""

import shutil

import numpy as np
import pytest

from tests.support.reported import CASES, prepared, prepared_case

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="needs the folder of reported inputs beside the project")
needs_ffmpeg = pytest.mark.skipif(not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="needs ffmpeg")

# Case -> frames of its reels, all accepted.
WHOLE = {
    "t01_sparse_tar": {"aia_171": 8},
    "t04_appledouble": {"aia_171": 8},
    "t05_gzip_named_tar": {"aia_171": 12},
    "t06_images_in_tar": {"a_clip": 8},
    "i01_exif_orientation": {"in": 8},
    "i03_multipage_tiff": {"stack": 20},
    "i05_twelve_bit": {"in": 10},
    "f27_jp2_only": {"in": 12},
}
FILMED = {
    "v07_other_suffixes": dict.fromkeys("abcdefghij", 20),
    "v11_avi_drop_frames": {"drop": 37},
    "v15_two_streams": {"both": 30},
    "p02_long_cjk_names": {"v": 20, "\u9fa0": 20},  # and the long name, cut
}


def check(got, expected):
    assert got.code == 0, got.told
    lengths = {name: len(reel) for name, reel in got.reels.items()}
    # Of an instrument the name may tell more than it did.
    assert sorted(lengths.values()) == sorted(expected.values())
    assert set(expected) <= set(lengths) or "aia_171" in expected
    assert not [reel.candidates["reason"].dropna().tolist() for reel in got.reels.values() if len(reel) == 0]


@pytest.mark.parametrize("case", WHOLE)
def test_reported_files_are_read_whole(tmp_path, case):
    got = prepared_case(case, tmp_path)
    check(got, WHOLE[case])
    (reel,) = got.reels.values()
    assert reel.candidates["accepted"].all()
    frames = np.asarray(reel.frames[:, 0], np.float32)
    if case == "t01_sparse_tar":  # the last rows are bright, and a band of zeros lies before them
        assert (frames[:, 24:].mean(axis=(1, 2)) > 0.3).all()
        assert (frames[:, 6:18] == 0).all()
    if case == "i01_exif_orientation":
        assert (frames[:, :12].mean(axis=(1, 2)) > frames[:, 20:].mean(axis=(1, 2))).all()
    if case == "i05_twelve_bit":
        assert frames.max() > 0.5


@pytest.mark.skipif(shutil.which("zstd") is None, reason="needs zstd")
def test_reported_compressions_are_opened(tmp_path):
    check(prepared_case("t02_other_compressions", tmp_path), {"aia_171": 16})


@needs_ffmpeg
@pytest.mark.parametrize("case", FILMED)
def test_reported_videos_are_read_or_named(tmp_path, case):
    got = prepared_case(case, tmp_path)
    if case == "p02_long_cjk_names":
        assert sorted(len(reel) for reel in got.reels.values()) == [20, 20, 20]
        return
    check(got, FILMED[case])
    if case == "v15_two_streams":
        assert "left out: #1 of 128x192" in got.told


@needs_ffmpeg
def test_reported_damage_is_rejected_up_to_the_next_key_frame(tmp_path):
    (reel,) = prepared_case("v03b_smear_after_damage", tmp_path).reels.values()
    accepted = reel.candidates["accepted"].to_numpy()
    assert np.flatnonzero(~accepted).tolist() == list(range(20, 60))


@needs_ffmpeg
def test_reported_joins_and_cuts_are_told(tmp_path):
    joined = prepared_case("v02_ts_concatenated", tmp_path / "joined")
    assert len(joined.reels["all"]) >= 58  # FFmpeg takes the last packet before a seam for a cut one
    assert "its time stamps begin again 2 times" in joined.told
    (cut,) = prepared_case("v22_starts_mid_gop", tmp_path / "cut").reels.values()
    assert set(cut.candidates["reason"].dropna()) == {"no key frame before it: the recording begins between key frames"}


@needs_ffmpeg
def test_reported_names_are_files_from_within_their_folder(tmp_path):
    prepared_case("p01_colon_in_name", tmp_path)
    (video,) = (tmp_path / "in").glob("*.mp4")
    got = prepared(video, tmp_path / "again")
    check(got, {"2012-07-19T07_30_01": 30})


@needs_ffmpeg
def test_a_reported_black_camera_is_told(tmp_path):
    assert "all 60 frames are the same picture; nothing varies" in prepared_case("m01_black_video", tmp_path).told
