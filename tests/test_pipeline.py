"""The four modes through the command line, on a small video with a planted flash, as a user runs them."""

import errno
import json
import re
import shutil

import av
import cv2
import numpy as np
import pandas as pd
import pytest
import yaml

import main
from config import load
from data.pictures.movie import MovieWriter
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from tests.support.holder import held_elsewhere
from tests.support.reels import drifting_blobs, make_reel

pytestmark = pytest.mark.pictures

T, FLASH = 160, range(120, 123)  # shorter than half a window, or it would become background
SETTINGS = {
    "workers": 0,
    "device": "cpu",
    "prep": {"clip_length": 8, "stride": 2, "resize": [32, 32], "labels_csv": "labels.csv"},
    "model": {"stages": [{"width": 16}, {"width": 16, "stride": [2, 2, 2]}], "latent_channels": 4},
    "train": {
        "epochs": 3,
        "warmup_epochs": 1.0,
        "batch_size": 4,
        "loss": "mse",
        "exclude_utc": [["2024-01-01T01:50:00", "2024-01-01T03:00:00"]],
    },
    "eval": {"stride": 4, "false_alarms_per_day": 10.0, "scale_factor": 2},
}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder in which prep, review, train and eval have run."""
    folder = tmp_path_factory.mktemp("pipeline")
    frames = np.clip(drifting_blobs(T, 64, 64, noise=0.01)[:, 0] * 0.6, 0, 1)
    frames[list(FLASH), 20:30, 40:50] += 0.35
    (folder / "raw").mkdir()
    with MovieWriter(folder / "raw" / "cam.mp4", 10, (64, 64), crf=10) as writer:
        for frame in frames:
            writer.write(np.repeat((np.clip(frame, 0, 1) * 255).astype(np.uint8)[:, :, None], 3, axis=2))
    times = np.datetime64("2024-01-01T00:00:00", "s") + 60 * np.arange(T)
    pd.DataFrame({"frame": range(T), "time_utc": times.astype(str)}).to_csv(folder / "raw" / "cam.csv", index=False)
    pd.DataFrame({"start": [str(times[FLASH[0]])], "end": [str(times[FLASH[-1]])]}).to_csv(
        folder / "labels.csv", index=False
    )
    settings = SETTINGS | {"data_raw": "raw", "data_clips": "reels", "model_path": "run"}
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for mode in ("prep", "review", "train", "eval"):
            assert main.main(["-m", mode, "-c", "settings.yaml"]) == 0, mode
    return folder


@pytest.fixture
def inside(work, monkeypatch):
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def inside_copy(work, tmp_path, monkeypatch):
    """For what leaves something behind that others would meet."""
    copy = shutil.copytree(work, tmp_path / "copy")
    monkeypatch.chdir(copy)
    return copy


def run(*arguments: str) -> int:
    return main.main(["-m", "eval", "-c", "settings.yaml", *arguments])


def results(work):
    return work / "run" / "eval" / "cam"


def n_frames(path) -> int:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        return sum(1 for _ in container.decode(stream))


def test_eval_writes_everything_it_promises(work):
    names = {path.name for path in results(work).iterdir()}
    assert names == {
        *("scores.csv", "boxes.csv", "events.csv", "events.json", "summary.json", "timeline.png", "anomaly.mp4"),
        *("scores.f16", "config.yaml", "events.ecsv", "voevents", "report.html"),
    }
    assert n_frames(results(work) / "anomaly.mp4") == T


def test_every_frame_has_a_score_and_its_time(work):
    scores = pd.read_csv(results(work) / "scores.csv")
    assert scores["frame"].tolist() == list(range(T))
    assert scores[["mean", "max", "std"]].notna().all().all()
    assert scores["time_utc"].iloc[-1] == "2024-01-01T02:39:00.000"
    assert scores["max"].std() > 0


def test_the_flash_is_the_strongest_event_at_its_time_and_place(work):
    events = pd.read_csv(results(work) / "events.csv")
    top = events.sort_values("peak_score").iloc[-1]
    assert top["level"] == "high"
    assert top["frame_start"] in range(FLASH[0] - 1, FLASH[0] + 2)
    assert top["frame_end"] in range(FLASH[-1] - 1, FLASH[-1] + 3)
    assert top["x"] == pytest.approx((45 + 0.5) / 2 - 0.5, abs=1.5)  # 64 px to 32 px, pixel centres
    assert top["y"] == pytest.approx((25 + 0.5) / 2 - 0.5, abs=1.5)
    assert top["t_start"].startswith("2024-01-01T0")


def test_summary_counts_thresholds_and_metrics_agree_with_the_tables(work):
    summary = json.loads((results(work) / "summary.json").read_text())
    events, boxes = (pd.read_csv(results(work) / name) for name in ("events.csv", "boxes.csv"))
    assert summary["events"] + summary["events_instrument"] == len(events)
    assert summary["boxes"] == (boxes["level"] != "camera").sum()
    assert summary["events"] > 0
    assert summary["frames_scored"] == T
    assert 0 < summary["threshold_low"] <= summary["threshold_high"]
    assert (boxes["peak"] > summary["threshold_low"]).all()
    assert summary["metrics"]["frame_auc"] > 0.9
    assert summary["metrics"]["event_recall"] == 1.0
    assert summary["identity"]["reel"] == Reel(work / "reels" / "cam").meta["identity"]


def test_movie_only_draws_from_saved_scores_of_the_same_settings(inside, capsys):
    movie, summary = results(inside) / "anomaly.mp4", results(inside) / "summary.json"
    before = summary.read_bytes()
    movie.unlink()
    assert run("--movie_only", "--eval-mode", "heatmap") == 0
    assert "drawing from the saved scores" in capsys.readouterr().err
    assert n_frames(movie) == T
    assert summary.read_bytes() == before


def test_without_a_movie_all_else_is_the_same_and_it_can_be_drawn_later(inside, capsys):
    movie, files = results(inside) / "anomaly.mp4", ("scores.csv", "boxes.csv", "events.csv", "events.json")
    before = {name: (results(inside) / name).read_bytes() for name in files}
    assert run("--movie", "off") == 0
    assert not movie.exists()
    assert {name: (results(inside) / name).read_bytes() for name in files} == before
    assert '"movie":null' in (results(inside) / "report.html").read_text()
    assert run("--movie_only", "--movie", "off") == 2
    assert "leave out one of them" in capsys.readouterr().err
    assert run("--movie_only") == 0
    assert "drawing from the saved scores" in capsys.readouterr().err
    assert n_frames(movie) == T
    assert '"movie":{"src":"anomaly.mp4"' in (results(inside) / "report.html").read_text()


@pytest.mark.parametrize("arguments", [("--eval-diagnostic",), ("--set", "eval.smooth_px=2.0")])
def test_movie_only_computes_what_was_not_saved(inside, capsys, arguments):
    movie = results(inside) / "anomaly.mp4"
    movie.unlink()
    assert run("--movie_only", *arguments) == 0
    assert "saved scores" not in capsys.readouterr().err
    assert n_frames(movie) == T
    # Whatever is beside the movie is of the same thresholds and settings.
    summary, events = (json.loads((results(inside) / name).read_text()) for name in ("summary.json", "events.json"))
    settings = load(results(inside) / "config.yaml").eval
    assert summary["identity"] == events["identity"]
    assert summary["identity"]["settings"]["smooth_px"] == settings.smooth_px
    assert settings.diagnostic == (arguments == ("--eval-diagnostic",))
    assert f'"low":{summary["threshold_low"]}' in (results(inside) / "report.html").read_text()


def test_score_maps_are_kept_as_far_as_they_may_take_room(inside, capsys):
    """What is made of them is the same without them; what needs them is made again, and says why."""
    maps, limit = results(inside) / "scores.f16", "eval.score_maps_mb"
    assert run() == 0
    size_mb, scores = maps.stat().st_size / 1e6, (results(inside) / "scores.csv").read_bytes()
    report = (results(inside) / "report.html").stat().st_size
    assert run("--set", f"{limit}={size_mb:.7f}") == 0
    assert maps.is_file()
    assert run("--set", f"{limit}=0") == 0
    assert not maps.exists()
    assert f"take {size_mb:.3g} MB, {limit} 0" in capsys.readouterr().err
    assert (results(inside) / "scores.csv").read_bytes() == scores
    assert (results(inside) / "report.html").stat().st_size == pytest.approx(report, rel=0.01)
    assert run("--movie_only") == 0
    assert f"with score maps ({limit}), are there, so all are made" in capsys.readouterr().err
    assert maps.is_file()


def test_a_new_movie_leaves_the_settings_of_the_results_beside_it(inside):
    before = yaml.safe_load((results(inside) / "config.yaml").read_text())
    assert run("--movie_only", "--set", "eval.fps=5", "--set", "eval.smooth_px=" + str(before["eval"]["smooth_px"]),
               "--set", "eval.catalog_tolerance_min=3") == 0  # fmt: skip
    assert yaml.safe_load((results(inside) / "config.yaml").read_text()) == before | {
        "eval": before["eval"] | {"fps": 5.0}
    }
    assert '"fps":5' in (results(inside) / "report.html").read_text()


def test_an_evaluation_that_fails_at_its_very_end_leaves_the_former_results(inside_copy, monkeypatch, capsys):
    (results(inside_copy) / "notes.txt").write_text("of the user")
    before = {path: path.read_bytes() for path in results(inside_copy).rglob("*") if path.is_file()}

    def full(job):
        raise OSError(errno.ENOSPC, "No space left on device", str(job.out / "report.html"))

    monkeypatch.setattr("inference.evaluate_reel.write_report", full)
    assert run("--set", "eval.threshold_low=3", "--set", "eval.threshold_high=4") == 1
    assert "make room on the disk" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in results(inside_copy).rglob("*") if path.is_file()} == before
    assert [path.name for path in results(inside_copy).parent.iterdir()] == ["cam"]


@pytest.mark.parametrize(
    ("arguments", "folder"), [(("prep",), "reels"), (("train", "--resume"), "run"), (("eval",), "run")]
)
def test_the_second_of_two_ends_in_a_line(inside, capsys, arguments, folder):
    command = ["-m", *arguments, "-c", "settings.yaml", "--log-level", "error"]
    with held_elsewhere(inside / folder, "eval"):
        assert main.main(command) == 1
        assert re.fullmatch(r"error: \S+ is in use: eval, process .*; wait until .*\n", capsys.readouterr().err)
        assert main.main(["--check", *command]) == 2
    assert re.search(r"^wrong: \S+ is in use: eval, process ", capsys.readouterr().out, re.MULTILINE)


def test_eval_takes_the_models_settings_from_the_run(inside):
    assert run("--set", "model.latent_channels=7", "--set", "prep.clip_length=16") == 0
    written = yaml.safe_load((results(inside) / "config.yaml").read_text())
    assert written["eval"]["stride"] == 4


def test_a_reel_of_another_shape_is_refused_with_the_way_out(inside, tmp_path, capsys):
    make_reel(tmp_path / "other", drifting_blobs(40, 24, 24), 60.0)
    assert run("--data-clips", str(tmp_path)) == 1
    assert "prep.resize [32, 32]" in capsys.readouterr().err


def test_a_reel_shorter_than_a_window_is_said_not_scored(inside, tmp_path, capsys):
    make_reel(tmp_path / "short", drifting_blobs(5, 32, 32), 60.0, clip_length=None)
    assert run("--data-clips", str(tmp_path)) == 1
    assert "short: no stretch without a gap holds the 8 frames" in capsys.readouterr().err


def test_frames_in_a_short_stretch_have_no_score_and_are_counted(inside_copy, tmp_path, capsys):
    times = np.arange(40) * 60.0
    times[35:] += 900
    make_reel(tmp_path / "gap", drifting_blobs(40, 32, 32), 60.0, times_s=times, channels=["gray"])
    assert run("--data-clips", str(tmp_path / "gap")) == 0
    scores = pd.read_csv(inside_copy / "run" / "eval" / "gap" / "scores.csv")
    assert scores["max"].isna().tolist() == [False] * 35 + [True] * 5
    assert "5 frames lie in stretches shorter" in capsys.readouterr().err


def test_run_keeps_its_config_seed_and_versions(work):
    facts = json.loads((work / "run" / "run.json").read_text())
    assert facts["seed"] == 0
    assert "torch" in facts["versions"]
    assert yaml.safe_load((work / "run" / "config.yaml").read_text())["train"]["epochs"] == 3


def first_quiet_minute(events: pd.DataFrame, minutes: int) -> int:
    """Of the first so many frames, a minute each, in which no event is."""
    taken = np.zeros(T, bool)
    for event in events.itertuples():
        taken[event.frame_start : event.frame_end + 1] = True
    return next(m for m in range(T - minutes) if not taken[m : m + minutes].any())


def test_events_are_compared_with_a_catalogue_and_nothing_else_changes(inside):
    before = json.loads((results(inside) / "summary.json").read_text())
    flares = "start,peak,end,class\n2024-01-01T01:59:00,2024-01-01T02:01:00,2024-01-01T02:04:00,M1.0\n"
    quiet = first_quiet_minute(pd.read_csv(results(inside) / "events.csv"), minutes=6)
    start, peak, end = (f"2024-01-01T{m // 60:02d}:{m % 60:02d}:00" for m in (quiet + 2, quiet + 3, quiet + 4))
    (inside / "flares.csv").write_text(f"{flares}{start},{peak},{end},C2.0\n")
    assert run("--set", "eval.catalog=flares.csv", "--set", "eval.catalog_tolerance_min=1") == 0
    summary = json.loads((results(inside) / "summary.json").read_text())
    found = pd.read_csv(results(inside) / "matches.csv").set_index("goes_class")
    assert found["status"].to_dict() == {"M1.0": "found", "C2.0": "missed"}
    assert summary["catalog"]["by_class"]["M"]["recall"] == 1.0
    assert len(summary["catalog"]["unconfirmed_events"]) == summary["catalog"]["events_unconfirmed"]
    assert summary["identity"] == before["identity"]
    assert run() == 0
    assert not (results(inside) / "matches.csv").exists()
    assert summary["events"] == before["events"]


def test_a_bad_catalogue_is_an_error_before_the_scoring(inside, capsys):
    (inside / "bad.csv").write_text("when,what\n1,2\n")
    assert run("--set", "eval.catalog=bad.csv") == 1
    error = capsys.readouterr().err
    assert "bad.csv" in error
    assert "evaluating" not in error


def test_fluxes_of_the_same_time_are_drawn_under_the_timeline(inside, tmp_path):
    flux = np.full((200, 2, 1, 1), 0.3, np.float32)
    flux[120:130] = 0.8
    scale = [Stretch("asinh", 1e-8, 1e-4)] * 2
    start = "2024-01-01T00:00:00"
    make_reel(
        tmp_path / "goes", flux, 60.0, start_utc=start, channels=["xrsa", "xrsb"], stretch=scale, clip_length=None
    )
    alone = (results(inside) / "timeline.png").read_bytes()
    assert run("--set", f"eval.xrs={tmp_path / 'goes'}") == 0
    with_fluxes = (results(inside) / "timeline.png").read_bytes()
    heights = [cv2.imdecode(np.frombuffer(b, np.uint8), cv2.IMREAD_GRAYSCALE).shape[0] for b in (alone, with_fluxes)]
    assert heights[1] > heights[0]
    make_reel(tmp_path / "other", flux, 60.0, channels=["a", "b"], clip_length=None)
    assert run("--set", f"eval.xrs={tmp_path / 'other'}") == 1
