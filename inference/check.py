"""`--check`: what a mode would do with these settings, and what is wrong, without doing it and without writing.

It asks the functions that the modes themselves begin with, so it can't be of another opinion than they are. What one
fault hides (windows of reels that are not there) is told once that is mended.
"""

import math
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from config import Config
from config.lazily import Lazily
from data.disk.lock import owner_of
from data.frames.assemble import Given, read_given
from data.frames.first_pass import first_pass
from data.frames.plan import ReelPlan
from data.frames.second_pass import bytes_needed
from data.frames.workers.pool import make_executor
from data.labels.quiet_hours import with_quiet_hours
from data.messages import amount, with_way_out
from data.prepare_data import of_no_use_to, same_or_refuse
from data.reel.reel import Reel, find_reels
from data.reel.windows import read_windows, usable
from data.review_processed_data import hand_verdicts
from data.series.find_series import names_for, read_all
from data.series.light_curves import video_reels
from data.series.prepare_series import identity_of

MOST_REASONS = 5  # that are told of a reel


class Findings:
    """What is told, and how much of it is wrong."""

    def __init__(self) -> None:
        self.wrong = 0

    def tell(self, text: str) -> None:
        print(text)

    def hint(self, text: str) -> None:
        """Tell what is odd, and hinders nothing; of "" nothing."""
        if text:
            self.tell(f"note: {text}")

    def blame(self, text: str) -> None:
        """Tell what is wrong."""
        self.wrong += 1
        print(f"wrong: {text}")

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Errors inside are told, and what comes behind is still looked at."""
        try:
            yield
        except OSError as error:
            self.blame(with_way_out(error))
        except (ValueError, ArithmeticError) as error:
            self.blame(str(error))


def check(mode: str, config: Config) -> int:
    """Print what `mode` would do and what is wrong; returns the exit code, 0 when nothing is, else 2."""
    findings = Findings()
    with findings.faults():
        CHECKS[mode](config, findings)
    print(f"wrong: {findings.wrong}" if findings.wrong else f"nothing is wrong: {mode} can run")
    return 2 if findings.wrong else 0


def check_prep(config: Config, findings: Findings) -> None:
    """The input by kind, what is left out of it and why, the reels to be made, and whether they have room."""
    config = with_quiet_hours(config)
    root, out = Path(config.data_raw), Path(config.data_clips)
    if config.prep.light_curves:
        for reel in video_reels(root):
            findings.tell(f"light curves would be cut from {described(reel)}")
        return
    if config.prep.source == "vso":
        findings.tell(f"frames would be downloaded into {root}; what follows is of those that are there already")
    given = read_given(config.prep)
    with TemporaryDirectory() as unpacked, make_executor(config.workers) as workers:
        headers = first_pass(workers, config, Path(unpacked))
        found, _ = read_all(headers.inputs.series, root, config.prep)
    kinds = Counter(item.source.name for item in headers.inputs.frames for _ in item.files)
    kinds.update(item.source.name for item in headers.inputs.series)
    findings.tell(f"files in {root}: {', '.join(f'{kind} {n}' for kind, n in kinds.items())}")
    findings.hint(of_no_use_to(headers, config))
    for plan in headers.plans:
        with findings.faults():
            check_plan(plan, given, config, findings)
    for series, name in zip(found, names_for(found, {plan.name for plan in headers.plans}), strict=True):
        with findings.faults():
            findings.tell(
                f"{name}: a series of {len(series.values)} samples of {amount(len(series.channels), 'variable')}"
            )
            if (out / name).exists():
                same_or_refuse(out / name, identity_of(series, given, config.prep))
    if not found and not any(plan.rows for plan in headers.plans):
        findings.blame(f"nothing in {root} can be used")
    check_room(headers.plans, config, findings)
    check_free(out, findings)


def check_plan(plan: ReelPlan, given: Given, config: Config, findings: Findings) -> None:
    """One reel of frames: what it will hold, what is left out, and what is in its place."""
    prep, final = config.prep, Path(config.data_clips) / plan.name
    frames, *shape = plan.stored_shape(prep)
    findings.tell(f"{plan.name}: {frames} frames of [channels, height, width] {shape}")
    for reason, number in Counter(c.reason for c in plan.rejected).most_common(MOST_REASONS):
        findings.tell(f"  {number} left out: {reason}")
    if 0 < frames < prep.clip_length and not prep.movie_only:
        findings.blame(f"{plan.name}: no window of prep.clip_length {prep.clip_length} frames fits into {frames}")
    if frames and final.exists():
        same_or_refuse(final, plan.identity(prep, asdict(given)))


def check_room(plans: list[ReelPlan], config: Config, findings: Findings) -> None:
    """Whether the disk has room for the reels that are not there yet."""
    out = Path(config.data_clips)
    shapes = [plan.stored_shape(config.prep) for plan in plans if not (out / plan.name).exists()]
    needed = sum(bytes_needed(math.prod(shape), config.prep) for shape in shapes)
    free = shutil.disk_usage(existing(out)).free
    findings.tell(f"about {needed / 1e9:.3g} GB are needed in {out}, {free / 1e9:.3g} GB are free")
    if needed > free:
        findings.blame("the disk has no room for the reels; choose a smaller prep.resize or another --data-clips")
    check_writable(out, findings)


def check_review(config: Config, findings: Findings) -> None:
    """The reels, the windows that verdicts are asked for, and the port of the page."""
    reels = find_reels(config.data_clips)
    for reel in reels:
        with findings.faults():
            findings.tell(f"{described(reel)}; {windows_of(reel)}")
        check_writable(reel.path, findings)
    with findings.faults():
        hand_verdicts(config.review, reels)
    if config.review.serve:
        from data.review.page.server import listen  # which loads a web server

        with findings.faults():
            listen(config.review.host, config.review.port).close()


# Those that ask a net stand apart: it brings torch, which takes seconds.
CHECKS: Lazily[Callable[[Config, Findings], None]] = Lazily(
    {
        "prep": f"{__name__}.check_prep",
        "review": f"{__name__}.check_review",
        "train": "inference.check_model.check_train",
        "eval": "inference.check_model.check_eval",
        "export": "inference.check_model.check_export",
    }
)


def described(reel: Reel) -> str:
    """A reel in a few words."""
    frames, *shape = reel.shape
    return f"{reel.name}: {frames} frames of [channels, height, width] {shape}, one every {reel.cadence_s:g} s"


def windows_of(reel: Reel) -> str:
    """A reel's windows in a few words."""
    table = read_windows(reel)
    return f"{amount(len(table), 'window')}, {int(usable(table).sum())} left to train on"


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path.resolve(), *path.resolve().parents) if place.exists())


def check_writable(path: Path, findings: Findings) -> None:
    """Whether a folder is one, or can be made, and may be written to."""
    place = existing(path)
    if not place.is_dir():
        findings.blame(f"{place} is a file, where a folder is wanted for {path}")
    elif not os.access(place, os.W_OK | os.X_OK):
        findings.blame(f"{place} may not be written to; choose another --data-clips or --model-path")


def check_free(folder: Path, findings: Findings) -> None:
    """Whether no other process writes into a folder."""
    if owner := owner_of(folder):
        findings.blame(f"{folder} is in use: {owner}; wait until that has ended, or choose another")
