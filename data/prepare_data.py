"""`prep`: sources -> reels, in two passes, resumable after a kill at any moment.

Pass 1 reads headers, accepts or rejects every frame with a reason, and so knows T. Pass 2 decodes in parallel; every
worker writes its own rows of a memory map, and a line in journal.jsonl marks a finished row. At the end the intensity
scaling is fitted once, the good rows become the reel, and the folder takes its name. While in the making a reel lives
in `.<name>.part`; the same input and settings give a byte-identical reel, killed or not.
"""

import shutil
from concurrent.futures import BrokenExecutor
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path

from config import Config
from config.of_inputs import COUNTS, FRAMES, SERIES, of_no_use
from data.disk.files import write_meta
from data.disk.lock import owned
from data.disk.parts import remove_folder
from data.failures import worker_died
from data.frames.assemble import Given, assemble, finish, making_folder, read_given, take_names
from data.frames.doubts.tell import tell_copies, tell_single
from data.frames.first_pass import FirstPass, first_pass
from data.frames.frame_table import rejected_path, why_nothing_is_made, write_rejected
from data.frames.plan import ReelPlan
from data.frames.scale import fit_rows
from data.frames.second_pass import decode_rows, verify
from data.frames.sharing.shards import join_shards, joined_headers, prep_shard, remove_shards
from data.frames.stale import doubtful
from data.frames.workers.pool import Workers, make_executor
from data.labels.by_frame.clips import source_in
from data.labels.quiet_hours import with_quiet_hours
from data.messages import logger, progress
from data.reel.reel import Reel
from data.series.find_series import names_for, read_all
from data.series.light_curves import light_curves, video_reels
from data.series.prepare_series import assemble_series, complete, identity_of
from data.sources.base import LEVEL, Series

log = logger(__name__)

UNPACKED = ".unpacked"  # in config.data_clips: what was in archives, while it is read
Failures = list[tuple[str, Exception]]  # the name of a reel that could not be made, and what stood against it
NAMED_TOGETHER = 64  # series whose files are brought to the disk together: one by one takes longer than making them
MOST_PAGES = 32  # series of one run whose summary.png are drawn: a page takes longer than the rest of a short series


def prep(config: Config) -> list[Path]:
    """Prepare every reel found in `config.data_raw` into `config.data_clips`; returns the reel folders.

    With `prep.source: vso` the frames are downloaded there first; with `prep.light_curves` the input is prepared reels.
    Raises FileNotFoundError when there is no input, ValueError when no frame can be used, or, once all the others are
    made, when a reel could not be, and OSError when wanted frames could not be had or another process writes there.
    """
    if config.shard:
        return [prep_shard(with_quiet_hours(config))]
    with owned(config.data_clips, "prep", "choose another --data-clips"):
        return _prep(with_quiet_hours(config))


def _prep(config: Config) -> list[Path]:
    if config.prep.light_curves:
        return _light_curve_reels(config)
    unpacked = Path(config.data_clips, UNPACKED)
    shutil.rmtree(unpacked, ignore_errors=True)  # of a run that was killed
    try:
        return _prep_files(config, unpacked)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _prep_files(config: Config, unpacked: Path) -> list[Path]:
    not_had = ""
    if config.prep.source == "vso":
        from data.download.vso import fetch  # local prep does not wait for network libraries

        with owned(config.data_raw, "prep that downloads", "choose another --data-raw"):
            not_had = fetch(config)
    root, out, given = Path(config.data_raw), Path(config.data_clips), read_given(config.prep)
    try:
        with make_executor(config.workers, config.cluster, config.data_raw, config.data_clips) as workers:
            headers = first_pass(workers, config, unpacked, joined_headers(out) if config.join else None)
            if told := of_no_use_to(headers, config):
                log.warning(told)
            if config.join:
                join_shards(headers.plans, given, config)
            made, failed = _make_reels(workers, headers.plans, given, out, config)
    except BrokenExecutor as error:
        raise OSError(worker_died(error)) from error
    found, no_series = read_all(headers.inputs.series, root, config.prep)
    series = _make_series(found, {plan.name for plan in headers.plans}, given, out, config)
    made, failed = made + series[0], failed + series[1]
    sources = {path.name: source_in(Reel(path).candidates) for path in made} if given.anomalies else {}
    if given.anomalies and (strange := given.anomalies.not_in(sources)):
        log.warning(f"{config.prep.labels_csv} names {', '.join(strange[:5])}, and no reel is called so")
    for told in given.anomalies.unmatched(made) if given.anomalies else ():
        log.warning(f"{config.prep.labels_csv}: {told}")
    _refuse(failed, len(headers.plans) + len(found))
    if config.join:
        remove_shards(config)
    if not made:
        if no_series and not headers.candidates:
            raise ValueError("; ".join(no_series[:5]))
        names = [plan.name for plan in headers.plans]
        tables = [rejected_path(out / name) for name in [*names, *names_for(found, set(names))]]
        raise ValueError(why_nothing_is_made(root, tables))
    if not_had:
        raise OSError(f"{len(made)} reels are made without them (to be moved away before others can be), but {not_had}")
    return made


def of_no_use_to(headers: FirstPass, config: Config) -> str:
    """A line on settings of prep that nothing of what was found has a use for; "" without any."""
    frames = ((FRAMES, COUNTS) if plan.is_counts else (FRAMES,) for plan in headers.plans)
    return of_no_use("prep", config.prep, chain(frames, ((SERIES,) for _ in headers.inputs.series)))


def _refuse(failed: Failures, total: int) -> None:
    if not failed:
        return
    error = failed[0][1]
    if len(failed) == 1 and isinstance(error, OSError):  # of a disk or a name, which says what to do by its kind
        raise error
    listing = "\n".join(f"{name}: {error}" for name, error in failed)
    raise ValueError(f"{len(failed)} of {total} reels could not be made, the others were:\n{listing}")


def _make_reels(
    workers: Workers, plans: list[ReelPlan], given: Given, out: Path, config: Config
) -> tuple[list[Path], Failures]:
    """The reels that could be made, and for each other one what stood against it."""
    made, failed = [], []
    for plan in plans:
        try:
            path = _make_reel(workers, plan, given, out, config)
        except (ValueError, OSError) as error:  # of a full disk or a name too: the others may still be made
            failed.append((plan.name, error))
            continue
        if path:
            made.append(path)
    tell_single(made)
    tell_copies(made)
    return made, failed


def _class_of(plan: ReelPlan) -> dict[str, str]:
    """For reel.json: the class of a reel, the folder that all its files lie in, or the folder of their folder of
    images.
    """
    frames = [frame.candidate for row in plan.rows for frame in row]
    places = {Path(c.path if c.is_counts else c.home).resolve().parent.name for c in frames}
    if len(places) > 1:
        log.warning(f"{plan.name}: its files lie in {len(places)} folders, so it has no class")
        return {}
    return {"class": places.pop()}


def _note(folder: Path, facts: dict[str, str]) -> None:
    """Have facts in the reel.json of a finished reel."""
    meta = Reel(folder).meta
    if meta | facts != meta:
        write_meta(folder, meta | facts)


def _make_series(found: list[Series], taken: set[str], given: Given, out: Path, config: Config):
    """The reels of series that could be made, and for each other one what stood against it."""
    made, failed, unnamed = [], [], []
    with_pages = len(found) <= MOST_PAGES
    if not with_pages:
        log.info(f"{len(found)} series are more than {MOST_PAGES}: their reels get no summary.png")
    pairs = zip(found, names_for(found, taken), strict=True)
    try:
        for series, name in progress(pairs, total=len(found), desc="making series", disable=with_pages):
            final = out / name
            try:
                if final.exists():
                    same_or_refuse(final, identity_of(series, given, config.prep))
                    if config.prep.verify:
                        Reel(final).check_all()
                    complete(final, config, with_pages)
                elif making := assemble_series(series, given, final, config, with_pages):
                    unnamed.append((making, final))
                else:
                    continue
                made.append(final)
            except (ValueError, OSError) as error:
                failed.append((name, error))
            if len(unnamed) == NAMED_TOGETHER:
                take_names(unnamed)
                unnamed.clear()
    finally:  # interrupted too: what is finished is kept
        take_names(unnamed)
    return made, failed


def _light_curve_reels(config: Config) -> list[Path]:
    """The series of the prepared reels in `config.data_raw`; their times and gaps stay as they are there."""
    settings = config.prep.light_curves
    assert settings is not None  # this is asked for by them
    given, out = read_given(config.prep), Path(config.data_clips)
    made: list[Path] = []
    failed, reels = [], video_reels(config.data_raw)
    for reel in reels:
        try:
            series = light_curves(reel, settings)
        except ValueError as error:
            failed.append((reel.name, error))
            continue
        steps = {"sample_interval_sec": reel.cadence_s, "gap_threshold": reel.meta["gap_threshold"]}
        as_there = replace(config, prep=replace(config.prep, **steps))
        new, not_made = _make_series([series], {path.name for path in made}, given, out, as_there)
        made, failed = made + new, failed + not_made
    _refuse(failed, len(reels))
    return made


def _make_reel(workers: Workers, plan: ReelPlan, given: Given, out: Path, config: Config) -> Path | None:
    """One reel, or None when no frame of the plan is usable. A finished reel of the same identity is kept."""
    final, part, root = out / plan.name, out / f".{plan.name}.part", Path(config.data_raw)
    if not plan.rows:
        write_rejected(plan, final)
        return None
    identity = plan.identity(config.prep, asdict(given))
    more = _class_of(plan) if config.prep.classes else {}
    if final.exists():
        same_or_refuse(final, identity)
        if config.prep.verify or doubtful(plan, final, root):
            verify(workers, plan, final, config)
        _note(final, more)
        for leftover in (part, making_folder(final)):  # of a run that was killed at its very end
            remove_folder(leftover)
        finish(final, config)
        return final
    if plan.unit(config.prep) != LEVEL and not set(plan.channels) <= set(given.stretches):
        fit_rows(plan, list(range(len(plan.rows))), config.prep)  # fails now rather than after the decoding
    decode_rows(workers, plan, part, identity, config)
    return assemble(plan, given, part, final, identity, config, more)


def same_or_refuse(final: Path, identity: str) -> None:
    """Say that a finished reel of the same identity is kept. Raises FileExistsError for anything else in its place."""
    if not (final / "reel.json").is_file():
        raise FileExistsError(f"{final} is in the way and no reel; move it away, or choose another --data-clips")
    if Reel(final).meta["identity"] != identity:
        raise FileExistsError(
            f"{final} was prepared from other frames or settings; "
            "move it away, remove it, or choose another --data-clips"
        )
    log.info(f"{final.name}: already prepared, frames kept")
