"""events.hek.json has the fields that the HEK asks for, by the lists of names in sunpy."""

import json
from importlib.resources import files

import numpy as np
import pytest

from data.sky.instruments import instrument_of
from inference.events.facts import describe
from inference.events.sky import Sky
from inference.solar.columns import measured, with_solar_columns
from inference.solar.hek import NAME, TYPES, hek_event, write_hek
from tests.support.sun_events import front, quiet_sun, solar_reel, spot, tracks_of

IDENTITY = {"model": "m" * 12, "reel": "r" * 12, "config": "c" * 12}
ARCHIVE = "kb_"  # fields that the archive fills in


def known_fields(kind: str | None = None) -> set[str]:
    """Names of HEK fields; of those of a type of event, the required ones."""
    lists = [
        json.loads((files("sunpy.net.hek") / "data" / f"{name}_properties.json").read_text())["attributes"]
        for name in ("unit", "coord")
    ]
    return {field["name"] for some in lists for field in some if kind is None or field.get(kind) == "req"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Events of a reel with a flare and a front, one of them the camera's, and what was written of them."""
    folder = tmp_path_factory.mktemp("hek")
    scale = 3 * 725.3, 24.0, None
    flux = front(spot(quiet_sun(48, 64), 50, 10, *scale, rise=20), 24, 40, *scale)
    reel = solar_reel(folder / "aia_193", flux, 24.0, 3.0, (200.0, 100.0))
    sky = Sky(reel)
    events = sorted(measured(tracks_of(flux, reel), reel, sky), key=lambda e: (e.frame_start, e.event))
    table = describe(events, reel, sky, np.zeros(len(reel), bool), 10.0, IDENTITY)
    table = with_solar_columns(table, events, reel)
    table.loc[len(table) - 1, "instrument"] = "missing block"
    write_hek(folder, table, instrument_of(reel.name, reel.meta), sky.pixel_arcsec)
    return table, json.loads((folder / NAME).read_text())["result"]


def test_every_field_is_one_of_the_hek_and_all_that_must_be_there_are(written):
    table, result = written
    assert len(result) == len(table) - 1 >= 2
    ours = {"hpc_x", "hpc_y", "hgs_x", "hgs_y"}  # which the archive answers with
    for event in result:
        assert set(event) - ours <= known_fields()
        assert {n for n in known_fields(event["event_type"]) if not n.startswith(ARCHIVE)} <= set(event)
    assert set(TYPES.values()) <= {"FL", "CD", "CW", "ER", "EF", "CE", "OT"}


def test_values_are_those_of_the_table(written):
    table, result = written
    by_kind = {row["kind"]: (row, event) for row, event in zip(table.to_dict("records"), result, strict=False)}
    row, event = by_kind["moving front"]
    assert (event["event_type"], event["obs_channelid"], event["obs_observatory"]) == ("CW", "193", "SDO")
    assert "km/s" in event["event_description"]
    row, event = by_kind["brightening"]
    assert event["event_starttime"] == row["t_start"] < row["t_detected"]  # back-dated
    assert (event["event_coord1"], event["boundbox_c2ur"]) == (row["hpc_x_arcsec"], row["hpc_y1_arcsec"])
    assert event["fl_goescls"] is None


def test_the_active_region_goes_by_the_heks_name(written):
    row = written[0].iloc[0].to_dict() | {"noaa_region": "11520"}
    instrument = instrument_of("aia_193", {})
    assert hek_event(row, instrument, 3.0, "2012-07-19T00:00:00")["ar_noaanum"] == 11520
    assert written[1][0]["ar_noaanum"] is None
