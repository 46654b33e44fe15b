"""Where alarms go: an address that takes JSON by HTTP POST, a topic of an MQTT broker, or a command.

An alarm is a JSON object: `id` (the same whenever it is delivered again), `type` ("open" or "closed"), `stream`, the
event's columns, and `picture` (JPEG) and `clip` (MP4) in base64 where there are any.
"""

import asyncio
import base64
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import aiohttp
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from data.download.http import HEADERS
from data.live.live_source import told

PATIENCE_S = 10.0  # for an answer
COMMAND_S = 60.0
REFUSED = (400, 413, 415, 422)  # answers (RFC 9110) that are about this very message: it is not sent again
AT_LEAST_ONCE = 1  # MQTT 3.1.1, 4.3.2
PORTS = {"mqtt": 1883, "mqtts": 8883}
MEDIA = {"picture": ".jpg", "clip": ".mp4"}

Alarm = dict[str, Any]


class Refused(ValueError):
    """An alarm that its destination will never take."""


class Destination(Protocol):
    """told: as it may be shown, without passwords."""

    told: str

    def send(self, alarm: Alarm) -> None:
        """Deliver one alarm. Raises OSError where it should be tried again, Refused where that is of no use."""
        ...


class Webhook:
    """POST of each alarm as JSON; any 2xx answer takes it. Redirections are not followed: they would lose the body."""

    def __init__(self, address: str):
        self.address, self.told = address, told(address)

    def send(self, alarm: Alarm) -> None:
        status = self._post(alarm)
        if status == 413 and alarm.keys() & MEDIA:
            status = self._post(without_media(alarm))
        if status in REFUSED:
            raise Refused(f"{self.told} answered {status}")
        if not 200 <= status < 300:
            raise OSError(f"{self.told} answered {status}")

    def _post(self, alarm: Alarm) -> int:
        try:
            return asyncio.run(self._answer(alarm))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise OSError(f"{self.told}: {error or 'no answer'}") from None

    async def _answer(self, alarm: Alarm) -> int:
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=HEADERS, trust_env=True) as session,
            session.post(self.address, json=alarm, allow_redirects=False) as answer,
        ):
            return answer.status


class Mqtt:
    """Publishes to TOPIC/open and TOPIC/closed with quality of service 1, over a connection for each alarm."""

    def __init__(self, address: str):
        self.told, parts = told(address), urlsplit(address)
        self.host, self.topic = parts.hostname or "", unquote(parts.path).strip("/")
        if not self.host or not self.topic or set(self.topic) & set("#+\0") or parts.query or "#" in address:
            raise ValueError(f"{self.told} is no topic; an address has the form mqtt://user:password@host:1883/topic")
        self.is_encrypted, self.port = parts.scheme == "mqtts", parts.port or PORTS[parts.scheme]
        self.user, self.password = (
            None if text is None else unquote(text) for text in (parts.username, parts.password)
        )

    def send(self, alarm: Alarm) -> None:
        connected = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.on_connect = lambda _client, _data, _flags, reason, _properties: _note(connected, reason, problems)
        problems: list[str] = []
        if self.user is not None:
            client.username_pw_set(self.user, self.password)
        if self.is_encrypted:
            client.tls_set()
        try:
            client.connect(self.host, self.port)
            client.loop_start()
            if not connected.wait(PATIENCE_S):
                raise OSError(f"{self.told} did not answer in {PATIENCE_S:g} s")
            if problems:
                raise OSError(f"{self.told}: {problems[0]}")
            sent = client.publish(f"{self.topic}/{alarm['type']}", json.dumps(alarm), qos=AT_LEAST_ONCE)
            sent.wait_for_publish(PATIENCE_S)
            if not sent.is_published():
                raise OSError(f"{self.told} did not confirm in {PATIENCE_S:g} s")
        except (RuntimeError, ValueError) as error:  # paho's, of a connection that went, or of a full queue
            raise OSError(f"{self.told}: {error}") from None
        finally:
            client.disconnect()
            client.loop_stop()


def _note(connected: threading.Event, reason: ReasonCode, problems: list[str]) -> None:
    if reason.is_failure:
        problems.append(str(reason))
    connected.set()


class Command:
    """Starts a program with the alarm as JSON on its standard input; exit status 0 takes it.

    ALARM_ID, ALARM_TYPE and ALARM_STREAM are in its environment, ALARM_PICTURE and ALARM_CLIP name files that are there
    while it runs.
    """

    def __init__(self, command: Sequence[str]):
        found = shutil.which(command[0])
        if found is None:
            raise ValueError(
                f"{command[0]} in eval.follow_alarms is no program that can be started; give its full path"
            )
        self.command, self.told = [found, *command[1:]], command[0]

    def send(self, alarm: Alarm) -> None:
        plain = without_media(alarm)
        facts = {f"ALARM_{name.upper()}": str(plain[name]) for name in ("id", "type", "stream")}
        with tempfile.TemporaryDirectory(prefix="alarm-") as folder:
            for name in alarm.keys() & MEDIA:
                path = Path(folder) / f"{name}{MEDIA[name]}"
                path.write_bytes(base64.b64decode(alarm[name]))
                facts[f"ALARM_{name.upper()}"] = str(path)
            self._run(json.dumps(plain), os.environ | facts)

    def _run(self, text: str, environment: dict[str, str]) -> None:
        try:
            done = subprocess.run(
                self.command, input=text.encode(), capture_output=True, timeout=COMMAND_S, env=environment, check=False
            )
        except subprocess.TimeoutExpired:
            raise OSError(f"{self.told} took longer than {COMMAND_S:g} s") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise OSError(f"{self.told} ended with status {done.returncode}{': ' if said else ''}{''.join(said[-1:])}")


OF_SCHEME: dict[str, Callable[[str], Destination]] = {"http": Webhook, "https": Webhook, "mqtt": Mqtt, "mqtts": Mqtt}


def destination_of(where: str | Sequence[str]) -> Destination:
    """The destination of an entry of eval.follow_alarms. Raises ValueError for one that can be none."""
    if not isinstance(where, str):
        return Command(where)
    return OF_SCHEME[urlsplit(where).scheme](where)


def without_media(alarm: Alarm) -> Alarm:
    """An alarm without picture and clip."""
    return {name: value for name, value in alarm.items() if name not in MEDIA}
