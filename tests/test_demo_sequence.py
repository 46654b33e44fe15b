"""The demo's embedded sequence and its comparison with what the pipeline found."""

import io
import json
import tarfile
from dataclasses import replace
from datetime import timedelta

import astropy.units as u
import numpy as np
import pandas as pd
import pytest
import sunpy.map
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning
from scipy import ndimage
from sunpy.coordinates import Helioprojective, propagate_with_solar_surface

from demo import compare_with_truth, make_sequence
from demo.make_sequence import BLANK, Scene
from demo.sequence_plan import CADENCE_S, DEFECTS, GAP_S, QUIET_FRACTION

N_FRAMES = 40


@pytest.fixture(scope="module")
def scene():
    return Scene(N_FRAMES, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("sequence")
    make_sequence.main([str(out), "--frames", str(N_FRAMES), "--seed", "3"])
    return out


@pytest.fixture(scope="module")
def archive(folder):
    """File name -> bytes, in the order of the tar."""
    with tarfile.open(folder / "embedded_171.tar") as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}


def frame_with(scene, defect):
    return next(frame for frame in scene.frames if frame.defect == defect)


def read(archive, frame):
    """Header and counts (BLANK kept as it is) of one member."""
    with fits.open(io.BytesIO(archive[frame.name]), do_not_scale_image_data=True) as hdus:
        return hdus[1].header, hdus[1].data


def readable(scene):
    return [frame for frame in scene.frames if frame.defect != "truncated"]


def frame_at(scene, t_s):
    """A good long exposure whose middle is at a time, whether or not the sequence has one there."""
    first = scene.frames[0]
    return replace(first, date_obs=first.date_obs + timedelta(seconds=t_s - first.exptime_s / 2))


def test_same_seed_same_bytes_other_seed_other_noise(folder, archive, scene, tmp_path):
    make_sequence.main([str(tmp_path / "again"), "--frames", str(N_FRAMES), "--seed", "3"])
    for name in ("embedded_171.tar", "truth.csv", "README.txt"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    assert sorted(path.name for path in folder.iterdir()) == ["README.txt", "embedded_171.tar", "truth.csv"]
    frame = scene.frames[5]
    assert (Scene(N_FRAMES, seed=4).counts(frame) != scene.counts(frame)).mean() > 0.5


def test_members_are_rice_compressed_int16_and_lossless(archive, scene):
    assert list(archive) == [frame.name for frame in scene.frames]
    assert scene.frames[0].name == "aia.lev1_euv_12s.2011-02-15T000001Z.171.image.fits"
    for frame in (scene.frames[0], frame_with(scene, "many_missing")):
        content = io.BytesIO(archive[frame.name])
        with fits.open(content, disable_image_compression=True) as hdus:
            assert hdus[1].header["ZCMPTYPE"] == "RICE_1"
            assert hdus[1].header["ZBITPIX"] == 16
        header, counts = read(archive, frame)
        assert counts.dtype == np.int16
        np.testing.assert_array_equal(counts, scene.counts(frame))
        assert header["BLANK"] == BLANK


def test_header_reads_as_an_aia_map(archive, scene):
    last = scene.frames[-1]
    with fits.open(io.BytesIO(archive[last.name])) as hdus:
        aia = sunpy.map.Map(hdus[1].data, hdus[1].header)
    assert isinstance(aia, sunpy.map.sources.AIAMap)
    assert aia.wavelength == 171 * u.angstrom
    assert aia.exposure_time.to_value(u.s) == last.exptime_s
    assert abs((aia.reference_date - aia.date).to_value(u.s) - last.exptime_s / 2) < 2e-3
    assert (aia.reference_date.to_datetime() - last.t_obs).total_seconds() == pytest.approx(0, abs=2e-3)
    # SDO moves on with the Earth: its place on the Earth-Sun line does not depend on the time of the frame.
    assert aia.observer_coordinate.lon.to_value(u.deg) == pytest.approx(-0.0131, abs=1e-3)
    assert aia.meta["crln_obs"] == pytest.approx(aia.carrington_longitude.to_value(u.deg), abs=0.02)
    for key in ("telescop", "instrume", "lvl_num", "quality", "crota2", "rsun_obs", "hgln_obs", "dsun_obs", "t_rec"):
        assert key in aia.meta
    assert "SIMULATED" in str(aia.meta["history"])


def test_exactly_one_member_is_truncated_and_unreadable(archive, scene):
    assert [frame.defect for frame in scene.frames].count("truncated") == 1
    for frame in scene.frames:
        if frame.defect != "truncated":
            assert read(archive, frame)[1].shape == (256, 256)
            continue
        hdus = fits.open(io.BytesIO(archive[frame.name]))
        with pytest.warns(AstropyUserWarning, match="may have been truncated"):
            header = hdus[1].header
        assert header["QUALITY"] == 0  # the header alone does not give it away
        with pytest.raises(TypeError, match="buffer is too small"):
            _ = hdus[1].data


def test_bad_frames_look_as_their_quality_says(archive, scene):
    quality = {frame.index: read(archive, frame)[0]["QUALITY"] for frame in readable(scene)}
    assert sorted(value for value in quality.values() if value) == [1 << 8, 0xF00, 1 << 16, 1 << 17]
    header, dark = read(archive, frame_with(scene, "dark"))
    assert header["IMG_TYPE"].strip() == "DARK"
    assert abs(np.median(dark)) <= 1
    header, holed = read(archive, frame_with(scene, "many_missing"))
    assert header["MISSVALS"] == (holed == BLANK).sum() > 0.25 * holed.size
    _, flagged = read(archive, frame_with(scene, "few_missing"))
    assert 0 < (flagged == BLANK).mean() < 0.01


def test_times_rise_with_exactly_one_gap(archive, scene):
    headers = [read(archive, frame)[0] for frame in readable(scene)]
    times = pd.to_datetime([header["T_OBS"] for header in headers], utc=True)
    steps = np.diff(times.to_numpy()) / np.timedelta64(1, "s")
    assert (steps > 0).all()
    assert (steps > GAP_S).sum() == 1
    assert steps[steps < GAP_S].max() < 2 * CADENCE_S + 1  # beside the truncated frame


def test_exposures_alternate_and_the_rate_stays_flat(archive, scene):
    good = [frame for frame in readable(scene) if frame.quality in (0, 1 << 8)]
    raw, rate = [], []
    for frame in good:
        header, counts = read(archive, frame)
        raw.append(np.median(counts[counts != BLANK]))
        rate.append(raw[-1] / header["EXPTIME"])
    assert max(raw) > 4 * min(raw)
    assert max(rate) < 1.05 * min(rate)
    active = QUIET_FRACTION * N_FRAMES
    short = [frame.index for frame in good if frame.exptime_s < 1]
    assert any(i < active for i in short)
    assert any(i >= active for i in short)


def test_noise_is_photon_noise(scene):
    frame = scene.frames[8]
    rate = scene.rate(frame)
    residual = scene.counts(frame) - rate * frame.exptime_s
    expected = make_sequence.DN_PER_PHOTON * rate * frame.exptime_s + make_sequence.READ_NOISE_DN**2 + 1 / 12
    for low, high in ((0, 20), (50, 150), (300, 900)):
        inside = (rate > low) & (rate <= high)
        assert np.mean(residual[inside] ** 2) == pytest.approx(np.mean(expected[inside]), rel=0.05)


def test_counts_saturate(scene):
    frame = replace(scene.frames[8], exptime_s=40.0)  # so long that int16 would wrap round
    over = scene.rate(frame) * frame.exptime_s > make_sequence.SATURATION_DN + 1000
    assert over.any()
    counts = scene.counts(frame)
    assert (counts[over] == make_sequence.SATURATION_DN).all()
    assert counts.max() == make_sequence.SATURATION_DN


@pytest.mark.parametrize("name", ["major_flare", "dimming", "limb_flare", "small_flare", "weak_brightening"])
def test_transient_is_where_and_when_the_truth_says(scene, name):
    transient = next(t for t in scene.transients if t.event == name)
    frame = frame_at(scene, transient.peak_s)
    twin = scene.rate(frame, with_transients=False)
    change = scene.rate(frame) - twin
    scale = np.maximum(twin, 1) if transient.kind == "dimming" else 1  # a dimming takes a share of what is there
    weight = np.abs(change / scale)
    row, col = np.unravel_index(weight.argmax(), weight.shape)
    assert np.hypot(row - transient.y_px, col - transient.x_px) <= 1
    assert np.sign(change[row, col]) == np.sign(transient.amplitude)
    wide = weight > weight.max() / 2
    assert np.sqrt(4 * wide.sum() / np.pi) == pytest.approx(transient.extent_px, rel=0.15)
    for before in (transient.onset_s - 1, 0.0):
        with_it, without = (scene.rate(frame_at(scene, before), switch)[row, col] for switch in (True, False))
        assert with_it == pytest.approx(without, rel=1e-4)


def test_dimming_has_its_depth(scene):
    transient = scene.transients[1]
    frame = frame_at(scene, transient.peak_s)
    place = transient.y_px, transient.x_px
    ratio = scene.rate(frame)[place] / scene.rate(frame, with_transients=False)[place]
    assert ratio == pytest.approx(1 + transient.amplitude, abs=0.02)


def test_front_is_a_growing_ring_around_its_centre(scene):
    front = next(t for t in scene.transients if t.kind == "front")
    rows, cols = np.indices((256, 256))
    distance = np.hypot(rows - front.y_px, cols - front.x_px)
    radii = []
    for fraction in (0.3, 0.5, 0.8):
        frame = frame_at(scene, front.onset_s + fraction * (front.end_s - front.onset_s))
        change = scene.rate(frame) / np.maximum(scene.rate(frame, with_transients=False), 1) - 1
        assert change.max() < front.amplitude * 1.1
        radii.append(np.average(distance, weights=np.maximum(change, 0) / np.maximum(distance, 1)))
    low, high = front.radius_px
    np.testing.assert_allclose(radii, [low + f * (high - low) for f in (0.3, 0.5, 0.8)], rtol=0.1)


def test_light_curve_starts_peaks_and_ends_as_defined(scene):
    for t in scene.transients:
        assert t.strength(t.onset_s) == 0
        assert t.strength(t.peak_s) == pytest.approx(1)
        assert t.strength(t.end_s) == pytest.approx(0 if t.kind == "front" else 0.1)
        assert max(t.strength(s) for s in np.linspace(t.onset_s, t.end_s, 50)) <= 1


def test_truth_table(folder, scene):
    truth = pd.read_csv(folder / "truth.csv")
    start, peak, end = (pd.to_datetime(truth[f"{name}_utc"]) for name in ("start", "peak", "end"))
    assert ((start < peak) & (peak < end)).all()
    assert (end[:-1].to_numpy() < start[1:].to_numpy()).all()  # never two at a time
    assert start[0] > pd.Timestamp(scene.frames[int(0.6 * N_FRAMES)].date_obs, tz="UTC")
    assert end.iloc[-1] < pd.Timestamp(scene.frames[-1].date_obs, tz="UTC")
    assert set(truth["kind"]) == {"flare", "dimming", "front", "brightening"}
    header = scene.header(scene.frames[0])
    for axis, name in (("1", "x"), ("2", "y")):  # the roll of 0.02 degrees moves a place by less than 0.4 arcsec
        pixel = truth[f"{name}_px"] + 1 - header[f"CRPIX{axis}"]
        expected = header[f"CRVAL{axis}"] + header[f"CDELT{axis}"] * pixel
        np.testing.assert_allclose(truth[f"hpc_{name}_arcsec"], expected, atol=0.5)
    radius = np.hypot(truth["hpc_x_arcsec"], truth["hpc_y_arcsec"]) / header["RSUN_OBS"]
    assert radius[truth["event"] == "limb_flare"].item() == pytest.approx(0.98, abs=0.02)


def test_surface_turns_as_sunpy_says_and_the_corona_stays(scene):
    """Forward with sunpy, back with the scene, at a time that is not a key time."""
    frame = scene.frames[int(0.8 * N_FRAMES)]
    came_from = scene.came_from(scene.seconds(frame))
    source = sunpy.map.Map(scene.base, scene.source_header)
    later = sunpy.map.Map(scene.base, scene.header(frame))
    rows, cols = np.array([128.0, 60, 200, 128, 90]), np.array([128.0, 110, 150, 60, 190])
    with propagate_with_solar_surface():
        moved = source.pixel_to_world(cols * u.pix, rows * u.pix).transform_to(
            Helioprojective(obstime=later.reference_date, observer=later.observer_coordinate)
        )
    x, y = later.wcs.world_to_pixel(moved)
    for axis, start in enumerate((rows, cols)):
        back = ndimage.map_coordinates(came_from[axis], [y, x], order=1)
        np.testing.assert_allclose(back, start, atol=0.02)
    hours = scene.seconds(frame) / 3600
    assert (x[0] - 128) * later.scale[0].to_value(u.arcsec / u.pix) / hours == pytest.approx(9.4, abs=0.3)
    rows, cols = np.indices((256, 256))
    outside = np.hypot(rows - 127.2, cols - 128) > 103
    np.testing.assert_array_equal(came_from[:, outside], np.stack([rows, cols])[:, outside])


def test_quiet_sun_varies_but_mildly(scene):
    """The quiet part is neither constant nor wild: some per cent rms within minutes, in bright loops more."""
    a, b = (scene.rate(frame_at(scene, t), with_transients=False) for t in (0, 900))
    on_disc = a > 40
    change = (b / np.maximum(a, 1))[on_disc] - 1
    assert 0.02 < change.std() < 0.12
    assert abs(np.median(change)) < 0.02


def test_too_few_frames_are_refused():
    with pytest.raises(ValueError, match="--frames 24: at least 25"):
        Scene(24, seed=0)
    defects = [frame.index for frame in Scene(25, seed=0).frames if frame.defect]
    assert len(defects) == len(DEFECTS)
    assert min(np.diff(defects)) > 1


REEL = {"shape": [560, 1, 112, 112], "source_shape": [256, 256], "cadence_s": 60.0}


def truth_of(*rows):
    table = pd.DataFrame(rows, columns=compare_with_truth.TRUTH_COLUMNS)
    return table.assign(**{name: pd.to_datetime(table[name], utc=True) for name in ("start_utc", "end_utc")})


def events_of(*rows):
    table = pd.DataFrame(rows, columns=compare_with_truth.EVENT_COLUMNS)
    return table.assign(**{name: pd.to_datetime(table[name], utc=True) for name in ("t_start", "t_end")})


FLARE = ("flare", "flare", "2011-02-15T06:00:00Z", "2011-02-15T06:20:00Z", 100, 50, 7.0, 7.0)
DIMMING = ("dimming", "dimming", "2011-02-15T06:10:00Z", "2011-02-15T06:40:00Z", 110, 60, 14.0, 14.0)
# The flare's place in the reel, by hand: (100 + 0.5) * 112 / 256 - 0.5 and (50 + 0.5) * 112 / 256 - 0.5.
FLARE_X, FLARE_Y = 43.46875, 21.59375


def test_exact_detection_has_no_distance_and_its_delay():
    events = events_of((1, "2011-02-15T06:03:00Z", "2011-02-15T06:30:00Z", FLARE_X, FLARE_Y, 9.0))
    result = compare_with_truth.compare(events, truth_of(FLARE), REEL)
    assert result["transients"] == [
        {"event": "flare", "kind": "flare", "found": True, "detections": 1}
        | {"delay_frames": 3.0, "distance_px": 0.0, "distance_reel_px": 0.0}
    ]
    assert result["recall"] == result["precision"] == 1
    assert result["false_alarms"] == []


def test_several_detections_count_once_and_are_all_true():
    """The first gives the delay, the strongest the distance: 2.1875 reel pixels are 5 pixels of the frame."""
    events = events_of(
        (1, "2011-02-15T06:05:00Z", "2011-02-15T06:06:00Z", FLARE_X, FLARE_Y + 2.1875, 9.0),
        (2, "2011-02-15T05:58:00Z", "2011-02-15T06:01:00Z", FLARE_X, FLARE_Y, 4.0),
    )
    result = compare_with_truth.compare(events, truth_of(FLARE), REEL)
    (row,) = result["transients"]
    assert (row["detections"], row["delay_frames"], row["distance_px"], row["distance_reel_px"]) == (2, -2.0, 5.0, 2.19)
    assert (result["recall"], result["precision"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("t_start", "t_end", "dx", "matches"),
    [
        ("05:40:00", "05:58:00", 0.0, True),  # ends within the two frames of tolerance
        ("05:40:00", "05:57:59", 0.0, False),
        ("06:22:00", "06:50:00", 0.0, True),
        ("06:22:01", "06:50:00", 0.0, False),
        ("05:40:00", "06:50:00", 0.0, True),  # contains the transient
        ("06:05:00", "06:06:00", 4.5, True),  # 3.5 px of the frame and 3 px of the reel: 4.53 px of the reel
        ("06:05:00", "06:06:00", 4.6, False),
        ("06:05:00", "06:06:00", -4.6, False),
    ],
)
def test_tolerances(t_start, t_end, dx, matches):
    events = events_of(("e", f"2011-02-15T{t_start}Z", f"2011-02-15T{t_end}Z", FLARE_X + dx, FLARE_Y, 1.0))
    result = compare_with_truth.compare(events, truth_of(FLARE), REEL)
    assert result["transients"][0]["found"] == matches
    assert result["false_alarms"] == ([] if matches else ["e"])


def test_an_event_counts_for_the_nearest_transient_only():
    events = events_of((1, "2011-02-15T06:12:00Z", "2011-02-15T06:15:00Z", FLARE_X + 0.5, FLARE_Y + 0.5, 9.0))
    result = compare_with_truth.compare(events, truth_of(DIMMING, FLARE), REEL)
    assert [row["found"] for row in result["transients"]] == [False, True]
    assert (result["recall"], result["precision"]) == (0.5, 1.0)


def test_axes_are_scaled_each_by_its_own_factor():
    reel = {"shape": [9, 1, 10, 40], "source_shape": [100, 80], "cadence_s": 10.0}
    events = events_of((1, "2011-02-15T06:00:00Z", "2011-02-15T06:15:00Z", 3.0, 4.0, 9.0))
    truth = truth_of((*FLARE[:4], 6.5, 44.5, 1.0, 1.0))  # (3 + 0.5) * 2 - 0.5 and (4 + 0.5) * 10 - 0.5
    assert compare_with_truth.compare(events, truth, reel)["median_distance_px"] == 0


def test_no_events_and_nothing_found():
    for events in (events_of(), events_of((7, "2011-02-15T01:00:00Z", "2011-02-15T01:15:00Z", 3.0, 4.0, 9.0))):
        result = compare_with_truth.compare(events, truth_of(FLARE, DIMMING), REEL)
        assert result["recall"] == 0
        assert result["precision"] == (0 if len(events) else None)
        assert result["median_delay_frames"] is None
        assert "MISSED" in compare_with_truth.report(result)


def test_command_prints_the_table_and_writes_strict_json(folder, tmp_path, capsys):
    """Events made from the truth itself in the columns that eval writes, and one false alarm."""
    truth = pd.read_csv(folder / "truth.csv")
    table = pd.DataFrame({"event": range(len(truth)), "t_start": truth["start_utc"], "t_peak": truth["peak_utc"]})
    table = table.assign(t_end=truth["end_utc"], peak_score=5.0, level="high")
    table["x"], table["y"] = ((truth[f"{axis}_px"] + 0.5) * 112 / 256 - 0.5 for axis in "xy")
    false_alarm = table.iloc[[0]].assign(event=99, x=5.0)
    pd.concat([table.drop(index=3), false_alarm]).to_csv(tmp_path / "events.csv", index=False)
    (tmp_path / "reel.json").write_text(json.dumps(REEL))
    arguments = [str(tmp_path / "events.csv"), str(folder / "truth.csv"), str(tmp_path)]
    compare_with_truth.main([*arguments, "--json", str(tmp_path / "match.json")])
    printed = capsys.readouterr().out
    assert printed.count("found") == 6  # the column's head and five transients
    assert printed.count("MISSED") == 1
    result = json.loads((tmp_path / "match.json").read_text())
    assert result["recall"] == pytest.approx(5 / 6)
    assert result["precision"] == pytest.approx(5 / 6)
    assert result["false_alarms"] == [99]
    assert result["median_delay_frames"] == 0
    assert result["median_distance_px"] < 0.01


def test_missing_column_is_named(folder, tmp_path):
    (tmp_path / "events.csv").write_text("event,t_start\n")
    with pytest.raises(ValueError, match=r"lacks the columns \['t_end', 'x', 'y', 'peak_score'\]"):
        compare_with_truth.main([str(tmp_path / "events.csv"), str(folder / "truth.csv"), str(tmp_path)])


def test_empty_events_table_is_read(folder, tmp_path, capsys):
    (tmp_path / "events.csv").write_text("event,t_start,t_peak,t_end,x,y,peak_score\n")
    (tmp_path / "reel.json").write_text(json.dumps(REEL))
    compare_with_truth.main([str(tmp_path / "events.csv"), str(folder / "truth.csv"), str(tmp_path)])
    assert "recall                  0.00" in capsys.readouterr().out
