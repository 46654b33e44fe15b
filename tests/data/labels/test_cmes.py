"""CMEs among the rows of a list of flares."""

import numpy as np
import pytest

from data.labels.sun.catalog import CatalogError, read_catalog
from data.labels.sun.cmes import read_cmes
from tests.support.flares import FOLDER, needs_shared

HEAD = "start,peak,end,type,class,x,y,pa,width,speed\n"


def test_rows_of_cmes_in_all_their_forms(tmp_path):
    path = tmp_path / "day.csv"
    path.write_text(
        HEAD
        + "2012-07-19T05:36:05,,,CE,,,,,Halo,1631\n"
        + "2012-07-19T04:17:00,2012-07-19T05:58:00,2012-07-19T06:56:00,flare,M7.7,919,-214,,,\n"
        + "2012-07-19T01:00:00,,,CME (C2),,,,250,>60,\n"
        + "2012-07-19T09:00:00,,,CME; 475.5 km/s,Partial halo,,,,,\n"
    )
    found = read_cmes(path)
    assert found["id"].tolist() == ["CME 2012-07-19T01:00", "CME 2012-07-19T05:36", "CME 2012-07-19T09:00"]
    assert found["position_angle_deg"].fillna(-1).tolist() == [250, -1, -1]
    assert found["width_deg"].tolist() == [60, 360, 360]
    assert found["speed_km_s"].fillna(-1).tolist() == [-1, 1631, 475.5]
    assert read_catalog(path)["goes_class"].tolist() == ["M7.7"]


def test_files_without_types_have_none_and_bad_times_are_told(tmp_path):
    path = tmp_path / "flares.csv"
    path.write_text("start,peak,end,class\n2012-07-19T04:17:00,2012-07-19T05:58:00,2012-07-19T06:56:00,M7.7\n")
    assert read_cmes(path).empty
    path.write_text("start,peak,end,class,type\nyesterday,,,,CME\n")
    with pytest.raises(CatalogError, match="data row 1: column start: 'yesterday'"):
        read_cmes(path)


@needs_shared
def test_the_halo_of_the_day():
    (halo,) = read_cmes(FOLDER / "events.csv").to_dict("records")
    assert (str(halo["first_seen"]), halo["width_deg"], halo["speed_km_s"]) == ("2012-07-19 05:24:05", 360, 1631)
    assert np.isnan(halo["position_angle_deg"])
