"""Lists of flares and ejections in the forms in which the HEK and SWPC publish them."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.labels.sun.catalog import COLUMNS, CatalogError, read_catalog
from data.labels.sun.cmes import read_cmes
from data.labels.weak_labels import intervals_of

EVENTS = """:Product: 20120719events.txt
:Created: 2012 Jul 22 0302 UT
:Date: 2012 07 19
# Prepared by the U.S. Dept. of Commerce, NOAA, Space Weather Prediction Center
# Missing data: ////
# Updated every 30 minutes.
#                            Edited Events for 2012 Jul 19
#
#Event    Begin    Max       End  Obs  Q  Type  Loc/Frq   Particulars       Reg#
#-------------------------------------------------------------------------------

6930 +     0417   0558      0656  G15  5   XRA  1-8A      M7.7    2.4E-01   1520
6930 +     0432   0535      0701  LEA  3   FLA  S17W66    SF      ERU       1520
6930       0512   ////      0541  LEA  C   RSP  025-180   IV/1              1520

6960      B0901   U0910    A0932  SVI  3   FLA  N19E08    SF                1525

6990       2141   2145      2149  G15  5   XRA  1-8A      C1.1    4.3E-04

7010       2341   0012      0030  G15  5   XRA  1-8A      C2.0    2.0E-03   1525
7020       2350   ////      ////  G15  5   XRA  1-8A      B9.1    2.0E-03
"""
HEK = {
    "result": [
        *[
            {
                "event_type": "FL",
                "event_starttime": "2012-07-19T04:17:00",
                "event_peaktime": "2012-07-19T05:58:00",
                "event_endtime": "2012-07-19T06:56:00",
                "fl_goescls": "M7.7",
                "hpc_x": x,
                "hpc_y": y,
                "hgs_x": lon,
                "hgs_y": lat,
                "kb_archivid": f"ivo://helio-informatics.org/FL_{x}",
                "frm_name": "SWPC",
            }
            for x, y, lon, lat in ((0.0, -80.0, 0, 0), (902.5, -259.25, 88, -13))
        ],
        {"event_type": "FL", "event_starttime": "2012-07-19T05:00:00", "fl_goescls": "", "frm_name": "Flare Detective"},
        {
            "event_type": "CE",
            "event_starttime": "2012-07-19T05:24:00",
            "event_peaktime": None,
            "cme_radiallinvel": 1631,
            "cme_angularwidth": 360,
        },
    ],
    "overmax": False,
}
SWPC_JSON = [
    {
        "time_tag": "2024-05-11T02:10:00Z",
        "begin_time": "2024-05-11T01:10:00Z",
        "begin_class": "M1.5",
        "max_time": "2024-05-11T01:23:00Z",
        "max_class": "X5.8",
        "end_time": "2024-05-11T01:39:00Z",
        "satellite": 16,
    },
    {"begin_time": "2024-05-11T02:10:00Z", "max_time": None, "max_class": None, "end_time": None, "satellite": 16},
]


def written(folder, content, name="list.txt"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_swpcs_edited_events_give_flares_with_the_place_of_the_optical_one(tmp_path, caplog):
    with caplog.at_level("INFO"):
        found = read_catalog(written(tmp_path, EVENTS))
    assert list(found.columns) == list(COLUMNS)
    assert found["goes_class"].tolist() == ["M7.7", "C1.1", "C2.0"]
    assert [str(t)[:16] for t in found["start"]] == ["2012-07-19 04:17", "2012-07-19 21:41", "2012-07-19 23:41"]
    assert str(found["peak"].iloc[2])[:16] == "2012-07-20 00:12"
    assert "1 of 4 events passed over: 1 without peak" in caplog.text
    # S17W66 by hand: B0 +4.6 deg, apparent radius 944 arcsec on that day.
    lat, lon, tilt, radius = math.radians(-17), math.radians(66), math.radians(4.6), 944
    x = radius * math.cos(lat) * math.sin(lon)
    y = radius * (math.sin(lat) * math.cos(tilt) - math.cos(lat) * math.cos(lon) * math.sin(tilt))
    assert found["x_arcsec"].iloc[0] == pytest.approx(x, abs=4)
    assert found["y_arcsec"].iloc[0] == pytest.approx(y, abs=4)
    assert found["x_arcsec"].isna().tolist() == [False, True, True]


def test_days_behind_each_other(tmp_path):
    next_day = EVENTS.replace("2012 07 19", "2012 07 20")
    found = read_catalog(written(tmp_path, EVENTS + next_day))
    assert len(found) == 6
    assert len(set(found["id"])) == 6


def test_a_quiet_day_has_no_flares(tmp_path):
    empty = EVENTS[: EVENTS.index("6930 +")] + "NO EVENT REPORTS.\n"
    assert len(read_catalog(written(tmp_path, empty))) == 0


def test_an_answer_of_the_hek(tmp_path, caplog):
    path = written(tmp_path, HEK, "hek.json")
    with caplog.at_level("INFO"):
        found = read_catalog(path)
    assert found["goes_class"].tolist() == ["M7.7"]  # listed twice; the place (0, 0) of one of them is none
    assert found[["x_arcsec", "y_arcsec"]].to_numpy().tolist() == [[902.5, -259.25]]
    assert "2 of 4 events passed over" in caplog.text
    (cme,) = read_cmes(path).to_dict("records")
    assert (cme["width_deg"], cme["speed_km_s"]) == (360, 1631)
    assert str(cme["first_seen"])[:16] == "2012-07-19 05:24"
    assert intervals_of(str(path), "M1.0") == (("2012-07-19 04:17:00", "2012-07-19 06:56:00"),)


def test_swpcs_json_leaves_out_what_goes_on(tmp_path):
    found = read_catalog(written(tmp_path, SWPC_JSON))
    assert found["goes_class"].tolist() == ["X5.8"]
    assert found["start"].iloc[0] == np.datetime64("2024-05-11T01:10")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{bad", "is not valid JSON"),
        ('{"events": []}', "no list of events"),
        ([{"event_type": "AR"}], r"no flare with start, peak, end and class \(1 of type AR\)"),
        ([SWPC_JSON[0] | {"max_class": "Q1"}], "flare 2024-05-11T01:10:00Z: column max_class"),
        (EVENTS.replace("0558      0656", "0658      0656"), "allowed are times in this order"),
    ],
)
def test_what_is_none_is_told(tmp_path, content, told):
    with pytest.raises(CatalogError, match=told):
        read_catalog(written(tmp_path, content))


@given(cut=st.integers(0, len(EVENTS)), noise=st.text(max_size=30), json_like=st.booleans())
def test_any_damage_is_a_table_or_a_catalog_error(tmp_path_factory, cut, noise, json_like):
    whole = json.dumps(HEK) if json_like else EVENTS.replace("S17W66", "//////")
    path = written(tmp_path_factory.getbasetemp(), whole[: cut % len(whole)] + noise + whole[cut % len(whole) :])
    try:
        found = read_catalog(path)
    except CatalogError:
        return
    assert (found["start"] <= found["peak"]).all()
    assert (found["peak"] <= found["end"]).all()


def test_edited_events_as_json_are_their_flares_in_x_rays(tmp_path):
    """Names as SWPC's edited_events.json has them; an optical flare and one that has not ended are passed over."""
    times = {"begin_datetime": "2024-05-08T04:37:00", "max_datetime": "2024-05-08T05:09:00"}
    flare = times | {"end_datetime": "2024-05-08T05:32:00", "type": "XRA", "location": "1-8A", "particulars1": "X1.0"}
    others = [flare | {"type": "FLA", "location": "S22W11", "particulars1": "2B"}, flare | {"end_datetime": None}]
    path = tmp_path / "edited_events.json"
    path.write_text(json.dumps([others[0], flare, others[1]]))
    (found,) = read_catalog(path).to_dict("records")
    assert (found["goes_class"], found["flux_w_m2"]) == ("X1.0", pytest.approx(1e-4))
    assert [str(found[name])[11:16] for name in ("start", "peak", "end")] == ["04:37", "05:09", "05:32"]
    assert np.isnan(found["x_arcsec"])
