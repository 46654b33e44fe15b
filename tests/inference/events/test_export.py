"""Exports of the events table read back by others' readers, and the sky pictures."""

import json
import xml.etree.ElementTree as ET

import astropy.units as u
import numpy as np
import pandas as pd
import pytest
from astropy.table import QTable
from matplotlib.figure import Figure

from data.disk.files import write_csv
from data.sky.wcs import as_columns
from inference.events.boxes import Box
from inference.events.events import EventLinker
from inference.events.export import VOEVENT, voevent, write_ecsv, write_voevents
from inference.events.facts import FACT_COLUMNS, IDENTITY_COLUMNS, describe, printable
from inference.events.sky import SKY_COLUMNS, Sky
from inference.events.tables import COLUMNS, write_events
from inference.results.sky_plots import draw_event, draw_sheet, map_of
from tests.inference.events.test_sky import earth_wcs
from tests.support.reels import drifting_blobs, make_reel
from tests.support.voevent import faults

pytestmark = pytest.mark.pictures

IDENTITY = {"model": "m" * 12, "reel": "r" * 12, "config": "c" * 12}


def box(x, y, peak):
    return Box(x, y, x + 4, y + 3, x + 1.5, y + 1.0, peak, peak / 2, 12, "high")


@pytest.fixture
def reel(tmp_path):
    """Six frames with a WCS, one saturated pixel in frame 3."""
    masks = np.zeros((6, 64, 64), np.uint8)
    masks[3, 31, 41] = 2
    reel = make_reel(tmp_path / "aia_193", drifting_blobs(6, 64, 64), 720.0, masks=masks, channels=["193"])
    table = reel.candidates.assign(**as_columns(earth_wcs(crota2=0.0)))
    write_csv(reel.path / "frames.csv", table)
    return type(reel)(reel.path)


def events_of(reel, sky):
    linker = EventLinker()
    closed = linker.push(1, [box(20, 20, 12.0)]) + linker.push(2, [box(20, 20, 9.0), box(40, 30, 30.0)])
    closed += linker.push(3, [box(40, 30, 20.0), box(0, 60, 8.0)]) + linker.finish()
    camera = np.array([False, False, False, True, False, False])
    return describe(closed, reel, sky, camera, 6.0, IDENTITY)


def test_a_solar_table_says_where_how_much_and_by_what(reel):
    events = events_of(reel, Sky.of(reel))
    assert list(events.columns) == [*COLUMNS, *FACT_COLUMNS, *SKY_COLUMNS, *IDENTITY_COLUMNS]
    assert events["severity"].tolist() == [2.0, 5.0, pytest.approx(8 / 6)]
    assert events["saturated"].tolist() == [False, True, False]
    assert events["instrument"].tolist() == ["", "", "exposure or noise floor"]
    assert events["on_disk"].tolist() == [True, True, False]
    assert events["channel"].unique().tolist() == ["193"]


def test_without_a_wcs_the_same_table_lacks_the_sky(tmp_path):
    reel = make_reel(tmp_path / "cam", drifting_blobs(6, 64, 64), start_utc=None)
    events = events_of(reel, Sky.of(reel))
    assert list(events.columns) == [*COLUMNS, *FACT_COLUMNS, *IDENTITY_COLUMNS]
    write_ecsv(tmp_path / "events.ecsv", events, {"reel": "cam"})
    assert len(QTable.read(tmp_path / "events.ecsv", format="ascii.ecsv")) == 3
    write_voevents(tmp_path / "v", events, "cam")
    assert ET.parse(tmp_path / "v" / "event_0001.xml").getroot().find("WhereWhen") is None


def test_no_event_is_a_table_too(reel, tmp_path):
    events = describe([], reel, Sky.of(reel), np.zeros(6, bool), 6.0, IDENTITY)
    assert list(events.columns) == [*COLUMNS, *FACT_COLUMNS, *SKY_COLUMNS, *IDENTITY_COLUMNS]
    write_ecsv(tmp_path / "events.ecsv", events, {})
    assert len(QTable.read(tmp_path / "events.ecsv", format="ascii.ecsv")) == 0
    draw_sheet(tmp_path, events, reel)
    assert not (tmp_path / "sky.png").exists()


def test_ecsv_keeps_units_and_thresholds(reel, tmp_path):
    events = events_of(reel, Sky.of(reel))
    write_ecsv(tmp_path / "events.ecsv", events, {"threshold_high": 6.0, "identity": {"settings": {}}})
    table = QTable.read(tmp_path / "events.ecsv", format="ascii.ecsv")
    assert table["hpc_x_arcsec"].unit == u.arcsec
    assert table["hgs_lon_deg"].unit == u.deg
    assert table["area_arcsec2"].to_value(u.arcsec**2).tolist() == pytest.approx(events["area_arcsec2"].tolist())
    assert np.isnan(table["hgs_lon_deg"][2])
    assert table.meta["threshold_high"] == 6.0
    assert list(table["t_peak"]) == events["t_peak"].tolist()


def test_voevents_hold_time_place_and_every_known_fact(reel, tmp_path):
    events = events_of(reel, Sky.of(reel))
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "event_0099.xml").write_text("of an earlier run")
    write_voevents(tmp_path / "v", events, reel.name)
    assert sorted(p.name for p in (tmp_path / "v").iterdir()) == [f"event_000{i}.xml" for i in (1, 2, 3)]
    root = ET.parse(tmp_path / "v" / "event_0002.xml").getroot()
    assert root.tag == f"{{{VOEVENT}}}VOEvent"
    assert [child.tag for child in root] == ["Who", "What", "WhereWhen"]  # the order of the schema
    assert root.find(".//ISOTime").text == events["t_peak"][1]
    params = {p.get("name"): p for p in root.iter("Param")}
    place = [float(params[f"hpc_{axis}_arcsec"].get("value")) for axis in "xy"]
    assert place == pytest.approx(events.loc[1, ["hpc_x_arcsec", "hpc_y_arcsec"]].tolist(), abs=1e-3)
    assert f"{place[0]:.3f}" in root.find("WhereWhen/Description").text
    assert float(params["peak_score"].get("value")) == 30.0
    assert params["area_arcsec2"].get("unit") == "arcsec2"
    off_limb = ET.parse(tmp_path / "v" / "event_0003.xml").getroot()
    names = {p.get("name") for p in off_limb.iter("Param")}
    assert "hgs_lon_deg" not in names
    assert "position_angle_deg" in names
    assert "noise floor" in off_limb.find("Why/Description").text


CONTROLS = "bell\x07 nul\x00 line\nfeed \x1b[31m \ud800 \uffff <&>\"' 太阳"


@pytest.mark.parametrize("channel", ["193", CONTROLS])
@pytest.mark.parametrize("start_utc", ["2012-07-19T00:00:00", None])
def test_packets_keep_to_the_schema_whatever_names_hold(tmp_path, channel, start_utc):
    reel = make_reel(tmp_path / "cam", drifting_blobs(6, 64, 64), start_utc=start_utc, channels=[channel])
    events = events_of(reel, None)
    write_voevents(tmp_path / "v", events, reel.name)
    roots = [ET.parse(path).getroot() for path in sorted((tmp_path / "v").iterdir())]
    assert [fault for root in roots for fault in faults(root)] == []
    (told,) = {p.get("value") for root in roots for p in root.iter("Param") if p.get("name") == "channel"}
    assert told == printable(channel)


def test_the_check_finds_what_the_schema_forbids(reel):
    root = voevent(events_of(reel, Sky.of(reel)).to_dict("records")[0], reel.name)
    assert faults(root) == []
    root.find(".//AstroCoordSystem").set("id", "UTC-HPC-TOPO")
    root.find(".//ObsDataLocation").remove(root.find(".//ObservatoryLocation"))
    ET.SubElement(root, "Why")
    assert len(faults(root)) == 3


def test_tables_of_events_hold_names_with_control_characters(tmp_path):
    reel = make_reel(tmp_path / "cam", drifting_blobs(6, 64, 64), channels=[CONTROLS])
    events = events_of(reel, None)
    write_ecsv(tmp_path / "events.ecsv", events, {"reel": CONTROLS})
    write_events(tmp_path, events, {"reel": CONTROLS})
    told = {printable(CONTROLS)}
    assert set(QTable.read(tmp_path / "events.ecsv", format="ascii.ecsv")["channel"]) == told
    assert set(pd.read_csv(tmp_path / "events.csv")["channel"]) == told
    assert {event["channel"] for event in json.loads((tmp_path / "events.json").read_text())["events"]} == told


def test_packets_take_the_place_of_packets_and_of_nothing_else(reel, tmp_path):
    (tmp_path / "v").mkdir()
    for name in ("notes.txt", "event_0009.xml"):
        (tmp_path / "v" / name).write_text("mine")
    write_voevents(tmp_path / "v", events_of(reel, None), reel.name)
    left = {p.name for p in (tmp_path / "v").iterdir()}
    assert left == {"event_0001.xml", "event_0002.xml", "event_0003.xml", "notes.txt"}


def test_pictures_on_the_sun(reel, tmp_path):
    events = events_of(reel, Sky.of(reel))
    draw_sheet(tmp_path, events, reel)
    assert (tmp_path / "sky.png").stat().st_size > 20_000
    assert len(list((tmp_path / "sky").glob("event_*.png"))) == 3


def test_axes_are_named_by_what_they_count_however_the_telescope_is_turned(reel):
    table = reel.candidates.assign(**as_columns(earth_wcs(crota2=100.0)))
    write_csv(reel.path / "frames.csv", table)
    turned, figure = type(reel)(reel.path), Figure()
    draw_event(figure, (1, 1, 1), events_of(turned, Sky.of(turned)).to_dict("records")[0], turned)
    assert [c.get_axislabel() for c in figure.axes[0].coords] == ["helioprojective x", "helioprojective y"]
    assert [c.coord_type for c in figure.axes[0].coords] == ["longitude", "latitude"]


def test_the_plotted_map_is_where_the_table_says(reel):
    sky, picture = Sky.of(reel), map_of(reel, 2)
    world = picture.pixel_to_world(40 * u.pix, 30 * u.pix)
    tx, ty = sky.pixel_to_hpc(np.array([2]), np.array([40.0]), np.array([30.0]))
    assert (world.Tx.arcsec, world.Ty.arcsec) == pytest.approx((tx[0], ty[0]), abs=0.01)
