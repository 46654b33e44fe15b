"""Clips of the review page: their pictures, the curves of series, and a cache that stays within its limit."""

import xml.etree.ElementTree as ET

import av
import numpy as np
import pytest

from data.review.page.clips import Clips, curve_scale
from tests.support.reels import drifting_blobs, make_reel

SVG = "{http://www.w3.org/2000/svg}"


def first_frame(path):
    """Grey levels 0..255 of the first frame of a movie."""
    with av.open(str(path)) as movie:
        return next(movie.decode(video=0)).to_ndarray(format="gray").astype(float)


def halves(value_above, value_below, size=64):
    """16 frames (T, 1, H, W) with one value in the first half of the rows and another one in the second."""
    frames = np.full((16, 1, size, size), float(value_below))
    frames[:, :, : size // 2] = value_above
    return frames


@pytest.mark.parametrize(("origin", "first"), [("upper", 51), ("lower", 204)])
def test_origin_lower_is_shown_the_right_way_up(tmp_path, origin, first):
    reel = make_reel(tmp_path / "cam", halves(0.2, 0.8), meta={"origin": origin})
    image = first_frame(Clips(reel).path(0, 8))
    assert image[:24].mean() == pytest.approx(first, abs=8)
    assert image[-24:].mean() == pytest.approx(255 - first, abs=8)


def test_channels_lie_side_by_side_on_one_scale(tmp_path):
    frames = np.full((16, 3, 32, 40), 0.1) + np.array([0.0, 0.4, 0.8])[:, None, None]
    image = first_frame(Clips(make_reel(tmp_path / "cam", frames)).path(0, 8))
    assert image.shape == (32, 120)
    assert [image[4:-4, x + 8 : x + 32].mean() for x in (0, 40, 80)] == pytest.approx([26, 128, 230], abs=8)


def test_two_windows_have_one_intensity_scale(tmp_path):
    frames = np.concatenate([np.full((8, 1, 32, 32), 0.2), np.full((8, 1, 32, 32), 0.6)])
    clips = Clips(make_reel(tmp_path / "cam", frames, stride=8))
    assert [first_frame(clips.path(start, 8)).mean() for start in (0, 8)] == pytest.approx([51, 153], abs=6)


def test_large_frames_are_shrunk_and_odd_ones_are_encoded(tmp_path):
    wide = make_reel(tmp_path / "wide", np.full((8, 2, 100, 500), 0.5))
    assert first_frame(Clips(wide).path(0, 8)).shape == (38, 384)
    tiny = make_reel(tmp_path / "tiny", np.full((8, 1, 1, 7), 0.5))
    assert first_frame(Clips(tiny).path(0, 8))[:, :7].mean() == pytest.approx(128, abs=8)


@pytest.fixture
def series(tmp_path):
    """Two variables in 100 samples; samples 40 and 41 are missing."""
    t = np.arange(100)
    values = np.stack([0.5 + 0.4 * np.sin(t / 5), t / 100], axis=1)[:, :, None, None]
    masks = np.isin(t, (40, 41)).astype(np.uint8)[:, None, None]
    return make_reel(tmp_path / "goes", values, masks=masks, channels=["xrsa", "<b> & co"], clip_length=16)


def test_curve_of_a_series_is_whole_xml_with_a_line_a_variable_and_context(series):
    path = Clips(series).path(32, 16)
    root = ET.parse(path).getroot()
    lines = root.findall(f"{SVG}path")
    assert path.suffix == ".svg"
    assert [line.get("stroke") for line in lines] == ["#8a8a8a", "#8a8a8a", "#1f77b4", "#d62728"]
    assert [name.text.strip() for name in root.iter(f"{SVG}tspan")] == ["xrsa", "<b> & co"]
    context, window = lines[1].get("d"), lines[3].get("d")
    assert [text.count("M") for text in (context, window)] == [2, 2]  # it breaks at the missing samples
    assert [text.count("M") + text.count("L") for text in (context, window)] == [46, 14]
    points = [float(v) for v in window.replace("M", " ").replace("L", " ").split()]
    assert np.all(np.diff(points[0::2]) > 0)
    assert np.all(np.diff(points[1::2]) < 0)  # a rising variable: y of SVG grows downwards


def test_curves_of_a_series_have_one_scale(series):
    low, high = curve_scale(series)
    assert (low, high) == (pytest.approx(0, abs=0.01), pytest.approx(0.99, abs=0.01))
    clips, heights = Clips(series), {}
    for start in (0, 64):  # both show samples 0.. or 48..80 of the straight line
        line = ET.parse(clips.path(start, 16)).getroot().findall(f"{SVG}path")[3].get("d")
        heights[start] = float(line[1:].split("L")[0].split()[1])
    assert heights[0] - heights[64] == pytest.approx(150 * (0.64 - low) / (high - low), abs=0.2)


def test_series_without_a_single_sample_still_has_a_picture(tmp_path):
    reel = make_reel(tmp_path / "goes", np.zeros((20, 1, 1, 1)), masks=np.ones((1, 1), np.uint8))
    assert ET.parse(Clips(reel).path(0, 8)).getroot().find(f"{SVG}path").get("d") == ""


def test_clip_is_made_once_and_anew_for_another_reel_of_that_name(tmp_path):
    reel = make_reel(tmp_path / "cam", drifting_blobs(16, 16, 16))
    made = Clips(reel).path(0, 8)
    stamp = made.stat().st_ino
    assert Clips(reel).path(0, 8).stat().st_ino == stamp
    assert Clips(make_reel(tmp_path / "cam", drifting_blobs(16, 16, 16, seed=1))).path(0, 8) != made


def test_cache_stays_within_its_limit_and_keeps_what_was_looked_at_last(tmp_path):
    reel = make_reel(tmp_path / "cam", drifting_blobs(120, 32, 32))
    one = Clips(reel).path(0, 8).stat().st_size
    clips = Clips(reel, cache_bytes=6 * one)
    for start in range(4, 100, 4):
        assert clips.path(start, 8).is_file()  # the one just asked for is never deleted
        assert clips.path(0, 8).is_file()
        assert sum(p.stat().st_size for p in clips.folder.iterdir()) <= 6 * one
    kept = {int(p.name.split("-")[1]) for p in clips.folder.iterdir()}
    assert {0, 96} <= kept <= {0, *range(76, 100, 4)}


def test_clip_larger_than_the_whole_cache_is_served_all_the_same(tmp_path):
    clips = Clips(make_reel(tmp_path / "cam", drifting_blobs(24, 16, 16)), cache_bytes=1)
    assert clips.path(0, 8).is_file()
    assert clips.path(4, 8).is_file()
    assert len(list(clips.folder.iterdir())) == 1


def test_cache_counts_what_an_earlier_server_left(tmp_path):
    reel = make_reel(tmp_path / "cam", drifting_blobs(24, 16, 16))
    size = Clips(reel).path(0, 8).stat().st_size
    clips = Clips(reel, cache_bytes=int(1.5 * size))
    assert clips.path(8, 8).is_file()
    assert len(list(clips.folder.iterdir())) == 1
