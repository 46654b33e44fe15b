"""`--follow` with alarms: what opens and closes goes out with a picture and a clip, of several streams at once."""

import base64
import json
import re
import threading
import time
from io import BytesIO
from urllib.error import URLError
from urllib.request import urlopen

import av
import cv2
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

import main
from inference.alarms.alarm_log import AlarmLog
from inference.alarms.album import NoAlbum
from inference.follow import stream
from inference.follow.all_streams import follow_all
from inference.follow.board import shown_on
from inference.follow.records import JsonLines, parts
from tests.support.http_server import refused, send, serving
from tests.support.streams import FLASH, ONE_STEP, plain, scenes, settings, until, write


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alarms")
    write(folder / "raw" / "quiet.mkv", scenes(160))
    (folder / "c.yaml").write_text(json.dumps(plain(folder)))
    method = [*ONE_STEP, "--set", "model.name=difference"]
    for mode in ("prep", "train"):
        assert main.main(["-m", mode, "-c", str(folder / "c.yaml"), *method]) == 0
    return folder


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Delivering may take long on a busy machine."""
    monkeypatch.setattr("inference.alarms.outbox.CLOSING_S", 60.0)


def lines(folder, *kinds):
    found = (json.loads(line) for part in parts(folder / "events.jsonl") for line in part.read_text().splitlines())
    return [line for line in found if line["type"] in kinds]


def followed(work, addresses, hook, **keys):
    told = {"eval__follow": [str(a) for a in addresses], "eval__follow_alarms": [hook], "eval__follow_timeout_s": 0.4}
    told |= {"eval__threshold_low": 5.0, "eval__threshold_high": 20.0}
    return follow_all(settings(work, **told, **{f"eval__{key}": value for key, value in keys.items()}))


def test_all_events_of_two_streams_go_out_with_picture_and_clip(work, tmp_path, monkeypatch):
    monkeypatch.setattr("inference.alarms.outbox.FIRST_PAUSE_S", 0.01)
    streams = [write(tmp_path / name, scenes(75, FLASH)) for name in ("north.ts", "south.ts")]
    with serving() as (address, answers):
        answers["/hook"] = lambda handler, n: send(handler, b"", 503 if n % 2 == 0 else 200)
        folders = followed(work, streams, f"{address}/hook", follow_clip_frames=12)
        got = [json.loads(body) for body in answers.bodies]  # each at least once
    assert [folder.name for folder in folders] == ["north", "south"]
    for folder in folders:
        events = lines(folder, "open", "closed")
        mine = {alarm["id"]: alarm for alarm in got if alarm["stream"] == folder.name}
        assert len(mine) == len(events) >= 2
        for event, alarm in zip(events, mine.values(), strict=True):
            assert event.pop("alarm") == alarm["id"]
            assert event.pop("at")
            assert event == {name: alarm[name] for name in event}
            assert_shows(alarm)
        assert json.loads((folder / "summary.json").read_text())["alarms_lost"] == 0
        assert not list((folder / "alarms").rglob("*.json"))


def assert_shows(alarm):
    """A picture of an event that opens, a clip of one that is over: real ones, with something in them."""
    if alarm["type"] == "open":
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(alarm["picture"]), np.uint8), cv2.IMREAD_COLOR)
        assert picture.std() > 5
        return
    with av.open(BytesIO(base64.b64decode(alarm["clip"]))) as clip:
        frames = [frame.to_ndarray(format="gray") for frame in clip.decode(video=0)]
    assert 1 <= len(frames) <= 12
    assert frames[0].std() > 5


def test_two_that_look_alike_get_every_alarm(work, tmp_path):
    """Addresses that differ in their query alone, which is shown nowhere."""
    stream = write(tmp_path / "twice.ts", scenes(75, FLASH))
    with serving() as (address, answers):
        for name in "ab":
            answers[f"/hook?camera={name}"] = lambda handler, n: send(handler, b"")
        hooks = [f"{address}/hook?camera={name}" for name in "ab"]
        told = {"eval__follow": [str(stream)], "eval__follow_alarms": hooks, "eval__follow_timeout_s": 0.4}
        (folder,) = follow_all(settings(work, **told, eval__threshold_low=5.0, eval__threshold_high=20.0))
        events = len(lines(folder, "open", "closed"))
        assert [answers.asked[f"/hook?camera={name}"] for name in "ab"] == [events, events]
    assert events > 0


def test_what_could_not_be_delivered_goes_out_when_it_runs_again(work, tmp_path, monkeypatch):
    stream = write(tmp_path / "gate.ts", scenes(75, FLASH))
    with serving() as (address, answers):
        answers["/hook"] = refused(503)
        with monkeypatch.context() as hasty:
            hasty.setattr("inference.alarms.outbox.CLOSING_S", 0.2)
            (folder,) = followed(work, [stream], f"{address}/hook")
        events = lines(folder, "open", "closed")
        assert len(list((folder / "alarms").rglob("*.json"))) == len(events) > 0
        until(lambda: not any(thread.name.startswith("alarms to") for thread in threading.enumerate()))
        answers.bodies.clear()
        answers["/hook"] = lambda handler, n: send(handler, b"")
        write(stream, scenes(40))  # in which nothing happens
        followed(work, [stream], f"{address}/hook")
        got = [json.loads(body) for body in answers.bodies]
    assert [(alarm["event"], alarm["type"]) for alarm in got][: len(events)] == [
        (event["event"], event["type"]) for event in events
    ]


def test_the_health_of_streams_is_prometheus_text(capsys):
    read = {"frames_read": 7, "delay_s": 0.25, "events_open": 1, "threshold_low": 3.0, "problem": None}
    read |= {"events": 1, "events_opened": 2}  # two that came near each other: one event now, and counters never fall
    with shown_on(0) as board:
        (address,) = re.findall(r"http://127\.0\.0\.1:\d+/metrics", capsys.readouterr().err)
        board.show("north", lambda: read)
        board.show("south", lambda: read | {"frames_read": 9})
        with urlopen(address) as answer:
            text = answer.read().decode()
    values = {
        (sample.name, sample.labels["stream"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["reelwatch_frames_read_total", "south"] == 9
    assert values["reelwatch_delay_seconds", "north"] == 0.25
    assert values["reelwatch_events_opened_total", "south"] == 2
    assert not any("problem" in name or name == "reelwatch_events_total" for name, _ in values)
    with pytest.raises(URLError, match="refused"):
        urlopen(address)


def test_one_stream_that_fails_does_not_end_the_others(work, tmp_path, capsys):
    good = write(tmp_path / "good.ts", scenes(75, FLASH))
    with serving() as (address, answers):
        answers["/hook"] = lambda handler, n: send(handler, b"")
        with pytest.raises(OSError, match=r"no frame could be read from http://127\.0\.0\.1:9/none"):
            followed(work, ["http://127.0.0.1:9/none", good], f"{address}/hook")
        assert answers.bodies
    assert json.loads((work / "run" / "follow" / "good" / "summary.json").read_text())["frames_scored"] == 75
    assert "http://127.0.0.1:9/none is followed no more" in capsys.readouterr().err


def test_one_stream_at_a_time_reads_the_files_of_the_run(work, tmp_path, monkeypatch):
    """NumPy's reader of heads of arrays fails where threads use it at once, on CPython 3.11."""
    streams = [write(tmp_path / f"{n}.ts", scenes(30)) for n in range(4)]
    inside, most = [], []

    def alone(original):
        def reading(*arguments, **named):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.05)
            try:
                return original(*arguments, **named)
            finally:
                inside.pop()

        return reading

    for name in ("load_scorer", "training_reel", "kept_bounds", "make_job"):
        monkeypatch.setattr(stream, name, alone(getattr(stream, name)))
    assert len(follow_all(settings(work, eval__follow=[str(s) for s in streams], eval__follow_timeout_s=0.4))) == 4
    assert len(most) == 16
    assert max(most) == 1


def test_two_streams_of_one_name_are_refused(work, tmp_path, capsys):
    for place in ("a", "b"):
        write(tmp_path / place / "cam.ts", scenes(20))
    follow = ["--follow", str(tmp_path / "a" / "cam.ts"), str(tmp_path / "b" / "cam.ts")]
    assert main.main(["-m", "eval", "-c", str(work / "c.yaml"), *follow]) == 2
    assert "results of these would lie in one folder" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["ftp://host/x", "mqtt://", "notify", "[]"])
def test_what_is_nowhere_to_go_is_refused(work, capsys, where):
    args = ["-m", "eval", "-c", str(work / "c.yaml"), "--follow", "x.ts", "--set", f"eval.follow_alarms=[{where}]"]
    assert main.main(args) == 2
    assert "eval.follow_alarms" in capsys.readouterr().err


class Kept(list):
    """An outbox that keeps what is put into it."""

    put = list.append


def test_a_new_level_of_a_series_is_an_alarm_without_an_event(tmp_path):
    outbox, records = Kept(), JsonLines(tmp_path / "pump" / "events.jsonl")
    log = AlarmLog(records, [outbox], NoAlbum(), "")
    log.write("new_level", {"frame": 113, "threshold_low": 7.9})
    log.write("status", {"events": 0})
    records.close()
    (alarm,) = outbox
    assert (alarm["type"], alarm["stream"], alarm["frame"]) == ("new_level", "pump", 113)
    assert "event" not in alarm
    line, _ = map(json.loads, (tmp_path / "pump" / "events.jsonl").read_text().splitlines())
    assert (line["type"], line["alarm"]) == ("new_level", alarm["id"])
