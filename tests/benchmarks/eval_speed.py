"""How fast `eval` is, beside what it was, without its movie, and where its time goes.

    python tests/benchmarks/eval_speed.py [--quick] [--json FILE]

One reel of drifting blobs (112x112; --quick: small frames, a narrow model) is evaluated in this process, in turns and
the same number of times: as the program does it, with --movie off, and in the way of before: who scores waits for who
looks at frames, frames are looked at in the thread that the net runs in, and the interval of each promise is made
whenever it is asked for. The results of all three must be the same bytes. The shortest time of each counts. Then once
more with a clock in each thread: processor's ms of a frame for looking at it (camera), the net, its score and boxes,
and drawing and coding the movie.

--json keys: eval_s, eval_over_before, eval_cpu_over_before, no_movie_over_movie, no_movie_over_before, looking_ms,
net_ms, scoring_ms, movie_ms. (Ratios of times: less is faster.)
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

from parts.common import parsed, parser, quiet, write
from parts.long_reel import reel_of, settings, trained

from config import Config
from data.reel.scaled import read_clip
from inference import evaluate_reel
from inference.calibration import promise
from inference.camera.watched import WatchedStretch
from inference.evaluate import evaluate
from inference.movie.movie import ResultMovie
from inference.scorers.nets import windowed
from inference.scorers.nets.net import Detector

SAME = ("scores.csv", "scores.f16", "boxes.csv", "events.csv", "events.json")


def waiting_forget(self: WatchedStretch, before: int) -> None:
    """As it was: it waits until nobody looks at frames."""
    with self._lock:
        for known in (self.kinds, self._instead, self._blocks):
            for index in [i for i in known if i < before]:
                del known[index]


def read_with_the_net(compute: Callable, scorer: Any, reel: Any, windows: Any, batch_size: int) -> Iterator[tuple]:
    """As it was: one thread reads and runs the net."""
    remaining = iter(windows)

    def run() -> tuple | None:
        part = list(islice(remaining, batch_size))
        if not part:
            return None
        clips = [read_clip(reel, w.start, scorer.clip_length, scorer.scaling)[0] for w in part]
        batch = windowed.stacked(clips, part)
        return part, batch, compute(batch)

    with ThreadPoolExecutor(1, "model") as pool:
        ahead = pool.submit(run)
        while (done := ahead.result()) is not None:
            ahead = pool.submit(run)
            yield done


@contextmanager
def as_before() -> Iterator[None]:
    """The program in the way that it was."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(WatchedStretch, "_forget", waiting_forget))
        stack.enter_context(patch.object(windowed, "through", read_with_the_net))
        stack.enter_context(patch.object(promise, "rate_interval", promise._rate_interval))
        yield


def results_of(config: Config) -> dict[str, bytes]:
    with quiet():
        (folder,) = evaluate(config)
    return {name: (folder / name).read_bytes() for name in SAME}


def compare(config: Config, rounds: int) -> dict[str, float]:
    """The shortest times of the three, in turns."""
    silent = replace(config, eval=replace(config.eval, movie=False))
    ways = {"before": (as_before, config), "now": (ExitStack, config), "no_movie": (ExitStack, silent)}
    wall_s, cpu_s, found = dict.fromkeys(ways, 1e9), dict.fromkeys(ways, 1e9), {}
    results_of(config)  # what is loaded once is loaded
    for _ in range(rounds):
        for name, (context, asked) in ways.items():
            with context():
                begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
                found[name] = results_of(asked)
                wall_s[name] = min(wall_s[name], time.perf_counter() - begun_s)
                cpu_s[name] = min(cpu_s[name], time.process_time() - begun_cpu_s)
    assert found["before"] == found["now"] == found["no_movie"]
    return {
        "eval_s": wall_s["now"],
        "eval_over_before": wall_s["now"] / wall_s["before"],
        "eval_cpu_over_before": cpu_s["now"] / cpu_s["before"],
        "no_movie_over_movie": wall_s["no_movie"] / wall_s["now"],
        "no_movie_over_before": wall_s["no_movie"] / wall_s["before"],
    }


def parts_of(config: Config, frames: int) -> dict[str, float]:
    """Processor's ms of a frame for each part, by the clocks of their threads."""
    spent_s: dict[str, float] = {}

    def clocked(name: str, function: Callable) -> Callable:
        def run(*given: Any, **named: Any) -> Any:
            begun_s = time.thread_time()
            try:
                return function(*given, **named)
            finally:
                spent_s[name] = spent_s.get(name, 0.0) + time.thread_time() - begun_s

        return run

    parts = [(WatchedStretch, "_see", "looking_ms"), (Detector, "reconstruct", "net_ms")]
    parts += [(evaluate_reel, "judge_frames", "scoring_ms"), (ResultMovie, "_work", "movie_ms")]
    with ExitStack() as stack:
        for owner, function, name in parts:
            stack.enter_context(patch.object(owner, function, clocked(name, getattr(owner, function))))
        results_of(config)
    return {name: 1000 * spent_s[name] / frames for _, _, name in parts}


def measure(work: Path, quick: bool) -> dict[str, float]:
    """All figures, in the order they are printed."""
    frames, side, rounds = (150, 32, 1) if quick else (2000, 112, 5)
    config = settings(work, reel_of(work / "reel", frames, side), 1, quick)
    trained(config)
    return compare(config, rounds) | parts_of(config, frames)


def main() -> None:
    options = parsed(parser(__doc__ or "", "small frames, a narrow model, a short reel, one round"))
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.quick)
    for name, value in figures.items():
        print(f"{name:30s} {value:10.3f}")
    write(figures, options.json)


if __name__ == "__main__":
    main()
