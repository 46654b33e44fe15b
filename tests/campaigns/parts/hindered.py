"""What the system does not allow: files that may not be read, folders that may not be written, files as folders."""

import os
import random
import shutil
from pathlib import Path

Words = list[object]
Way = tuple[Words, bool | None]  # arguments of main.py, and whether they have to be done; None: whichever
GOOD = ("csv", "fits", "png", "mkv", "npz", "tar")


class Hindered:
    """Each way prepares a place, and says what to run there and whether it is done in spite of it."""

    def __init__(self, folder: Path, samples: dict[str, Path], run: Path, reels: Path):
        self.folder, self.samples, self.run, self.reels = folder, samples, run, reels

    def case(self, rng: random.Random) -> tuple[str, Words, bool | None]:
        """The name of a case that is drawn, and a Way."""
        self.clear()
        self.raw, self.out = self.folder / "in", self.folder / "out"
        for place in (self.raw / "good", self.raw / "odd"):
            place.mkdir(parents=True)
        kind, other = rng.choice(GOOD), rng.choice(list(self.samples))
        shutil.copy(self.samples[kind], self.raw / "good" / f"good.{kind}")
        odd = rng.choice((f"odd.{other}", "odd", "odd.xyz"))
        shutil.copy(self.samples[other], self.raw / "odd" / odd)
        shutil.copytree(self.run, self.folder / "run")
        shutil.copytree(self.reels, self.folder / "reels")
        name = rng.choice([name for name in vars(Hindered) if name.startswith("way_")])
        words, is_done = getattr(self, name)(rng)
        return f"{name.removeprefix('way_')}, {kind} and {odd}", words, is_done

    def clear(self) -> None:
        """Have the folder empty again, whatever was forbidden."""
        for place, folders, _ in os.walk(self.folder):
            for name in folders:
                if not os.path.islink(os.path.join(place, name)):
                    os.chmod(os.path.join(place, name), 0o755)
        shutil.rmtree(self.folder)
        self.folder.mkdir()

    def prep(self) -> Words:
        return ["-m", "prep", "--data-raw", self.raw, "--data-clips", self.out]

    def eval(self, mode: str = "eval") -> Words:
        return ["-m", mode, "--data-clips", self.folder / "reels", "--model-path", self.folder / "run"]

    def way_unreadable_input(self, rng: random.Random) -> Way:
        next((self.raw / "odd").iterdir()).chmod(0)
        return self.prep(), True

    def way_closed_folder(self, rng: random.Random) -> Way:
        (self.raw / "odd").chmod(rng.choice((0, 0o444, 0o111)))
        return self.prep(), True

    def way_nothing_readable(self, rng: random.Random) -> Way:
        self.raw.chmod(0)
        return self.prep(), False

    def way_output_is_read_only(self, rng: random.Random) -> Way:
        self.out.mkdir()
        self.out.chmod(rng.choice((0o555, 0, 0o444)))
        return self.prep(), False

    def way_output_is_a_file(self, rng: random.Random) -> Way:
        self.out.touch()
        self.out = rng.choice((self.out, self.out / "below", self.out / "far" / "below"))
        return self.prep(), False

    def way_run_is_read_only(self, rng: random.Random) -> Way:
        rng.choice((self.folder / "run", self.folder / "run" / "eval")).chmod(0o555)
        return self.eval(), False

    def way_run_is_unreadable(self, rng: random.Random) -> Way:
        run = self.folder / "run"
        rng.choice((run, run / "checkpoints", run / "checkpoints" / "best.pt", run / "calibration")).chmod(0)
        return self.eval(), False

    def way_a_file_in_the_run(self, rng: random.Random) -> Way:
        place = self.folder / "run" / "eval"
        shutil.rmtree(place)
        place.touch()
        return self.eval(), False

    def way_training_has_no_place(self, rng: random.Random) -> Way:
        self.out.mkdir()
        self.out.chmod(0o555)
        words = ["-m", "train", "--data-clips", self.folder / "reels", "--set", "model={name: robust_z}"]
        return [*words, "--model-path", rng.choice((self.out, self.out / "run"))], False

    def way_reel_is_read_only(self, rng: random.Random) -> Way:
        (self.folder / "reels" / "a").chmod(0o555)
        return ["-m", "review", "--data-clips", self.folder / "reels", "--reject", "a:1"], False

    def way_reel_is_unreadable(self, rng: random.Random) -> Way:
        names = ("", "reel.json", "frames.npy", "frames.csv", "windows.csv")
        (self.folder / "reels" / "a" / rng.choice(names)).chmod(0)
        return ["-m", "review", "--data-clips", self.folder / "reels"], None  # not all of it is needed

    def way_settings_are_unreadable(self, rng: random.Random) -> Way:
        path = self.folder / "c.yaml"
        path.mkdir() if rng.random() < 0.5 else path.touch()
        path.chmod(0)
        return [*self.prep(), "-c", path], False
