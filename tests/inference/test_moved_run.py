"""A run is self-contained: copied elsewhere, its training reels gone, it scores another reel as it did before."""

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from config import TrainConfig
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from inference.calibration.quiet import ranges as of_quiet
from inference.calibration.quiet.ranges import QuietRange, keep_quiet, quiet_ranges, ranges_of, within
from inference.evaluate import evaluate
from inference.fit import calibrate_run
from inference.methods import FOR_SERIES, METHODS
from inference.methods.fit import fit_method
from tests.support.no_pictures import without_pictures
from tests.support.reels import drifting_blobs, make_reel, set_verdict
from tests.support.trainings import SMALL_MODEL, small_config
from training.train import train

LENGTH = 8
SERIES_MODEL = {"patch": [1, 1, 1], "stages": [{"width": 8, "kernel": [3, 1, 1]}]}
# Scores of a net, each with settings that nothing was calibrated for when it was trained.
SCORES = {
    "standardised": {"stride": 3},
    "residual": {"score": "residual", "overlap": "max"},
    "mahalanobis": {"score": "mahalanobis"},
    "knn": {"score": "knn"},
    "mix": {"score": "mix", "mix": ["standardised", "knn", "difference"]},
}
FORECAST = {"name": "tvnet", "task": "forecast", "predict_frames": 2, **SERIES_MODEL}
ON_PICTURES = [name for name in METHODS if name not in FOR_SERIES]


@pytest.fixture(autouse=True)
def nothing_drawn():
    with without_pictures():
        yield


@pytest.fixture(autouse=True)
def short_training(monkeypatch):
    monkeypatch.setattr("inference.methods.motion.looks.STEPS", 20)


def pictures(folder: Path, name: str, seed: int, frames: int = 48) -> None:
    masks = np.zeros((frames, 16, 16), np.uint8)
    masks[10:14, :3, :3] = INVALID
    make_reel(folder / name, drifting_blobs(frames, 16, 16, seed=seed), masks=masks, clip_length=LENGTH)


MANY = partial(pictures, frames=120)


def series(folder: Path, name: str, seed: int) -> None:
    t, random = np.arange(200), np.random.default_rng(seed)
    values = np.stack([np.sin(t / 5), np.cos(t / 7)], axis=1) + 0.05 * random.standard_normal((200, 2))
    labels = np.isin(t, [*range(60, 70), *range(130, 140), *range(180, 190)]).astype(float)
    reel = make_reel(folder / name, 0.3 * values[:, :, None, None] + 0.5, labels=labels, clip_length=LENGTH)
    missing = np.zeros((200, 2), bool)
    missing[30:34, 1] = True
    np.save(reel.path / "missing.npy", missing)


def moved(tmp_path: Path, make, evaluations: dict[str, dict], train_with, **settings) -> None:
    """Train, copy the run, evaluate; then the same with the copy, where nothing of the training is left.

    The copy has no calibration: it makes its own for each of the evaluations, for which the first has one already.
    """
    make(tmp_path / "quiet", "a", 1)
    make(tmp_path / "quiet", "b", 2)
    make(tmp_path / "new", "other", 3)
    asked = {name: {f"eval__{key}": value for key, value in chosen.items()} for name, chosen in evaluations.items()}
    config = small_config(tmp_path / "quiet", tmp_path / "run", **settings, **next(iter(asked.values())))
    calibrate_run(train_with(config), config)
    shutil.copytree(tmp_path / "run", tmp_path / "elsewhere" / "run")
    for made in (tmp_path / "elsewhere" / "run" / "calibration").glob("*.npz"):
        made.unlink()
    tables = {}
    for place in (tmp_path / "run", tmp_path / "elsewhere" / "run"):
        for name, known in asked.items():
            (out,) = evaluate(small_config(tmp_path / "new", place, **known))
            tables[place, name] = [(out / file).read_bytes() for file in ("scores.csv", "events.csv", "scores.f16")]
        shutil.rmtree(tmp_path / "quiet", ignore_errors=True)
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
    for name in evaluations:
        first, second = (tables[place, name] for place in (tmp_path / "run", tmp_path / "elsewhere" / "run"))
        assert first == second, name
        assert len(first[2]) > 0


def test_every_score_of_a_net(tmp_path, one_thread):
    moved(tmp_path, pictures, SCORES, train, model=SMALL_MODEL)


@pytest.mark.parametrize("name", ON_PICTURES)
def test_every_method_on_pictures(tmp_path, name):
    moved(tmp_path, pictures, {"other settings": {"smooth_px": 2.0}}, fit_method, model={"name": name})


@pytest.mark.parametrize("name", FOR_SERIES)
def test_every_method_on_series(tmp_path, name):
    moved(tmp_path, series, {"other settings": {"smooth_samples": 3}}, fit_method, model={"name": name})


def test_a_net_of_series_with_every_score(tmp_path, one_thread):
    chosen = SCORES | {"mix": {"score": "mix", "mix": ["standardised", "knn", "window_pca"]}}
    moved(tmp_path, series, chosen, train, model={"name": "tvnet", **SERIES_MODEL})


def test_a_net_that_forecasts(tmp_path, one_thread):
    moved(tmp_path, series, {"other settings": {"stride": 3}}, train, model=FORECAST)


def test_a_net_that_learnt_from_labels(tmp_path, one_thread):
    model = {"name": "wetas", "stages": [{"width": 8, "kernel": [3, 1, 1]}]}
    labelled = {"train__loss": "wetas", "train__weak": {"labels": "labels", "segments": 4}}
    moved(tmp_path, series, {"other settings": {"stride": 3}}, train, model=model, **labelled)


def ranges(tmp_path, make=MANY) -> list[QuietRange]:
    make(tmp_path / "quiet", "a", 1)
    make(tmp_path / "quiet", "b", 2)
    return ranges_of([Reel(tmp_path / "quiet" / name) for name in "ab"], TrainConfig())


@pytest.mark.parametrize("make", [MANY, series])
def test_kept_frames_are_the_frames_that_windows_cover(tmp_path, make):
    make(tmp_path / "quiet", "a", 1)
    reel = Reel(tmp_path / "quiet" / "a")
    set_verdict(reel, [10])
    expected = ranges_of([reel], TrainConfig())
    keep_quiet(tmp_path / "run", expected, LENGTH)
    kept = quiet_ranges(tmp_path / "run")
    assert [(len(r), r.side) for r in kept] == [(len(r), r.side) for r in expected]
    assert len(expected) > 2
    for ours, theirs in zip(kept, expected, strict=True):
        for mine, given in zip(
            ours.reel.read(ours.begin, ours.end), theirs.reel.read(theirs.begin, theirs.end), strict=True
        ):
            assert np.array_equal(mine, given)
        here, there = slice(ours.begin, ours.end), slice(theirs.begin, theirs.end)
        assert np.array_equal(ours.reel.missing[here], theirs.reel.missing[there])
        assert np.array_equal(ours.reel.times_s[here], theirs.reel.times_s[there])
        assert (ours.reel.times_utc[here] == theirs.reel.times_utc[there]).all()
        assert ours.reel.stretches == theirs.reel.stretches


def test_names_of_reels_say_nothing_about_where_files_go(tmp_path):
    found = ranges(tmp_path)
    for r in found:
        r.reel.meta["name"] = "../../../escaped"
    keep_quiet(tmp_path / "run", found, LENGTH)
    assert {p.name for p in tmp_path.iterdir()} == {"quiet", "run"}
    assert {p.name for p in (tmp_path / "run/calibration/quiet").iterdir()} == {
        "0",
        "1",
        "ranges.csv",
        "ranges.csv.sha256",
    }


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_more_than_the_budget_is_pieces_of_both_sides_over_all_the_time(tmp_path, share):
    found = ranges(tmp_path)
    whole = of_quiet._bytes(found)
    chosen = within(found, 4, int(share * whole))
    assert of_quiet._bytes(chosen) <= share * whole
    for side in ("train", "val"):
        all_of, kept = (
            [(r.reel.name, f) for r in some if r.side == side for f in range(r.begin, r.end)]
            for some in (found, chosen)
        )
        assert set(kept) <= set(all_of)
        assert len(kept) == len(set(kept))
        assert {name for name, _ in kept} == {"a", "b"}  # the reels lie behind each other in time
    assert min(map(len, chosen)) >= 4
    assert within(found, 4, whole) == found


def test_the_budget_is_told_with_numbers(tmp_path, monkeypatch, capsys):
    found = ranges(tmp_path)
    monkeypatch.setattr(of_quiet, "MOST_BYTES", 150_000)
    keep_quiet(tmp_path / "run", found, 4)
    kept = sum(map(len, quiet_ranges(tmp_path / "run")))
    assert f"keeps {kept} of {sum(map(len, found))} quiet frames" in capsys.readouterr().err


def test_a_full_disk_is_an_error_with_the_way_out_and_the_old_frames_stay(tmp_path, monkeypatch):
    found = ranges(tmp_path)
    keep_quiet(tmp_path / "run", found[:2], LENGTH)
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(of_quiet.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match=r"the disk has 0 MiB left; make room, then finish with: .* --resume"):
        keep_quiet(tmp_path / "run", found, LENGTH)
    monkeypatch.undo()
    gone = [replace(found[0], end=500)]  # frames that aren't there: reading them fails half way
    with pytest.raises((OSError, ValueError)):
        keep_quiet(tmp_path / "run", gone, LENGTH)
    assert sum(map(len, quiet_ranges(tmp_path / "run"))) == sum(map(len, found[:2]))
    assert [p.name for p in (tmp_path / "run/calibration").iterdir()] == ["quiet"]


def test_a_run_without_quiet_frames_says_how_to_get_them(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"finish its training with --resume"):
        quiet_ranges(tmp_path)
