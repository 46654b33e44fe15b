"""SIGKILL at random moments, to one process and to one of two at once on one output; then what is there is looked at.

Whatever was there before or is there now has to be whole and of one run, and running again has to end as if nothing
had happened, to the byte where the program promises it.
"""

import hashlib
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from parts import campaign
from parts.campaign import Counts, Ended
from parts.forked import DATA, KILLED, MODELS, Forked, Left, fork, preload, program, wait_and_kill

SETTINGS = {
    "workers": 0,
    "device": "cpu",
    "prep": {"clip_length": 8, "stride": 2, "sample_interval_sec": 60.0},
    "model": {"stages": [{"width": 4}, {"width": 4, "stride": [2, 2, 2]}], "latent_channels": 2},
    "train": {"epochs": 3, "warmup_epochs": 1.0, "batch_size": 8, "loss": "mse"},
    "eval": {"stride": 4, "scale_factor": 1},
}
FRAMES, SIDE_PX = 64, 24
REFUSED = ("is in use", "holds the checkpoints of another run", "was prepared from other frames")
TOLD_ONLY = ("summary.json", "report.html")  # hold how long it took
SETTLE_EVERY = 4  # kills, after which it is run to the end
QUICK = 2  # runs, of verdicts only: the modes take seconds each
WINDOWS = 12  # that each writer of verdicts judges


class Mode(Left):
    """One mode in two variants, whose outcomes are known. A subclass says what they are and what is left of them."""

    name = ""
    variants: tuple[list[object], list[object]]

    def __init__(self, place: Path, counts: Counts, chance: random.Random):
        self.place, self.counts, self.chance, self.number = place, counts, chance, 0
        self.wanted: list[str] = []
        self.longest_s = 0.0
        for variant in (0, 1):
            self.clear()
            began = time.monotonic()
            self.expect_done(self.start(variant), f"{self.name} undisturbed")
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            self.wanted.append(self.found())
        self.clear()

    def start(self, variant: int, more: list[object] | None = None) -> Forked:
        self.number += 1
        words = ["-m", self.name, "-c", self.place / "settings.yaml", *self.variants[variant], *(more or [])]
        return program(words, self.place / f"{self.name}-{self.number}.log")

    def expect_done(self, process: Forked, what: str) -> None:
        ended = process.ended(self.counts)
        if ended.code != 0:
            self.counts.note("lost", f"{what}: exit status {ended.code}: {ended.output[-400:]}")

    def look(self, what: str, allowed: tuple[int, ...] = (0, 1)) -> None:
        """What is there is nothing, or one of the outcomes."""
        found = self.found()
        if found and found not in [self.wanted[variant] for variant in allowed]:
            self.counts.note("mixed", f"{what}: what is there is neither of the outcomes ({found})")

    def kill_one(self) -> None:
        """Variant 0, killed; every so often it is run to the end."""
        self.counts.runs += 1
        process = self.start(0, self.again())
        wait_and_kill(process, self.longest_s, self.chance)
        process.ended(self.counts)
        self.look(f"{self.name} killed, run {self.number}")
        if self.counts.runs % SETTLE_EVERY == 0:
            self.settle()

    def settle(self) -> None:
        self.expect_done(self.start(0, self.again()), f"{self.name} again, run {self.number}")
        if (found := self.found()) != self.wanted[0]:
            self.counts.note(
                "mixed", f"{self.name} again, run {self.number}: another outcome than undisturbed: {found}"
            )
        if self.chance.random() < 0.5:
            self.clear()

    def kill_pair(self) -> None:
        """Both variants at once on one output, one of them or none killed."""
        self.counts.runs += 1
        self.clear()
        processes = [self.start(0)]
        time.sleep(self.chance.choice((0, 0, self.chance.uniform(0, self.longest_s))))
        processes.append(self.start(1))
        victim = self.chance.choice((None, *processes))
        if victim:
            wait_and_kill(victim, self.longest_s, self.chance)
        ended = [process.ended(self.counts) for process in processes]
        self.judge_pair(ended, f"two {self.name}, runs {self.number - 1} and {self.number}")

    def judge_pair(self, ended: list[Ended], what: str) -> None:
        done = [variant for variant in (0, 1) if ended[variant].code == 0]
        for variant in (0, 1):
            if ended[variant].code not in (0, KILLED) and not any(why in ended[variant].output for why in REFUSED):
                self.counts.note("lost", f"{what}: {ended[variant].code}, {ended[variant].output[-400:]}")
        if done and not self.found():
            self.counts.note("lost", f"{what}: one was done, and nothing is there")
        self.look(what, tuple(done) or (0, 1))


class Prep(Mode):
    name = "prep"
    variants = ["--data-clips", "reels", "--set", "prep.resize=[24, 24]"], [
        "--data-clips", "reels", "--set", "prep.resize=[16, 16]"
    ]  # fmt: skip

    def clear(self) -> None:
        shutil.rmtree("reels", ignore_errors=True)

    def found(self) -> str:
        return digest(p for p in Path("reels").glob("[!.]*/**/*") if not p.name.startswith(".lock"))

    def judge_pair(self, ended: list[Ended], what: str) -> None:
        super().judge_pair(ended, what)
        if [e.code for e in ended].count(0) == 2:
            self.counts.note("silent", f"{what}: both say that they made the reel")


class Train(Mode):
    name = "train"
    variants = ["--data-clips", "kept", "--model-path", "run", "--seed", 1], [
        "--data-clips", "kept", "--model-path", "run", "--seed", 2
    ]  # fmt: skip

    def clear(self) -> None:
        shutil.rmtree("run", ignore_errors=True)

    def again(self) -> list[object]:
        return ["--resume"] if Path("run/checkpoints/last.pt").is_file() else []

    def judge_pair(self, ended: list[Ended], what: str) -> None:
        super().judge_pair(ended, what)
        self.clear()  # what the other variant began is not gone on with

    def found(self) -> str:
        """Weights and calibration of a run that is done; a run in the middle of it is nothing yet."""
        from training.checkpoint import load
        from training.places import path_of

        last, facts = path_of("run", "last"), Path("run/run.json")
        if not last.is_file() or load(last)["state"]["epoch"] < SETTINGS["train"]["epochs"]:
            return ""
        calibrations = sorted(Path("run/calibration").glob("*.npz"))
        if len(calibrations) < 2 or not facts.is_file():
            return ""
        seeds = {load(last)["config"]["seed"], json.loads(facts.read_text())["seed"]}
        made = hashlib.sha256(str(sorted(seeds)).encode())
        for tensor in load(path_of("run", "best"))["model"].values():
            made.update(tensor.numpy().tobytes())
        made.update(digest(calibrations).encode())
        return made.hexdigest()[:12]


class Eval(Mode):
    name = "eval"
    variants = ["--data-clips", "kept", "--model-path", "evaluated", "--set", "eval.threshold_low=2",
                "--set", "eval.threshold_high=3"], [
        "--data-clips", "kept", "--model-path", "evaluated", "--set", "eval.threshold_low=4",
        "--set", "eval.threshold_high=6"]  # fmt: skip

    had_results = False

    def clear(self) -> None:
        shutil.rmtree("evaluated/eval", ignore_errors=True)
        self.had_results = False

    def found(self) -> str:
        """All files but those that hold times, whose thresholds have to be those of the others."""
        out = Path("evaluated/eval/raw")
        if not out.is_dir():
            return ""
        if not all((out / name).is_file() for name in (*TOLD_ONLY, "events.json")):
            return "incomplete"
        made = digest(p for p in sorted(out.rglob("*")) if p.name not in TOLD_ONLY)
        low = {json.loads((out / name).read_text())["threshold_low"] for name in ("summary.json", "events.json")}
        low |= {json.loads(embedded((out / "report.html").read_text()))["thresholds"]["low"]}
        return f"{made} {sorted(low)}"

    def look(self, what: str, allowed: tuple[int, ...] = (0, 1)) -> None:
        """Results that were there are still, or those that took their place."""
        super().look(what, allowed)
        is_there = bool(self.found())
        if self.had_results and not is_there:
            self.counts.note("lost", f"{what}: the former results are gone")
        self.had_results = is_there


class Verdicts:
    """Two processes that judge windows of one reel, and `review` beside them."""

    def __init__(self, place: Path, counts: Counts, chance: random.Random):
        self.place, self.counts, self.chance, self.number = place, counts, chance, 0
        import numpy as np

        from tests.support.reels import make_reel

        for half in (0, 1):
            (place / f"said-{half}").touch()
        make_reel("judged/raw", np.full((4 * (2 * WINDOWS + 1), 1, 2, 2), 0.5))

    def kill_pair(self) -> None:
        self.counts.runs += 1
        self.number += 1
        seed = self.chance.getrandbits(32)
        writers = [self.writer(half, seed + half) for half in (0, 1)]
        if self.chance.random() < 0.3:
            words = ["-m", "review", "-c", self.place / "settings.yaml", "--data-clips", "judged"]
            writers.append(program(words, self.place / f"review-{self.number}.log"))
        wait_and_kill(self.chance.choice(writers), 0.4, self.chance)
        time.sleep(0.1)
        for half in (0, 1):
            writers[half].kill()
        for writer in writers:
            writer.ended(self.counts)
        self.look(f"verdicts, run {self.number}, seed {seed}")

    def writer(self, half: int, seed: int) -> Forked:
        said = self.place / f"said-{half}"

        def work() -> int:
            from data.reel.reel import Reel
            from data.review.page.verdicts import Verdicts as Page

            page, chance = Page(Reel("judged/raw")), random.Random(seed)
            with said.open("a", buffering=1) as file:
                while True:
                    window, verdict = 2 * chance.randrange(WINDOWS) + half, chance.choice(("keep", "reject"))
                    file.write(f"asks {window} {verdict}\n")
                    page.judge([window], verdict)
                    file.write(f"done {window} {verdict}\n")

        return fork(work, self.place / f"writer-{half}-{self.number}.log")

    def look(self, what: str) -> None:
        """The last verdict of each window that was acknowledged stands, or one that was asked for after it."""
        from data.reel.reel import Reel
        from data.reel.windows import read_windows
        from data.review.page.verdicts import Verdicts as Page

        Page(Reel("judged/raw"))
        table = read_windows(Reel("judged/raw")).set_index("window")["verdict"]
        allowed: dict[int, set[str]] = {}
        for half in (0, 1):
            for line in (self.place / f"said-{half}").read_text().splitlines():
                kind, window, verdict = line.split()
                allowed[int(window)] = {verdict} | (allowed.get(int(window), set()) if kind == "asks" else set())
                if kind == "asks" and len(allowed[int(window)]) == 1:
                    allowed[int(window)].add("")
        for window, verdicts in allowed.items():
            if table[window] not in verdicts:
                self.counts.note("lost", f"{what}: window {window} is {table[window]!r}, acknowledged was {verdicts}")


def embedded(page: str) -> str:
    """The data of a report."""
    return page.partition('<script id="data" type="application/json">')[2].partition("</script>")[0]


def digest(files: Iterator[Path] | list[Path]) -> str:
    """Of names and contents; empty without any."""
    made, number = hashlib.sha256(), 0
    for path in sorted(files):
        if path.is_file():
            number += 1
            made.update(f"{path}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return made.hexdigest()[:12] if number else ""


def make_input(place: Path) -> None:
    """Pictures, settings, a reel and a run that is trained on it."""
    import numpy as np
    import yaml
    from PIL import Image

    from tests.support.reels import drifting_blobs

    (place / "raw").mkdir()
    frames = np.clip(drifting_blobs(FRAMES, SIDE_PX, SIDE_PX, noise=0.01)[:, 0] * 0.6, 0, 1)
    frames[-6:-4, 8:14, 8:14] += 0.35
    for number, frame in enumerate((np.clip(frame, 0, 1) * 255).astype(np.uint8) for frame in frames):
        Image.fromarray(frame).save(place / "raw" / f"f_{number:03d}.png")
    (place / "settings.yaml").write_text(yaml.safe_dump(SETTINGS | {"data_raw": str(place / "raw")}))


def prepared(place: Path, counts: Counts) -> None:
    """The reel and the run that train, eval and review work with."""
    words = ["-c", place / "settings.yaml", "--data-clips", "kept", "--model-path", "evaluated"]
    for mode, more in (("prep", ["--set", "prep.resize=[24, 24]"]), ("train", [])):
        ended = program(["-m", mode, *words, *more], place / f"{mode}.log").ended(counts)
        if ended.code:
            raise RuntimeError(ended.output)


def turns(place: Path, counts: Counts, chance: random.Random, runs: int) -> Iterator[Callable[[], None]]:
    """What to kill, one after the other, and at the end all to the end."""
    judged, modes = Verdicts(place, counts, chance), []
    if runs > QUICK:
        prepared(place, counts)
        modes = [mode(place, counts, chance) for mode in (Prep, Train, Eval)]
    ways = [judged.kill_pair, *(way for mode in modes for way in (mode.kill_one, mode.kill_pair))]
    for number in range(runs):
        yield ways[number % len(ways)]
    for mode in modes:
        yield mode.settle


def main() -> None:
    import os

    options = campaign.parser(__doc__ or "", runs=250).parse_args()
    counts, chance = Counts(), random.Random(options.seed)
    preload(DATA if options.quick else (*DATA, *MODELS))
    with campaign.workplace() as place:
        os.chdir(place)
        make_input(place)
        for turn in turns(place, counts, chance, QUICK if options.quick else options.runs):
            turn()
        os.chdir("/")
    campaign.finish(counts, options)


if __name__ == "__main__":
    main()
