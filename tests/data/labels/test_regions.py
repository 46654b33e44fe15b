"""NOAA's active regions in the forms in which they are published."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.labels.sun.catalog import CatalogError
from data.labels.sun.regions import COLUMNS, read_regions

SUMMARY = """:Product: Solar Region Summary
:Issued: 2012 Jul 19 0030 UTC
# Prepared jointly by the U.S. Dept. of Commerce, NOAA,
# Space Weather Prediction Center and the U.S. Air Force.
#
Joint USAF/NOAA Solar Region Summary
SRS Number 201 Issued at 0030Z on 19 Jul 2012
Report compiled from data received at SWO on 18 Jul
I.  Regions with Sunspots.  Locations Valid at 18/2400Z
Nmbr Location  Lo  Area  Z   LL   NN Mag Type
1520 S17W83   084  0400 Ekc  12   08 Beta-Gamma-Delta
1525 S22W01   002  0010 Bxo  03   02 Beta
IA. H-alpha Plages without Spots.  Locations Valid at 18/2400Z Jul
Nmbr  Location  Lo
1518  N19W81    082
II. Regions Due to Return 19 Jul to 21 Jul
Nmbr Lat    Lo
1512 S16    251
"""
NONE_SPOTLESS = SUMMARY.replace("1518  N19W81    082", "None").replace("1512 S16    251", "None")


def written(folder, text, name="list.txt"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def rows(table):
    return [(int(r.number), str(r.time)[:16], r.lon_deg, r.lat_deg) for r in table.itertuples()]


def test_a_summary_as_swpc_publishes_it(tmp_path, caplog):
    with caplog.at_level("INFO"):
        found = read_regions(written(tmp_path, SUMMARY))
    assert list(found.columns) == list(COLUMNS)
    midnight = "2012-07-19 00:00"
    assert rows(found) == [(11518, midnight, 81, 19), (11520, midnight, 83, -17), (11525, midnight, 1, -22)]
    assert "1 of 4 rows passed over: 1 due to return, without a longitude on the disc" in caplog.text
    assert len(read_regions(written(tmp_path, NONE_SPOTLESS))) == 2


def test_summaries_behind_each_other_and_the_last_day_of_a_month(tmp_path):
    august = SUMMARY.replace("2012 Jul 19", "2012 Aug 01").replace("19 Jul 2012", "1 Aug 2012")
    august = august.replace("18/2400Z", "31/2400Z").replace("S17W83", "S17E20")
    found = rows(read_regions(written(tmp_path, SUMMARY + august)))
    assert (11520, "2012-08-01 00:00", -20, -17) in found
    assert (11520, "2012-07-19 00:00", 83, -17) in found
    assert len(found) == 6


@pytest.mark.parametrize(
    ("year", "number", "whole"), [(2001, 9393, 9393), (2002, 9999, 9999), (2002, 5, 10005), (2024, 3664, 13664)]
)
def test_numbers_have_the_fifth_digit_since_it_is_needed(tmp_path, year, number, whole):
    text = SUMMARY.replace("2012", str(year)).replace("1525 S22", f"{number:04d} S22")
    assert whole in read_regions(written(tmp_path, text))["number"].tolist()


EVENTS = [
    {"event_type": "AR", "ar_noaanum": 11520, "hgs_x": 83, "hgs_y": -17.0, "event_starttime": "2012-07-19T00:00:00"},
    {"event_type": "AR", "ar_noaanum": None, "hgs_x": 10, "hgs_y": 5, "event_starttime": "2012-07-19T00:00:00"},
    {"event_type": "AR", "ar_noaanum": "1525", "hgs_x": "1", "hgs_y": "-22", "event_starttime": "2012-07-19T00:00:00"},
    {"event_type": "FL", "ar_noaanum": 11520, "hgs_x": 83, "hgs_y": -17, "event_starttime": "2012-07-19T04:17:00"},
    {"event_type": "AR", "ar_noaanum": 11521, "event_starttime": "2012-07-19T00:00:00"},
    {"event_type": "AR", "ar_noaanum": 11522, "hgs_x": 1, "hgs_y": 2, "event_starttime": "soon"},
    "nothing",
]


@pytest.mark.parametrize("text", [json.dumps({"result": EVENTS, "overmax": False}), json.dumps(EVENTS)])
def test_the_heks_json_and_what_is_passed_over(tmp_path, caplog, text):
    with caplog.at_level("INFO"):
        found = rows(read_regions(written(tmp_path, text)))
    assert found == [(11520, "2012-07-19 00:00", 83, -17), (11525, "2012-07-19 00:00", 1, -22)]
    for reason in ("without a NOAA number", "of another type than AR", "without a place", "without a time", "no event"):
        assert f"1 {reason}" in caplog.text


def test_the_heks_csv(tmp_path):
    text = "event_type,event_starttime,AR_NOAANum,hgs_x,hgs_y\nAR,2012-07-19T00:00:00,11520,83,-17\nAR,,,,\n"
    assert rows(read_regions(written(tmp_path, text))) == [(11520, "2012-07-19 00:00", 83, -17)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "neither JSON nor a Solar Region Summary; as a CSV it lacks the column ar_noaanum"),
        ("{bad", "is not valid JSON"),
        ('{"events": []}', "no list of events"),
        ("[]", "names no region with a number and a place; allowed are"),
        (json.dumps(EVENTS[1:2]), r"passed over: 1 without a NOAA number"),
        (SUMMARY.replace("2012", "12"), "no line of when it was issued"),
    ],
)
def test_what_is_none_is_told_with_the_way_out(tmp_path, text, told):
    with pytest.raises(CatalogError, match=told):
        read_regions(written(tmp_path, text))


@given(cut=st.integers(0, len(SUMMARY)), noise=st.text(max_size=30), json_like=st.booleans())
def test_any_damage_is_a_table_or_a_catalog_error(tmp_path_factory, cut, noise, json_like):
    whole = json.dumps(EVENTS) if json_like else SUMMARY
    path = written(tmp_path_factory.getbasetemp(), whole[: cut % len(whole)] + noise + whole[cut % len(whole) :])
    try:
        found = read_regions(path)
    except CatalogError:
        return
    assert found["lat_deg"].abs().max() <= 90
    assert found["number"].min() >= 1
    assert not np.isnat(found["time"].to_numpy()).any()
