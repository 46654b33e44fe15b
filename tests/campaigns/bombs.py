"""Small files that unpack to gigabytes, claim to, or never end: each is refused with its name, and others are made.

As input of prep beside good pictures, as settings, and as files of a reel; each in a process of its own, whose memory
must not grow by more than `prep.max_input_mb` allows.
"""

import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from parts import campaign
from parts.campaign import Counts
from parts.forked import DATA, Forked, preload, program

QUICK = ("b.zip", "ring", "aliases.yaml", "frames.npy")
MOST_INPUT_MB = 256
OVERHEAD_MB = 200  # what good input takes beyond that, at most
LONGEST_S = 60
GOOD = 4  # pictures


class Field:
    """A folder with good pictures and a reel, for one bomb after the other."""

    def __init__(self, folder: Path, counts: Counts):
        from parts import bombs, inputs

        self.folder, self.counts, self.bombs = folder, counts, bombs
        (folder / "good.yaml").write_text(
            f"workers: 0\nprep: {{clip_length: 2, stride: 2, resize: [12, 16], max_input_mb: {MOST_INPUT_MB}}}\n"
        )
        (folder / "raw" / "good").mkdir(parents=True)
        for number in range(GOOD):
            (folder / "raw" / "good" / f"f_{number}.png").write_bytes(inputs.picture(number, "png"))
        self.most_mb = campaign.memory_mb() + MOST_INPUT_MB + OVERHEAD_MB
        self.of_input("undisturbed", lambda path: None)

    def run(self, what: str, words: list[object], codes: tuple[int, ...]) -> str:
        """What a run of the program says; it has to end so, in time and in little memory."""
        alone, began = Counts(), time.monotonic()
        process: Forked = program([*words, "--log-level", "warning"], self.folder / "said.log")
        ended = process.ended(alone)
        seconds, memory_mb = time.monotonic() - began, alone.peak_mb
        self.counts.peak_mb = max(self.counts.peak_mb, memory_mb)
        print(f"{what}: {memory_mb:.0f} MB, {seconds:.1f} s, status {ended.code}", flush=True)
        if ended.has_traceback or "unexpected error" in ended.output or ended.code not in codes:
            self.counts.note("tracebacks", f"{what}: status {ended.code}, {ended.output[-400:]}")
        if memory_mb > self.most_mb or seconds > LONGEST_S:
            self.counts.note("silent", f"{what}: {memory_mb:.0f} MB of {self.most_mb:.0f}, {seconds:.0f} s")
        return ended.output

    def of_input(self, what: str, write) -> None:
        """prep with a bomb beside good pictures."""
        place, out = self.folder / "raw" / "odd", self.folder / "out"
        place.mkdir()
        write(place / what)
        words = ["-m", "prep", "-c", self.folder / "good.yaml", "--data-raw", self.folder / "raw", "--data-clips", out]
        said = self.run(what, words, (0,))
        rows = "".join(path.read_text() for path in out.glob("*.rejected.csv"))
        if what not in said + rows and "left out" not in said and os.path.lexists(place / what):
            self.counts.note("silent", f"{what} is not named: {said[-400:]}")
        if not list(out.glob("*good*/reel.json")):
            self.counts.note("lost", f"{what}: the good pictures are no reel: {said[-400:]}")
        shutil.rmtree(place)
        shutil.rmtree(out, ignore_errors=True)

    def of_settings(self, what: str) -> None:
        """Settings that would take all memory."""
        path = self.folder / what
        path.write_text(self.bombs.SETTINGS[what])
        self.named(what, self.run(what, ["-m", "prep", "-c", path, "--data-raw", self.folder / "raw"], (2,)))

    def of_reel(self, what: str) -> None:
        """A file of a reel."""
        import numpy as np

        from tests.support.reels import make_reel

        reel = make_reel(self.folder / "reels" / "cam", np.full((16, 1, 2, 2), 0.5))
        path = reel.path / what
        path.write_bytes(self.bombs.OWN[what](path.read_bytes()))
        words = ["-m", "review", "-c", self.folder / "good.yaml", "--data-clips", self.folder / "reels"]
        self.named(what, self.run(what, words, (1,)))
        shutil.rmtree(self.folder / "reels")

    def named(self, what: str, said: str) -> None:
        if what not in said:
            self.counts.note("silent", f"{what} is not named: {said[-400:]}")

    def ways(self) -> dict:
        """What to do with each bomb, by name."""
        found = {name: lambda name=name: self.of_input(name, self.bombs.INPUTS[name]) for name in self.bombs.INPUTS}
        found |= {name: lambda name=name: self.of_settings(name) for name in self.bombs.SETTINGS}
        return found | {name: lambda name=name: self.of_reel(name) for name in self.bombs.OWN}


def chosen(names: list[str], options) -> Iterator[str]:
    """Those of a short run; as many as asked for, in an order by the seed; else all."""
    if options.quick:
        return iter(QUICK)
    if options.runs:
        random.Random(options.seed).shuffle(names)
    return iter(names[: options.runs or None])


def main() -> None:
    options = campaign.parser(__doc__ or "", runs=0).parse_args()
    counts = Counts()
    preload(DATA)
    from data.pictures import summary

    # Pictures of what was made take longer than all the rest, and are read by nothing.
    summary.write_page = summary.write_preview = lambda *_: None  # pyright: ignore[reportAttributeAccessIssue]
    with campaign.workplace() as place:
        ways = Field(place, counts).ways()
        for name in chosen(list(ways), options):
            counts.runs += 1
            ways[name]()
    campaign.finish(counts, options)


if __name__ == "__main__":
    main()
