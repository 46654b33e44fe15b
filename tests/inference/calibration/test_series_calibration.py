"""The calibration of a series from made-up residuals, and that a run keeps one for each set of channels."""

from dataclasses import replace

import numpy as np
import pytest

from config import EvalConfig
from inference.calibration.calibrate import kept_calibration, measure, write_calibration
from inference.calibration.noise import NoiseModel
from inference.calibration.quiet.events import run_starts, starts_in
from inference.calibration.quiet.ranges import QuietRange, keep_quiet
from inference.calibration.surprises import fit_surprises, parts_of, rare_prior
from inference.calibration.thresholds import Calibration
from inference.camera.bounds import ALL_PASS
from inference.job import Job
from inference.scorers.base import Scorer
from inference.scorers.nets.residual import Samples
from inference.units import DAY_S
from tests.support.reels import make_reel

SETTINGS = EvalConfig(score="residual", plain_evidence=0.0, smooth_samples=1)
SPIKE = 530


class Told(Scorer):
    """Its residuals are the values of the series, and its evidence noise."""

    measured = 0

    def __init__(self):
        super().__init__(8, {})

    def samples(self, reel, begin, end, settings):
        self.measured += 1
        evidence = np.random.default_rng(begin).normal(size=(end - begin, reel.shape[1], 2)).astype(np.float32)
        return Samples(reel.frames[begin:end, :, :, 0], np.ones(end - begin, bool), evidence)

    def frames(self, reel, begin, end, settings):
        raise NotImplementedError

    def prepare(self, run, trained):
        raise NotImplementedError

    def calibration(self, run, reel, settings):
        raise NotImplementedError


def ranges(path, channels=("flow", "heat"), seed=0) -> list[QuietRange]:
    values = np.abs(np.random.default_rng(seed).normal(1.0, 0.1, (700, len(channels), 1, 1)))
    values[SPIKE, -1] = 9.0
    reel = make_reel(path, values, 60.0, channels=channels)
    sides = ((0, 300, "train"), (300, 500, "val"), (520, 700, "val"))
    return [QuietRange(reel, begin, end, side, path.name, 1000) for begin, end, side in sides]


@pytest.mark.parametrize(("combine", "one_of"), [("max", np.max), ("mean", np.mean), ("each", np.max)])
def test_levels_are_the_scores_of_new_samples_and_what_stands_out_is_where_it_was(tmp_path, combine, one_of):
    found = ranges(tmp_path / "pump")
    settings = EvalConfig(score="residual", plain_evidence=0.0, combine=combine)
    made, standing_out = measure(Told(), found, settings, tmp_path, ALL_PASS)
    new = np.concatenate([r.reel.frames[r.begin : r.end, :, :, 0] for r in found[1:]])
    np.testing.assert_allclose(made.levels, one_of(made.score(new, settings)[:, :, 0], axis=1), rtol=1e-5)
    row, *others = standing_out.itertuples()
    assert {other.frame_end for other in others} <= {1499}  # the end of the range before: next to it in the levels
    assert (row.reel, row.frame_peak, row.time_s) == ("pump", 1000 + SPIKE, 60.0 * SPIKE)
    assert np.isnan([row.x, row.y]).all()
    assert made.surprises is None


@pytest.mark.parametrize("channels", [("flow", "heat"), tuple(map(str, range(12)))], ids=["few", "many"])
def test_new_samples_are_judged_by_what_the_other_parts_say_and_no_seam_shows(tmp_path, channels):
    found = ranges(tmp_path / "plant", channels)
    settings = EvalConfig(score="standardised", plain_evidence=1.0, smooth_samples=5)
    made, _ = measure(Told(), found, settings, tmp_path, ALL_PASS)
    samples = [Told().samples(r.reel, r.begin, r.end, settings) for r in found]
    scores = np.concatenate([made.score(s.residual, settings)[:, :, 0] for s in samples[1:]])
    fitted = fit_surprises(scores, [s.evidence for s in samples], 60.0, 8)
    expected = np.zeros(700, np.float32)
    whole = [
        np.concatenate([replace(made, surprises=of).own_events(s, settings).max(axis=1) for s in samples])
        for of in fitted.for_parts
    ]
    offsets = np.cumsum([0, *map(len, found)])
    for number, begin, end, part in parts_of(list(map(len, found))):
        rows = slice(offsets[number] + begin, offsets[number] + end)
        expected[rows] = whole[part][rows]
    np.testing.assert_allclose(made.levels, expected[300 : offsets[-1]], rtol=1e-4)


@pytest.mark.parametrize("plain_evidence", [0.0, 1.0])
def test_without_new_samples_there_is_no_calibration(tmp_path, plain_evidence):
    settings = EvalConfig(score="standardised", plain_evidence=plain_evidence)
    with pytest.raises(ValueError, match=r"not one quiet validation stretch .* use more validation windows"):
        measure(Told(), ranges(tmp_path / "pump")[:1], settings, tmp_path, ALL_PASS)


def test_events_begin_where_a_column_of_a_stretch_passes_the_threshold():
    parts = [np.zeros((10, 2), np.float32), np.zeros((20, 2), np.float32)]
    parts[0][4:6, 0] = parts[1][3:5, 1] = parts[1][12, 0] = parts[1][15, 1] = 5.0
    levels = np.concatenate(parts).max(axis=1)
    levels[10 + 15] = 0  # left out
    found = starts_in(parts, 1, 1)(4.0, levels)
    assert sorted(found) == [4, 10 + 3, 10 + 12]


def test_a_run_keeps_one_for_each_set_of_channels_and_settings(tmp_path):
    odd = ("a/b", "c" * 100)  # no name of a file
    keep_quiet(tmp_path / "run", [*ranges(tmp_path / "pump"), *ranges(tmp_path / "fan", odd, 1)], 8)
    scorer = Told()
    own = kept_calibration(tmp_path / "run", scorer, ["flow", "heat"], SETTINGS)
    assert scorer.measured == 3
    again = kept_calibration(tmp_path / "run", scorer, ["flow", "heat"], SETTINGS)
    assert scorer.measured == 3  # read from the run
    np.testing.assert_array_equal(again.levels, own.levels)
    assert kept_calibration(tmp_path / "run", scorer, ["flow", "heat"], SETTINGS).events is again.events  # with rates
    (path,) = (tmp_path / "run" / "calibration").glob("flow+heat-????????.npz")
    write_calibration(path, replace(again, levels=2 * own.levels))
    another = kept_calibration(tmp_path / "run", scorer, ["flow", "heat"], SETTINGS)
    np.testing.assert_array_equal(another.levels, 2 * own.levels)  # of a file that is another since
    kept_calibration(tmp_path / "run", scorer, odd, SETTINGS)
    assert scorer.measured == 6
    kept_calibration(tmp_path / "run", scorer, ["unknown"], SETTINGS)  # held against all that there are
    assert scorer.measured == 12
    names = sorted(path.stem.rpartition("-")[0] for path in (tmp_path / "run" / "calibration").glob("*-????????.npz"))
    assert "flow+heat" in names
    assert [len(name) for name in names if name != "flow+heat"] == [16, 16]


def test_what_is_a_surprise_is_kept_too(tmp_path):
    keep_quiet(tmp_path / "run", ranges(tmp_path / "pump"), 8)
    settings = EvalConfig(score="standardised", plain_evidence=1.0)
    made = kept_calibration(tmp_path / "run", Told(), ["flow", "heat"], settings)
    again = kept_calibration(tmp_path / "run", Told(), ["flow", "heat"], settings)
    for name, value in vars(made.surprises).items():
        np.testing.assert_array_equal(vars(again.surprises)[name], value)


def test_what_quiet_data_do_not_support_is_told_once_for_all_reels(tmp_path, caplog):
    stretches, told = ranges(tmp_path / "pump"), set()
    made, _ = measure(Told(), stretches, SETTINGS, tmp_path, ALL_PASS)
    for rate in (0.1, 0.1, 0.05):
        settings = replace(SETTINGS, false_alarms_per_day=rate)
        Job(stretches[0].reel, Told(), made, 1.0, 2.0, settings, {}, tmp_path).tell_shortfall(told)
    asked = [text.split()[0] for record in caplog.records if (text := record.getMessage().partition("ask for ")[2])]
    assert asked == ["0.1", "0.05"]


@pytest.mark.parametrize(("per_window", "is_told"), [(0.01, False), (0.45, False), (0.55, True), (40.0, True)])
def test_so_many_false_alarms_that_events_fill_a_series_are_told_with_fewer(tmp_path, per_window, is_told):
    reel, scorer = ranges(tmp_path / "pump")[0].reel, Told()
    a_day = DAY_S / (scorer.clip_length * reel.cadence_s)
    settings = replace(SETTINGS, false_alarms_per_day=per_window * a_day)
    job = Job(reel, scorer, Calibration(NoiseModel(*np.ones((2, 1, 1)))), 1.0, 2.0, settings, {}, tmp_path)
    assert (job.crowding() != "") is is_told
    if is_told:
        advised = float(job.crowding().partition("eval.false_alarms_per_day=")[2].split()[0])
        assert advised == pytest.approx(0.1 * a_day, rel=0.05)
        assert replace(job, settings=replace(settings, false_alarms_per_day=advised)).crowding() == ""
        fixed = replace(settings, threshold_low=1.0, threshold_high=2.0)
        assert replace(job, settings=fixed).crowding() == ""


@pytest.mark.parametrize("plain_evidence", [0.0, 1.0])
def test_what_lies_beyond_the_quiet_samples_is_known_of_surprises_alone(tmp_path, plain_evidence):
    """They are in one unit in every series; residuals are in units of their own."""
    settings = EvalConfig(score="standardised", plain_evidence=plain_evidence)
    made, _ = measure(Told(), ranges(tmp_path / "pump"), settings, tmp_path, ALL_PASS)
    assert made.events.prior == (rare_prior(60.0) if plain_evidence else None)
    assert made.events.worth_s == made.events.span_s


def test_bursts_that_are_taken_for_faults_break_no_promise(tmp_path):
    """Some six of any size come in each half of a series: which of them stand out is chance."""
    settings, asked = replace(SETTINGS, false_alarms_per_day=4.5), 4.5 * 4000 / 1440
    seen, before = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        values = np.abs(rng.normal(0, 1, 8000))
        for start in np.flatnonzero(rng.random(len(values)) < 6 / 4000).tolist():
            values[start : start + 5] += rng.lognormal(3, 0.6)
        reel = make_reel(tmp_path / f"{seed}", values[:4000, None, None, None].astype(np.float32), 60.0)
        made, _ = measure(Told(), [QuietRange(reel, 0, 4000, "val", "r")], SETTINGS, tmp_path, ALL_PASS)
        without = replace(made, events=replace(made.events, apart=0))
        for counts, calibration in ((seen, made), (before, without)):
            counts.append(len(run_starts(values[4000:], calibration.thresholds(settings)[0], 16, 1)))
    assert np.mean(seen) == pytest.approx(asked, rel=0.25)
    assert np.mean(before) > 1.25 * asked
