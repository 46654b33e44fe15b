"""Following a folder or an index of FITS files: prep's pixels and eval's events, however the files come."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

import main
from config import Config, PrepConfig, load
from data.disk.damage import Damaged
from data.live.frame_files import FolderFiles
from data.live.frame_form import FrameForm
from data.live.frame_reel import FrameReel
from data.live.live_reel import Form
from data.live.live_source import Picture
from data.prepare_data import prep
from data.reel.reel import Reel
from inference.events.boxes import Box
from inference.follow.records import parts
from tests.support.fits_files import SKY, fits_bytes, header
from tests.support.http_server import fine, send, serving
from tests.support.no_pictures import without_pictures
from tests.support.streams import followed

SIDE, QUIET, WATCHED, FLARE = 48, 60, 48, range(20, 34)
RIBBON = range(27, 31)  # 58 arcsec away from the flare, within its first two minutes
CADENCE_S = 12.0


def pixels(n: int, flare: bool = False) -> np.ndarray:
    """A quiet Sun with photon noise; with a flare that rises within three frames, and a remote ribbon."""
    random = np.random.default_rng(1000 + n)
    mottled = cv2.GaussianBlur(np.random.default_rng(0).standard_normal((SIDE, SIDE)), (0, 0), 3)
    scene = 300 * np.exp(2 * mottled)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    since = n - QUIET - FLARE.start
    if flare and 0 <= since < len(FLARE):
        scene += 4000 * min((since + 1) / 3, 1) * np.exp(-((rows - 20) ** 2 + (columns - 28) ** 2) / 12)
    if flare and n - QUIET in RIBBON:
        scene += 2500 * np.exp(-((rows - 38) ** 2 + (columns - 12) ** 2) / 12)
    return random.poisson(scene).astype(np.int16)


def frame(n: int, flare: bool = True, **cards: Any) -> bytes:
    """The n-th frame, whose pixels a camera turned by 2 degrees has taken."""
    place: dict[str, Any] = {
        "CRPIX1": 24.5,
        "CRPIX2": 24.5,
        "CDELT1": 2.4,
        "CDELT2": 2.4,
        "CRVAL1": 200.0,
        "CROTA2": 2.0,
    } | SKY
    cards = place | {"DSUN_OBS": 1.5e11} | cards
    return fits_bytes(pixels(n, flare), header(n * CADENCE_S, exptime_s=2.0, **cards))


def named(n: int) -> str:
    return f"f{n:04d}.fits"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a run of excess on quiet frames, and what eval finds in those that are watched."""
    folder = tmp_path_factory.mktemp("frames")
    for place, span in (("quiet", range(QUIET)), ("watched", range(QUIET, QUIET + WATCHED))):
        (folder / place).mkdir()
        for n in span:
            (folder / place / named(n)).write_bytes(frame(n))
    (folder / "c.yaml").write_text(
        json.dumps(
            {
                "data_raw": str(folder / "quiet"),
                "data_clips": str(folder / "reels"),
                "model_path": str(folder / "run"),
                "workers": 0,
                "device": "cpu",
                "prep": {"resize": [SIDE, SIDE], "clip_length": 8, "stride": 1, "rsun_arcsec": 960.0},
                "model": {"name": "excess"},
                "eval": {
                    "score": "residual",
                    "common_mode": False,
                    "smooth_px": 0.0,
                    "min_area": 3,
                    "min_frames": 2,
                    "threshold_low": 8.0,
                    "threshold_high": 12.0,
                    "group_distance_px": 6.0,
                    "group_distance_arcsec": 150.0,
                    "group_within_min": 2.0,
                    "link_gap_frames": 4,
                    "follow_poll_s": 0.02,
                    "follow_late_s": 0.0,
                    "follow_idle_s": 0.1,
                },
            }
        )
    )
    with without_pictures():
        evaluated(folder)
    return folder


def evaluated(folder: Path) -> None:
    for mode in ("prep", "train"):
        assert main.main(["-m", mode, "-c", str(folder / "c.yaml")]) == 0
    new = ["--data-raw", str(folder / "watched"), "--data-clips", str(folder / "new")]
    stretch = ["--set", f"prep.stretch_from={folder / 'reels' / 'aia_171'}"]
    assert main.main(["-m", "prep", "-c", str(folder / "c.yaml"), *new, *stretch]) == 0
    assert main.main(["-m", "eval", "-c", str(folder / "c.yaml"), *new, "--set", "eval.fps=1"]) == 0


def settings(work: Path, address: Path | str, **keys):
    told = {f"eval.{name}": value for name, value in keys.items()} | {"eval.follow": str(address)}
    return load(work / "c.yaml", told)


def records(folder: Path, kind: str) -> list[dict]:
    lines = (line for part in parts(folder / "events.jsonl") for line in part.read_text().splitlines())
    return [record for record in map(json.loads, lines) if record["type"] == kind]


def arrive(place: Path, numbers) -> Path:
    place.mkdir(exist_ok=True)
    for n in numbers:
        (place / named(n)).write_bytes(frame(n))
    return place


def rows(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "reel" / "frames.csv", keep_default_na=False).set_index("source")


def is_alike(one, other) -> bool:
    is_number = isinstance(one, float) and isinstance(other, float)
    return one == (pytest.approx(other, rel=1e-5, abs=1e-4) if is_number else other)


def assert_as_eval(work: Path, closed: list[dict]) -> None:
    """The same events as eval's, with sky, kind and back-dated start; but for numbers and identity."""
    expected = json.loads((work / "run" / "eval" / "aia_171" / "events.json").read_text())["events"]
    assert len(closed) == len(expected) >= 1
    for told, event in zip(closed, expected, strict=True):
        same = event.keys() - {"reel", "config", "model", "channel", "event"}
        different = {k: (told[k], event[k]) for k in same if not is_alike(told[k], event[k])}
        assert not different


def test_a_folder_has_the_frames_of_prep_and_the_events_of_eval(work, tmp_path):
    folder = followed(settings(work, work / "watched"))
    stored = Reel(work / "new" / "aia_171")
    shape = (-1, 1, SIDE, SIDE)
    kept = np.memmap(folder / "reel" / "frames.dat", np.float32, "r").reshape(shape)[: len(stored)]
    assert np.array_equal(kept, stored.frames)
    closed = records(folder, "closed")
    assert_as_eval(work, closed)
    assert closed[0]["kind"] == "brightening"
    assert closed[0]["parts"] >= 2  # the ribbon is of the flare
    assert closed[0]["t_start"]
    opened = records(folder, "open")
    assert [o["event"] for o in opened] == [c["event"] for c in closed]
    assert opened[0]["so_far"]
    assert opened[0]["kind"] == "brightening"
    assert opened[0]["hpc_x_arcsec"] is not None
    assert opened[0]["t"] == "2012-07-19T07:46:14.000"
    assert opened[0]["frame"] <= FLARE.start + 2  # seen at once, not a block later


def test_going_on_after_a_stop_inside_an_event_is_as_if_there_was_none(work, tmp_path):
    place = arrive(tmp_path / "in", range(QUIET, QUIET + 26))
    folder = followed(settings(work, place))
    assert records(folder, "closed")  # as far as it was seen
    arrive(place, range(QUIET + 26, QUIET + WATCHED))
    assert followed(settings(work, place)) == folder
    last = {record["event"]: record for record in records(folder, "closed")}
    assert_as_eval(work, list(last.values()))
    assert len(records(folder, "open")) == len(last)
    assert records(folder, "started")[1]["goes_on_at"] == 26
    assert rows(folder)["index"].astype(int).tolist() == list(range(WATCHED))


def test_what_comes_in_disorder_is_taken_once_or_is_a_row(work, tmp_path):
    place = arrive(tmp_path / "in", [QUIET + n for n in (3, 1, 0, 5, 4, 2)])
    (place / "copy.fits").write_bytes(frame(QUIET + 1))
    (place / "other.fits").write_bytes(frame(QUIET + 1, WAVELNTH=193))
    (place / "bad.fits").write_bytes(frame(QUIET + 6)[:-4000])
    (place / "notes.txt").write_text("no frame")
    (place / "late.fits.part").write_bytes(frame(QUIET + 7))
    (place / ".hidden.fits").write_bytes(frame(QUIET + 7))
    folder = followed(settings(work, place))
    assert rows(folder)["index"][[named(QUIET + n) for n in range(2, 6)]].astype(float).tolist() == [2, 3, 4, 5]
    reasons = rows(folder)["reason"]
    assert reasons["other.fits"] == "aia_193, and the model was trained on aia_171"
    assert reasons["notes.txt"] == "no FITS file and no picture"
    assert "truncated" in reasons["bad.fits"]
    assert (reasons.loc[["copy.fits", named(QUIET + 1)]].str.startswith("same time as ")).sum() == 1
    assert len(records(folder, "left_out")) == 4
    assert "late.fits.part" not in reasons
    (place / "bad.fits").write_bytes(frame(QUIET + 6))  # whole at last
    (place / "late.fits.part").rename(place / "late.fits")
    (place / "older.fits").write_bytes(frame(QUIET - 3))
    followed(settings(work, place))
    found = rows(folder).groupby(level=0).last()
    assert found["index"][["bad.fits", "late.fits"]].astype(float).tolist() == [6, 7]
    assert found["reason"]["older.fits"].startswith("late: frames up to 2012-07-19T07:43:")


def test_a_missing_frame_is_waited_for(work, tmp_path, monkeypatch):
    place = arrive(tmp_path / "in", [QUIET + n for n in (0, 1, 2, 4, 5)])
    is_over, looks = FrameReel._is_over, []

    def waited(reel):
        looks.append(reel.kept.end)
        if len(looks) == 1:
            arrive(place, [QUIET + 3])
        return is_over(reel)

    monkeypatch.setattr(FrameReel, "_is_over", waited)
    folder = followed(settings(work, place, follow_late_s=60.0))
    assert looks[0] == 3
    assert rows(folder)["index"].astype(int).tolist() == list(range(6))
    assert rows(folder).index[3] == named(QUIET + 3)


@pytest.mark.parametrize("wrong", [1, 3])
def test_a_clock_that_went_wrong_once_makes_no_later_frame_late(work, tmp_path, wrong):
    """wrong: the frame whose header says 2036; it comes while others are still to come."""
    clock = {"T_OBS": "2036-01-01T00:00:00", "DATE_OBS_": "2036-01-01T00:00:00"}
    place = arrive(tmp_path / "in", [QUIET + n for n in range(wrong)])
    (place / named(QUIET + wrong)).write_bytes(frame(QUIET + wrong, **clock))
    followed(settings(work, place))
    arrive(place, [QUIET + n for n in range(wrong + 1, 7)])
    found = rows(followed(settings(work, place)))
    assert found["accepted"].to_dict() == {named(QUIET + n): n != wrong for n in range(7)}
    assert found["reason"][named(QUIET + wrong)].startswith("its time is far beyond 2012-07-19T07:4")


def test_files_that_are_late_one_after_the_other_are_said_once(work, tmp_path, capfd):
    place = arrive(tmp_path / "in", [QUIET + 40])
    followed(settings(work, place))
    arrive(place, range(QUIET, QUIET + 12))
    followed(settings(work, place))
    assert capfd.readouterr().err.count("10 files in a row are of before 2012-07-19T07:5") == 1


def test_of_a_file_that_is_replaced_while_it_is_read_the_later_one_is_taken(work, tmp_path, monkeypatch):
    """As latest.fits of an instrument: the header of one, and the pixels of the next under its time."""
    (place := tmp_path / "in").mkdir()
    (place / "latest.fits").write_bytes(frame(QUIET))
    made, calls = FrameForm.made, []

    def slowly(form, candidate):
        if not calls:
            (place / ".new").write_bytes(frame(QUIET + 1))
            (place / ".new").rename(place / "latest.fits")
        calls.append(candidate.time_utc)
        return made(form, candidate)

    monkeypatch.setattr(FrameForm, "made", slowly)
    table = pd.read_csv(followed(settings(work, place)) / "reel" / "frames.csv")
    assert len(calls) == 2
    assert table["reason"][0] == "changed while it was read"
    assert table["sha256"].dropna().tolist() == [hashlib.sha256(frame(QUIET + 1)).hexdigest()]
    assert table["time_utc"][table["accepted"]].tolist() == calls[1:]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_the_folder_is_not_waited_for(work, tmp_path):
    place = arrive(tmp_path / "in", [QUIET, QUIET + 1])
    os.mkfifo(place / "pipe.fits")
    (place / "broken.fits").symlink_to(place / "nowhere")
    assert len(rows(followed(settings(work, place)))) == 2


def test_days_without_a_frame_are_a_gap_and_end_events(work, tmp_path):
    place = arrive(tmp_path / "in", range(QUIET, QUIET + 26))
    for n in range(21_600, 21_612):
        (place / named(n)).write_bytes(frame(n))
    folder = followed(settings(work, place))
    flare = records(folder, "closed")[0]
    assert flare["t_end"].startswith("2012-07-19")
    assert flare["frame_end"] == 25
    order = [json.loads(line)["type"] for line in (folder / "events.jsonl").read_text().splitlines()]
    assert order.index("closed") < order.index("ended")


def box(x: int, peak: float) -> Box:
    return Box(x, 20, x + 4, 24, x + 1.5, 21.5, peak, peak, 16, "high")


def told_of(work, tmp_path, monkeypatch, boxes: dict[int, list[Box]]) -> list[dict]:
    """What is "closed" where 26 frames, two days without and 12 more have these boxes."""
    monkeypatch.setattr("inference.follow.events.MOST_MOMENTS", 0)  # nothing is kept but what is needed

    def planted(events, reel, *_):
        assert len(list(reel.each_stretch())) == 2
        for n in range(events.kept.end):
            events.add(n, boxes.get(n, []), 0.0, events.kept.time_s(n))
        events.finish()

    monkeypatch.setattr("inference.follow.frames.watch", planted)
    place = arrive(tmp_path / "in", [*range(QUIET, QUIET + 26), *range(21_600, 21_612)])
    return records(followed(settings(work, place)), "closed")


def test_what_a_gap_divides_is_two_events_also_from_one_frame_to_the_next(work, tmp_path, monkeypatch):
    closed = told_of(work, tmp_path, monkeypatch, {n: [box(10, 30.0)] for n in range(22, 30)})
    assert [(event["frame_start"], event["frame_end"]) for event in closed] == [(22, 25), (26, 29)]


def test_a_part_that_is_over_long_before_its_event_keeps_its_times_and_thresholds(work, tmp_path, monkeypatch):
    boxes = {n: [box(10, 50.0), box(17, 20.0)] if n < 7 else [box(17, 20.0)] for n in range(5, 24)}
    (event,) = told_of(work, tmp_path, monkeypatch, boxes)
    assert (event["frame_start"], event["frame_peak"], event["frame_end"], event["parts"]) == (5, 5, 23, 2)
    assert event["time_peak_s"] == 5 * CADENCE_S


def test_a_region_that_flares_all_the_time_is_told_of_all_the_same(work, tmp_path, monkeypatch):
    monkeypatch.setattr("inference.follow.frame_events.HELD_S", 5 * CADENCE_S)
    waiting = []

    def planted(events, reel, *_):
        assert len(list(reel.each_stretch())) == 1
        for n in range(events.kept.end):
            place = 12 * (n // 4 % 4)  # another loop every four frames, near to that before
            events.add(n, [box(place, 30.0)] if n % 4 < 2 else [], 0.0, events.kept.time_s(n))
            waiting.append(len(events.waiting))
        events.finish()

    monkeypatch.setattr("inference.follow.frames.watch", planted)
    place = arrive(tmp_path / "in", range(QUIET, QUIET + 26))
    closed = records(followed(settings(work, place)), "closed")
    assert max(waiting) <= 3
    assert len({event["event"] for event in closed}) == len(closed) > 1


def test_an_index_is_read_as_a_folder_is(work):
    numbers = range(QUIET, QUIET + WATCHED)
    with serving() as (address, answers):
        links = "".join(f'<a href="{named(n)}">x</a>' for n in numbers)
        odd = '<a href="../up.fits">u</a><a href="?C=M">s</a><a href="http://other/x.fits">o</a><a href="sub/">d</a>'
        answers["/day/"] = lambda handler, n: send(handler, (links + odd).encode(), content_type="text/html")
        for n in numbers:
            answers[f"/day/{named(n)}"] = fine(frame(n))
        folder = followed(settings(work, f"{address}/day/", follow_idle_s=0.5))
        asked = {path for path in answers.asked if path != "/day/"}
    assert asked == {f"/day/{named(n)}" for n in numbers}
    assert {answers.asked[p] for p in asked} == {1}
    assert_as_eval(work, records(folder, "closed"))
    assert not list((folder / "files").iterdir())


def test_pictures_are_brought_back_to_light_as_prep_does(tmp_path):
    """With prep.transfer and prep.colormap, in a folder and in a stream alike."""
    (tmp_path / "in").mkdir()
    pictures = np.random.default_rng(0).integers(0, 255, (3, 24, 32), np.uint8)
    for second, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / "in" / f"sun_20120719_07300{second}.png"), picture)
    telling = {"resize": [12, 16], "clip_length": 2, "transfer": "log", "transfer_range": 100.0, "colormap": "hot"}
    (tmp_path / "c.yaml").write_text(
        json.dumps(
            {"data_raw": str(tmp_path / "in"), "data_clips": str(tmp_path / "out"), "workers": 0, "prep": telling}
        )
    )
    reel = Reel(prep(load(tmp_path / "c.yaml"))[0])
    assert any("taken for the log of light" in step for step in reel.meta["calibration"])
    form, stream = FrameForm.of(reel, Config(), PrepConfig()), Form.of(reel, Config())
    met = FolderFiles(tmp_path / "in", "*", form, 0.0, {}).poll()
    assert [m.time_utc for m in met] == [f"2012-07-19T07:30:0{n}.000" for n in range(3)]
    for index, (picture, one) in enumerate(zip(pictures, met, strict=True)):
        assert one.candidate is not None
        assert np.array_equal(form.made(one.candidate).values, reel.frames[index])
        values, _ = stream.frame(Picture(picture, float(index), 1.0, False, False))
        assert np.array_equal(values, reel.frames[index])


def test_what_is_kept_and_damaged_is_told_with_the_file_and_the_way_out(work, tmp_path):
    place = arrive(tmp_path / "in", range(QUIET, QUIET + 12))
    folder = followed(settings(work, place)) / "reel"
    for name, damage in {
        "form.json": lambda text: text.replace(b'"slots": ', b'"slots": 9'),
        "state.json": lambda text: text.replace(b'"judged": 1', b'"judged": 2'),
        "frames.csv": lambda text: text.replace(b"accepted", b"accept", 1),
        "frames.dat": lambda text: text[:-8],
        "masks.dat": None,
    }.items():
        whole = (folder / name).read_bytes()
        if damage is None:
            (folder / name).unlink()
        else:
            assert damage(whole) != whole
            (folder / name).write_bytes(damage(whole))
        with pytest.raises(Damaged, match=rf"{name} is (damaged|missing).*; move"):
            followed(settings(work, place))
        (folder / name).write_bytes(whole)
    followed(settings(work, place))


@pytest.mark.parametrize("left", [0, 20, -3])
def test_a_kill_in_the_first_row_loses_nothing(work, tmp_path, left):
    """left: bytes of the table that had reached the disk; -3: the header and most of the row."""
    place = arrive(tmp_path / "in", [QUIET])
    folder = followed(settings(work, place)) / "reel"
    (folder / "state.json").unlink(missing_ok=True)
    table = (folder / "frames.csv").read_bytes()
    (folder / "frames.csv").write_bytes(table[:left])
    arrive(place, [QUIET + 1])
    followed(settings(work, place))
    assert rows(folder.parent)["index"].astype(int).tolist() == [0, 1]
