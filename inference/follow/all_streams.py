"""`eval --follow` of one stream or of several at once, each in a thread of its own with results of its own."""

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from config import Config, ConfigError
from config.of_inputs import kinds_of, of_no_use
from data.live.live_source import is_url, name_of, told
from data.messages import logger
from inference.calibration.quiet.ranges import quiet_ranges
from inference.camera.bounds import kept_bounds
from inference.fit import complete
from inference.follow.board import shown_on
from inference.follow.frames import follow_frames, is_of_files, name_for
from inference.follow.series.follow import follow_series
from inference.follow.stream import Desk, follow
from inference.job import find_run
from inference.scorers.load import load_scorer
from inference.scorers.nets.residual import row_by_row
from training.interrupt import interrupts_deferred
from training.run import owned_run

log = logger(__name__)


def follow_all(config: Config) -> list[Path]:
    """Watch every stream of `eval.follow` until it ends or an interrupt; returns the folders of results.

    A stream that fails is told at once and the others go on; what it failed by is raised at the end.
    """
    run = find_run(config)
    if not load_scorer(run, config.device)[0].is_prepared(run):
        with owned_run(run, "calibration"):
            complete(run, config.device)
    if told_of := of_no_use("eval", config.eval, [kinds_of(is_of_series(config))]):
        log.warning(told_of)
    config = replace(config, eval=row_by_row(config.eval))
    each = [replace(config, eval=replace(config.eval, follow=(address,))) for address in config.eval.follow]
    with interrupts_deferred() as interrupt, shown_on(config.eval.follow_metrics_port) as board:
        desk = Desk(interrupt, board)
        if len(each) == 1:
            return [follow_one(each[0], desk)]
        check_places(each)
        prepare(config)
        with ThreadPoolExecutor(len(each)) as threads:
            running = [threads.submit(follow_one, one, desk) for one in each]
            for one, future in zip(each, running, strict=True):
                future.add_done_callback(_teller(told(one.eval.follow[0])))
            wait(running)
    return [future.result() for future in running]


def follow_one(config: Config, desk: Desk) -> Path:
    """Watch one stream, folder, index or series."""
    if is_of_series(config):
        return follow_series(config, desk)
    return (follow_frames if is_of_files(config) else follow)(config, desk)


def is_of_series(config: Config) -> bool:
    """Whether the run was trained on a series; some models that come trained were on nothing else."""
    run = find_run(config)
    if not (run / "calibration" / "quiet").is_dir():
        return config.model.comes_trained
    return quiet_ranges(run)[0].reel.is_series


def check_places(each: list[Config]) -> None:
    """Raise ConfigError where two streams would write into one folder."""
    places = Counter(place_of(one) for one in each)
    twice = [told(one.eval.follow[0]) for one in each if places[place_of(one)] > 1]
    if twice:
        raise ConfigError(
            f"--follow {', '.join(twice)}: results of these would lie in one folder; name each stream once, and rename "
            "files of one name"
        )


def place_of(config: Config) -> str:
    """The name of the one stream that is followed, which its folder of results has."""
    address = config.eval.follow[0]
    is_kept = is_of_series(config) or (not is_url(address) and Path(address).is_dir())
    return name_for(config) if is_kept else name_of(address)


def prepare(config: Config) -> None:
    """Make what all streams read, where it is missing: two must not make it at the same time."""
    run = find_run(config)
    scorer, _ = load_scorer(run, config.device, config.eval)
    for quiet in quiet_ranges(run)[:1]:
        scorer.calibration(run, quiet.reel, config.eval)
        kept_bounds(run, quiet.reel.channels, scorer.scaling)


def _teller(address: str):
    def tell(future: Future) -> None:
        if error := future.exception():
            log.error(f"{address} is followed no more: {error}")

    return tell
