"""Frames whose decoding kills the process that decodes them, for as often as a file beside them says."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from data.sources.base import Candidate, FrameSource, RawFrame, sha256

SIDE = 8


class DeadlySource(FrameSource):
    """`.deadly`: frames of 8x8 bytes, one a second. While there are fewer deaths than `lives` says, to read one kills.

    death.N beside the file stands for each; `wait` there keeps a reader waiting until it is gone.
    """

    name = "deadly"
    suffixes = (".deadly",)

    def scan(self, path, root, prep):
        file = Candidate(**self.whereabouts(path, root, home=path, reel=path.stem))
        count = path.stat().st_size // SIDE**2
        file = replace(file, shape=(SIDE, SIDE), size=SIDE**2)
        return [
            replace(file, source=f"{file.source}#{i:03d}", position=SIDE**2 * i, time_s=float(i)) for i in range(count)
        ]

    def read(self, candidates):
        for number, candidate in enumerate(candidates):
            die_or_wait(Path(candidate.path).parent)
            data = Path(candidate.path).read_bytes()[candidate.position :][: candidate.size]
            yield number, RawFrame(np.frombuffer(data, np.uint8).reshape(SIDE, SIDE), None, sha256(data))


def die_or_wait(folder):
    """End this process if it is its turn."""
    lives = folder / "lives"
    for i in range(int(lives.read_text()) if lives.is_file() else 0):
        try:
            (folder / f"death.{i}").touch(exist_ok=False)
        except FileExistsError:
            continue
        os.kill(os.getpid(), signal.SIGKILL)
    if (folder / "wait").is_file():
        (folder / "waiting").touch()
    while (folder / "wait").is_file():
        time.sleep(0.02)


def write_deadly(folder, count, lives=0):
    """A file of so many random frames."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(3).integers(0, 256, (count, SIDE, SIDE), np.uint8)
    (folder / "cam.deadly").write_bytes(pixels.tobytes())
    if lives:
        (folder / "lives").write_text(str(lives))
