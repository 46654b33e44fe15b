"""Events of several wavelengths: one where place, time and sign agree, and what shows in one of them alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from config import load
from data.disk.files import write_csv
from data.reel.reel import Reel
from inference.events.boxes import find_boxes
from inference.events.sky import rotated_from_earth
from inference.results.results import Results
from inference.solar.joint import (
    APART_ARCSEC,
    JOINT_COLUMNS,
    NAME,
    Channel,
    channels_beside,
    is_placed,
    joint_events,
    observers_apart,
    write_joint,
)
from tests.support.coronagraph import corona, coronagraph_reel
from tests.support.flares import at
from tests.support.reels import drifting_blobs, make_reel
from tests.support.sun_events import quiet_sun, solar_reel, spot


def channel(name, *rows, cadence_s=60.0, watched=(-600, 600)):
    """Events of (start, peak, end in minutes, x, y in arcsec, severity, change)."""
    table = pd.DataFrame(rows, columns=["t_start", "t_peak", "t_end", "x", "y", "severity", "change"])
    for moment in ("t_start", "t_peak", "t_end"):
        table[moment] = at(table[moment].to_numpy(float)).astype(str)
    x, y = table.pop("x"), table.pop("y")
    box = {"hpc_x0_arcsec": x - 10, "hpc_y0_arcsec": y - 10, "hpc_x1_arcsec": x + 10, "hpc_y1_arcsec": y + 10}
    facts = {
        "noaa_region": np.nan,
        "kind": "brightening",
        "relative_change": 0.5,
        "event": np.arange(1, len(table) + 1),
    }
    return Channel(
        name,
        at(np.arange(*watched)),
        cadence_s,
        table.assign(hpc_x_arcsec=x, hpc_y_arcsec=y, **box, **facts),
    )


FLARE = (0, 10, 60, 300.0, 200.0, 3.0, "brighter")


def test_a_flare_in_three_wavelengths_is_one_event_with_the_order_of_its_peaks():
    hot = channel("131", (1, 12, 40, 310.0, 205.0, 9.0, "brighter"))
    cool = channel("171", (30, 45, 90, 320.0, 190.0, 2.0, "brighter"))
    (row,) = joint_events([channel("193", FLARE), cool, hot, channel("304")]).to_dict("records")
    assert (row["channels"], row["peaks_after_s"]) == ("193 131 171", "193:0 131:120 171:2100")
    assert (row["not_seen_in"], row["n_channels"]) == ("304", 3)
    assert row["events"] == "193:1 171:1 131:1"
    assert (row["t_start"], row["t_end"]) == tuple(at([0, 90]).astype(str))
    assert (row["hpc_x_arcsec"], row["t_peak"]) == (310.0, str(at(12)))  # of the most severe


@pytest.mark.parametrize(
    ("other", "joined"),
    [
        (FLARE, True),
        ((61, 70, 80, 300.0, 200.0, 3.0, "brighter"), True),  # within the cadence
        ((61.1, 70, 80, 300.0, 200.0, 3.0, "brighter"), False),
        ((0, 10, 60, 300.0, 200.0, 3.0, "darker"), False),
        ((0, 10, 60, 320.0 + APART_ARCSEC, 200.0, 3.0, "brighter"), True),
        ((0, 10, 60, 320.1 + APART_ARCSEC, 200.0, 3.0, "brighter"), False),
    ],
)
def test_what_is_one_event(other, joined):
    found = joint_events([channel("193", FLARE), channel("171", other)])
    assert list(found.columns) == list(JOINT_COLUMNS)
    assert len(found) == (1 if joined else 2)
    assert found["event"].tolist() == list(range(1, len(found) + 1))


def test_late_cooling_is_looked_for_where_rotation_carried_it():
    later = 12 * 60
    (x,), (y,) = rotated_from_earth(np.array([300.0]), np.array([200.0]), at([10.0]), at([later]))
    assert x > 380
    long = channel("193", (0, 10, later, 300.0, 200.0, 3.0, "brighter"))
    assert len(joint_events([long, channel("171", (later, later, later + 9, x + 65, y, 3.0, "brighter"))])) == 1
    assert len(joint_events([long, channel("171", (later, later, later + 9, 300.0, 200.0, 3.0, "brighter"))])) == 2


def test_a_channel_without_frames_then_has_not_missed_it_and_one_reels_events_stay_apart():
    found = joint_events([channel("193", FLARE, FLARE), channel("171", watched=(100, 200)), channel("94")])
    assert found["n_channels"].tolist() == [1, 1]
    assert found["not_seen_in"].tolist() == ["94", "94"]
    assert joint_events([channel("193"), channel("171")]).empty


def test_reels_without_a_sky_leave_no_table(tmp_path):
    (tmp_path / NAME).write_text("old")
    reels = [make_reel(tmp_path / name, drifting_blobs(4)) for name in ("a", "b")]
    write_joint(tmp_path, reels, [tmp_path, tmp_path])
    assert not (tmp_path / NAME).exists()


def results_of(folder, name, peak_frame, channel_name):
    """A reel of a flare and what eval writes of it."""
    flux = spot(quiet_sun(60, 48), 24, 24, 3 * 725.3, 24.0, None, rise=peak_frame)
    reel = solar_reel(folder / "reels" / name, flux, 24.0, 3.0, (200.0, 100.0))
    results = Results(reel, load(None, {"eval.common_mode": False}).eval)
    base = np.median(flux[:20], axis=0)
    for frame in range(len(reel)):
        score = ((flux[frame] - base) / (0.02 * base)).astype(np.float32)
        results.add(frame, score, find_boxes(score, 20.0, 40.0), 0.0)
    out = folder / channel_name / "eval" / name
    out.mkdir(parents=True)
    results.write(out, 20.0, 40.0, {"reel": "r" * 64, "weights_sha256": "w" * 64, "settings": {}}, 1.0, {})
    return reel, out


def test_the_results_of_another_run_are_taken_in(tmp_path):
    reel, out = results_of(tmp_path, "aia_193", 3, "one")
    _, other = results_of(tmp_path, "aia_171", 9, "two")
    write_joint(tmp_path, [reel], [out], channels_beside([str(other)]))
    (row,) = pd.read_csv(tmp_path / NAME).to_dict("records")
    assert row["channels"] == "aia_193 aia_171"
    assert row["peaks_after_s"] == "aia_193:0 aia_171:144"  # six frames of 24 s
    write_joint(tmp_path, [reel], [out], channels_beside([str(out)]))  # its own, of before
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize(("apart_deg", "told"), [(0.5, ""), (-359.5, ""), (30.0, "30"), (350.0, "10")])
def test_reels_of_several_observers_are_not_joined(tmp_path, apart_deg, told):
    channels = []
    for name, longitude in (("aia_193", 0.0), ("euvi_195", apart_deg)):
        reel = solar_reel(tmp_path / name, quiet_sun(4, 16), 24.0, 3.0)
        write_csv(reel.path / "frames.csv", reel.candidates.assign(wcs_hgln_deg=longitude))
        channels.append(replace(channel(name, FLARE), reel=Reel(reel.path)))
    found = observers_apart(channels)
    expected = f"aia_193 and euvi_195 see the Sun from places that are {told} degrees of longitude apart"
    assert found == (expected if told else "")


def test_what_is_no_folder_of_results_is_told_with_the_way_out(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"eval.joint: .*nowhere holds no events.csv; name folders of results"):
        channels_beside([str(tmp_path / "nowhere")])
    _, out = results_of(tmp_path, "aia_193", 3, "one")
    with pytest.raises(ValueError, match="names two folders of results of the reel aia_193"):
        channels_beside([str(out), str(out)])
    table = pd.read_csv(out / "events.csv")
    table.drop(columns=[name for name in table if name.startswith("hpc")]).to_csv(out / "events.csv", index=False)
    with pytest.raises(ValueError, match="no UTC times or no places on the Sun"):
        channels_beside([str(out)])


def test_a_coronagraph_is_no_part(tmp_path):
    reel = coronagraph_reel(tmp_path, corona(4))
    assert not is_placed(reel)
