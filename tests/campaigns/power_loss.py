"""A power failure after every step of what has to be whole or absent: each state that the disk may be in is opened.

The program's own functions do it on a small folder, see parts/disk.py. Every state has to be the one before or the one
after, and no longer the one before once it was acknowledged.
"""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from parts import campaign
from parts.campaign import Counts
from parts.disk import Disk, State

Look = Callable[[Path], Any]  # what a folder after the power failure holds, as the program reads it


class Scene:
    """Something done on a disk: `act` does it step by step and acknowledges each, `look` tells how far a folder is."""

    name = ""

    def __init__(self, folder: Path, chance: random.Random):
        self.folder, self.chance = folder, chance

    def prepare(self) -> None:
        """What is there before."""

    def act(self, disk: Disk) -> None:
        raise NotImplementedError

    def look(self, folder: Path) -> int:
        """The number of the last step that a folder holds."""
        raise NotImplementedError


class Checkpoints(Scene):
    name = "checkpoints"

    def act(self, disk: Disk) -> None:
        from training import checkpoint as checkpoints

        for step in (1, 2, 3):
            checkpoints.save(self.folder / "checkpoints" / "last.pt", {"config": {}, "step": step})
            disk.acknowledge(step)

    def look(self, folder: Path) -> int:
        from training import checkpoint as checkpoints

        path = folder / "checkpoints" / "last.pt"
        return checkpoints.load(path)["step"] if path.is_file() else 0


class Results(Scene):
    """A folder of results in place of a former one, with a file of the user's."""

    name = "results"

    def prepare(self) -> None:
        (self.folder / "cam").mkdir()
        self.fill(self.folder / "cam", 1)
        (self.folder / "cam" / "mine.txt").write_text("of the user")

    def fill(self, folder: Path, step: int) -> None:
        (folder / "voevents").mkdir()
        for name in ("scores.csv", "summary.json", "voevents/event_0001.xml"):
            (folder / name).write_text(f"{step}\n" * 50)

    def act(self, disk: Disk) -> None:
        from data.disk.files import replacing_folder

        disk.acknowledge(1)
        for step in (2, 3):
            with replacing_folder(self.folder / "cam", ("scores.csv", "summary.json", "voevents")) as making:
                self.fill(making, step)
            disk.acknowledge(step)

    def look(self, folder: Path) -> int:
        from data.disk import parts

        alive, parts.is_alive = parts.is_alive, lambda pid: False  # after a power failure nothing is
        parts.tidy(folder)
        parts.is_alive = alive
        found = {p.read_text() for p in (folder / "cam").rglob("*") if p.is_file() and p.name != "mine.txt"}
        if len(found) != 1 or (folder / "cam" / "mine.txt").read_text() != "of the user":
            raise ValueError(f"holds {sorted(text[:4] for text in found)}")
        text = found.pop()
        if text != f"{text[0]}\n" * 50 or len(list((folder / "cam").rglob("*"))) != 5:
            raise ValueError("holds a part")
        return int(text[0])


class Reels(Scene):
    """Two reels that take their names."""

    name = "reels"

    def act(self, disk: Disk) -> None:
        import numpy as np

        from data.frames.assemble import take_names
        from tests.support.reels import make_reel

        for name in ("a", "b"):
            make_reel(self.folder / f".{name}.final", np.full((16, 1, 2, 2), 0.5))
        take_names([(self.folder / f".{name}.final", self.folder / name) for name in ("a", "b")])
        disk.acknowledge(2)

    def look(self, folder: Path) -> int:
        from data.reel.reel import find_reels
        from data.reel.windows import read_windows

        found = find_reels(folder) if any(folder.glob("[!.]*")) else []
        for reel in found:
            if not (reel.frames == 0.5).all() or len(reel.table) != 16 or not len(read_windows(reel)):
                raise ValueError(f"{reel.name} is not whole")
        return len(found)


class Verdicts(Scene):
    """Verdicts one after the other, and one that is taken back."""

    name = "verdicts"
    order = ("keep", "reject", "keep", "reject")

    def prepare(self) -> None:
        import numpy as np

        from tests.support.reels import make_reel

        make_reel(self.folder / "cam", np.full((48, 1, 2, 2), 0.5))

    def act(self, disk: Disk) -> None:
        from data.reel.reel import Reel
        from data.review.page.verdicts import Verdicts as Page

        page = Page(Reel(self.folder / "cam"))
        for window, verdict in enumerate(self.order):
            page.judge([window], verdict)
            disk.acknowledge(window + 1)
        page.undo()
        disk.acknowledge(len(self.order) + 1)

    def look(self, folder: Path) -> int:
        from data.reel.reel import Reel
        from data.review.page.verdicts import Verdicts as Page

        page = Page(Reel(folder / "cam"))
        found = tuple(page.table["verdict"][: len(self.order)])
        steps = [(*self.order[:n], *[""] * (len(self.order) - n)) for n in range(len(self.order) + 1)]
        undone = steps[-2]
        if found == undone:  # both after the last but one, and after the last was taken back
            return len(self.order) + 1 if any("undoes" in e for e in page.journal.entries()) else len(self.order) - 1
        return steps.index(found)


class Decoding(Scene):
    """Rows that are decoded: none is trusted whose pixels are not there."""

    name = "decoding"

    def act(self, disk: Disk) -> None:
        import numpy as np

        from data.frames import journal

        for name in journal.PIXELS:
            np.lib.format.open_memmap(self.folder / name, mode="w+", dtype=np.uint8, shape=(6, 64)).flush()
        every, journal.SYNC_EVERY_S = journal.SYNC_EVERY_S, -1.0
        with journal.Journal(self.folder) as rows:
            for row in range(6):
                journal.SYNC_EVERY_S = -1.0 if row % 2 else 1e9
                for name in journal.PIXELS:
                    np.lib.format.open_memmap(self.folder / name, mode="r+")[row] = row + 1
                rows.add([{"row": row, "channel": 0}])
                disk.acknowledge(row + 1 - (row + 1) % 2)
        journal.SYNC_EVERY_S = every

    def look(self, folder: Path) -> int:
        import numpy as np

        from data.frames import journal

        boot, journal.boot = journal.boot, lambda: "another"
        rows = journal.read_journal(folder)
        journal.boot = boot
        for row, _ in rows:
            for name in journal.PIXELS:
                if not (np.load(folder / name)[row] == row + 1).all():
                    raise ValueError(f"row {row} is said to be decoded, and {name} does not hold it")
        return len(rows)


SCENES = (Checkpoints, Results, Reels, Verdicts, Decoding)


def states_of(scene: Scene) -> list[State]:
    """All that the disk may hold after a power failure in it."""
    scene.folder.mkdir()
    scene.prepare()
    disk = Disk(scene.folder)
    with disk.recording():
        scene.act(disk)
    return list(disk.states.values())


def look_at(scene: Scene, state: State, place: Path, counts: Counts) -> None:
    """Open one state as the program does."""
    counts.runs += 1
    least, what = state.acknowledged or 0, f"{scene.name} after {state.after}"
    state.write(place)
    try:
        found = scene.look(place)
        if found < least:
            counts.note("lost", f"{what}: step {found}, acknowledged was {least}")
        elif found > least + 1 and scene.name not in ("reels", "decoding"):
            counts.note("mixed", f"{what}: step {found} right after {least}")
    except Exception as error:
        counts.note("mixed", f"{what}: {type(error).__name__}: {error}")
    shutil.rmtree(place)


def main() -> None:
    options = campaign.parser(__doc__ or "", runs=0).parse_args()
    counts = Counts()
    with campaign.workplace() as place:
        for kind in SCENES:
            scene = kind(place / kind.name, random.Random(options.seed))
            states = states_of(scene)
            print(f"{scene.name}: {len(states)} states", flush=True)
            for state in states:
                look_at(scene, state, place / "after", counts)
    counts.peak_mb = campaign.memory_mb()
    campaign.finish(counts, options)


if __name__ == "__main__":
    main()
