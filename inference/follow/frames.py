"""`eval --follow` of a folder, or of an index on the web, that FITS files or pictures keep arriving in.

Every frame is made as `prep` made the run's training reel, kept in `<run>/follow/<name>/reel/` and judged as soon as it
is there. Whoever starts again goes on where he stopped: see `FrameEvents` and `KeptReel`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from config import Config, from_dict
from data.live.frame_files import FolderFiles
from data.live.frame_form import FrameForm
from data.live.frame_reel import FrameReel
from data.live.index_files import IndexFiles, is_index
from data.live.kept_reel import KeptReel
from data.live.live_source import is_url, name_of, told
from data.messages import logger
from data.reel.reel import Reel
from inference.alarms.alarm_log import AlarmLog
from inference.alarms.album import album_of
from inference.alarms.destinations import destination_of
from inference.calibration.quiet.ranges import quiet_ranges
from inference.camera.bounds import kept_bounds
from inference.camera.watched import reach_of
from inference.follow.frame_events import FrameEvents
from inference.follow.records import JsonLines
from inference.follow.stream import Desk, about_of, check_score, check_streams, results_in, serial_of, watch, watching
from inference.job import find_run, make_job
from inference.scorers.base import other_cadence
from inference.scorers.load import load_scorer
from training.interrupt import Interrupt
from training.places import path_of

log = logger(__name__)


def is_of_files(config: Config) -> bool:
    """Whether eval.follow names a folder, or the index of one on the web."""
    (address,) = config.eval.follow
    return is_index(address, config.eval) if is_url(address) else Path(address).is_dir()


def follow_frames(config: Config, desk: Desk) -> Path:
    """Watch the folder or index `eval.follow` until it is idle for `eval.follow_idle_s`, or interrupted; returns the
    folder of results. Raises OSError when not one frame came, ValueError when the model can't follow."""
    settings = replace(config.eval, batch_size=1, follow=(), follow_options={})
    check_score(settings)
    run = find_run(config)
    with desk.starting:
        scorer, checkpoint = load_scorer(run, config.device, settings)
        check_streams(scorer)
        trained_on = reel_of_files(run)
        destinations = [destination_of(where) for where in settings.follow_alarms]
        form = FrameForm.of(trained_on, from_dict(checkpoint["config"], str(path_of(run, "best"))), config.prep)
        scorer.calibration(run, trained_on, settings)
        kept_bounds(run, trained_on.channels, scorer.scaling)
    folder = run / "follow" / name_for(config)
    with results_in(folder, settings, destinations) as (records, outboxes):
        most_bytes = round(1e6 * settings.follow_keep_mb)
        with desk.starting:
            kept = KeptReel(folder / "reel", folder.name, form, trained_on, trained_on.cadence_s, most_bytes)
        state = FrameEvents.state_of(kept.folder)
        files = files_of(config, form, kept, folder)
        reel = FrameReel(kept, files, settings, _teller_of(records), state["judged"] if state else 0)
        reel.reach = reach_of(scorer, settings) // settings.stride * settings.stride + settings.stride
        with watching(reel, desk.interrupt):
            _wait_for_first(reel, files, told(config.eval.follow[0]), desk.interrupt)
            with desk.starting:
                job = make_job(reel.as_reel(), run, scorer, checkpoint["sha256"], settings)
            if unlike := other_cadence(reel.as_reel(), checkpoint["data"], scorer):
                log.warning(unlike)
            album = album_of(trained_on, job, kept.cadence_s, config.eval, folder)
            alarms = AlarmLog(records, outboxes, album, serial_of(job, str(kept.first_utc)))
            events = FrameEvents(job, alarms, kept)
            if state:
                events.restore(state)
            about = about_of(job, config.eval.follow[0], kept.first_utc, trained_on.cadence_s)
            watch(events, reel, reel, about | {"goes_on_at": reel.resume}, alarms, desk)
    return records.folder


def _teller_of(records: JsonLines) -> Callable[[str, str], None]:
    """What tells of a file that is left out."""
    return lambda source, reason: records.write("left_out", {"source": source, "reason": reason})


def _wait_for_first(reel: FrameReel, files: FolderFiles, where: str, interrupt: Interrupt) -> None:
    """Raises OSError where no frame comes, KeyboardInterrupt where somebody waits no longer."""
    if reel.wait_for_first():
        return
    if interrupt.requested:
        raise KeyboardInterrupt
    raise OSError(f"no frame came in {where}: {'; '.join(filter(None, (reel.reason, files.problem)))}")


def name_for(config: Config) -> str:
    """The name of the folder of results: another one for each address and pattern."""
    (address,), pattern = config.eval.follow, config.eval.follow_pattern
    address = address if is_url(address) else str(Path(address).resolve())
    digest = hashlib.sha256(f"{address} {pattern}".encode("utf-8", "surrogateescape")).hexdigest()
    return f"{name_of(address.rstrip('/'))}_{digest[:8]}"


def reel_of_files(run: Path) -> Reel:
    """The reel that the run was trained on. Raises ValueError where there were reels of several kinds."""
    reels = {quiet.reel.meta["name"]: quiet.reel for quiet in quiet_ranges(run)}
    first = next(iter(reels.values()))
    if len(reels) > 1 and first.meta["origin"] == "lower":
        raise ValueError(
            f"{run} was trained on {', '.join(sorted(reels))}; --follow of files takes one: train a run on each"
        )
    return first


def files_of(config: Config, form: FrameForm, kept: KeptReel, folder: Path) -> FolderFiles:
    """Where the files come from."""
    settings, (address,) = config.eval, config.eval.follow
    if not is_url(address):
        return FolderFiles(Path(address), settings.follow_pattern, form, settings.follow_poll_s, kept.known)
    return IndexFiles(address, folder / "files", settings, form, kept.known)
