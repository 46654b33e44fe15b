"""What confirms an event: a flare of a list, a rise of the X-ray flux, a CME that it may be a trace of."""

import numpy as np
import pandas as pd
import pytest

from data.disk.files import write_csv
from data.labels.sun.xrs_flares import flares_in
from data.reel.reel import Reel
from inference.events.sky import Observer, Sky
from inference.solar.confirm import Known, cmes_of, compare
from tests.support.flares import at, events_at, flares_at, watched
from tests.support.sun_events import AU_M, solar_reel

NAN = float("nan")


def solar_events(*rows):
    """Events of (start, peak, end in minutes, peak_score, kind, change, position angle, radius)."""
    table = events_at(*(row[:4] for row in rows), kind=[r[4] for r in rows], change=[r[5] for r in rows])
    places = {"position_angle_deg": [r[6] for r in rows], "radius_rsun": [r[7] for r in rows]}
    return table.assign(**places, instrument="")


def cmes_at(*rows):
    """CMEs of (first seen in minutes, position angle, width, speed)."""
    table = pd.DataFrame(rows, columns=["first_seen", "position_angle_deg", "width_deg", "speed_km_s"])
    return table.assign(first_seen=at(table["first_seen"].to_numpy(float)), id=[f"CME {i}" for i in range(len(table))])


def xrs_rise(first, peak, last, background=1e-6, top=2e-5):
    """Flares of a flux that rises from minute `first` to `peak` and falls until `last`."""
    minutes = np.arange(-100, 200)
    flux = np.interp(minutes, [-100, first, peak, last, 200], [background, background, top, background, background])
    return flares_in(at(minutes), flux)


def test_the_flux_confirms_the_brightening_in_its_rise_and_gives_its_class_as_an_interval():
    events = solar_events(
        (-10, 5, 60, 9.0, "brightening", "brighter", 90, 0.9),
        (40, 45, 50, 99.0, "brightening", "brighter", 90, 0.9),  # while the flux falls
        (2, 4, 60, 99.0, "dimming", "darker", 90, 0.9),
        (0, 3, 8, 5.0, "brightening", "brighter", 10, 0.9),  # in the rise for a shorter time
    )
    found = compare(events, Known(xrs=xrs_rise(-5, 10, 90)), watched(), 5.0, 250.0)
    assert found.events["confirmed_by"].tolist() == ["XRS M2.0", "", "", ""]
    assert found.events["xrs_class"].tolist() == ["M2.0", "", "", ""]
    assert found.events["xrs_class_low"].tolist() == ["M1.9", "", "", ""]
    assert found.matches["status"].tolist() == ["found"]
    assert pd.Timestamp(found.matches["end"][0]) > pd.Timestamp(found.matches["peak"][0])
    assert (found.summary["events_confirmed"], found.summary["unconfirmed_events"]) == (1, [2, 3, 4])


@pytest.mark.parametrize(
    ("event", "cme", "fits"),
    [
        (("dimming", -30, -20, 250, 1.0), (0, 250, 60, 1000), True),
        (("brightening", -30, -20, 250, 1.0), (0, 250, 60, 1000), False),  # a flare is no trace of it
        (("dimming", -90, -80, 250, 1.0), (0, 250, 60, 1000), False),  # it would have been seen long before
        (("dimming", -90, -80, 250, 1.0), (0, 250, 60, 300), True),  # a slow one would not
        (("dimming", -60, -50, 250, 1.0), (0, 250, 60, NAN), True),
        (("dimming", 16, 30, 250, 1.0), (0, 250, 60, 1000), False),
        (("moving front", -10, 0, 309, 1.0), (0, 250, 60, 1000), True),
        (("moving front", -10, 0, 311, 1.0), (0, 250, 60, 1000), False),
        (("eruption", -10, 0, 330, 1.0), (0, 20, 60, 1000), True),  # across north
        (("dimming", -10, 0, 90, 1.0), (0, NAN, 360, 1000), True),
        (("dimming", -10, 0, 90, 0.4), (0, 250, 60, 1000), True),  # near the disc's centre any angle may be right
    ],
)
def test_a_cme_fits_its_traces_by_time_and_angle(event, cme, fits):
    kind, start, peak, angle, radius = event
    events = solar_events((start, peak, peak + 200, 9.0, kind, "darker", angle, radius))
    assert cmes_of(events, cmes_at(cme), 15.0) == [["CME 0"] if fits else []]


def test_all_sources_together_leave_the_unexplained_unconfirmed():
    events = solar_events(
        (-10, 5, 60, 9.0, "brightening", "brighter", 90, 0.9),
        (0, 10, 400, 9.0, "dimming", "darker", 95, 0.9),
        (300, 310, 320, 9.0, "brightening", "brighter", 90, 0.9),
        (300, 310, 320, 9.0, "", "brighter", 90, 0.9),
    ).assign(instrument=["", "", "", "missing block"])
    known = Known(flares_at((-8, 9, 50, "M2.0", NAN, NAN)), cmes_at((30, 90, 100, 900)), xrs_rise(-5, 10, 90))
    found = compare(events, known, watched(), 5.0, 250.0)
    assert found.events["confirmed_by"].tolist() == ["XRS M2.0; flare M2.0", "flare M2.0; CME 0", "", ""]
    assert found.summary["unconfirmed_events"] == [3]
    assert found.summary["cmes_by_event"] == {"2": ["CME 0"]}
    assert found.matches["flare"].tolist() == ["F0"]
    nothing = compare(events[:0], known, watched(), 5.0, 250.0)
    assert (len(nothing.events), nothing.summary["events_confirmed"]) == (0, 0)


def test_a_back_dated_start_is_no_earlier_warning():
    events = solar_events((-30, 5, 60, 9.0, "brightening", "brighter", 90, 0.9))
    events["t_detected"] = at([-2.0]).astype(str)
    found = compare(events, Known(flares_at((0, 10, 50, "M2.0", NAN, NAN))), watched(), 5.0, 250.0)
    assert found.matches["lead_start_s"].tolist() == [-120]


@pytest.mark.parametrize(
    ("lon_deg", "seen_from_deg", "au", "later_min", "confirmed"),
    [
        (30.0, 0.0, 1.0, 0.0, True),
        (30.0, 60.0, 1.0, 0.0, True),  # as STEREO saw it
        (30.0, 60.0, 0.3, 5.8, True),  # the light comes by Solar Orbiter first
        (30.0, 60.0, 0.3, 0.0, False),  # and an event at the same time by its clock is another one
        (-60.0, 60.0, 1.0, 0.0, False),  # behind the limb from there
    ],
)
def test_flares_are_compared_where_and_when_another_observer_sees_them(
    tmp_path, lon_deg, seen_from_deg, au, later_min, confirmed
):
    earth = Observer.on_earth(at([5.0]))
    (x,), (y,) = earth.to_hpc(np.array([lon_deg]), np.array([10.0]))
    reel = solar_reel(tmp_path / "sun", np.ones((3, 8, 8)), 60.0, 300.0)
    placed = {"wcs_hgln_deg": seen_from_deg, "wcs_hglt_deg": 3.0, "wcs_dsun_m": au * AU_M}
    write_csv(reel.path / "frames.csv", reel.candidates.assign(**placed))
    sky = Sky(Reel(reel.path))
    tx, ty = sky.observer(np.array([1])).to_hpc(np.array([lon_deg]), np.array([10.0]))
    tx, ty = np.nan_to_num(tx), np.nan_to_num(ty)  # of what is hidden: an event somewhere on the disc
    start, peak, end = (minute - later_min for minute in (3, 5, 8))
    events = solar_events((start, peak, end, 9.0, "brightening", "brighter", 90, 0.5))
    events = events.assign(hpc_x_arcsec=tx, hpc_y_arcsec=ty, frame_peak=1)
    found = compare(events, Known(flares_at((3, 5, 8, "M2.0", x, y))), watched(), 0.2, 150.0, sky)
    assert (found.events["confirmed_by"][0] != "") == confirmed
    if confirmed:
        assert found.matches["lead_start_s"][0] == pytest.approx(0, abs=10)
    assert found.events["t_start"][0] == events["t_start"][0]  # as the observer's clock tells
