"""Hours of listed flares: nothing is fitted on them, whichever order and however many the list has."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from config import Config, ConfigError, PrepConfig, dump, from_dict
from data.labels.quiet_hours import flare_hours, hours_of_run, with_quiet_hours
from data.labels.sun.catalog import CatalogError, flux_of_class
from data.reel.reel import Reel, inside
from data.reel.stretch import Stretch
from inference.calibration.quiet.not_quiet import episodes, tell
from inference.calibration.quiet.ranges import QuietRange
from tests.support.reels import make_reel

LIST = """start,peak,end,class,x,y
2012-07-19T04:17,2012-07-19T05:58,2012-07-19T06:56,M7.7,919,-214
2012-07-19T18:32,2012-07-19T18:36,2012-07-19T18:38,C1.5,-371,-420
2012-07-19T18:50,2012-07-19T18:52,2012-07-19T18:54,B9.9,-371,-420
"""
M, C = ("2012-07-19T04:02:00", "2012-07-19T12:14:00"), ("2012-07-19T18:17:00", "2012-07-19T19:08:00")


def config_with(folder, text: str = LIST, prep: PrepConfig | None = None, **train) -> Config:
    (folder / "flares.csv").write_text(text, encoding="utf-8")
    config = from_dict({"train": {"exclude_flares": str(folder / "flares.csv"), **train}}, "test")
    return replace(config, prep=prep) if prep else config


def test_hours_of_listed_flares_are_left_out_of_what_is_trained_and_fitted_on(tmp_path):
    found = with_quiet_hours(config_with(tmp_path, exclude_utc=[["2012-07-20", "2012-07-21"]]))
    assert found.train.exclude_utc == (("2012-07-20", "2012-07-21"), M, C)
    assert found.prep.fit_exclude_utc == found.train.exclude_utc
    assert with_quiet_hours(found) == found


LOG = "Start;Ende;Work\n14.03.2023 07:00;15.03.2023 02:00;bearing\n01.02.2023 07:00;01.02.2023 09:30;pump\n"


def test_a_log_of_maintenance_is_left_out_as_it_is(tmp_path):
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    config = from_dict({"train": {"exclude_utc": str(tmp_path / "log.csv")}}, "test")
    found = with_quiet_hours(replace(config, prep=PrepConfig(time_zone="Europe/Zurich")))
    assert found.train.exclude_utc == (
        ("2023-02-01T06:00:00.000", "2023-02-01T08:30:00.000"),
        ("2023-03-14T06:00:00.000", "2023-03-15T01:00:00.000"),
    )
    assert found.prep.fit_exclude_utc == found.train.excluded_utc == found.train.exclude_utc
    assert from_dict(yaml.safe_load(dump(found)), "as a run keeps it") == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no such file; it is one, or a list of"),
        ("what,who\na,b\n", "needs the columns start,end; it has what, who"),
        ("start,end\n2023-02-01T06:00,2023-02-01T06:00\n", "2023-02-01T06:00:00.000 is a moment"),
    ],
)
def test_a_log_that_leaves_nothing_out_is_refused(tmp_path, text, message):
    if text:
        (tmp_path / "log.csv").write_text(text, encoding="utf-8")
    config = from_dict({"train": {"exclude_utc": str(tmp_path / "log.csv")}}, "test")
    with pytest.raises(ValueError, match=rf"train\.exclude_utc \S+log\.csv:? .*{message}"):
        with_quiet_hours(config)
    with pytest.raises(ValueError, match="was not read yet"):
        _ = config.train.excluded_utc


def test_flares_are_found_in_a_reel_of_x_ray_fluxes(tmp_path):
    stored = np.interp(np.arange(200), [0, 120, 130, 150, 199], [0.3, 0.3, 0.8, 0.3, 0.3])  # M1.0 at its peak
    flux = np.tile(stored[:, None, None, None], (1, 2, 1, 1)).astype(np.float32)
    scale = [Stretch("asinh", 1e-8, 1e-4)] * 2
    facts = {"start_utc": "2024-01-01T00:00:00", "channels": ["xrsa", "xrsb"], "stretch": scale, "clip_length": None}
    make_reel(tmp_path / "goes", flux, 60.0, **facts)
    ((start, end),) = with_quiet_hours(
        from_dict({"train": {"exclude_flares": str(tmp_path / "goes")}}, "test")
    ).train.exclude_utc
    assert start == "2024-01-01T01:45:00"  # 15 minutes before the flux rises
    assert "2024-01-01T02:40" < end < "2024-01-01T03:30"


def test_flares_of_no_file_are_told_by_the_setting(tmp_path):
    given = str(tmp_path / "none.csv")
    with pytest.raises(ConfigError, match=r"train\.exclude_flares '.*none\.csv' does not exist: give the path of one"):
        with_quiet_hours(from_dict({"train": {"exclude_flares": given}}, "test"))


def run_with(folder, left_out: list[int], start_utc: str | None = "2024-01-01T00:00:00") -> str:
    """A run that left out a day, and from whose 600 quiet frames, one a minute, some stood out."""
    reel = make_reel(folder / "reel", np.zeros((600, 1, 1, 1), np.float32), 60.0, start_utc=start_utc)
    quiet, levels = QuietRange(Reel(reel.path), 100, 600, "val", "reel"), np.arange(500.0)
    (folder / "run" / "calibration").mkdir(parents=True)
    before = from_dict({"train": {"exclude_utc": [["2023-12-31", "2024-01-01"]]}}, "test")
    (folder / "run" / "config.yaml").write_text(dump(before), encoding="utf-8")
    (folder / "run" / "run.json").write_text("{}", encoding="utf-8")
    found = episodes(np.array(left_out), levels, lambda number: (quiet, 100 + number, 3.0, 4.0))
    tell(folder / "run" / "calibration" / "193-not_quiet.csv", found)
    return str(folder / "run")


def test_a_run_tells_the_hours_that_it_left_out_and_those_that_stood_out(tmp_path):
    config = from_dict({"train": {"exclude_flares": run_with(tmp_path, [20, 21, 22, 320, 360])}}, "test")
    found = with_quiet_hours(config)
    assert found.train.exclude_utc == (
        ("2023-12-31", "2024-01-01"),
        ("2024-01-01T01:45:00", "2024-01-01T02:32:00"),  # of three frames, with what comes before and behind
        ("2024-01-01T06:45:00", "2024-01-01T08:10:00"),  # two that touch
    )
    assert found.prep.fit_exclude_utc == found.train.exclude_utc


def test_a_run_from_which_nothing_stood_out_tells_what_it_left_out(tmp_path):
    config = from_dict({"train": {"exclude_flares": run_with(tmp_path, [])}}, "test")
    assert with_quiet_hours(config).train.exclude_utc == (("2023-12-31", "2024-01-01"),)


def test_hours_of_frames_without_times_have_another_way_out(tmp_path):
    config = from_dict({"train": {"exclude_flares": run_with(tmp_path, [20], start_utc=None)}}, "test")
    with pytest.raises(ValueError, match=r"without UTC times.*-m review"):
        with_quiet_hours(config)


def test_a_list_from_before_ends_were_told_has_the_peak(tmp_path):
    run = run_with(tmp_path, [20, 21, 22])
    path = tmp_path / "run" / "calibration" / "193-not_quiet.csv"
    pd.read_csv(path).drop(columns=["start_utc", "end_utc"]).to_csv(path, index=False)
    assert hours_of_run(run)[1:] == (("2024-01-01T01:47:00", "2024-01-01T02:32:00"),)


def test_weaker_flares_do_not_count(tmp_path):
    assert with_quiet_hours(config_with(tmp_path, exclude_class="M7.7")).train.exclude_utc == (M,)


def test_the_scaling_may_leave_out_hours_of_its_own(tmp_path):
    own = replace(PrepConfig(), fit_exclude_utc=())
    assert with_quiet_hours(config_with(tmp_path, prep=own)).prep.fit_exclude_utc == ()


def test_a_list_that_is_none_is_an_error_before_any_work(tmp_path):
    with pytest.raises(CatalogError, match=r"has no column .*train\.exclude_utc"):
        with_quiet_hours(config_with(tmp_path, text="a,b\n1,2\n"))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 300), st.sampled_from(["B5.0", "C1.0", "X2.1"]))))
def test_every_flare_lies_in_an_interval_and_none_touches_the_next(flares):
    begin = np.datetime64("2024-05-01T00:00", "m")
    starts = begin + np.array([start for start, _, _ in flares], "timedelta64[m]")
    ends = starts + np.array([long for _, long, _ in flares], "timedelta64[m]")
    flux = np.array([flux_of_class(goes_class) for *_, goes_class in flares], float)
    hours = flare_hours(pd.DataFrame({"start": starts, "end": ends, "flux_w_m2": flux}), "C1.0")
    for moments in (starts, ends):
        assert inside(moments[flux >= 1e-6], hours).all()
    edges = np.array(hours, "datetime64[ms]").ravel()
    assert (np.diff(edges) > np.timedelta64(0, "ms")).all()
