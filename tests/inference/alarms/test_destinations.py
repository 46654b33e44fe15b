"""Alarms arrive: at a web server, a broker and a program, all of them real."""

import base64
import json
import stat
import threading

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from inference.alarms.destinations import Refused, destination_of, without_media
from tests.support.broker import Broker
from tests.support.http_server import fine, refused, send, serving
from tests.support.streams import until

PICTURE = bytes(range(256)) * 40
ALARM = {"id": "a-1-open", "type": "open", "stream": "cam", "event": 1, "score": 4.5}
WITH_PICTURE = ALARM | {"picture": base64.b64encode(PICTURE).decode()}


@pytest.fixture
def broker(tmp_path):
    found = Broker(tmp_path / "broker")
    found.start()
    yield found
    found.stop()


def test_a_web_server_gets_the_alarm_as_json():
    with serving() as (address, answers):
        answers["/hook"] = fine(b"thank you")
        destination_of(f"{address}/hook").send(WITH_PICTURE)
        assert [json.loads(body) for body in answers.bodies] == [WITH_PICTURE]


@pytest.mark.parametrize("status", [301, 302, 401, 404, 429, 500, 503])
def test_what_may_be_over_soon_is_to_be_tried_again(status):
    with serving() as (address, answers):
        answers["/hook"] = refused(status, Location=f"{address}/elsewhere")
        with pytest.raises(OSError, match=f"answered {status}"):
            destination_of(f"{address}/hook").send(ALARM)
        assert answers.asked["/elsewhere"] == 0


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_what_is_refused_for_good_is_told(status):
    with serving() as (address, answers):
        answers["/hook"] = refused(status)
        with pytest.raises(Refused, match=f"answered {status}"):
            destination_of(f"{address}/hook").send(ALARM)


def test_too_large_a_message_goes_again_without_its_picture():
    with serving() as (address, answers):
        answers["/hook"] = lambda handler, n: send(handler, b"", 413 if n == 0 else 200)
        destination_of(f"{address}/hook").send(WITH_PICTURE)
        assert [json.loads(body) for body in answers.bodies] == [WITH_PICTURE, ALARM]


def test_nobody_there_and_no_password_told():
    destination = destination_of("http://me:secret@127.0.0.1:9/hook?token=secret")
    with pytest.raises(OSError, match=r"127\.0\.0\.1") as caught:
        destination.send(ALARM)
    assert "secret" not in f"{destination.told} {caught.value}"


def test_a_broker_gets_it_under_the_topic_and_confirms(broker):
    seen, ready = [], threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: seen.append((message.topic, json.loads(message.payload)))
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", broker.port)
    client.subscribe("cameras/#", qos=1)
    client.loop_start()
    assert ready.wait(120)
    destination_of(f"mqtt://127.0.0.1:{broker.port}/cameras/north").send(WITH_PICTURE)
    until(lambda: seen)
    client.disconnect()
    client.loop_stop()
    assert seen == [("cameras/north/open", WITH_PICTURE)]


def test_a_broker_that_is_gone_is_to_be_tried_again(broker):
    destination = destination_of(f"mqtt://127.0.0.1:{broker.port}/cameras")
    broker.stop()
    with pytest.raises(ConnectionRefusedError):
        destination.send(ALARM)
    broker.start()
    destination.send(ALARM)


@pytest.mark.parametrize("address", ["mqtt://host/a/#", "mqtt://host/a/+/b", "mqtts:///topic"])
def test_what_is_no_topic_is_refused_at_once(address):
    with pytest.raises(ValueError, match="has the form mqtt://"):
        destination_of(address)


def program(folder, text):
    path = folder / "notify"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_program_gets_json_names_and_files(tmp_path):
    script = 'cat > "$1/alarm.json"; cp "$ALARM_PICTURE" "$1/seen.jpg"; echo "$ALARM_TYPE $ALARM_ID" > "$1/names"'
    destination_of([program(tmp_path, script), str(tmp_path)]).send(WITH_PICTURE)
    assert json.loads((tmp_path / "alarm.json").read_text()) == without_media(WITH_PICTURE) == ALARM
    assert (tmp_path / "seen.jpg").read_bytes() == PICTURE
    assert (tmp_path / "names").read_text() == "open a-1-open\n"


def test_a_program_that_fails_is_to_be_tried_again(tmp_path):
    with pytest.raises(OSError, match="ended with status 3: no phone"):
        destination_of([program(tmp_path, "echo no phone >&2; exit 3")]).send(ALARM)
    with pytest.raises(ValueError, match="is no program that can be started"):
        destination_of([str(tmp_path / "nothing")])
