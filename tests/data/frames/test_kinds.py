"""Frames of one name by their headers that are two kinds in turns have a reel each; what changes once has one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data import sources
from data.frames.plan import plan_reels
from data.sources.base import Candidate
from tests.support.fits_files import fits_bytes, header, utc

OWN = {"TELESCOP": "KSO", "INSTRUME": "CAM", "T_OBS": None}


def frame(seconds, said="", name="f{}.fits", **facts):
    path = f"/data/in/{name.format(seconds)}"
    aside = (("OBJECT", said),) if said else ()
    facts = {"time_utc": utc(seconds), "is_counts": True, "exptime_s": 1.0, "shape": (8, 8), "aside": aside} | facts
    return Candidate(path[6:], path, "fits", "kso_cam_image", home="/data/in", **facts)


def reels(frames):
    return {p.name: [row[0].candidate.time_utc for row in p.rows] for p in plan_reels(frames, PrepConfig())}


@given(st.lists(st.sampled_from(["m31", "m42", "moon"]), min_size=2, max_size=30))
def test_each_of_what_goes_on_side_by_side_is_a_reel_and_frames_are_never_lost(said):
    found = reels([frame(i, word) for i, word in enumerate(said)])
    assert sorted(time for times in found.values() for time in times) == [utc(i) for i in range(len(said))]
    kinds = {word: [utc(i) for i, one in enumerate(said) if one == word] for word in set(said)}
    firsts, lasts = [times[0] for times in kinds.values()], [times[-1] for times in kinds.values()]
    if len(kinds) > 1 and max(firsts) < min(lasts) and min(map(len, kinds.values())) >= 3:
        assert found == {f"kso_cam_image_{word}": times for word, times in kinds.items()}
    else:
        assert list(found) == ["kso_cam_image"]


def test_what_changes_once_or_counts_has_one_reel():
    assert list(reels([frame(i, f"noaa_{11520 + i // 9}") for i in range(18)])) == ["kso_cam_image"]
    assert list(reels([frame(i, f"image_{i}") for i in range(18)])) == ["kso_cam_image"]


@pytest.mark.parametrize("form", ["hmi.B_720s.2012_{}_TAI.{}.fits", "{1}_2012_{0}.fits.gz", "2012-{}_{}_720s.fits"])
def test_files_of_one_time_that_a_word_of_their_names_tells_apart_have_a_reel_each(form):
    """JSOC's segments of vector fields: two of three were rejected as of the same time."""
    words = ("field", "inclination", "azimuth")
    found = reels([frame(720 * i, name=form.format(i, word)) for i in range(2) for word in words])
    assert found == {f"kso_cam_image_{word}": [utc(0), utc(720)] for word in words}


@pytest.mark.parametrize("words", [("a", "a_copy"), ("aia.lev1", "aia.lev15"), ("new", "old"), ("x", "x (1)")])
def test_the_same_again_is_rejected(words):
    (plan,) = plan_reels([frame(i, name=f"2012_{i}_{word}.fits") for i in range(3) for word in words], PrepConfig())
    assert len(plan.rows) == 3
    assert {f.reason[:12] for f in plan.rejected} == {"same time as"}


@pytest.mark.parametrize("a_second", [2, 4])
def test_names_that_count_the_frames_of_a_second_are_no_kinds(a_second):
    """Of a header rounded to seconds: eight frames became eight reels."""
    counted = [frame(i // a_second, name=f"f{i:03d}.fits") for i in range(8)]
    (plan,) = plan_reels(counted, PrepConfig())
    assert plan.name == "kso_cam_image"
    assert len(plan.rows) == 8 // a_second
    assert {f.reason[:12] for f in plan.rejected} == {"same time as"}


def test_targets_that_alternate_in_a_folder_of_files(tmp_path):
    for i in range(8):
        name = ("M 31", "M 42")[i % 2]
        head = header(60 * i, OBJECT=name, **OWN)
        (tmp_path / f"n{i}.fits").write_bytes(fits_bytes(np.full((8, 8), 100 * (i % 2), np.int16), head, "primary"))
    prep = PrepConfig()
    found = [c for item in sources.discover(tmp_path).frames for c in sources.scan(item, tmp_path, prep)]
    plans = {p.name: [row[0].candidate.source for row in p.rows] for p in plan_reels(found, prep)}
    assert plans == {
        "kso_cam_171_m_31": [f"n{i}.fits" for i in range(0, 8, 2)],
        "kso_cam_171_m_42": [f"n{i}.fits" for i in range(1, 8, 2)],
    }


def test_wavelengths_in_names_alone_are_kinds():
    """JSOC's files as they are stored, whose headers tell nothing: one of two wavelengths was lost."""
    name = "aia.lev1_euv_12s.2012-07-19T0730{:02d}Z.{}.image_lev1.fits"
    found = reels([frame(12 * i, name=name.format(12 * i, line)) for i in range(4) for line in (171, 193, 4500)])
    assert found == {f"kso_cam_image_{line}": [utc(12 * i) for i in range(4)] for line in (171, 193, 4500)}


@given(st.permutations([("a", 1 << 30, 1.0), ("b", 0, 1.0), ("c", 0, 1.5), ("d", 1 << 30, 1.5)]))
def test_of_one_time_the_final_frame_of_the_highest_level_is_taken(made):
    files = [frame(0, name=f"{i}_{name}.fits", quality=q, level=level) for i, (name, q, level) in enumerate(made)]
    (plan,) = plan_reels(files, PrepConfig())
    ((kept,),) = plan.rows
    assert kept.candidate.source.endswith("_c.fits")
    assert len(plan.rejected) == 3


@pytest.mark.parametrize("has_site", [False, True])
def test_gongs_sites_are_reels_by_the_letter_in_their_names(tmp_path, has_site):
    """Their headers name the network: frames of two telescopes, each with its own sky, were one reel."""
    for i in range(8):
        card = {"SITE": ("BB", "LE")[i % 2]} if has_site else {}
        head = header(20 * i, TELESCOP="NSO-GONG", INSTRUME=None, T_OBS=None, **card)
        name = f"2022031800{i // 3:02d}{20 * (i % 3):02d}{'BL'[i % 2]}h.fits"
        (tmp_path / name).write_bytes(fits_bytes(np.full((8, 8), 100, np.int16), head, "primary"))
    prep = PrepConfig()
    found = [c for item in sources.discover(tmp_path).frames for c in sources.scan(item, tmp_path, prep)]
    plans = {p.name: {row[0].candidate.source[14] for row in p.rows} for p in plan_reels(found, prep)}
    assert sorted(map(sorted, plans.values())) == [["B"], ["L"]]
    assert len(plans) == 2
