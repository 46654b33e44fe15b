"""How long prep and eval take on 16 to 1,024 workers, by a model of queues that is fed with rates measured here.

    python tests/benchmarks/scale_model.py [--quick] [--json FILE] [--frames N] [--side PX] [--reels N] [--repeat N]
        [--storage-gb-s X] [--link-gb-s X] [--per-machine N]

Measures, of prep of Rice-compressed frames and of eval of camera reels by `flow`: what a task takes in this process,
by what that grows where two processes compute at once, what handing one out to a cluster and taking its result take,
and what begins and ends a command. From these alone the model (`parts/queues.py`) says how long prep and eval take with
one and with two workers of Dask. These are measured in every turn too, and an error is the median of all turns'. Then
it says so for 10 TB of AIA frames (reels of a day at 12 s, one after the other, as prep makes them) and for a day of
1,000 cameras (a reel an hour, a frame a second), with storage and links of the given rates, which are no measurements.

--json keys: prep_error_1, prep_error_2, [eval_error_1], [eval_error_2] (modelled over measured seconds, less 1;
within 0.15 either way is wanted), prep_gain, [eval_gain] (measured: seconds of one worker over those of two),
prep_gain_modelled, [eval_gain_modelled], prep_crowding, eval_crowding, plain_crowding (by what a task takes longer
beside another one: decoding, scoring, and a sum in a loop that needs no memory), prep_alone_share (of the seconds of
prep by one worker, what only the command itself does), prep_task_s, eval_task_s, hand_ms, frame_mb (a compressed
frame), aia_hours_<workers>, cameras_hours_<workers>, aia_busiest_<workers>, cameras_busiest_<workers> (the share of
the time that what all wait for is at work; its name is printed), model_s (the slowest of the simulations)
"""

import operator
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import cv2
from parts.common import best_s, parsed, parser, write
from parts.queues import Outcome, Site, Work, simulated

WORKERS = (16, 128, 1024)
AIA_BYTES, DAY_FRAMES = 10e12, 7200
CAMERAS, HOURS, HOUR_FRAMES = 1000, 24, 3600
QUICK_PART = 200  # of the work that is simulated with --quick
NO_TASKS, SUM_TO = 100, 2_000_000


@dataclass(frozen=True)
class Line:
    """Seconds that grow with a number of frames."""

    fixed_s: float
    frame_s: float

    @classmethod
    def through(cls, few: tuple[int, float], many: tuple[int, float]) -> "Line":
        slope = max((many[1] - few[1]) / (many[0] - few[0]), 0.0)
        return cls(max(many[1] - slope * many[0], 0.0), slope)

    def __call__(self, frames: int) -> float:
        return self.fixed_s + self.frame_s * frames


def crowding(pool: Any, call: Callable[..., Any], argument_lists: list[tuple], alone_s: float) -> float:
    """By what a task takes longer beside another one, in two processes that run already."""
    begun = time.perf_counter()
    for future in [pool.submit(call, *arguments) for arguments in argument_lists]:
        future.result()
    return max((time.perf_counter() - begun) * 2 / len(argument_lists) / alone_s, 1.0)


def plain_crowding(pool: Any) -> float:
    sums = [(range(SUM_TO),)] * 8
    return crowding(pool, sum, sums, best_s(lambda: sum(range(SUM_TO)), 8)[0])


def hand_s(cluster: str, *arguments: Any) -> tuple[float, float]:
    """Seconds to join a cluster, and to have it do nothing with such arguments, a task."""
    from data.frames.workers.pool import bounded, make_executor

    begun = time.perf_counter()
    with make_executor(2, cluster) as workers:
        within = time.perf_counter()
        seconds, _ = best_s(lambda: list(bounded(workers, operator.is_, [arguments] * NO_TASKS)), 2)
        leaving = time.perf_counter()
    return within - begun + time.perf_counter() - leaving, seconds / NO_TASKS


@dataclass(frozen=True)
class PrepRates:
    """Of prep: what is done a task, and by the command alone."""

    tasks: int
    work: Work
    header: Work
    ending: Line
    opening_s: float

    def seconds(self, site: Site, frames: int) -> Outcome:
        """Of a reel of so many frames."""
        return simulated(replace(self.work, tasks=-(-frames // 4), after_s=self.ending(frames)), site)


class Prep:
    """The steps of prep of one reel, each called alone."""

    def __init__(self, folder: Path):
        from config import load

        self.folder, self.root = folder, folder / "raw"
        self.config = load(
            None, {"data_raw": str(self.root), "data_clips": str(folder / "steps"), "prep.clip_length": 8}
        )
        self.prep = self.config.prep

    def whole(self, cluster: str) -> float:
        """Seconds of the command."""
        from data.prepare_data import prep

        out = self.folder / "reels"
        shutil.rmtree(out, ignore_errors=True)
        return best_s(lambda: prep(replace(self.config, data_clips=str(out), cluster=cluster)))[0]

    def headers(self) -> tuple[float, Any]:
        from data.frames.first_pass import first_pass
        from data.frames.workers.pool import make_executor

        with make_executor(1) as here:
            seconds, found = best_s(lambda: first_pass(here, self.config, self.folder / "unpacked"), 2)
        return seconds, found.plans[0]

    def opened(self, plan: Any) -> tuple[Path, float, list]:
        from data.frames.second_pass import open_part, tasks_of
        from data.frames.stale import record_of

        part = self.folder / "steps" / ".model.part"
        shutil.rmtree(part, ignore_errors=True)
        record = record_of(plan, self.root)
        seconds, _ = best_s(lambda: open_part(plan, part, "model", self.prep, record))
        return part, seconds, list(tasks_of(plan, part, set()))

    def decoded(self, plan: Any) -> tuple[float, float, float, float]:
        """Seconds to open the folder in the making, of a task, of taking it, and of what ends a reel of the plan."""
        from data.frames.assemble import assemble, read_given
        from data.frames.journal import Journal
        from data.frames.workers.apart import joiner, run_apart

        (part, opening_s, tasks), grid = self.opened(plan), plan.stored_shape(self.prep)[2:]
        join, computing, taking = joiner(part), [], []
        with Journal(part) as journal:
            for task in tasks:
                seconds, block = best_s(lambda task=task: run_apart(task, self.prep, grid))
                computing.append(seconds)
                taking.append(best_s(lambda block=block: journal.add(join(block)))[0])
        final = self.folder / "steps" / "model"
        shutil.rmtree(final, ignore_errors=True)
        end = assemble, plan, read_given(self.prep), part, final, "model", self.config, {}
        ending_s, _ = best_s(lambda: end[0](*end[1:]))
        return opening_s, sum(computing) / len(tasks), sum(taking) / len(tasks), ending_s

    def crowding(self, pool: Any, plan: Any, alone_s: float) -> float:
        from data.frames.workers.apart import run_apart

        part, _, tasks = self.opened(plan)
        (part / "blocks").mkdir()
        grid = plan.stored_shape(self.prep)[2:]
        return crowding(pool, run_apart, [(task, self.prep, grid) for task in tasks], alone_s)


def prep_rates(steps: Prep, pool: Any, cluster: str) -> PrepRates:
    header_s, plan = steps.headers()
    few = replace(plan, rows=plan.rows[: max(len(plan.rows) // 4, 4)])
    opening_s, task_s, take_s, ending_s = steps.decoded(plan)
    few_s = steps.decoded(few)[3]
    crowd = steps.crowding(pool, plan, task_s)
    tasks = steps.opened(plan)[2]
    joined_s, handing_s = hand_s(cluster, tasks[0], steps.prep)
    size = sum(path.stat().st_size for path in steps.root.iterdir()) / len(plan.rows)
    frames = len(plan.rows)
    work = Work(len(tasks), handing_s, take_s, task_s, crowd, size * frames / len(tasks))
    chunks = -(-frames // 16)
    header = Work(chunks, handing_s, 0.0, header_s / chunks, before_s=joined_s)
    return PrepRates(len(tasks), work, header, Line.through((len(few.rows), few_s), (frames, ending_s)), opening_s)


def prep_seconds(rates: PrepRates, frames: int, workers: int) -> float:
    """Modelled, of the command."""
    site = Site(workers, 2)
    return simulated(rates.header, site).seconds + rates.opening_s + rates.seconds(site, frames).seconds


class Eval:
    """Camera reels, a method that is fitted, and the steps of evaluating them, each called alone."""

    def __init__(self, folder: Path, reels: int, frames: int, side: int):
        from inference.fit import fit
        from tests.support.reels import drifting_blobs, make_reel
        from tests.support.trainings import small_config

        self.run, self.reels, self.frames, self.folder = folder / "run", reels, frames, folder / "eval_reels"
        for i in range(reels):
            make_reel(self.folder / f"cam{i}", drifting_blobs(frames, side, side, speed=1.0, seed=i), 1.0)
        make_reel(folder / "long" / "cam", drifting_blobs(4 * frames, side, side, speed=1.0, seed=0), 1.0)
        self.config = small_config(self.folder, self.run, model__name="flow")
        fit(self.config)
        self.long = replace(self.config, data_clips=str(folder / "long"))

    def whole(self, cluster: str) -> float:
        from inference.evaluate import evaluate

        shutil.rmtree(self.run / "eval", ignore_errors=True)  # a cluster leaves results that are there
        return best_s(lambda: evaluate(replace(self.config, cluster=cluster)))[0]

    def planned(self, config: Any) -> tuple[float, float, list]:
        """Seconds to look at the reels, and to make their jobs, and the jobs."""
        from inference.job import make_job
        from inference.scorers.load import load_scorer
        from inference.scorers.reels import checked_reels

        scorer, checkpoint = load_scorer(self.run, "cpu", config.eval)
        looked_s, reels = best_s(lambda: checked_reels(config.data_clips, scorer, checkpoint["data"], config.eval), 2)
        made = [reel.closed() for reel in reels]
        seconds, jobs = best_s(lambda: [make_job(r, self.run, scorer, checkpoint["sha256"], config.eval) for r in made])
        return looked_s, seconds, jobs

    def beginning_s(self) -> float:
        """Of the command, but for looking at its reels."""
        from inference.evaluate import check_facts
        from inference.fit import complete
        from inference.scorers.load import load_scorer
        from training.run import owned_run

        def begin() -> None:
            check_facts(self.run)
            with owned_run(self.run, "eval"):
                complete(self.run, "cpu")
                load_scorer(self.run, "cpu", self.config.eval)

        return best_s(begin, 2)[0]

    def calls(self, jobs: list) -> list[tuple]:
        """Of workers, while nobody owns the run."""
        return [(self.config, self.run, Path(job.reel.path), job.identity["weights_sha256"], None) for job in jobs]


@dataclass(frozen=True)
class EvalRates:
    work: Work
    look: Line  # at a reel of so many frames
    frames: int


def eval_rates(steps: Eval, pool: Any, cluster: str) -> EvalRates:
    from inference.shards.apart import do_job_apart

    looked_s, made_s, jobs = steps.planned(steps.config)
    long_s = sum(steps.planned(steps.long)[:2])
    calls = steps.calls(jobs)
    task_s, _ = best_s(lambda: do_job_apart(*calls[0]), 1 + bool(pool))  # the first loads the scorer, as in a worker
    crowd = 1.0
    if pool:
        wait([pool.submit(do_job_apart, *call) for call in calls[:2]])
        crowd = crowding(pool, do_job_apart, calls, task_s)
    joined_s, handing_s = hand_s(cluster, *calls[0][:2])
    look = Line.through((steps.frames, (looked_s + made_s) / steps.reels), (4 * steps.frames, long_s))
    size = sum(path.stat().st_size for path in (steps.folder / "cam0").iterdir())
    before_s = joined_s + steps.beginning_s() + looked_s
    work = Work(steps.reels, handing_s + made_s / steps.reels, 0.0, task_s, crowd, size, before_s)
    return EvalRates(work, look, steps.frames)


@dataclass(frozen=True)
class Turn:
    """Seconds of the commands by number of workers, and the rates that the model has, measured one after the other."""

    measured: dict[str, dict[int, float]]
    prep: PrepRates
    cameras: EvalRates
    frames: int

    def modelled(self, name: str, workers: int) -> float:
        if name == "prep":
            return prep_seconds(self.prep, self.frames, workers)
        return simulated(self.cameras.work, Site(workers, 2)).seconds

    def figures(self) -> dict[str, float]:
        """Errors and gains, whose parts are of the same minutes: a machine that others use wanders."""
        found = {}
        for name, measured in self.measured.items():
            modelled = {n: self.modelled(name, n) for n in measured}
            for n in measured:
                print(f"{name}, {n} worker(s): measured {measured[n]:.2f} s, modelled {modelled[n]:.2f} s")
            found |= {f"{name}_error_{n}": modelled[n] / measured[n] - 1 for n in measured}
            found |= {f"{name}_gain": measured[1] / measured[2], f"{name}_gain_modelled": modelled[1] / modelled[2]}
        return found


def predicted_aia(rates: PrepRates, site: Site, total: float) -> Outcome:
    """All reels of so many bytes of frames, one after the other."""
    frames = total / (rates.work.bytes_read / 4)
    one = rates.seconds(site, DAY_FRAMES)
    return Outcome(one.seconds * frames / DAY_FRAMES, one.shares)


def predicted_cameras(rates: EvalRates, site: Site, reels: int) -> Outcome:
    grown, looked_s = HOUR_FRAMES / rates.frames, rates.look(HOUR_FRAMES)
    work = replace(rates.work, tasks=reels, compute_s=rates.work.compute_s * grown, before_s=reels * looked_s / 2)
    work = replace(work, bytes_read=work.bytes_read * grown, hand_s=work.hand_s + looked_s / 2)
    return simulated(work, site)


def predictions(prep: PrepRates, cameras: EvalRates, options: Any) -> dict[str, float]:
    figures, slowest = {}, 0.0
    part = QUICK_PART if options.quick else 1
    for workers in WORKERS:
        rates = {"storage": options.storage_gb_s * 1e9, "link": options.link_gb_s * 1e9}
        site = Site(workers, options.per_machine, **rates)
        made = {
            "aia": lambda site=site: predicted_aia(prep, site, AIA_BYTES),
            "cameras": lambda site=site: predicted_cameras(cameras, site, CAMERAS * HOURS // part),
        }
        for name, simulate in made.items():
            seconds, found = best_s(simulate)
            slowest = max(slowest, seconds)
            figures[f"{name}_hours_{workers}"] = found.seconds / 3600
            figures[f"{name}_busiest_{workers}"] = found.shares[found.bottleneck]
            shares = ", ".join(f"{of} {share:.0%}" for of, share in found.shares.items())
            print(
                f"{name}, {workers} workers: {found.seconds / 3600:.3g} h, all wait for: {found.bottleneck} ({shares})"
            )
    return figures | {"model_s": slowest}


def turns_of(folder: Path, options: Any) -> tuple[list[Turn], float]:
    """Some turns, of which the first, that loads and compiles, is left out; and how much a plain sum is crowded."""
    from data.cluster.executor import cluster_here
    from data.frames.workers.pool import make_executor
    from tests.support.fits_files import write_frames

    cv2.setNumThreads(1)  # as in workers, which these rates are of; here OpenCV would take both cores for a task
    write_frames(folder / "raw", options.frames, shape=(options.side, options.side))
    steps, cameras = Prep(folder), Eval(folder, options.reels, *((80, 24) if options.quick else (160, 112)))
    commands = {"prep": steps} if options.quick else {"prep": steps, "eval": cameras}
    turns = []
    with make_executor(2) as pool, ExitStack() as opened:
        # It runs before the clusters do, which set variables of this process that their own workers are to have.
        pool.submit(operator.is_, 0, 0).result()
        clusters: Any = {n: opened.enter_context(cluster_here(n)) for n in (1, 2)}
        address = {n: cluster.scheduler_address for n, cluster in clusters.items()}
        if options.quick:
            steps.crowding(pool, steps.headers()[1], 1.0)
        for _ in range(options.repeat + (not options.quick)):
            measured = {name: {n: of.whole(address[n]) for n in clusters} for name, of in commands.items()}
            of_eval = eval_rates(cameras, None if options.quick else pool, address[2])
            turns.append(Turn(measured, prep_rates(steps, pool, address[2]), of_eval, options.frames))
        return turns[-options.repeat :], plain_crowding(pool)


def figures_of(folder: Path, options: Any) -> dict[str, float]:
    turns, plain = turns_of(folder, options)
    found = [turn.figures() for turn in turns]
    figures: dict[str, float] = {name: median(turn[name] for turn in found) for name in found[0]}
    prep = min((turn.prep for turn in turns), key=lambda rates: rates.work.compute_s)
    of_eval = min((turn.cameras for turn in turns), key=lambda rates: rates.work.compute_s)
    alone_s = prep.header.before_s + prep.opening_s + prep.ending(options.frames)
    figures |= {"prep_crowding": prep.work.crowding, "eval_crowding": of_eval.work.crowding, "plain_crowding": plain}
    figures |= {"prep_alone_share": alone_s / prep_seconds(prep, options.frames, 1), "prep_task_s": prep.work.compute_s}
    figures |= {"eval_task_s": of_eval.work.compute_s, "hand_ms": 1e3 * prep.work.hand_s}
    figures |= {"frame_mb": prep.work.bytes_read / 4e6}
    return figures | predictions(prep, of_eval, options)


def main() -> None:
    asked = parser(__doc__ or "", "8 frames of 64x64 px, a reel of 80 frames, once; eval not on a cluster")
    asked.add_argument("--frames", type=int, help="that are prepared (default 96; 8 with --quick)")
    asked.add_argument("--side", type=int, help="pixels of a side (default 4096; 64 with --quick)")
    asked.add_argument("--reels", type=int, help="that are evaluated (default 8; 1 with --quick)")
    asked.add_argument("--repeat", type=int, help="turns (default 3, and one before; 1 with --quick)")
    asked.add_argument("--storage-gb-s", type=float, default=10.0, help="GB/s that all machines read (default 10)")
    asked.add_argument("--link-gb-s", type=float, default=1.25, help="GB/s of a machine's network (default 1.25)")
    asked.add_argument("--per-machine", type=int, default=16, help="workers of a machine (default 16)")
    options = parsed(asked)
    defaults = {"frames": (96, 8), "side": (4096, 64), "reels": (8, 1), "repeat": (3, 1)}
    for name, values in defaults.items():
        setattr(options, name, getattr(options, name) or values[options.quick])
    with tempfile.TemporaryDirectory(prefix="scale_model_") as work:
        figures = figures_of(Path(work), options)
    for name, value in figures.items():
        print(f"{name:28} {value:10.4g}")
    write(figures, options.json)


if __name__ == "__main__":
    main()
