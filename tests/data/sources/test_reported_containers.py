"""Reported archives, pictures and videos have their right outcome."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support.reported import CASES, inside, made_case, prepared, prepared_case

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="needs the folder of reported inputs beside the project")

# Case -> frames of its reels, all accepted.
WHOLE = {
    "t01_sparse_tar": {"aia_171": 8},
    "t02_other_compressions": {"aia_171": 16},
    "t04_appledouble": {"aia_171": 8},
    "t05_gzip_named_tar": {"aia_171": 12},
    "t06_images_in_tar": {"a_clip": 8},
    "i01_exif_orientation": {"in": 8},
    "i03_multipage_tiff": {"stack": 20},
    "i05_twelve_bit": {"in": 10},
    "f27_jp2_only": {"in": 12},
    "v07_other_suffixes": dict.fromkeys("abcdefghij", 20),
    "v11_avi_drop_frames": {"drop": 37},
    "v15_two_streams": {"both": 30},
    "p02_long_cjk_names": {"v": 20, "\u9fa0": 20},  # and the long name, cut
}


def frames_of(got):
    """Stored frames (T, H, W) of the only reel."""
    (reel,) = got.reels.values()
    return np.asarray(reel.frames[:, 0], np.float32)


@pytest.mark.parametrize("case", WHOLE)
def test_reported_files_are_read_whole(tmp_path, case, caplog):
    if case == "t02_other_compressions" and shutil.which("zstd") is None:
        pytest.skip("the generator needs the program zstd")
    got = prepared_case(case, tmp_path)
    lengths = {name: len(reel) for name, reel in got.reels.items()}
    if case == "p02_long_cjk_names":
        (cut,) = set(lengths) - set(WHOLE[case])
        assert 20 < len(cut.encode()) < 256
        assert lengths.pop(cut) == 20
    assert lengths == WHOLE[case]
    assert all(reel.candidates["accepted"].all() for reel in got.reels.values())
    if case == "t01_sparse_tar":  # the last rows are bright, and a band of zeros lies before them
        assert (frames_of(got)[:, 24:].mean(axis=(1, 2)) > 0.3).all()
        assert (frames_of(got)[:, 6:18] == 0).all()
    if case == "i01_exif_orientation":
        assert (frames_of(got)[:, :12].mean(axis=(1, 2)) > frames_of(got)[:, 20:].mean(axis=(1, 2))).all()
    if case == "i05_twelve_bit":
        assert frames_of(got).max() > 0.5
    if case == "v15_two_streams":
        assert "left out: #1 of 128x192" in caplog.text
    if case == "v11_avi_drop_frames":  # of 40 at 10 a second the 11th, 12th and 26th were repeats
        times_s = got.reels["drop"].table["time_s"].to_numpy()
        np.testing.assert_allclose(np.rint(10 * times_s), sorted(set(range(40)) - {10, 11, 25}))


def test_a_reported_phone_video_is_upright(tmp_path):
    got = prepared_case("v01_rotation", tmp_path, resize=[96, 64])
    (reel,) = got.reels.values()
    assert reel.meta["source_shape"] == [96, 64]
    bright = frames_of(got)[0] > 0.6  # a square of 16 by 10 px, in the row of squares that was 8 px below the top
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    assert (len(rows), len(columns)) == (10, 16)
    assert columns[0] in (8, 40)  # that edge is now at the left or the right, as the file's matrix says
    assert reel.candidates["flags"].str.contains("turned upright").all()


def test_reported_damage_is_rejected_up_to_the_next_key_frame(tmp_path):
    (reel,) = prepared_case("v03b_smear_after_damage", tmp_path).reels.values()
    accepted = reel.candidates["accepted"].to_numpy()
    assert np.flatnonzero(~accepted).tolist() == list(range(20, 60))


def test_reported_joins_and_cuts_are_told(tmp_path, caplog):
    joined = prepared_case("v02_ts_concatenated", tmp_path / "joined")
    assert len(joined.reels["all"]) >= 58  # FFmpeg takes the last packet before a seam for a cut one
    assert len(joined.reels["all"].candidates) == 60
    assert "its time stamps begin again 2 times" in caplog.text
    (cut,) = prepared_case("v22_starts_mid_gop", tmp_path / "cut").reels.values()
    assert set(cut.candidates["reason"].dropna()) == {"no key frame before it: the recording begins between key frames"}
    assert cut.candidates["accepted"].sum() > 80


@pytest.mark.parametrize("root", [".", "2012-07-19T07:30:01.mp4"])
def test_reported_names_are_files_from_within_their_folder(tmp_path, root):
    with inside(made_case("p01_colon_in_name", tmp_path)):
        got = prepared(Path(root), tmp_path / "clips")
    assert {name: len(reel) for name, reel in got.reels.items()} == {"2012-07-19T07_30_01": 30}


def test_a_reported_black_camera_is_told(tmp_path, caplog):
    prepared_case("m01_black_video", tmp_path)
    assert "all 60 frames are the same picture; nothing varies" in caplog.text


def test_every_reported_case_has_a_test():
    rooms = Path(__file__).parents[1]
    told = "".join(path.read_text(encoding="utf-8") for path in rooms.rglob("test_reported_*.py"))
    assert [path.stem for path in sorted(CASES.glob("[a-z][0-9]*.py")) if f'"{path.stem}"' not in told] == []
