"""What it costs that nothing is lost: locks, digests and fsync as a share of prep, train and eval.

    python tests/benchmarks/safety.py [--quick] [--json FILE] [--frames N]

One process does all three with the shipped settings: prep of full-size Rice-compressed frames (as prep.py makes them),
training and evaluation on a synthetic reel of 112x112. Each call of the system or the library that exists for safety
alone is timed where it is made: acquiring a lock, hashing, fsync. Calls of threads that wait at once all count, so the
shares are bounds from above. Each share is of the time that the step took in this same run; the aim is below 0.02.

--json keys: prep_locks, prep_digests, prep_fsync, prep_safety, train_locks, train_digests, train_fsync, train_safety,
eval_locks, eval_digests, eval_fsync, eval_safety (shares; `_safety` is the sum of the three).
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from filelock import BaseFileLock
from parts.common import ROOT, parsed, parser, program, write
from parts.long_reel import QUICK_MODEL, reel_of
from prep import QUICK_SIDE, SIDE, make_frames

CALLS = {
    "locks": [(BaseFileLock, "acquire")],
    "digests": [(hashlib, "sha256"), (hashlib, "file_digest")],
    "fsync": [(os, "fsync")],
}

ONE_EPOCH = ["--set", "train.epochs=1", "--set", "train.warmup_epochs=0.5", "--set", "train.drop_last=false"]


@contextmanager
def timed_calls() -> Iterator[dict[str, float]]:
    """Seconds in each kind of CALLS, summed while this lasts."""
    spent = dict.fromkeys(CALLS, 0.0)

    def timed(kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def with_time(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                spent[kind] += time.perf_counter() - begun

        return with_time

    patches = [
        patch.object(owner, name, timed(kind, getattr(owner, name))) for kind in CALLS for owner, name in CALLS[kind]
    ]
    for each in patches:
        each.start()
    try:
        yield spent
    finally:
        for each in patches:
            each.stop()


def shares(name: str, *words: object) -> dict[str, float]:
    """Shares of one step of main.py, run in this process."""
    with timed_calls() as spent:
        seconds, _ = program(*words, own_process=False)
    found = {f"{name}_{kind}": spent[kind] / seconds for kind in CALLS} | {
        f"{name}_safety": sum(spent.values()) / seconds
    }
    print(f"{name}: {seconds:.1f} s; " + ", ".join(f"{key.split('_')[1]} {share:.2%}" for key, share in found.items()))
    return found


def measure(work: Path, frames: int, quick: bool) -> dict[str, float]:
    """All figures, step by step."""
    (work / "raw").mkdir()
    make_frames(work / "raw", frames, QUICK_SIDE if quick else SIDE)
    reel = reel_of(work / "reel", 150 if quick else 3_000, 32 if quick else 112)
    narrow = [word for key, value in QUICK_MODEL.items() for word in ("--set", f"{key}={value}")] if quick else []
    settings = ["-c", ROOT / "config.yaml", "--set", "workers=1", *narrow]
    found = shares("prep", "-m", "prep", *settings, "--data-raw", work / "raw", "--data-clips", work / "reels")
    run = ["--data-clips", reel, "--model-path", work / "run", *settings]
    found |= shares("train", "-m", "train", *run, *ONE_EPOCH)
    return found | shares("eval", "-m", "eval", *run)


def main() -> None:
    asked = parser(__doc__, "4 small frames, a short reel, a narrow model")
    asked.add_argument("--frames", type=int, help="frames for prep (default 24; 4 with --quick)")
    options = parsed(asked)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.frames or (4 if options.quick else 24), options.quick)
    write(figures, options.json)


if __name__ == "__main__":
    main()
