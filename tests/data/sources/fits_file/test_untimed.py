"""FITS whose headers and names tell no time: by a table, or one step apart in the order of their names."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import PrepConfig
from data.sources.base import Candidate
from data.sources.fits_file.times.cards import NO_TIME
from data.sources.fits_file.untimed import BY_ORDER, BY_TABLE, with_times
from tests.support.fits_files import counts, fits_bytes, header
from tests.support.reported import prepared


def untimed(name, reel="cam", **facts):
    given_facts = {"reason": NO_TIME, "home": "/nowhere/raw", "is_counts": True} | facts
    return Candidate(name, f"/nowhere/raw/{name}", "fits", reel, **given_facts)


@given(st.permutations(range(12)), st.floats(0.1, 900))
def test_frames_are_a_step_apart_by_the_numbers_in_their_names(order, step_s):
    found = with_times([untimed(f"f{i}.fits") for i in order], PrepConfig(sample_interval_sec=step_s))
    assert [c.source for c in found] == [f"f{i}.fits" for i in order]
    assert np.allclose([c.time_s for c in found], [i * step_s for i in order])
    assert {(c.reason, c.flags) for c in found} == {("", BY_ORDER)}


def test_each_reel_of_a_folder_counts_for_itself():
    found = with_times(
        [untimed(f"{name}_{i}.fits", name) for i in range(3) for name in ("a", "b")],
        PrepConfig(frames_per_second=2.0, start_utc="2012-07-19T07:30:00"),
    )
    expected = [f"2012-07-19T07:30:0{i // 2}.{5 * (i % 2)}00" for i in (0, 0, 1, 1, 2, 2)]
    assert [c.time_utc for c in found] == expected


@pytest.mark.parametrize("reason", ["", "QUALITY bit 17", "file is truncated"])
def test_nothing_else_is_touched(reason):
    others = [untimed("a.fits", reason=reason, time_utc="2012-07-19T07:30:00.000" if not reason else "")]
    assert with_times(others, PrepConfig(sample_interval_sec=1.0)) == others


def test_without_a_setting_or_beside_frames_with_times_the_reason_stays():
    alone = [untimed("a.fits")]
    assert with_times(alone, PrepConfig()) == alone
    timed = replace(alone[0], source="b.fits", reason="", time_utc="2012-07-19T07:30:00.000")
    assert with_times([*alone, timed], PrepConfig(sample_interval_sec=1.0)) == [*alone, timed]


def write(folder, n):
    folder.mkdir()
    for i in range(n):
        (folder / f"s{i}.fits").write_bytes(
            fits_bytes(counts(i), header(**{"T_OBS": None, "DATE-OBS": None}), "primary")
        )


def test_a_folder_without_times_is_a_reel_by_settings_or_by_its_table(tmp_path):
    write(tmp_path / "raw", 4)
    assert "prep.sample_interval_sec" in prepared(tmp_path / "raw", tmp_path / "no").refusal
    (reel,) = prepared(tmp_path / "raw", tmp_path / "by_order", sample_interval_sec=60.0).reels.values()
    assert reel.times_utc is None
    assert reel.times_s.tolist() == [0.0, 60.0, 120.0, 180.0]
    rows = [f"2012-07-19T07:3{9 - i}:00,s{i}.fits" for i in range(4)]
    (tmp_path / "raw" / "times.csv").write_text("\n".join(["time,filename", *rows]))
    (reel,) = prepared(tmp_path / "raw", tmp_path / "by_table").reels.values()
    assert reel.table["source"].tolist() == ["s3.fits", "s2.fits", "s1.fits", "s0.fits"]
    assert set(reel.table["flags"]) == {BY_TABLE}
    assert str(reel.times_utc[0]) == "2012-07-19T07:36:00.000"
