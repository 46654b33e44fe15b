"""SIGKILL at random moments to a worker, the scheduler or the client of a Dask cluster; then the command once more.

Where workers die the command itself has to end as if nothing had happened. Where the scheduler or the client dies the
same command again has to: what is there in the end is, byte for byte, what one process makes undisturbed.
"""

import contextlib
import os
import random
import re
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from kill import digest
from parts import campaign
from parts.campaign import ENDED_S, LOOK_S, Counts, Ended
from parts.forked import DATA, MODELS, Forked, Left, fork, preload

from tests.support.dask_cluster import UsersCluster

SETTINGS = {
    "workers": 2,
    "device": "cpu",
    "prep": {"clip_length": 8, "stride": 2, "resize": [24, 32]},
    "model": {"stages": [{"width": 4}, {"width": 4, "stride": [2, 2, 2]}], "latent_channels": 2},
    "train": {"epochs": 2, "warmup_epochs": 1.0, "batch_size": 8, "loss": "mse", "checkpoint_interval": 1},
    "eval": {"stride": 4, "scale_factor": 1},
}
# Of the run itself, and the folders that the undisturbed command was given.
MEASURED = re.compile(rb'"(seconds|frames_per_s)": ?[\d.]+|in [\d.]+ s, [\d.]+ frames/s')
FRAMES, REELS = 60, 4
LOST = "run the same command again"  # what is told where a cluster is lost
NOT_THERE = "no scheduler answers"  # the same where it is gone before the command has found it
NOT_BEGUN = "the workers of this machine did not start"  # where one dies while it begins
THERE = re.compile("its results are there|already prepared")
MOST_DEATHS = 3  # of workers: a fourth by one task ends the command
QUICK_S = 1.0  # within which the client is killed in the one run, of prep, of a quick campaign


class Command(Left):
    """One command on a cluster, and what one process makes of it. A subclass says which, and what is left of it."""

    name, mode = "", ""
    words: tuple[object, ...] = ()
    alone: tuple[object, ...] = ("--workers", 0)

    def __init__(self, place: Path, counts: Counts):
        self.place, self.counts, self.number, self.longest_s = place, counts, 0, 0.0
        self.clear()
        self.expect_done(self.start(None), "undisturbed")
        self.wanted = self.found()
        self.clear()

    def start(self, cluster: str | None) -> Forked:
        self.number += 1
        words = ["-m", self.mode, "-c", self.place / "settings.yaml", *self.words, *self.again()]
        words += ["--cluster", cluster] if cluster else self.alone
        return command(words, self.place / f"{self.name}-{self.number}.log")

    def expect_done(self, process: Forked, what: str) -> Ended:
        ended = process.ended(self.counts)
        if ended.code != 0:
            self.counts.note("lost", f"{self.name} {self.number}, {what}: {ended.code}: {ended.output[-600:]}")
        return ended

    def look(self, what: str) -> None:
        if self.found() != self.wanted:
            kept = self.place.parent / f"{self.place.name}_{self.name}_{self.number}"
            shutil.copytree(self.place, kept, symlinks=True)
            self.counts.note("mixed", f"{self.name} {self.number}, {what}: not what one process makes, see {kept}")


class Prep(Command):
    name = mode = "prep"
    words = ("--data-raw", "raw", "--data-clips", "reels")

    def clear(self) -> None:
        shutil.rmtree("reels", ignore_errors=True)

    def found(self) -> str:
        return digest(p for p in Path("reels").rglob("*") if not p.name.startswith(".lock"))


class Eval(Command):
    name = mode = "eval"
    words = ("--data-clips", "kept", "--model-path", "evaluated")
    alone = ()  # one process whatever `workers` says, which is kept with the results

    def clear(self) -> None:
        shutil.rmtree("evaluated/eval", ignore_errors=True)

    def found(self) -> str:
        return results_in(Path("evaluated/eval"))


class Fleet(Command):
    """A model of its own for each reel."""

    name, mode = "fleet", "train"
    words = ("--data-clips", "kept", "--model-path", "fleet", "--set", "train.each_reel=true")

    def clear(self) -> None:
        shutil.rmtree("fleet", ignore_errors=True)

    def again(self) -> list[object]:
        return ["--resume"] if Path("fleet/members").is_dir() else []

    def found(self) -> str:
        """Weights, calibrations, and what is told of every member."""
        from training.checkpoint import load
        from training.places import path_of

        members = sorted(Path("fleet/members").iterdir())
        weights = [str({k: v.tolist() for k, v in load(path_of(m, "best"))["model"].items()}) for m in members]
        files = [path for member in members for path in (*member.glob("calibration/*.npz"), member / "done.json")]
        Path("weights.txt").write_text("\n".join(weights), encoding="utf-8")
        return digest([*files, Path("fleet/trained.csv"), Path("weights.txt")])


class FleetEval(Command):
    name, mode = "fleet_eval", "eval"
    words = ("--data-clips", "kept", "--model-path", "judged")

    def clear(self) -> None:
        for path in (*Path("judged/members").glob("*/eval"), *Path("judged").glob("*.csv")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def found(self) -> str:
        return results_in(Path("judged"))


COMMANDS = (Prep, Eval, Fleet, FleetEval)


def results_in(folder: Path) -> str:
    """A digest of all results in a folder but for how long they took."""
    copy = Path("looked_at")
    shutil.rmtree(copy, ignore_errors=True)
    for path in sorted(folder.rglob("*")):
        made = copy / path.relative_to(folder)
        if path.is_file() and "eval" in path.parts and not path.name.startswith(".lock"):
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_bytes(MEASURED.sub(b"", path.read_bytes()))
    if (folder / "results.csv").is_file():
        shutil.copy(folder / "results.csv", copy)
    return digest(copy.rglob("*"))


class Killer:
    """The cluster, what is killed of it, and how that ended."""

    def __init__(self, place: Path, counts: Counts, chance: random.Random, workers: int):
        self.place, self.counts, self.chance, self.workers = place, counts, chance, workers
        self.cluster: UsersCluster | None = None
        self.started = 0
        self.told: Counter[tuple[str, str, str]] = Counter()

    def where(self, kind: str) -> str:
        """What --cluster is given; the user's cluster is started where there is none."""
        if kind == "local":
            return kind
        if self.cluster is None:
            self.started += 1
            self.cluster = UsersCluster(self.place / "cluster" / str(self.started))
            self.cluster.wait_for_scheduler()
            self.cluster.add_workers(self.workers)
        return str(self.cluster.file)

    def end(self) -> None:
        if self.cluster:
            self.cluster.end()
        self.cluster = None

    def measure(self, run: Command) -> None:
        """How long it takes on the cluster when nothing happens, which has to make the same bytes."""
        for _ in range(2):  # workers load in the first one
            run.clear()
            cluster, begun = self.where("tcp"), time.monotonic()
            run.expect_done(run.start(cluster), "on a cluster")
            run.longest_s = time.monotonic() - begun
            run.look("on a cluster")

    def kill(self, run: Command, kind: str, victim: str) -> None:
        """One run in which something dies, and what has to be done then."""
        self.counts.runs += 1
        run.clear()
        what, count = f"{run.name} {kind} {victim}", Counter()
        longest_s, cluster = run.longest_s + 4.0 * (kind == "local"), self.where(kind)
        process = run.start(cluster)
        for _ in range(self.chance.randint(1, MOST_DEATHS) if victim == "worker" else 1):
            time.sleep(self.chance.uniform(0, longest_s))
            count["while it ran"] += process.is_running() and self.hit(process, kind, victim)
        if victim == "client":
            self.wait_for_group(process, what)
        ended = process.ended(self.counts)
        count["done by itself"] += ended.code == 0
        of_workers = (NOT_BEGUN,) if kind == "local" else ()
        ways_out = {"client": ("",), "scheduler": (LOST, NOT_THERE), "worker": of_workers}[victim]
        if ended.code and not any(told in ended.output for told in ways_out):
            self.counts.note("lost", f"{what}, {run.number}: {ended.code}: {ended.output[-600:]}")
        if victim == "scheduler":
            self.end()
        if ended.code:
            ended = run.expect_done(run.start(self.where(kind)), f"{victim} killed, again")
            count["again"] += 1
            count["reels kept"] += len(THERE.findall(ended.output))
        run.look(what)
        for key, number in count.items():
            self.told[f"{run.name} {kind}", victim, key] += number

    def hit(self, process: Forked, kind: str, victim: str) -> bool:
        """SIGKILL to a victim, if it is there yet."""
        scheduler, of_user = (self.cluster.scheduler, self.cluster.processes[1]) if self.cluster else (process, process)
        if victim == "worker":
            pids = workers_below(process.pid if kind == "local" else of_user.pid)
        else:
            pids = [process.pid if victim == "client" else scheduler.pid]
        if not pids:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.chance.choice(pids), signal.SIGKILL)
        return True

    def wait_for_group(self, process: Forked, what: str) -> None:
        """The workers of a command that was killed end too."""
        until = time.monotonic() + ENDED_S
        while len(alive := alive_in(process.pid)) and time.monotonic() < until:
            time.sleep(LOOK_S)
        if alive:
            self.counts.note("lost", f"{what}: {len(alive)} processes outlive the command")
            process.kill()


def workers_below(pid: int) -> list[int]:
    """Worker processes that a process has started, by itself or by its fork server."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                words, above = " ".join(child.cmdline()), child.parent()
                is_forked = "forkserver" in words and above is not None and "forkserver" in " ".join(above.cmdline())
                if "spawn_main" in words or is_forked:
                    found.append(child.pid)
    return found


def alive_in(group: int) -> list[int]:
    """The processes of a group that have not ended."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def command(words: list[object], log: Path) -> Forked:
    """main.py with these arguments; processes that it spawns load main.py and not this campaign."""
    import main

    def work() -> int:
        sys.modules["__main__"] = main
        return main.main([str(word) for word in words])

    return fork(work, log)


def make_input(place: Path) -> None:
    """Frames of which one is broken, a video, frames in an archive; reels; settings."""
    import yaml

    from tests.support.fits_files import broken_inside, write_frames, write_tar
    from tests.support.trainings import small_reel
    from tests.support.videos import write_video

    write_frames(place / "raw" / "frames", FRAMES, shape=(24, 32))
    path = place / "raw" / "frames" / "frame_007.fits"
    path.write_bytes(broken_inside(path.read_bytes()))
    write_video(place / "raw" / "clip.mp4", 40)
    members = {f"in_{p.name}": p.read_bytes() for p in sorted((place / "raw" / "frames").iterdir())[:3]}
    write_tar(place / "raw" / "more.tar", members)
    for i in range(REELS):
        small_reel(place / "kept" / f"cam{i}", T=FRAMES + 8 * i, seed=i)
    (place / "settings.yaml").write_text(yaml.safe_dump(SETTINGS))


def prepared(place: Path, counts: Counts) -> None:
    """The run and the fleet that eval works with."""
    ways = {"evaluated": [], "judged": ["--set", "train.each_reel=true"]}
    for name, more in ways.items():
        words = ["-m", "train", "-c", place / "settings.yaml", "--data-clips", "kept", "--model-path", name, *more]
        if (ended := command([*words, "--workers", 0], place / f"{name}.log").ended(counts)).code:
            raise RuntimeError(ended.output)


def quick(killer: Killer) -> None:
    run = Prep(killer.place, killer.counts)
    run.longest_s = QUICK_S
    killer.kill(run, "tcp", "client")


def turns(killer: Killer, runs: int) -> Iterator[Callable[[], None]]:
    """What to kill, one after the other."""
    made = [kind(killer.place, killer.counts) for kind in COMMANDS]
    for run in made:
        killer.measure(run)
    victims = [("tcp", "worker"), ("tcp", "client"), ("tcp", "scheduler"), ("local", "worker"), ("local", "client")]
    ways = [(run, kind, victim) for kind, victim in victims for run in made]
    for number in range(runs):
        run, kind, victim = ways[number % len(ways)]
        yield lambda run=run, kind=kind, victim=victim: killer.kill(run, kind, victim)


def tell(told: Counter[tuple[str, str, str]]) -> None:
    """What was killed, and how it ended."""
    for name, victim in sorted({key[:2] for key in told}):
        figures = ", ".join(f"{key[2]} {told[key]}" for key in told if key[:2] == (name, victim))
        print(f"{name}, {victim} killed: {figures}")


def main() -> None:
    options = campaign.parser(__doc__ or "", runs=80).parse_args()
    counts = Counts()
    preload((*DATA, "distributed") if options.quick else (*DATA, *MODELS, "distributed", "inference.fleet.train"))
    with campaign.workplace() as place:
        os.chdir(place)
        killer = Killer(place, counts, random.Random(options.seed), workers=1 if options.quick else 2)
        make_input(place)
        try:
            if options.quick:
                quick(killer)
            else:
                prepared(place, counts)
                for turn in turns(killer, options.runs):
                    turn()
        finally:
            killer.end()
        os.chdir("/")
    tell(killer.told)
    campaign.finish(counts, options)


if __name__ == "__main__":
    main()
