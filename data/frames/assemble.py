"""The end of prep: decoded rows -> the reel. Fits the scaling once, keeps the good rows, writes tables and pictures."""

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
from data.disk.reserve import reserved_array
from data.disk.stores import STORES
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
from data.frames.grid.transfer import is_undone
from data.frames.journal import read_journal
from data.frames.plan import ReelPlan
from data.frames.repeats import changes, repeats
from data.labels.anomalies import Known, read_anomalies
from data.messages import logger
from data.reel.contract import items_of
from data.reel.gaps import told_gaps, told_paces
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel, inside
from data.reel.stretch import EIGHT_BIT, Stretch, fit_asinh, stored_as
from data.reel.windows import index_windows, lengths_that_fit, read_windows, too_long_to_train
from data.review.journal import settle
from data.sources.base import LEVEL

log = logger(__name__)

# Enough for quantiles of the intensities, and bounded whatever the reel's size is.
RECORD = "inputs.json"  # of a reel, see `data/frames/stale.py`
FIT_FRAMES, FIT_PIXELS = 64, 2**22
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


@dataclass(frozen=True)
class Stored:
    """The form of a reel's frames: (T, C, H, W), what their values are stored as, and each channel's scaling."""

    shape: tuple[int, ...]
    dtype: np.dtype
    scaling: list[Stretch]


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
    form = _scale_and_store(making, part, plan, given, facts, good, config.prep)
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


def _scale_and_store(
    folder: Path, part: Path, plan: ReelPlan, given: Given, facts: dict, good: list[int], prep: PrepConfig
) -> Stored:
    """Write frames.npy and masks.npy of the good rows."""
    # The maps are closed on return: some systems move and remove no folder with open files.
    decoded, bits = (np.load(part / name, mmap_mode="r", allow_pickle=False) for name in ("decoded.npy", "bits.npy"))
    scaling = choose_stretches(plan, given, decoded, bits, good, facts, prep)
    form = Stored((len(good), *decoded.shape[1:]), stored_type(plan, facts, good, scaling, prep), scaling)
    _write_arrays(folder, decoded, bits, good, form, _to_one_depth(plan, facts, good))
    return form


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
    if fresh.empty:
        fault = f"{reel.name}: no stretch without a gap holds prep.clip_length {prep.clip_length} {items_of(reel)}"
        log.warning(f"{fault}; {lengths_that_fit([reel])}")
    elif told := too_long_to_train(reel, fresh, prep.clip_length):
        log.info(f"{reel.name}: {told}")
    if not reel.is_series and (told := told_gaps(reel.times_s, reel.cadence_s, prep.gap_threshold)):
        log.info(f"{reel.name}: {told}")
    if not reel.is_series and (told := told_paces(reel.times_s)):
        log.info(f"{reel.name}: {told}")


def choose_stretches(plan: ReelPlan, given: Given, decoded, bits, good, facts: dict, prep: PrepConfig) -> list[Stretch]:
    """The scaling of each channel: given, taken from another reel, or fitted once outside prep.fit_exclude_utc."""
    chosen = []
    for channel, name in enumerate(plan.channels):
        full_scales = [facts[row, channel]["full_scale"] for row in good]
        if name in given.stretches:
            chosen.append(given.stretches[name])
        elif plan.unit(prep) == LEVEL and None not in full_scales and not is_undone(prep):
            chosen.append(Stretch("linear", 1.0, max(full_scales)))
        else:
            try:
                chosen.append(fit_asinh(_fit_sample(plan, decoded, bits, good, channel, prep)))
            except ValueError as error:
                raise ValueError(f"{plan.name}, channel {name}: {error}") from None
    return chosen


def stored_type(plan: ReelPlan, facts: dict, good: list[int], scaling: list[Stretch], prep: PrepConfig) -> np.dtype:
    """What values are stored as. With prep.precision auto, levels of 8 bits, which have no more to tell, are uint8."""
    levels = {facts[row, channel]["full_scale"] for row in good for channel in range(len(plan.channels))}
    is_8_bit = plan.unit(prep) == LEVEL and levels == {EIGHT_BIT}
    is_plain = all(stretch == Stretch("linear", 1.0, EIGHT_BIT) for stretch in scaling)
    return np.dtype(np.uint8 if prep.precision == "auto" and is_8_bit and is_plain else prep.float_type)


def fit_rows(plan: ReelPlan, good: list[int], prep: PrepConfig) -> np.ndarray:
    """Those of the good rows that the scaling may be fitted on. Raises ValueError when none is left."""
    rows = np.array(good)
    if not prep.fit_exclude_utc:
        return rows
    utc = [plan.rows[row][0].candidate.time_utc for row in good]
    if not all(utc):
        raise ValueError(f"{plan.name} has no UTC times to apply prep.fit_exclude_utc to; set prep.start_utc")
    rows = rows[~inside(np.array(utc, "datetime64[ms]"), prep.fit_exclude_utc)]
    if not len(rows):
        raise ValueError(f"{plan.name}: prep.fit_exclude_utc {prep.fit_exclude_utc} leaves no frame to fit on")
    return rows


def _fit_sample(plan: ReelPlan, decoded, bits, good: list[int], channel: int, prep: PrepConfig) -> np.ndarray:
    """Valid values of up to FIT_FRAMES frames, spread evenly over the frames that may be fitted on."""
    rows = fit_rows(plan, good, prep)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(FIT_FRAMES, len(rows))).astype(int))]
    every = max(1, len(rows) * decoded[0, 0].size // FIT_PIXELS)
    samples = []
    for row in rows:
        values, flags = (array[row, channel].reshape(-1)[::every] for array in (decoded, bits))
        samples.append(values[(flags & INVALID) == 0])
    return np.concatenate(samples)


def _to_one_depth(plan: ReelPlan, facts: dict, good: list[int]) -> np.ndarray:
    """What each good row (N,) is multiplied by, so that pictures of 8 bits and of more have one scale; it is told."""
    depths = np.array([facts[row, 0].get("depth", 8) for row in good])
    scales = np.array([facts[row, 0]["full_scale"] or np.nan for row in good])
    factors = np.ones(len(good))
    if plan.is_counts or not (depths == 16).any() or np.isnan(scales).any():
        return factors
    used = scales[depths == 16].max()
    if used < 2**16 - 1:
        bit = f"{int(used).bit_length()} bit of 16 are in use: 0..{used:g} is taken for their range"
        log.info(f"{plan.name}: {bit}; prep.stretch gives another one")
    if (depths == 8).any():
        log.warning(f"{plan.name}: {(depths == 8).sum()} of {len(good)} pictures have 8 bits, brought to 0..{used:g}")
        factors[depths == 8] = used / 255
    return factors


def _write_arrays(folder: Path, decoded, bits, good: list[int], form: Stored, factors: np.ndarray) -> None:
    T, _, *grid = form.shape
    frames = reserved_array(folder / "frames.npy", form.dtype, form.shape)
    masks = reserved_array(path := folder / "masks.npy", np.uint8, (T, *grid))
    alike = True
    for i, row in enumerate(good):
        values = decoded[row] * np.float32(factors[i])
        frames[i], masks[i] = scale_frame(values, bits[row], form.scaling, form.dtype)
        alike = alike and np.array_equal(masks[i], masks[0])
    frames.flush()
    masks.flush()
    if alike:  # as those of a camera are: one says it for all
        one = masks[:1].copy()
        del masks
        np.save(path, one)


def scale_frame(values: np.ndarray, bits: np.ndarray, scaling: list[Stretch], dtype) -> tuple[np.ndarray, np.ndarray]:
    """Frame (C, H, W), stretched and as a reel stores it, and mask bits (H, W), from values and bits (C, H, W).

    Invalid pixels are 0.
    """
    with np.errstate(all="ignore"):
        stretched = np.stack([s.forward(x) for s, x in zip(scaling, values, strict=True)])
        frame = stored_as(stretched, np.dtype(dtype))
    mask = np.bitwise_or.reduce(bits, axis=0)
    # What a given stretch throws beyond the number format is no value either.
    mask[~(np.isfinite(stretched) & np.isfinite(frame)).all(axis=0)] |= INVALID
    frame[:, (mask & INVALID) > 0] = 0
    return frame, mask


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
