"""Following frames of a whole disc: clouds and lost blocks are the camera's, as eval tells them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import main
from config import load
from inference.camera.watch import CLOUDS, MISSING
from inference.follow.records import parts
from tests.support.clouds import PIXEL_ARCSEC, SIDE, disc, transmission
from tests.support.fits_files import SKY, fits_bytes, header
from tests.support.no_pictures import without_pictures
from tests.support.streams import followed
from tests.support.sun_events import RSUN_ARCSEC, spot

FRAMES, CADENCE_S, BLOCK = 64, 6.0, 60
QUIET, WATCHED = np.split(disc(2 * FRAMES), 2)
PLACE: dict[str, Any] = {
    "CRPIX1": 48.5,
    "CRPIX2": 48.5,
    "CDELT1": PIXEL_ARCSEC,
    "CDELT2": PIXEL_ARCSEC,
    "RSUN_OBS": RSUN_ARCSEC,
} | SKY


def write(folder: Path, flux: np.ndarray, first: int) -> None:
    folder.mkdir(exist_ok=True)
    for n, frame in enumerate(flux, first):
        cards = header(n * CADENCE_S, exptime_s=1.0, LVL_NUM=1.5, **PLACE)
        (folder / f"f{n:04d}.fits").write_bytes(fits_bytes(np.round(frame).astype(np.int16), cards))


def watched() -> np.ndarray:
    """A flare from frame 20 on, over before clouds in frames 32 to 46, and a block that is lost in one frame."""
    flux = spot(WATCHED, 50, 45, 1, CADENCE_S, None, rise=2, fade=2, strength=6.0)
    flux *= transmission(FRAMES, 32, 46, 0.5, 0.5, seed=3)
    flux[BLOCK, 30:60, 30:60] = 0
    return flux


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clouds")
    write(folder / "quiet", QUIET, 0)
    write(folder / "watched", watched(), FRAMES)
    sections = {
        "data_clips": str(folder / "reels"), "model_path": str(folder / "run"), "workers": 0, "device": "cpu",
        "prep": {"resize": [SIDE, SIDE], "clip_length": 8, "stride": 1},
        "model": {"name": "excess"},
        "eval": {
            "score": "residual", "common_mode": False, "smooth_px": 0.0, "min_area": 3, "min_frames": 2,
            "group_distance_px": 6.0, "link_gap_frames": 4, "fps": 1, "threshold_low": 8.0, "threshold_high": 12.0,
            "follow_poll_s": 0.02, "follow_late_s": 0.0, "follow_idle_s": 0.1,
        },
    }  # fmt: skip
    (folder / "c.yaml").write_text(json.dumps(sections))
    start = ["-c", str(folder / "c.yaml")]
    stretch = ["--set", f"prep.stretch_from={folder / 'reels' / 'aia_171'}"]
    new = ["--data-raw", str(folder / "watched"), "--data-clips", str(folder / "new")]
    with without_pictures():
        assert main.main(["-m", "prep", *start, "--data-raw", str(folder / "quiet")]) == 0
        assert main.main(["-m", "train", *start]) == 0
        assert main.main(["-m", "prep", *start, *new, *stretch]) == 0
        assert main.main(["-m", "eval", *start, "--data-clips", str(folder / "new")]) == 0
    return folder


def told(work: Path, place: Path) -> dict[int, dict]:
    """The last "closed" record of every event."""
    folder = followed(load(work / "c.yaml", {"eval.follow": str(place)}))
    lines = (json.loads(line) for part in parts(folder / "events.jsonl") for line in part.read_text().splitlines())
    return {record["event"]: record for record in lines if record["type"] == "closed"}


def seen(events) -> list[tuple]:
    return sorted((e["frame_start"], e["frame_end"], e["kind"], e["instrument"] or "") for e in events)


def expected(work: Path) -> list[dict]:
    return json.loads((work / "run" / "eval" / "aia_171" / "events.json").read_text())["events"]


def test_clouds_and_lost_blocks_are_told_as_by_eval(work):
    events = expected(work)
    assert {CLOUDS, MISSING} <= {e["instrument"] for e in events}
    assert [e["frame_start"] for e in events if not e["instrument"]] == [20]  # the flare
    assert seen(told(work, work / "watched").values()) == seen(events)


def test_a_stop_amid_the_clouds_changes_nothing_of_them(work, tmp_path):
    place, files = tmp_path / "in", sorted((work / "watched").iterdir())
    place.mkdir()
    for some in (files[:40], files[40:]):
        for path in some:
            (place / path.name).write_bytes(path.read_bytes())
        last = told(work, place)
    assert seen(last.values()) == seen(expected(work))
