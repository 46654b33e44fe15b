"""A disk that becomes full while prep, train, eval, review and --follow work: one line, nothing from before is lost.

Each mode is run with a random part of the room that it needs, and afterwards, with room again, to its end.
"""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from kill import Eval, Mode, Prep, Train, make_input, prepared
from parts import campaign
from parts.campaign import Counts
from parts.forked import DATA, MODELS, preload
from parts.small_disk import ShortFiles, SmallDisk, small_disk

QUICK = 1  # run, of prep in one process only
BEYOND = 1.2  # of the room that is needed, at most
TOLD = ("No space left on device", "File too large", "make room", "GB free")
PRINTED = ("{", "reel: ", "results: ", "run: ")  # what a mode says when it is well
FRAMES = 60


class PrepTwo(Prep):
    """With two workers."""

    variants = [*Prep.variants[0], "--workers", 2], [*Prep.variants[1], "--workers", 2]


class Review(Mode):
    """Statistics and pictures of a reel."""

    name = "review"
    variants = ["--data-clips", "judged"], ["--data-clips", "judged", "--reject", 1]

    def clear(self) -> None:
        shutil.rmtree("judged", ignore_errors=True)
        shutil.copytree("kept", "judged")

    def found(self) -> str:
        """The table is always there: as prep left it, or judged. Pictures, and a column of it, hold when that was."""
        import pandas as pd

        table, first = (next(Path(place).glob("*/windows.csv")) for place in ("judged", "kept"))
        same = table.read_text() == first.read_text()
        return "" if same else hashlib.sha256(pd.read_csv(table).drop(columns="at").to_csv().encode()).hexdigest()[:12]


class Follow(Mode):
    """A recording as a stream."""

    name = "eval"
    variants = (["--model-path", "evaluated", "--follow", "stream.mkv", "--set", "eval.follow_timeout_s=0.2"],) * 2

    def clear(self) -> None:
        shutil.rmtree("evaluated/follow", ignore_errors=True)

    def found(self) -> str:
        """What the summary counts, of a run that came to its end; all records are whole but for the last one."""
        folder = Path("evaluated/follow/stream")
        if (log := folder / "events.jsonl").is_file():
            for line in log.read_text().splitlines()[:-1]:
                if not line.startswith('{"type": ') and '{"type": ' in line:
                    return "torn"
        if not (folder / "summary.json").is_file():
            return ""
        told = json.loads((folder / "summary.json").read_text())
        return str([told[name] for name in ("frames_read", "frames_scored", "events", "threshold_low")])


class Room:
    """How much room a mode needs, and what becomes of it with less."""

    def __init__(self, mode: Mode, disk: SmallDisk | ShortFiles, counts: Counts, chance: random.Random):
        self.mode, self.disk, self.counts, self.chance = mode, disk, counts, chance
        before = disk.used
        mode.expect_done(mode.start(0), f"{mode.name} with room")
        self.needed = max(disk.used - before, 4096)
        mode.clear()

    def fill(self) -> None:
        """Once with too little room, or just enough, and once with all that it needs."""
        self.counts.runs += 1
        free = int(self.chance.uniform(0, BEYOND * self.needed))
        what = f"{type(self.mode).__name__}, {free} of {self.needed} bytes, run {self.mode.number + 1}"
        with self.disk.with_free(free):
            ended = self.mode.start(0, [*self.mode.again(), "--log-level", "error"]).ended(self.counts)
        said = [line for line in ended.output.splitlines() if line and not line.startswith(PRINTED)]
        if ended.code not in (0, 1) or len(said) != ended.code:
            self.counts.note("tracebacks", f"{what}: status {ended.code}, {' / '.join(said)[-600:]}")
        elif ended.code and not any(text in said[0] for text in TOLD):
            self.counts.note("silent", f"{what}: {said[0]}")
        self.mode.look(what)
        self.mode.settle()


def turns(place: Path, disk, counts: Counts, chance: random.Random, options) -> Iterator[Callable[[], None]]:
    """One mode after the other."""
    kinds: tuple[type[Mode], ...] = (Prep,)
    if not options.quick:
        from tests.support.videos import write_video

        prepared(place, counts)
        write_video(Path("stream.mkv"), FRAMES)
        kinds = (Prep, PrepTwo, Train, Eval, Review, Follow)
    rooms = [Room(kind(place, counts, chance), disk, counts, chance) for kind in kinds]
    for number in range(QUICK if options.quick else options.runs):
        yield rooms[number % len(rooms)].fill


def main() -> None:
    options = campaign.parser(__doc__ or "", runs=120).parse_args()
    counts, chance = Counts(), random.Random(options.seed)
    preload(DATA if options.quick else (*DATA, *MODELS, "inference.follow.stream"))
    with campaign.workplace() as place:
        (place / "disk").mkdir()
        with small_disk(place / "disk") as disk:
            os.chdir(place / "disk")
            make_input(place)
            for turn in turns(place, disk, counts, chance, options):
                turn()
            os.chdir("/")
    campaign.finish(counts, options)


if __name__ == "__main__":
    main()
