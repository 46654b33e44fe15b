"""A video that grows or is served, a run that follows it, and the same offline."""

import hashlib
import json
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from config import load
from data.live.live_reel import Form
from data.live.live_source import LiveSource, Picture
from data.prepare_data import prep
from data.reel.reel import Reel
from inference.detection import detections
from inference.events.facts import describe
from inference.events.instrument import camera_frames
from inference.events.tables import events_json
from inference.follow.all_streams import follow_all
from inference.follow.judging import feeding, live_frames, live_reel
from inference.follow.records import parts
from inference.follow.stream import training_reel
from inference.job import make_job
from inference.results.results import Results, short_identity
from inference.scorers.base import score_reel
from inference.scorers.load import load_scorer
from tests.support.reels import drifting_blobs
from tests.support.trainings import SMALL_MODEL
from training.places import path_of

FPS, HEIGHT, WIDTH = 25, 24, 32
FLASH = range(60, 63)
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


def scenes(n: int, flash=()) -> np.ndarray:
    """Gray frames (n, HEIGHT, WIDTH) uint8 with a planted flash."""
    frames = 200 * np.clip(drifting_blobs(n, HEIGHT, WIDTH, speed=0.5, seed=1)[:, 0] * 0.6, 0, 1)
    frames[list(flash), 6:12, 18:24] += 90
    return np.clip(frames, 0, 255).astype(np.uint8)


def write(path: Path, frames: np.ndarray, kind: str = "", pause_s: float = 0.0, options=None) -> Path:
    """Encode frames into a file that grows, flushed packet by packet; without B-frames nothing is held back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = FRAGMENTED if path.suffix == ".mp4" and options is None else options or {}
    with av.open(str(path), "w", format=kind or None, options={"flush_packets": "1", **options}) as container:
        stream = container.add_stream("libx264", rate=FPS, options={"g": "10", "bf": "0", "tune": "zerolatency"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for i, frame in enumerate(frames):
            rgb = np.repeat(frame[..., None], 3, axis=2)
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            picture.pts, picture.time_base = i, Fraction(1, FPS)
            container.mux(stream.encode(picture))
            time.sleep(pause_s)
        container.mux(stream.encode(None))
    return path


ONE_STEP = ["--set", "model={}", "--set", "train={}"]  # in place of the settings of a net


def plain(folder: Path) -> dict:
    return {
        "data_raw": str(folder / "raw"),
        "data_clips": str(folder / "reels"),
        "model_path": str(folder / "run"),
        "workers": 0,
        "device": "cpu",
        "prep": {"resize": None, "clip_length": 8},
        "model": SMALL_MODEL,
        "train": {"epochs": 3, "batch_size": 4, "warmup_epochs": 1.0, "lr": 1e-2, "loss": "mse"},
        # As many as 160 quiet frames can promise.
        "eval": {"stride": 4, "false_alarms_per_day": 3000.0},
    }


def settings(folder: Path, **keys):
    raw = plain(folder)
    (folder / "base.yaml").write_text(json.dumps(raw))
    return load(folder / "base.yaml", {key.replace("__", "."): value for key, value in keys.items()})


class CountedSource(LiveSource):
    """Stops by itself once as many pictures came as are expected: a busy machine may rest where a stream would end."""

    expected = 10**9

    def pictures(self):
        number = 0
        for picture in super().pictures():
            number += picture is not None
            if number == self.expected:
                self.stop.set()
            yield picture


def live(work, address, run="run", **keys):
    """Scorer, LiveReel and LiveSource as `follow` makes them. Where nothing more is written, 0.4 s are enough."""
    config = settings(work, eval__follow=str(address), **{"eval__follow_timeout_s": 0.4, **keys})
    scorer, _ = load_scorer(work / run, "cpu", config.eval)
    trained_on = training_reel(work / run)
    form = Form.of(trained_on, config)
    source = CountedSource(config.eval, config.prep, form.in_colour)
    return scorer, live_reel(source, scorer, form, 3.0, config.eval), source, config.eval


def scored_live(scorer, reel, source, eval_settings, expected=CountedSource.expected, behind=1) -> list:
    """Scores as they come. behind: of as many frames that are read one is scored, whatever the machine could do."""
    found, source.expected = [], expected
    with feeding(reel, source):
        for frame in live_frames(scorer, reel, eval_settings):
            found.append((reel.moment(frame.index)[0], frame))
            reel.release(frame.index + 1)
            until(lambda: reel.counts["read"] >= min(behind * len(found), expected))
    return found


def scored_offline(work, path: Path, folder: Path, run="run", **keys) -> list:
    config = settings(work, **keys, data_raw=str(path), data_clips=str(folder / "offline"))
    (made,) = prep(config)
    reel = Reel(made)
    scorer, _ = load_scorer(work / run, "cpu", config.eval)
    return [(reel.times_s[f.index], f) for f in score_reel(scorer, reel, config.eval)]


def records(run: Path, name: str) -> list[dict]:
    found = parts(run / "follow" / name / "events.jsonl")
    return [json.loads(line) for part in found for line in part.read_text().splitlines()]


def assert_same(live_scores, offline_scores):
    assert len(live_scores) == len(offline_scores)
    for (time_a, a), (time_b, b) in zip(live_scores, offline_scores, strict=True):
        assert time_a == pytest.approx(time_b, abs=2e-3)
        np.testing.assert_array_equal(a.frame, b.frame)
        np.testing.assert_allclose(a.residual, b.residual, rtol=1e-4, atol=1e-5)
        assert a.common == pytest.approx(b.common, abs=1e-5)


PATIENT = {"eval__follow_timeout_s": 60.0}
NOTHING = b"\x47\x1f\xff\x10" + bytes(184)  # a null packet of MPEG-TS: the stream goes on


def until(condition, every_s=0.02, deadline_s=200.0, meanwhile=lambda: None):
    """Wait for a condition; fails when it never comes."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end
        meanwhile()
        time.sleep(every_s)


def end_with(writer: threading.Thread, source: LiveSource):
    """What has come to its end when all is written has ended: it need not be waited for."""
    writer.join()
    until(lambda: hasattr(source, "file"))
    source.file.timeout_s = 0.0


def has_opened(log: Path) -> bool:
    """Whether an event was told of. The last line may be in the making."""
    lines = log.read_text().split("\n")[:-1] if log.is_file() else []
    return any(json.loads(line)["type"] == "open" for line in lines)


def offline_events(work, path: Path, folder: Path) -> list[dict]:
    """The events of events.json, by eval's own parts and without its pictures."""
    config = settings(work, data_raw=str(path), data_clips=str(folder / "offline"))
    reel = Reel(prep(config)[0])
    scorer, _ = load_scorer(work / "run", "cpu")
    weights = hashlib.sha256(path_of(work / "run", "best").read_bytes()).hexdigest()
    job = make_job(reel, work / "run", scorer, weights, config.eval)
    results = Results(reel, job.settings)
    for found in detections(job):
        results.add(found.scored.index, found.score, found.boxes, found.scored.common)
    events, camera = results.events + results.linker.finish(), camera_frames(results.common)
    table = describe(events, reel, None, camera, job.high, short_identity(job.identity))
    return json.loads(events_json(table, {}))["events"]


def shot(i: int, can_wait=False, is_gap=False) -> Picture:
    return Picture(np.full((HEIGHT, WIDTH), i % 256, np.uint8), i / FPS, 1 / FPS, is_gap, can_wait)


def followed(config) -> Path:
    """The folder of results of the one stream that a config follows, when that has ended."""
    (folder,) = follow_all(config)
    return folder
