"""Ejections of known place and speed in a coronagraph's frames, and nothing where there is none."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import EvalConfig
from data.labels.sun.cmes import COLUMNS
from inference.camera.light import disc_parts
from inference.events.boxes import find_boxes
from inference.events.sky import Sky
from inference.results.results import Results
from inference.solar.confirm import Known
from inference.solar.coronagraph.cme import Cme, arc_of, cmes_in
from inference.solar.coronagraph.polar import INNER_DEG, INNER_RSUN, grid_of, occulted_rsun, polar_light
from inference.solar.hek import NAME
from inference.solar.kinds import CHANGE, EJECTION
from tests.support.coronagraph import CADENCE_S, Ejection, corona, coronagraph_reel, polar_of_pixels
from tests.support.sun_events import RSUN_ARCSEC

FRAMES = 40


def ejections_of(folder, *ejections, **settings) -> list[Cme]:
    reel = coronagraph_reel(folder, corona(FRAMES, *ejections, **settings))
    return cmes_in(reel, Sky(reel))


def apart(one: float, other: float) -> float:
    return abs((one - other + 180) % 360 - 180)


@pytest.mark.parametrize(
    ("angle", "width", "km_s", "halo"),
    [
        (90, 60, 400, ""),
        (0, 40, 250, ""),  # across north
        (250, 360, 1100, "halo"),
        (200, 45, 800, ""),
        (300, 150, 180, "partial halo"),
        (120, 100, 1500, ""),
    ],
)
def test_angle_width_and_speed_of_a_planted_ejection(tmp_path, angle, width, km_s, halo):
    (found,) = ejections_of(tmp_path, Ejection(angle, width, km_s))
    assert found.halo == halo
    assert found.width_deg == pytest.approx(width, abs=18)
    assert halo == "halo" or apart(found.position_angle_deg, angle) <= 6
    assert found.speed_low_km_s <= km_s <= found.speed_high_km_s
    assert found.speed_km_s == pytest.approx(km_s, rel=0.1)
    # It enters the view when it has come from the surface to the inner edge; the shell shines a quarter of a radius on.
    enters = 7000 + (INNER_RSUN["c2"] - 1) * 695_700 / km_s
    assert found.first * CADENCE_S == pytest.approx(enters, abs=2 * CADENCE_S + 0.25 * 695_700 / km_s)


def test_two_at_different_angles_are_two_and_a_quiet_corona_has_none(tmp_path):
    found = ejections_of(tmp_path, Ejection(90, 50, 500), Ejection(270, 70, 700, onset_s=9000))
    assert sorted(round(cme.position_angle_deg / 90) for cme in found) == [1, 3]
    for seed in range(4):
        assert ejections_of(tmp_path / str(seed), seed=seed) == []


def test_what_brightens_at_all_heights_or_everywhere_at_once_is_none(tmp_path):
    light = corona(FRAMES)
    angle, _ = polar_of_pixels()
    light[20:, np.abs(angle - 100) < 30] *= 1.3  # a streamer's step
    light[10:12] *= 1.2  # two exposures
    light[30, 100:130, 20:60] = 3000.0  # a block
    reel = coronagraph_reel(tmp_path, light)
    assert cmes_in(reel, Sky(reel)) == []


def test_frames_that_are_missing_leave_speed_and_angle(tmp_path):
    light, times = corona(FRAMES, Ejection(60, 80, 350)), CADENCE_S * np.arange(FRAMES)
    kept = np.delete(np.arange(FRAMES), [16, 17, 21])
    reel = coronagraph_reel(tmp_path, light[kept], times_s=times[kept])
    (found,) = cmes_in(reel, Sky(reel))
    assert found.speed_low_km_s <= 350 <= found.speed_high_km_s
    assert apart(found.position_angle_deg, 60) <= 6


def test_polar_light_is_that_of_the_pixels(tmp_path):
    angle, radius = polar_of_pixels()
    light = np.where(radius < 2, 0, 100 + 50 * np.sin(np.radians(angle)) + 30 * radius)
    reel = coronagraph_reel(tmp_path, np.repeat(light[None], 3, axis=0))
    grid = grid_of(reel, Sky(reel))
    assert grid is not None
    found = polar_light(reel, Sky(reel), grid, 1, 2)[0]
    expected = 100 + 50 * np.sin(np.radians(grid.angles_deg))[:, None] + 30 * grid.radii_rsun
    seen = np.isfinite(found)
    assert seen.mean() > 0.9
    assert np.abs(found - expected)[seen].max() < 1.5  # bilinear, and eleven bits of a float16


def test_the_rules_of_discs_do_not_run_there(tmp_path):
    reel = coronagraph_reel(tmp_path, corona(8), "kcor_7350")
    assert occulted_rsun(reel) == INNER_RSUN["kcor"]
    assert not disc_parts(reel).any()
    assert occulted_rsun(coronagraph_reel(tmp_path, corona(8), "aia_193")) is None
    with pytest.raises(ValueError, match="aia_193 is of no coronagraph; known are c2"):
        grid_of(coronagraph_reel(tmp_path, corona(8), "aia_193"), Sky(reel))


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        ("stereo_a_secchi_cor2_pol_1001", INNER_RSUN["cor2"]),
        ("goes_19_ccor1_image", INNER_RSUN["ccor1"]),
        ("goes_19_ccor_1_image", INNER_RSUN["ccor1"]),
        ("cosmo_ucomp_10747_1074", INNER_RSUN["ucomp"]),
        ("solar_orbiter_metis_vld_6100", 3600 * INNER_DEG["metis"] / RSUN_ARCSEC),
        ("decor_2", None),
    ],
)
def test_coronagraphs_by_the_names_of_their_reels(tmp_path, name, inner):
    assert occulted_rsun(coronagraph_reel(tmp_path, corona(2), name)) == inner


@settings(max_examples=60)
@given(st.integers(0, 119), st.integers(1, 120))
def test_an_arc_has_its_middle_and_width_wherever_it_begins(begin, count):
    angles = np.sort(3.0 * ((begin + np.arange(count)) % 120))
    middle, width = arc_of(angles)
    assert width == pytest.approx(3 * count)
    assert count == 120 or apart(middle, 3 * (begin + (count - 1) / 2)) < 1e-6


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """All that eval writes of a reel with one ejection and a star, boxes by a plain difference, with a catalogue."""
    folder = tmp_path_factory.mktemp("corona")
    light = corona(FRAMES, Ejection(70, 60, 500))
    light[25:30, 30:34, 120:124] *= 3
    reel = coronagraph_reel(folder, light)
    assert reel.times_utc is not None
    rows = [("CME a", reel.times_utc[13], 75.0, 50.0, 480.0), ("CME b", reel.times_utc[13], 200.0, 30.0, 480.0)]
    cmes = pd.DataFrame(rows, columns=list(COLUMNS))
    results = Results(reel, EvalConfig(common_mode=False), Known(None, cmes))
    for frame in range(len(reel)):
        score = np.abs(light[frame] - light[0]) / (0.02 * light[0] + 1)
        results.add(frame, score.astype(np.float32), find_boxes(score.astype(np.float32), 4.0, 8.0), 0.0)
    out = folder / "out"
    out.mkdir()
    identity = {"reel": "r" * 64, "weights_sha256": "w" * 64, "settings": {}}
    results.write(out, 4.0, 8.0, identity, 1.0, {})
    return out


def test_the_table_has_the_ejection_with_its_columns_and_its_boxes(written):
    table = pd.read_csv(written / "events.csv", keep_default_na=False, na_values=[""])
    (cme,) = table[table["kind"] == EJECTION].to_dict("records")
    assert set(table["kind"]) == {EJECTION, CHANGE}
    assert cme["cme_speed_low_km_s"] <= 500 <= cme["cme_speed_high_km_s"]
    assert apart(cme["cme_position_angle_deg"], 70) <= 6
    assert table[table["kind"] == CHANGE]["cme_speed_km_s"].isna().all()
    parents = pd.read_csv(written / "boxes.csv")["parent"].value_counts()
    assert parents[cme["event"]] > 3


def test_it_is_compared_with_a_catalogue_by_time_and_angle(written):
    matches = pd.read_csv(written / "cme_matches.csv").set_index("cme")
    assert matches["status"].to_dict() == {"CME a": "found", "CME b": "missed"}
    summary = json.loads((written / "summary.json").read_text())["cmes"]
    assert summary == {"cmes": 2, "found": 1, "ejections": 1, "ejections_unconfirmed": 0}


def test_the_hek_gets_what_it_asks_of_a_cme(written):
    events = json.loads((written / NAME).read_text())["result"]
    (cme,) = [event for event in events if event["event_type"] == "CE"]
    assert cme["cme_radiallinvelmin"] <= cme["cme_radiallinvel"] <= cme["cme_radiallinvelmax"]
    assert (cme["cme_radiallinvelunit"], cme["cme_angularwidthunit"]) == ("km/s", "deg")
    assert "deg wide at position angle" in cme["event_description"]
    from tests.inference.solar.test_hek import ARCHIVE, known_fields

    assert {n for n in known_fields("CE") if not n.startswith(ARCHIVE)} <= set(cme)
