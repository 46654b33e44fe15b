"""Alarms of four streams that break off, while their receivers fail, the disk fills up and the program is killed.

Every event that `events.jsonl` tells of has to arrive at the web server, and at the broker where Mosquitto is installed
(it keeps what it has confirmed over its restarts). How many arrived twice is printed.
"""

import contextlib
import json
import random
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from parts import campaign
from parts.campaign import Counts
from parts.forked import Forked, preload, program
from parts.small_disk import ShortFiles, SmallDisk, small_disk
from soak import MODULES, Camera, make_run

STREAMS, QUICK_STREAMS = 4, 2
QUICK_S, ALL_S = 3, 7200
UNBROKEN_S = (3.0, 30.0)  # of a stream's connection
TROUBLE_S = (0.5, 8.0)  # from one trouble to the next, and how long it lasts
PATIENCE_S = 90  # for what still waits at the end
LEVELS = {"threshold_low": 15, "threshold_high": 30}  # which flashes pass, and a break now and then
LOG_MB = 1000.0  # of events.jsonl: all of it is compared


class Hook(ThreadingHTTPServer):
    """Takes alarms, or fails in the way that `fault` names."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.fault, self.taken = "", Counter[str]()

    def handle_error(self, request, client_address) -> None:
        """Quiet: who sent it was killed."""


class Answer(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        alarm = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.fault == "hangs up":
            return
        if self.server.fault == "takes it and hangs up":
            self.server.taken[alarm["id"]] += 1
            return
        if self.server.fault != "503":
            self.server.taken[alarm["id"]] += 1
        self.send_response(503 if self.server.fault == "503" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Topic:
    """What a broker delivers; asked for again whenever the broker comes back."""

    def __init__(self, broker) -> None:
        from paho.mqtt import client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        self.broker, self.taken = broker, Counter[str]()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="campaign", clean_session=False)
        self.client.on_connect = lambda client, *_: client.subscribe("cameras/#", qos=1)
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()

    def _on_message(self, _client, _data, message) -> None:
        self.taken[json.loads(message.payload)["id"]] += 1

    def end(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Troubles:
    """One after the other, each for a while: the web server's, the broker's, the disk's and the program's own."""

    def __init__(self, hook: Hook, broker, disk: SmallDisk | ShortFiles, chance: random.Random):
        self.hook, self.broker, self.disk, self.chance = hook, broker, disk, chance
        self.counts: Counter[str] = Counter()

    def pause(self, until: float) -> None:
        time.sleep(max(0.0, min(self.chance.uniform(*TROUBLE_S), until - time.monotonic())))

    def one(self, process: Forked, until: float) -> bool:
        """Whether the program was killed."""
        kinds = ["503", "hangs up", "takes it and hangs up", "no broker", "full disk", "killed"]
        kind = self.chance.choice(kinds)
        self.counts[kind] += 1
        if kind == "killed":
            process.kill()
            return True
        if kind == "full disk":
            # The program writes meanwhile, and a disk can't become smaller than what is on it.
            with contextlib.suppress(OSError), self.disk.with_free(2**17 + self.chance.randrange(2**17)):
                self.pause(until)
        elif kind == "no broker":
            self.broker.stop()
            self.pause(until)
            self.broker.start()
        else:
            self.hook.fault = kind
            self.pause(until)
            self.hook.fault = ""
        return False


def follow(settings: Path, cameras: list[Camera], hook: Hook, broker, log: Path) -> Forked:
    where = f"[http://127.0.0.1:{hook.server_address[1]}/hook, mqtt://127.0.0.1:{broker.port}/cameras]"
    told = {"follow_alarms": where, "follow_log_mb": LOG_MB} | LEVELS
    words = [word for key, value in told.items() for word in ("--set", f"eval.{key}={value}")]
    return program(["-m", "eval", "-c", settings, "--follow", *(camera.address for camera in cameras), *words], log)


def told(folder: Path) -> dict[str, str]:
    """The alarms that records tell of, and the last stream of each; of what a kill left of a line, none."""
    found = {}
    for path in folder.glob("*/events.jsonl"):
        for line in path.read_text().splitlines():
            with contextlib.suppress(ValueError):
                record = json.loads(line)
                if "alarm" in record:
                    found[record["alarm"]] = record["stream"]
                if record["type"] in ("alarm_lost", "records_lost"):
                    found[f"lost: {line}"] = record["stream"]
    return found


def judge(folder: Path, taken: Counter[str], where: str, counts: Counts) -> None:
    events = told(folder)
    missing = sorted(set(events) - set(taken))
    twice = sum(number > 1 for number in taken.values())
    print(f"{where}: {len(events)} alarms told, {len(taken)} arrived, {twice} of them more than once", flush=True)
    if missing or not events:
        counts.note("lost", f"{where}: {len(missing)} of {len(events)} did not arrive: {missing[:3]}")


def run(place: Path, disk: SmallDisk | ShortFiles, seconds: float, counts: Counts, chance: random.Random) -> None:
    from tests.support.broker import MOSQUITTO, Broker

    settings = make_run(place / "disk", "difference")
    is_quick = seconds <= QUICK_S
    unbroken_s = (seconds / 3, seconds / 2) if is_quick else UNBROKEN_S
    streams = QUICK_STREAMS if is_quick else STREAMS
    cameras = [Camera(random.Random(chance.random()), unbroken_s) for _ in range(streams)]
    hook, broker = Hook(), Broker(place / "broker")
    broker.start()
    process = follow(settings, cameras, hook, broker, place / "said.log")  # a fork, before there are threads
    with contextlib.ExitStack() as running:
        running.callback(broker.stop)
        topic = Topic(broker)
        running.callback(topic.end)
        threading.Thread(target=hook.serve_forever, args=(0.05,), daemon=True).start()
        running.callback(hook.shutdown)
        for camera in cameras:
            running.enter_context(camera.running())
        process = troubled(process, lambda log: follow(settings, cameras, hook, broker, log), seconds, counts,
                           Troubles(hook, broker, disk, chance), place, len(cameras))  # fmt: skip
        for camera in cameras:
            camera.over.set()
        ended = process.ended(counts)
        if ended.code:
            counts.note("lost", f"status {ended.code}: {ended.output[-400:]}")
        judge(place / "disk" / "run" / "follow", hook.taken, "web server", counts)
        if MOSQUITTO:
            judge(place / "disk" / "run" / "follow", topic.taken, "broker", counts)


def troubled(
    process: Forked, again, seconds: float, counts: Counts, troubles: Troubles, place: Path, streams: int
) -> Forked:
    """Trouble for so many seconds, then what waits is delivered; returns the process that runs at the end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        troubles.pause(until)
        if troubles.one(process, until):
            process.ended(counts)
            process = again(place / "said.log")
    print(dict(troubles.counts), flush=True)
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and not (follows_all(place / "said.log", streams) and not waiting(place)):
        time.sleep(0.2)
    return process


def follows_all(log: Path, streams: int) -> bool:
    """Whether the program, which may have been started a moment ago, has met every stream."""
    return log.read_text(encoding="utf-8", errors="replace").count('"type": "started"') >= streams


def waiting(place: Path) -> list[Path]:
    """Alarms that are not delivered yet."""
    return list((place / "disk" / "run" / "follow").glob("*/alarms/*/*.json"))


def main() -> None:
    parser = campaign.parser(__doc__ or "", runs=1)
    parser.add_argument("--seconds", type=float, default=ALL_S, help=f"how long to follow (default {ALL_S})")
    options = parser.parse_args()
    counts = Counts()
    preload((*MODULES, "inference.follow.all_streams", "tests.support.broker", "paho.mqtt.client"))
    for number in range(1 if options.quick else options.runs):
        with campaign.workplace() as place:
            (place / "disk").mkdir()
            with small_disk(place / "disk") as disk:
                counts.runs += 1
                seconds = QUICK_S if options.quick else options.seconds
                run(place, disk, seconds, counts, random.Random(options.seed + number))
    campaign.finish(counts, options)


if __name__ == "__main__":
    main()
