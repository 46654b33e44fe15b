"""Methods in bundles: each scores there as its checkpoint does, and none of them needs PyTorch."""

import json
from dataclasses import replace

import numpy as np
import pytest

from config import Config, ExportConfig
from data.reel.reel import find_reels
from inference.export import export as exporting
from inference.export.export import export, facts_of, form_of_run, write_scorer
from inference.export.exported import Exported
from inference.export.parity import found_by
from inference.export.precision import PRECISIONS
from inference.fit import fit
from inference.methods import FOR_SERIES, METHODS
from inference.methods.fit import fit_method
from inference.runner.bundle import Bundle
from inference.runner.nets import Nets
from inference.runner.run import Runner
from inference.runner.scorers import scorer_in
from inference.scorers.load import load_scorer
from tests.support.bundles import run_without_torch
from tests.support.reels import drifting_blobs, make_reel
from tests.support.trainings import small_config

pytestmark = pytest.mark.usefixtures("one_thread")
WITH_A_NET = ("expected",)
OF_PICTURES = [name for name in METHODS if name not in (*WITH_A_NET, *FOR_SERIES)]


def scene(folder, n: int = 160):
    """Reels of blobs that drift."""
    make_reel(folder / "reels" / "scene", drifting_blobs(n, 24, 32, speed=0.7), cadence_s=0.04, start_utc=None)
    return folder


def table(folder, n: int = 400):
    """Reels of three variables that swing."""
    t = np.arange(n)
    values = np.stack([np.sin(t / 5), np.cos(t / 7), np.sin(t / 3)], 1) / 4 + 0.5
    values += 0.01 * np.random.default_rng(0).standard_normal(values.shape)
    shown = {"cadence_s": 60.0, "channels": ["flow", "heat", "noise"], "start_utc": None}
    make_reel(folder / "reels" / "pump", np.float32(values)[:, :, None, None], **shown)
    return folder


def run_of(folder, name: str, **settings) -> Config:
    """The config of a fitted method."""
    wanted = {"eval__false_alarms_per_day": 3000.0, "model": {"name": name}} | settings
    chosen = small_config(folder / "reels", folder / "run", **wanted)
    fit(chosen)
    return chosen


def certificate(bundle) -> dict:
    return json.loads((bundle / "certificate.json").read_text())


@pytest.mark.parametrize(("made", "name"), [*((scene, n) for n in OF_PICTURES), *((table, n) for n in FOR_SERIES)])
def test_what_leaves_pytorch_scores_as_the_method(tmp_path, made, name):
    chosen = small_config(made(tmp_path) / "reels", tmp_path / "run", model={"name": name})
    run = fit_method(chosen)
    scorer, _ = load_scorer(run, "cpu")
    scorer.prepare(run, chosen)
    exported = Exported(run, chosen)
    about = json.loads(json.dumps(facts_of(exported, chosen)))
    write_scorer(Nets.of(tmp_path, about), exported, PRECISIONS["fp32"])
    ours = scorer_in(tmp_path, about, 1)
    (reel,) = find_reels(tmp_path / "reels")
    wanted = scorer.settings_on(reel, chosen.eval)
    theirs, ours = (np.array([f.residual for f in s.frames(reel, 0, 60, wanted)]) for s in (scorer, ours))
    assert np.nanstd(theirs) > 0
    np.testing.assert_array_equal(ours, theirs)  # without a net nothing is computed otherwise


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """A folder with a run of `expected`, its config, and its bundle."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inference.methods.motion.looks.STEPS", 60)
        folder = scene(tmp_path_factory.mktemp("expected"))
        # Motion sees no spots of light, so the events that are compared have to be there without them.
        chosen = run_of(folder, "expected", eval__threshold_low=0.5, eval__threshold_high=0.6)
        return folder, chosen, export(chosen)


def test_the_net_of_expected_leaves_pytorch(expected):
    folder, _, bundle = expected
    assert {"net.onnx", "fitted.npz"} <= set(Bundle.open(bundle).about["files"])
    found = certificate(bundle)
    assert 0 < found["score_difference"] < 1e-4
    assert found["on"]["planted"]["events"][0] == found["on"]["planted"]["events"][1] > 0
    assert not found["on"]["planted"]["common_mode"]  # so not one score may jump
    done = run_without_torch(bundle, folder / "reels", "--threads", "1")
    assert done.returncode == 0, done.stderr
    (reel,) = find_reels(folder / "reels")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"type": "event", "stream": reel.name, **e} for e in Runner(bundle, 1).of_reel(reel)
    ]


def test_its_net_can_compute_in_integers_with_the_thresholds_of_the_run(expected, tmp_path, monkeypatch):
    _, chosen, plain = expected
    traced = (plain / "net.onnx").read_bytes()  # to trace the same net again takes most of an export
    monkeypatch.setattr(exporting, "as_onnx", lambda net, *form: traced)
    made = export(replace(chosen, export=ExportConfig(precision="int8", to=str(tmp_path / "bundle"))))
    own, kept = (Bundle.open(folder).calibration(["intensity"]).levels for folder in (made, plain))
    np.testing.assert_array_equal(own, kept)
    theirs, ours = certificate(made)["on"]["quiet"]["events"]
    assert ours <= theirs
    assert certificate(made)["on"]["planted"]["score_rms_noise"] > 1e-4


def test_a_bundle_of_a_method_for_series_has_nothing_to_lose(tmp_path, caplog):
    chosen = run_of(table(tmp_path), "sub_pca")
    caplog.clear()
    bundle = export(chosen)
    assert sum("no threshold gives" in record.message for record in caplog.records) == 1
    found = certificate(bundle)
    assert found["score_difference"] == 0
    assert found["on"]["planted"]["events"][0] > 0
    (reel,) = find_reels(tmp_path / "reels")
    exported = Exported(tmp_path / "run", chosen)
    theirs = json.loads(found_by(exported.job(reel, exported.scorer)).events.to_json(orient="records"))
    assert [e["frame_start"] for e in Runner(bundle).of_reel(reel)] == [e["frame_start"] for e in theirs]
    refused = ({"precision": "int8"}, "has no net; choose fp32"), ({"format": "openvino"}, "has no net; choose onnx")
    for wanted, why in (*refused, ({"prune": 0.5}, "can't be pruned")):
        with pytest.raises(ValueError, match=why):
            export(replace(chosen, export=ExportConfig(**wanted)))


def test_a_method_that_compares_a_whole_recording_is_of_no_video(expected, monkeypatch):
    folder, chosen, _ = expected
    monkeypatch.setattr("inference.methods.motion.expected.Expected.sees_all", True)
    form, why = form_of_run(Exported(folder / "run", chosen))
    assert form is None
    assert "compares the frames of a whole recording" in why
