"""Lists, timeline and histograms of the review page against slow and obvious versions."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.reel.windows import STATISTICS, read_windows, usable
from data.review.page import facts
from tests.support.reels import make_reel

T = 120


@pytest.fixture(scope="module")
def reel(tmp_path_factory):
    times_s = np.arange(T) * 12.0 + 600 * (np.arange(T) >= 50) + 90 * (np.arange(T) >= 80)
    return make_reel(tmp_path_factory.mktemp("facts") / "cam", np.zeros((T, 1, 4, 4)), times_s=times_s)


@pytest.fixture(scope="module")
def table(reel):
    """Windows with statistics that tie now and then, and every kind of verdict."""
    random, table = np.random.default_rng(1), read_windows(reel)
    n = len(table)
    for name in STATISTICS:
        table[name] = random.integers(0, 20, n) / 20.0
    table["verdict"] = random.choice(["", "", "", "keep", "reject"], n)
    table["by"] = [random.choice(["user", "statistics"]) if v else "" for v in table["verdict"]]
    return table


def matches(query, row, left):
    """One window against a query, as the page's labels say it."""
    lost = not left and row.verdict != "reject"
    wanted = {
        "all": True, "none": row.verdict == "", "keep": row.verdict == "keep", "reject": row.verdict == "reject",
        "by_hand": row.by == "user", "usable": left, "lost": lost,
    }[query.verdict]  # fmt: skip
    frames = set(range(row.start, row.start + row.length))
    in_time = query.frames is None or frames & set(range(*query.frames))
    in_range = query.statistic is None or query.low <= getattr(row, query.statistic) <= query.high
    return wanted and bool(in_time) and in_range and query.stretch in (None, row.stretch)


QUERIES = st.builds(
    facts.Query,
    sort=st.sampled_from(facts.SORTS),
    descending=st.booleans(),
    verdict=st.sampled_from(facts.VERDICTS),
    stretch=st.none() | st.integers(0, 3),
    frames=st.none() | st.tuples(st.integers(0, T), st.integers(0, T)),
    statistic=st.none() | st.sampled_from(STATISTICS),
    low=st.sampled_from([-np.inf, 0.2, 0.5]),
    high=st.sampled_from([0.5, 0.9, np.inf]),
)


@given(query=QUERIES)
def test_order_lists_what_matches_in_order(reel, table, query):
    rows = facts.order(table, query)
    left = usable(table)
    assert sorted(rows) == [i for i, row in enumerate(table.itertuples()) if matches(query, row, left[i])]
    if query.sort == "outliers":
        keys = [-np.abs(facts.z_scores(table)[r]).max() for r in rows]
    elif query.sort == "verdict":
        keys = [("reject", "keep", "").index(table["verdict"][r]) for r in rows]
    else:
        keys = table["start" if query.sort == "time" else query.sort].to_numpy()[rows].tolist()
    pairs = [(-k if query.descending else k, r) for k, r in zip(keys, rows, strict=True)]
    assert pairs == sorted(pairs)


def test_windows_without_statistics_are_listed_in_time_order(reel):
    assert facts.order(read_windows(reel), facts.Query()).tolist() == list(range(len(read_windows(reel))))


def slow_timeline(reel, table):
    """Every bin asks which frames last into it; a frame before a gap, and the last, is a moment only."""
    times = reel.times_s.tolist()
    left, states = usable(table), ["n"] * len(times)
    for state in "uklr":
        for row in table.itertuples():
            lost = not left[row.Index] and row.verdict != "reject"
            of_row = "l" if lost else {"": "u", "keep": "k", "reject": "r"}[row.verdict]
            for i in range(row.start, row.start + row.length):
                states[i] = state if of_row == state else states[i]
    place = [min(int(t / times[-1] * facts.TIMELINE_BINS), facts.TIMELINE_BINS - 1) for t in times]
    held = [set("g") for _ in range(facts.TIMELINE_BINS)]
    for i, begin in enumerate(place):
        end = begin + 1
        if i + 1 < len(times) and times[i + 1] - times[i] <= reel.meta["gap_threshold"] * reel.cadence_s:
            end = max(end, place[i + 1])
        for b in range(begin, end):
            held[b].add(states[i])
    return "".join(max(states, key="gnuklr".index) for states in held)


def test_timeline_is_that_of_the_slow_version(reel, table):
    bins = facts.timeline(reel, table)["bins"]
    assert bins == slow_timeline(reel, table)
    assert set(bins) == set("guklr")


def test_timeline_of_more_frames_than_bins(tmp_path):
    times_s = np.arange(5000) + 900.0 * (np.arange(5000) > 3000)
    reel = make_reel(tmp_path / "cam", np.zeros((5000, 1, 1, 1)), times_s=times_s)
    table = read_windows(reel)
    table.loc[[3, 200, 201, 900], "verdict"] = ["reject", "keep", "keep", "reject"]
    assert facts.timeline(reel, table)["bins"] == slow_timeline(reel, table)


def test_gap_between_windows_of_one_state_is_drawn(reel):
    assert "g" * 100 in facts.timeline(reel, read_windows(reel))["bins"]


@given(
    ranges=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted), max_size=8),
    size=st.just(30),
)
def test_covered_is_membership_in_any_range(ranges, size):
    starts, stops = np.array(ranges, int).reshape(-1, 2).T
    assert facts.covered(starts, stops, size).tolist() == [any(a <= i < b for a, b in ranges) for i in range(size)]


def test_histograms_count_every_window_and_a_constant_is_one_bin(table):
    flat = table.assign(coverage=1.0, mean=np.nan)
    found = facts.histograms(flat)
    assert "mean" not in found
    rejected = int((flat["verdict"] == "reject").sum())
    assert found["coverage"] == {"edges": [1.0, 1.0], "all": [len(flat)], "rejected": [rejected]}
    assert (sum(found["std"]["all"]), sum(found["std"]["rejected"])) == (len(flat), rejected)


@pytest.mark.parametrize(
    ("after", "before", "expected"),
    [
        ("", "", (0, T)),
        ("2012-07-19T00:01:00", "2012-07-19 00:02", (5, 11)),
        ("2012-07-19T00:01:00Z", "2012-07-19T02:02:00+02:00", (5, 11)),
        ("2012-07-20", "", (T, T)),
        ("", "1999-01-01", (0, 0)),
    ],
)
def test_frames_between_times(reel, after, before, expected):
    assert facts.frames_between(reel, after, before) == expected


def test_frames_between_seconds_and_refused_texts(tmp_path, reel):
    relative = make_reel(tmp_path / "cam", np.zeros((20, 1, 2, 2)), start_utc=None)
    assert facts.frames_between(relative, "24", "60.5") == (2, 6)
    with pytest.raises(ValueError, match="'noon': expected seconds since the first frame"):
        facts.frames_between(relative, "noon", "")
    for text in ("noon", "60", "0001-01-01T00:00+23:00"):
        with pytest.raises(ValueError, match="expected UTC, for example"):
            facts.frames_between(reel, "", text)


def test_detail_names_neighbours_and_the_quietest_usable_window(reel, table):
    row = 10
    found = facts.detail(reel, table, row)
    start, stop = table["start"][row], table["start"][row] + table["length"][row]
    assert found["before"]["start"] == max(s for s in table["start"] if s + 8 <= start)
    assert found["after"]["start"] == min(s for s in table["start"] if s >= stop)
    z = np.abs(facts.z_scores(table)).max(axis=1)
    quiet = min((z[i], i) for i in np.flatnonzero(usable(table)) if i != row)[1]
    assert found["quiet"]["window"] == quiet
    assert found["times"] == [str(t) for t in reel.times_utc[start:stop]]
    assert found["exptime_s"] == [2.0] * 8
    assert pd.Series(found["z"]).round(9).tolist() == np.round(facts.z_scores(table)[row], 9).tolist()
