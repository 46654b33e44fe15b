"""Reels of another cadence than the training's: refused, or their speeds are rescaled, and no promise is broken."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import main as program
from config import EvalConfig, load
from data.reel.cadence import are_alike
from data.reel.reel import Reel
from inference.calibration.promise import promised
from inference.calibration.quiet.ranges import QuietRange, mean_cadence_s
from inference.calibration.tail import TailPrior
from inference.fit import fit
from inference.methods import METHODS
from inference.scorers.base import check_reel, other_cadence
from inference.scorers.load import load_scorer
from inference.scorers.reels import checked_reels
from inference.scorers.zero_shot.scorer import ZeroShotScorer
from tests.support.paths import ROOT
from tests.support.quiet import of_series, promised_at
from tests.support.reels import drifting_blobs, make_reel
from tests.support.trainings import model_config, small_config
from training.loader import windows_of_reels

WITHOUT_TIME = {"robust_z", "mutual", "patch_memory"}


def method(name: str, **keys):
    return METHODS[name](model_config(name, **keys), {}, {}, 8)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def reel_of(folder, cadence_s: float, T: int = 40) -> Reel:
    return make_reel(folder, drifting_blobs(T, 16, 16), cadence_s)


@pytest.mark.parametrize("name", METHODS)
def test_only_scores_without_time_in_them_take_any_cadence(name, tmp_path):
    facts, reel = {"cadence_s": [2.0, 2.0]}, reel_of(tmp_path / "r", 10.0)
    assert (other_cadence(reel, facts, method(name)) == "") == (name in WITHOUT_TIME)
    assert ZeroShotScorer.any_cadence


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-3, 1e4), st.floats(1.0, 3.0), st.floats(0.1, 10.0))
def test_a_fifth_more_or_less_is_alike_and_so_is_what_lies_between(shortest_s, range_of, ratio):
    class Seen:
        name, cadence_s = "r", ratio * shortest_s

    told = other_cadence(Seen(), {"cadence_s": [shortest_s, range_of * shortest_s]}, method("flow"))  # pyright: ignore
    if 0.8 <= ratio <= 1.25 * range_of:
        assert told == ""
    if ratio < 0.78 or ratio > 1.28 * range_of:
        assert f"{ratio * shortest_s:g} s" in told
        assert f"{shortest_s:g}" in told
    assert are_alike(ratio, 1.0) == are_alike(1.0, ratio)


def test_eval_and_its_check_refuse_another_cadence_and_say_the_way_out(place, capsys, caplog):
    reel_of(place / "reels" / "quiet", 1 / 24, 80)
    fit(small_config(place / "reels", place / "run", model__name="difference"))
    facts = load_scorer(place / "run", "cpu")[1]["data"]
    assert facts["cadence_s"] == [pytest.approx(1 / 24)] * 2
    for name, cadence_s in (("a_fifth", 1 / 30), ("slow", 1.0)):
        reel_of(place / name / name, cadence_s)

    def run(clips: str, *arguments: str) -> tuple[int, str]:
        given = ["-m", "eval", "-c", str(ROOT / "config.yaml"), "--model-path", "run", "-d", "cpu", *arguments]
        code = program.main([*given, "--data-clips", clips])
        told = capsys.readouterr()
        return code, told.out + told.err + caplog.text

    why = "reel slow has a frame every 1 s, and the model was trained on one every 0.0416667 s: what moves or changes"
    for check in ([], ["--check"]):
        code, told = run("slow", *check)
        assert code != 0
        assert f"{why} looks 24 times as fast to it as it is; prepare a reel" in told
        assert "eval.any_cadence=true" in told
    assert not (place / "run" / "eval").exists()
    assert run("a_fifth", "--check")[0] == 0
    code, told = run("slow", "--check", "--set", "eval.any_cadence=true")
    assert (code, why in told) == (0, True)


def test_a_setting_lets_any_cadence_pass_and_a_run_from_before_knows_none(tmp_path):
    reel, facts = reel_of(tmp_path / "r", 10.0), {"frame_shape": [1, 16, 16], "cadence_s": [1.0, 2.0]}
    with pytest.raises(ValueError, match=r"trained on one every 1 to 2 s: .* looks 5 times as fast"):
        check_reel(reel, facts, method("flow"), EvalConfig())
    check_reel(reel, facts, method("flow"), EvalConfig(any_cadence=True))
    check_reel(reel, {"frame_shape": [1, 16, 16]}, method("flow"), EvalConfig())
    check_reel(reel_of(tmp_path / "short", 10.0, T=7), facts, method("flow"), EvalConfig())  # it gets no score at all


@pytest.mark.parametrize("clip_length", [2, 3])
def test_a_wavelength_of_two_frames_among_many_of_another_stops_nothing(tmp_path, clip_length):
    reels = tmp_path / "reels"
    kept = {"clip_length": clip_length, "stride": 1}
    make_reel(reels / "few", drifting_blobs(2, 16, 16, seed=1), 21600.0, channels=["171"], **kept)
    make_reel(reels / "many", drifting_blobs(14, 16, 16), 3600.0, channels=["195"], **kept)
    given = small_config(reels, tmp_path / "run", model__name="excess")
    for config in (given, replace(given, data_clips=str(reels / "many"), model_path=str(tmp_path / "alone"))):
        run = fit(config)
        scorer, checkpoint = load_scorer(run, "cpu")
        assert checkpoint["data"]["cadence_s"] == [3600.0, 3600.0]
        judged = checked_reels(given.data_clips, scorer, checkpoint["data"], given.eval)
        assert [reel.name for reel in judged] == ["few", "many"][clip_length - 2 :]
        assert all(scorer.calibration(run, reel, given.eval).noise.spread.min() > 0 for reel in judged)


def walker(T: int, px: float) -> np.ndarray:
    """A textured square that goes by so many px a frame (T, 1, 48, 64), over and over."""
    y, x = np.mgrid[:48, :64]
    texture = np.random.default_rng(0).uniform(0.3, 1.0, (12, 12)).repeat(1, 0)
    frames = np.full((T, 1, 48, 64), 0.2, np.float32)
    for t in range(T):
        left = (px * t) % 44
        inside = (x - left >= 0) & (x - left < 11) & (y >= 18) & (y < 30)
        u = np.clip(x - left, 0, 10.999)
        low, share, row = u.astype(int), u % 1, np.clip(y - 18, 0, 11)
        frames[t, 0] = np.where(inside, (1 - share) * texture[row, low] + share * texture[row, low + 1], 0.2)
    return frames


@pytest.mark.parametrize("other", [0.8, 1.25])
def test_a_speed_is_one_per_second_whatever_the_cadence(tmp_path, other):
    """The same walker, filmed as often or a quarter more or less often, is as fast."""
    px, cadence_s, config = 1.0, 0.04, EvalConfig(smooth_px=0.0)
    quiet = make_reel(tmp_path / "quiet", walker(80, px), cadence_s)
    flow = method("flow")
    flow.scaling = dict(zip(quiet.channels, quiet.stretches, strict=True))
    flow.fit([QuietRange(quiet, 0, 80, "train")], seed=0)
    found = {}
    for name, ratio, told in (("same", 1.0, 1.0), ("scaled", other, other), ("per frame", other, 1.0)):
        reel = make_reel(tmp_path / name, walker(40, px * ratio), cadence_s * told)
        scores = [np.quantile(f.residual, 0.97) for f in flow.frames(reel, 0, 40, config)]
        found[name] = float(np.median(scores))
    assert found["scaled"] == pytest.approx(found["same"], rel=0.1)
    assert found["per frame"] == pytest.approx(other * found["same"], rel=0.1)


def test_expected_speed_has_a_pace_and_expected_change_none(tmp_path):
    reel = reel_of(tmp_path / "r", 2.0)
    for target, pace in (("speed", 0.5), ("change", 1.0)):
        made = method("expected", target=target)
        made.arrays = {"cadence_s": np.array([1.0])}
        made.open(reel, 0, 8)
        assert made.pace == pace


# Promises


def test_a_faster_reel_has_no_more_false_alarms_and_a_slower_one_the_same_threshold():
    quiet = of_series(np.abs(np.random.default_rng(0).normal(size=20_000)), cadence_s=10.0)
    same, slower, faster = (promised_at(quiet.at_cadence(cadence_s), 50.0) for cadence_s in (10.0, 60.0, 8.0))
    assert same == slower == promised_at(quiet, 50.0)
    assert faster == promised_at(quiet, 50.0 * 0.8) > same


@given(st.floats(0.05, 1.0), st.floats(0.01, 200.0), st.booleans(), st.integers(8, 400))
def test_what_is_known_of_a_tail_is_of_frames_too_and_goes_with_a_faster_reel(ratio, per_day, is_beyond, frames):
    """As if all of the quiet data had been as fast, and so as if so many fewer were asked for."""
    made = of_series(np.abs(np.random.default_rng(frames).normal(size=frames)), cadence_s=10.0)
    quiet = replace(made.events, prior=TailPrior(150.0, 0.1, 2000.0, is_beyond, 20 / 86400))
    faster = replace(made, events=quiet).at_cadence(10.0 * ratio).events
    expected = promised(quiet, per_day * ratio)
    found = promised(faster, per_day)
    assert found.threshold == pytest.approx(expected.threshold)
    assert found.supported * ratio == pytest.approx(expected.supported)
    slower = replace(made, events=quiet).at_cadence(10.0 / ratio).events
    assert slower == quiet


def test_quiet_reels_of_several_cadences_are_told_and_count_with_their_own_times(tmp_path, caplog):
    reels = tmp_path / "reels"
    ranges = [
        QuietRange(reel_of(reels / f"r{cadence_s:g}", cadence_s, T), 0, T, "val")
        for cadence_s, T in ((10.0, 30), (20.0, 60))
    ]
    assert mean_cadence_s(ranges) == pytest.approx((300 + 1200) / 90)
    data = windows_of_reels(small_config(reels, None))
    assert data.facts["cadence_s"] == [10.0, 20.0]
    assert "a frame every 10 to 20 s" in caplog.text
    caplog.clear()
    assert replace(data, reels=data.reels[:1]).facts["cadence_s"] == [10.0, 10.0]
    alone = load(None, {"data_clips": str(reels / "r10")})
    assert windows_of_reels(alone).facts["cadence_s"] == [10.0, 10.0]
    assert "a frame every" not in caplog.text
