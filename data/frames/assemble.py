"""The end of prep: decoded rows -> the reel. Keeps the good rows, writes tables and pictures."""

import os
import platform
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import astropy
import av
import cv2
import numpy as np
import pandas as pd

from config import Config, PrepConfig
from config.paths import not_there
from data.disk.files import replacing, write_csv, write_meta
from data.disk.lock import owned_reel
from data.disk.parts import remove_folder, sync, sync_all
from data.disk.stores import STORES
from data.frames.doubts.tell import tell_doubts
from data.frames.frame_table import (
    REPEATS,
    add_labels,
    frame_table,
    rejected_path,
    tell_rejected,
    tell_scaled,
    write_rejected,
)
from data.frames.grid.registration import common_of
from data.frames.grid.to_grid import steps
from data.frames.journal import read_journal
from data.frames.plan import ReelPlan
from data.frames.repeats import changes, repeats
from data.frames.scale import Stored, scale_and_store
from data.labels.anomalies import Known, read_anomalies
from data.messages import logger
from data.reel.contract import items_of
from data.reel.gaps import told_cadence, told_gaps, told_paces
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from data.reel.windows import index_windows, lengths_that_fit, read_windows, too_long_to_train
from data.review.journal import settle

log = logger(__name__)

RECORD = "inputs.json"  # of a reel, see `data/frames/stale.py`
# Settings that decide the pixels of a frame: what is followed has to be made with those of the run's training reel.
PIXEL_SETTINGS = (
    *("colour", "mask", "field_circle", "shape_tolerance_px", "min_coverage", "off_limb", "aspect", "crop"),
    *("transfer", "transfer_range", "colormap", "normalise_exposure", "saturation_dn", "register", "rsun_arcsec"),
    *("degradation_table", "pointing_table", "sky", "quality_reject", "quality_flag"),
)


@dataclass(frozen=True)
class Given:
    """What prep.labels_csv, prep.stretch and prep.stretch_from give: read before hours of decoding, to fail early."""

    anomalies: Known | None
    stretches: dict[str, Stretch]


def read_given(prep: PrepConfig) -> Given:
    """Raises ValueError or OSError when a file or store that the settings name is missing or can't be used."""
    STORES[prep.store].check()
    if missing := not_there("prep", prep):
        raise ValueError(missing[0])
    stretches = {}
    if prep.stretch_from:
        other = Reel(prep.stretch_from)
        stretches = dict(zip(other.channels, other.stretches, strict=True))
    stretches |= {name: Stretch("asinh", x0, vmax) for name, (x0, vmax) in prep.stretch.items()}
    return Given(read_anomalies(prep.labels_csv, "prep.labels_csv", prep) if prep.labels_csv else None, stretches)


def assemble(
    plan: ReelPlan, given: Given, part: Path, final: Path, identity: str, config: Config, more: dict[str, str]
) -> Path | None:
    """Make the reel `final` from the decoded rows in `part`, or None when all failed; more: for its reel.json."""
    facts = read_journal(part)
    if not plan.is_counts:
        _reject_repeats(plan, part, facts, config.prep)
    good = _good_rows(plan, facts)
    table = frame_table(plan, facts, good, config.prep)
    if not good:
        write_rejected(plan, final, table)
        remove_folder(part)
        return None
    tell_rejected(plan.name, table)
    tell_scaled(plan.name, table)
    making = making_folder(final)
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    add_labels(table, given.anomalies, plan.name, making)
    write_csv(making / "frames.csv", table)
    shutil.copyfile(part / RECORD, making / RECORD)
    form = scale_and_store(making, part, plan, given.stretches, facts, good, config.prep)
    tell_doubts(plan.name, np.load(making / "frames.npy", mmap_mode="r", allow_pickle=False), table)
    more = more | stored_in(making, config.prep)
    write_meta(making, _meta(plan, table, form, identity, config.prep) | more)
    finish(making, config)
    take_names([(making, final)])
    remove_folder(part)
    return final


def stored_in(making: Path, prep: PrepConfig) -> dict[str, str]:
    """Bring the arrays of a reel in the making into the store that was asked for; returns what reel.json says of it."""
    for name in ("frames", "masks"):
        STORES[prep.store].keep(making, name)
    return {} if prep.store == "npy" else {"store": prep.store}


def take_names(made: Sequence[tuple[Path, Path]]) -> None:
    """Give finished folders the names of their reels, once they are on the disk: what has its name is whole."""
    sync_all(*(making for making, _ in made))
    for making, final in made:
        rejected_path(final).unlink(missing_ok=True)
        os.replace(making, final)
    for folder in {final.parent for _, final in made}:
        sync(folder)


def _good_rows(plan: ReelPlan, facts: dict) -> list[int]:
    channels = range(len(plan.channels))
    return [row for row in range(len(plan.rows)) if not any(facts[row, channel]["reason"] for channel in channels)]


def _reject_repeats(plan: ReelPlan, part: Path, facts: dict, prep: PrepConfig) -> None:
    """Note in `facts` which pictures only repeat the one before, and say where nothing varies at all."""
    good = _good_rows(plan, facts)
    scales = [facts[row, 0]["full_scale"] for row in good]
    if len(good) < 2 or None in scales:
        return
    decoded = np.load(part / "decoded.npy", mmap_mode="r", allow_pickle=False)
    change = changes((decoded[row] for row in good), max(scales))
    if not change.any():
        log.warning(f"{plan.name}: all {len(good)} frames are the same picture; nothing varies that could be learnt")
    is_repeat, times = repeats(change)
    if prep.repeats == "keep" or not is_repeat.any():
        return
    for row in np.array(good)[is_repeat].tolist():
        facts[row, 0]["reason"] = f"{REPEATS}: each is shown {times:.3g} times"
    told = f"each picture is shown {times:.3g} times: {is_repeat.sum()} of {len(good)} frames are left out as repeats"
    log.warning(f"{plan.name}: {told}; prep.repeats keep takes them")


def making_folder(final: Path) -> Path:
    """Where the reel is put together; hidden, so that nothing takes it for a reel."""
    return final.with_name(f".{final.name}.final")


def finish(folder: Path, config: Config) -> None:
    """Window index, preview movie and summary page of a reel folder, as far as they are missing or asked for.

    With prep.movie_only the movie is drawn anew and the window index left as it is.
    """
    from data.pictures import summary  # late: what follows a stream loads this module, and draws nothing

    reel = Reel(folder)
    if not config.prep.movie_only:
        write_index(reel, config.prep)
    with ThreadPoolExecutor(1) as beside:  # coding leaves Python to the page: each takes about half a second
        movie = None
        if config.prep.movie_only or not (folder / "preview.mp4").is_file():
            movie = beside.submit(summary.write_preview, Reel(folder), config.eval.fps)
        if not (folder / "summary.png").is_file():
            summary.write_page(reel)
    if movie:
        movie.result()


def write_index(reel: Reel, prep: PrepConfig) -> None:
    """(Re)make windows.csv, unless the one there has the same windows: then its verdicts stay."""
    path, fresh = reel.path / "windows.csv", index_windows(reel, prep.clip_length, prep.stride)
    if path.is_file():
        old = read_windows(reel)
        if old[["start", "length"]].equals(fresh[["start", "length"]]):
            return
        with owned_reel(reel.path, "prep"):
            settle(reel)
            names = (f"windows.csv.old{n}" for n in ("", *range(2, 10**6)))
            backup = next(path.with_name(name) for name in names if not path.with_name(name).exists())
            with replacing(backup, durable=True) as copy:  # not moved: whoever reads the reel now finds an index
                shutil.copyfile(path, copy)
            write_csv(path, fresh, durable=True)
        log.info(f"{reel.name}: window settings changed; the old index with its verdicts is kept as {backup.name}")
    else:
        write_csv(path, fresh)
    if fresh.empty and len(reel) > 1:  # of single frames one line says it for all
        fault = f"{reel.name}: no stretch without a gap holds prep.clip_length {prep.clip_length} {items_of(reel)}"
        log.warning(f"{fault}; {lengths_that_fit([reel])}")
    elif told := too_long_to_train(reel, fresh, prep.clip_length):
        log.info(f"{reel.name}: {told}")
    if not reel.is_series and (told := told_gaps(reel.times_s, reel.cadence_s, prep.gap_threshold)):
        log.info(f"{reel.name}: {told}")
    if not reel.is_series and (told := told_paces(reel.times_s)):
        log.info(f"{reel.name}: {told}")
    if not reel.is_series and (told := told_cadence(reel.times_s, prep.sample_interval_sec)):
        log.warning(f"{reel.name}: {told}")


def _meta(plan: ReelPlan, table: pd.DataFrame, form: Stored, identity: str, prep: PrepConfig) -> dict:
    times_s = table.loc[table["accepted"], "time_s"].to_numpy(np.float64)
    median_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 1.0
    common = common_of(plan.rows, plan.source_shape, prep)
    return {
        "name": plan.name,
        "shape": list(form.shape),
        "dtype": form.dtype.name,
        "source_shape": list(plan.source_shape),
        "to_source": None if plan.is_moved else plan.to_source(prep).tolist(),
        "channels": list(plan.channels),
        "cadence_s": prep.sample_interval_sec or round(median_s, 6),
        "gap_threshold": prep.gap_threshold,
        "origin": "lower" if plan.is_counts else "upper",
        "unit": plan.unit(prep),
        "stretch": [s.as_dict() for s in form.scaling],
        # What a live stream has to be prepared with, so that it looks like this reel.
        "pixels": {name: value for name, value in asdict(prep).items() if name in PIXEL_SETTINGS},
        "registered_to": None if common is None else asdict(common),
        "calibration": steps(prep, [frame for row in plan.rows for frame in row]),
        "identity": identity,
        "versions": {"python": platform.python_version()} | {m.__name__: m.__version__ for m in (np, astropy, cv2, av)},
    }
