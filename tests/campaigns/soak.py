"""`--follow` for as long as wanted on a stream that flashes, breaks off and comes in bursts: nothing of it grows.

Memory, open files and threads of the process are looked at all along; its records keep to their parts.
"""

import json
import random
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

from parts import campaign
from parts.campaign import Counts
from parts.forked import Forked, preload, program

MODULES = ("main", "inference.follow.stream", "inference.fit", "tests.support.streams", "models.autoencoder")
QUICK_S, ALL_S = 4, 3600
LOOK_S = 0.1
PAUSE_S = 0.008  # between frames: five times as fast as they are said to be
UNBROKEN_S, BURST_S = (2.0, 30.0), (0.0, 3.0)  # of a connection, and of silence before a burst
FLASH = range(150, 156)
PERIOD = 200  # frames from flash to flash
WARM = 0.4  # of the time, until all has been used once
LOG_MB, LOG_PARTS = 0.02, 3
MORE_MB, MORE_FILES, MORE_THREADS = 24.0, 2, 1  # than after WARM: allocators keep what was freed, connections overlap


class Camera(ThreadingHTTPServer):
    """MPEG-TS to whoever asks, until `over`; a connection breaks off now and then."""

    daemon_threads = True

    def __init__(self, chance: random.Random, unbroken_s: tuple[float, float]):
        super().__init__(("127.0.0.1", 0), Stream)
        self.chance, self.unbroken_s, self.over = chance, unbroken_s, threading.Event()

    def handle_error(self, request, client_address) -> None:
        """Quiet: who watches has gone, as PyAV tells in its own way."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/cam.ts"

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            self.shutdown()
            thread.join()
            self.server_close()


class Stream(BaseHTTPRequestHandler):
    """One connection."""

    server: Camera

    def do_GET(self) -> None:
        if self.server.over.is_set():
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        self.film(time.monotonic() + self.server.chance.uniform(*self.server.unbroken_s))

    def film(self, until: float) -> None:
        """Frames until then, or until nobody is to see more."""
        import av
        import numpy as np

        from tests.support.streams import FPS, HEIGHT, WIDTH, scenes

        pictures = np.repeat(scenes(PERIOD, FLASH)[..., None], 3, axis=3)
        burst_at = self.server.chance.randrange(PERIOD)
        with av.open(self.wfile, "w", format="mpegts") as container:
            stream = container.add_stream("libx264", rate=FPS, options={"g": "10", "bf": "0", "tune": "zerolatency"})
            stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
            for number in count():
                if time.monotonic() > until or self.server.over.wait(PAUSE_S):
                    return
                if number % PERIOD == burst_at:
                    self.server.over.wait(self.server.chance.uniform(*BURST_S) if until - time.monotonic() > 10 else 0)
                frame = av.VideoFrame.from_ndarray(pictures[number % PERIOD], format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(stream.encode(frame))

    def log_message(self, *_: object) -> None:
        """Quiet."""


def make_run(folder: Path, method: str) -> Path:
    """A run of a method that is fitted at once on a quiet video; returns its settings."""
    import main
    from tests.support.streams import ONE_STEP, plain, scenes, write

    write(folder / "raw" / "quiet.mkv", scenes(160))
    told = plain(folder)
    told["eval"] = {"stride": 4, "threshold_low": 4.0, "threshold_high": 6.0, "follow_timeout_s": 2.0}
    told["eval"] |= {"follow_log_mb": LOG_MB, "follow_log_parts": LOG_PARTS}
    (folder / "c.yaml").write_text(json.dumps(told))
    for words in (["prep"], ["train", *ONE_STEP, "--set", f"model.name={method}"]):
        if main.main(["-m", *words, "-c", str(folder / "c.yaml"), "--log-level", "error"]):
            raise RuntimeError(f"{words} failed")
    return folder / "c.yaml"


def figures(pid: int) -> tuple[float, int, int] | None:
    """Memory in MB, open files and threads of a process; None once it has ended."""
    place = Path(f"/proc/{pid}")
    try:
        told = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
        return int(told["VmRSS"].split()[0]) * 1024 / 1e6, len(list((place / "fd").iterdir())), int(told["Threads"])
    except (OSError, KeyError):
        return None


def watched(process: Forked, seconds: float) -> list[tuple[float, int, int]]:
    """Its figures all along."""
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until and (now := figures(process.pid)):
        found.append(now)
        time.sleep(LOOK_S)
    return found


def judge(seen: list[tuple[float, int, int]], counts: Counts) -> None:
    """What is used late is no more than what was used once all had been warm."""
    first = len(seen) // 2 if len(seen) < 100 else round(WARM * len(seen))
    early, late = seen[first : first + (len(seen) - first) // 2], seen[first + (len(seen) - first) // 2 :]
    for i, (name, more) in enumerate((("MB", MORE_MB), ("files", MORE_FILES), ("threads", MORE_THREADS))):
        total = statistics.median if i == 0 else max
        before, after = (total(row[i] for row in part) for part in (early, late))
        print(f"{name}: {before:g} -> {after:g}", flush=True)
        if after > before + more:
            counts.note("silent", f"{name} grow: {before:g} -> {after:g}")


def judge_records(folder: Path, counts: Counts) -> None:
    """Whole lines in parts of their size, from a beginning or its rest to the end."""
    from inference.follow.records import parts

    found = parts(folder / "events.jsonl")
    records = [json.loads(line) for part in found for line in part.read_text().splitlines()]
    kinds = [record["type"] for record in records]
    print(f"{len(records)} records in {len(found)} parts: {sorted(set(kinds))}", flush=True)
    if kinds[-1] != "ended" or "open" not in kinds or len(found) > LOG_PARTS + 1:
        counts.note("lost", f"{len(found)} parts, the last records are {kinds[-3:]}")
    if longest := max(part.stat().st_size for part in found) > 1.2e6 * LOG_MB:
        counts.note("silent", f"a part of {longest} bytes")
    ended = records[-1]
    print({name: ended[name] for name in ("frames_read", "frames_scored", "frames_dropped", "reconnects")}, flush=True)
    if not ended["frames_scored"] or ended["frames_scored"] + ended["frames_dropped"] > ended["frames_read"]:
        counts.note("lost", f"of frames: {ended}")


def main() -> None:
    parser = campaign.parser(__doc__ or "", runs=1)
    parser.add_argument("--seconds", type=float, default=ALL_S, help=f"how long to follow (default {ALL_S})")
    parser.add_argument("--method", default="difference", help="what scores (default difference)")
    options = parser.parse_args()
    counts, seconds = Counts(), QUICK_S if options.quick else options.seconds
    preload(MODULES)
    with campaign.workplace() as place:
        settings = make_run(place, options.method)
        for number in range(1 if options.quick else options.runs):
            chance = random.Random(options.seed + number)
            camera = Camera(chance, (seconds / 3, seconds / 2) if options.quick else UNBROKEN_S)
            counts.runs += 1
            process = program(["-m", "eval", "-c", settings, "--follow", camera.address], place / "said.log")
            with camera.running():
                seen = watched(process, seconds)
                camera.over.set()
                ended = process.ended(counts)
            if ended.code:
                counts.note("lost", f"status {ended.code}: {ended.output[-400:]}")
            judge(seen, counts)
            judge_records(next((place / "run" / "follow").iterdir()), counts)
    campaign.finish(counts, options)


if __name__ == "__main__":
    main()
