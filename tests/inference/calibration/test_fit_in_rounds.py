"""A method that is fitted again without what stands out, killed between two of its rounds, and taken up again."""

import itertools
import logging

import numpy as np
import pytest

from config import ConfigError
from inference import fit as fitting
from inference.calibration.quiet.not_quiet import set_apart_in
from inference.check import check
from inference.fit import complete, fit
from inference.methods import fit as methods_fit
from tests.support.reels import make_reel
from tests.support.trainings import small_config
from training import run as run_folder
from training.checkpoint import load
from training.places import path_of


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def reels(tmp_path_factory):
    """A series with two faults, of which the larger hides the smaller one."""
    values = np.random.default_rng(0).normal(0.5, 0.03, (900, 2, 1, 1)).astype(np.float32)
    values[300:330, 0] += 0.6
    values[600:612, 1] += 0.3
    folder = tmp_path_factory.mktemp("rounds")
    make_reel(folder / "it", values, 1.0, clip_length=16)
    return folder


def config_of(reels, run, **keys):
    return small_config(reels, run, model={"name": "sub_pca"}, **keys)


@pytest.fixture(scope="module")
def whole(reels, tmp_path_factory):
    """The same, never killed."""
    return fit(config_of(reels, tmp_path_factory.mktemp("whole") / "run"))


def kill_at(monkeypatch, place, name, call):
    """Let a function of a module raise before its work when it is called for the `call`th time."""
    own, calls = getattr(place, name), itertools.count(1)

    def deadly(*words, **named):
        if next(calls) == call:
            raise Killed
        return own(*words, **named)

    monkeypatch.setattr(place, name, deadly)


def same(run, whole):
    a, b = (load(path_of(folder, "best"))["model"] for folder in (run, whole))
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name].numpy(), b[name].numpy())
    for path in whole.glob("*.csv"):
        assert (run / path.name).read_bytes() == path.read_bytes()
    kept = sorted(path.name for path in (whole / "calibration").glob("*.npz"))
    assert sorted(path.name for path in (run / "calibration").glob("*.npz")) == kept
    for name in kept:
        with np.load(run / "calibration" / name) as one, np.load(whole / "calibration" / name) as other:
            for key in other:
                np.testing.assert_array_equal(one[key], other[key])


PLACES = [
    (fitting, "calibrated", 1),
    (fitting, "set_apart", 1),
    (run_folder, "forget_calibration", 1),
    (methods_fit.checkpoints, "save", 3),  # of the second fit the first file
    (methods_fit.checkpoints, "save", 4),
    (fitting, "calibrated", 2),
    (fitting, "set_apart", 2),
    (run_folder, "end_rounds", 1),
]


@pytest.mark.parametrize(("place", "name", "call"), PLACES, ids=[f"{name}-{call}" for _, name, call in PLACES])
def test_what_was_killed_between_two_rounds_ends_as_if_it_never_had_been(
    reels, whole, tmp_path, monkeypatch, place, name, call
):
    assert len(set_apart_in(whole))
    with monkeypatch.context() as patched:
        kill_at(patched, place, name, call)
        with pytest.raises(Killed):
            fit(config_of(reels, tmp_path / "run"))
    same(fit(config_of(reels, tmp_path / "run", train__resume=True)), whole)


def test_eval_says_that_rounds_are_missing_and_resume_makes_them_once(reels, tmp_path, monkeypatch, caplog):
    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        kill_at(patched, fitting, "set_apart", 1)
        with pytest.raises(Killed):
            fit(config_of(reels, run))
    with caplog.at_level(logging.WARNING, "reelwatch"):
        complete(run, "cpu")
    assert any("interrupted before it was fitted without what stands out" in text for text in caplog.messages)
    fit(config_of(reels, run, train__resume=True))
    before = path_of(run, "best").stat()
    caplog.clear()
    fit(config_of(reels, run, train__resume=True))  # nothing is left to do
    complete(run, "cpu")
    assert path_of(run, "best").stat().st_mtime_ns == before.st_mtime_ns
    assert not [text for text in caplog.messages if "interrupted" in text]


def test_a_method_is_taken_up_with_the_same_settings_and_data_only(reels, whole, tmp_path, capsys):
    with pytest.raises(ConfigError, match=r"with other settings: model\.name 'sub_pca' \(given 'window_pca'\)"):
        fit(small_config(reels, whole, model={"name": "window_pca"}, train__resume=True))
    ramp = np.linspace(0, 1, 600, dtype=np.float32).reshape(300, 2, 1, 1)
    make_reel(tmp_path / "others" / "it", ramp, 1.0, clip_length=16)
    others = config_of(tmp_path / "others", whole, train__resume=True)
    with pytest.raises(ConfigError, match=r"trained on other data: .*windows differ"):
        fit(others)
    assert check("train", others) == 2
    assert "trained on other data" in capsys.readouterr().out
