"""A pruned run: narrower, trained on, calibrated by itself, and exported beside the whole one."""

import json

import pytest

import main
from inference.export.exported import Exported
from inference.export.parity import NoParity, beyond, check
from inference.export.precision import PRUNED
from inference.export.prune import pruned_run
from inference.runner.bundle import Bundle
from tests.support.bundles import exported, trained_on_video
from tests.support.streams import settings
from training.checkpoint import load
from training.places import path_of

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with a bundle of half of its channels, in integers."""
    folder = tmp_path_factory.mktemp("pruned")
    run = trained_on_video(folder)
    # A net of 3 epochs is a toy: an epoch more or less may change its AUC by some hundredths. And 6 px, within which
    # events are one, are a quarter of its frames.
    given = ("export.prune_epochs=4", "export.auc_lost=0.2", "eval.group_distance_px=0")
    given = ("--prune", "0.5", "--precision", "int8", "--set", *given)
    exported(run, folder / "base.yaml", *given)
    return run


def test_the_bundle_is_of_a_run_with_fewer_weights_that_was_trained_on(run):
    whole, narrow = (load(path_of(folder, "best")) for folder in (run, run / "pruned" / "0.5"))
    sizes = [sum(w.numel() for w in checkpoint["model"].values()) for checkpoint in (whole, narrow)]
    assert sizes[1] < 0.6 * sizes[0]
    assert len(narrow["state"]["history"]) == 4
    bundle = Bundle.open(run / "export")
    assert bundle.about["weights_sha256"] == narrow["sha256"]
    assert (bundle.about["pruned"], bundle.about["precision"]) == (0.5, "int8")


def test_training_on_begins_with_what_the_whole_net_knows(run):
    whole, narrow = (load(path_of(folder, "best")) for folder in (run, run / "pruned" / "0.5"))
    from_nothing = whole["state"]["history"][0]["val_loss"]
    assert narrow["state"]["history"][0]["val_loss"] < from_nothing


def test_the_certificate_tells_of_the_whole_net_too(run):
    found = json.loads((run / "export" / "certificate.json").read_text())
    assert found["holds"]
    beside = found["beside_unpruned"]
    assert beside["holds"]
    assert beside["on"]["planted"]["planted_found"][0] > 0
    assert beside["on"]["planted"]["score_rms_noise"] > found["on"]["planted"]["score_rms_noise"]


def test_where_too_much_is_lost_no_bundle_is_written(run):
    found = json.loads((run / "export" / "certificate.json").read_text())["beside_unpruned"]
    theirs, ours = found["on"]["planted"]["auc"]
    found["on"]["planted"]["auc"] = [theirs, theirs - 0.25]
    (broken,) = beyond(found["on"]["planted"], PRUNED._replace(auc_lost=0.2))
    assert "0.250 of the AUC of planted anomalies are lost, and 0.2 are allowed" in broken
    with pytest.raises(NoParity, match="leave out fewer channels, train on for longer"):
        check(found | {"holds": False, "broken": [broken]})
    assert ours != theirs


def test_a_finished_run_is_taken_as_it_is_and_one_of_other_weights_refused(run):
    config = settings(run.parent, export__prune=0.5)
    whole = Exported(run, config)
    before = path_of(run / "pruned" / "0.5", "best").stat().st_mtime_ns
    assert pruned_run(whole, config) == run / "pruned" / "0.5"
    assert path_of(run / "pruned" / "0.5", "best").stat().st_mtime_ns == before
    whole.checkpoint["sha256"] = "another"
    with pytest.raises(FileExistsError, match=r"is of other weights than .* has now; remove it"):
        pruned_run(whole, config)


def test_an_interrupted_one_goes_on(run, monkeypatch):
    from inference.export import prune

    config = settings(run.parent, export__prune=0.25, export__prune_epochs=2)
    whole, fitted = Exported(run, config), prune.fit

    def interrupted(config, weights):
        fitted(config, weights)
        raise KeyboardInterrupt

    monkeypatch.setattr(prune, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pruned_run(whole, config)
    assert not json.loads((run / "pruned" / "0.25" / "pruned.json").read_text())["finished"]
    asked = []
    monkeypatch.setattr(prune, "fit", lambda config, weights: asked.append(config.train.resume) or fitted(config))
    pruned_run(whole, config)
    assert asked == [True]
    assert json.loads((run / "pruned" / "0.25" / "pruned.json").read_text())["finished"]


def test_without_the_reels_it_says_what_it_needs(run, capsys, tmp_path):
    (run.parent / "reels").rename(run.parent / "elsewhere")
    try:
        given = ["-m", "export", "-c", str(run.parent / "base.yaml"), "--prune", "0.75"]
        assert main.main(given) == 1
    finally:
        (run.parent / "elsewhere").rename(run.parent / "reels")
    assert "are not there; name them with --data-clips" in capsys.readouterr().err


def test_a_share_of_all_is_none(run, capsys):
    assert main.main(["-m", "export", "-c", str(run.parent / "base.yaml"), "--prune", "1.0"]) == 2
    assert "export.prune" in capsys.readouterr().err
