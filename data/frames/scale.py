"""The decoded values of a reel on one scale, fitted once for all frames, and the arrays that it stores them in."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from config import PrepConfig
from data.disk.reserve import reserved_array
from data.frames.grid.transfer import is_undone
from data.frames.plan import ReelPlan
from data.messages import logger
from data.reel.mask_bits import INVALID
from data.reel.reel import inside
from data.reel.stretch import EIGHT_BIT, Stretch, fit_asinh, stored_as
from data.sources.base import LEVEL

log = logger(__name__)

# Enough for quantiles of the intensities, and bounded whatever the reel's size is.
FIT_FRAMES, FIT_PIXELS = 64, 2**22
SMALL_PART = 1 / 16  # of the range of levels of more than 8 bits


@dataclass(frozen=True)
class Stored:
    """The form of a reel's frames: (T, C, H, W), what their values are stored as, and each channel's scaling."""

    shape: tuple[int, ...]
    dtype: np.dtype
    scaling: list[Stretch]


def scale_and_store(
    folder: Path, part: Path, plan: ReelPlan, given: dict[str, Stretch], facts: dict, good: list[int], prep: PrepConfig
) -> Stored:
    """Write frames.npy and masks.npy of the good rows; given: the scaling of channels that is not to be fitted."""
    # The maps are closed on return: some systems move and remove no folder with open files.
    decoded, bits = (np.load(part / name, mmap_mode="r", allow_pickle=False) for name in ("decoded.npy", "bits.npy"))
    scaling = choose_stretches(plan, given, decoded, bits, good, facts, prep)
    form = Stored((len(good), *decoded.shape[1:]), stored_type(plan, facts, good, scaling, prep), scaling)
    _write_arrays(folder, decoded, bits, good, form, _to_one_depth(plan, facts, good, scaling))
    return form


def choose_stretches(
    plan: ReelPlan, given: dict[str, Stretch], decoded, bits, good, facts: dict, prep: PrepConfig
) -> list[Stretch]:
    """The scaling of each channel: given, taken from another reel, or fitted once outside prep.fit_exclude_utc."""
    chosen = []
    for channel, name in enumerate(plan.channels):
        full_scales = [facts[row, channel]["full_scale"] for row in good]
        if name in given:
            chosen.append(given[name])
        elif plan.unit(prep) == LEVEL and None not in full_scales and not is_undone(prep):
            own = _sample(decoded, bits, np.array(good), channel) if max(full_scales) > EIGHT_BIT else np.empty(0)
            chosen.append(_of_levels(f"{plan.name}, {name}" if len(plan.channels) > 1 else plan.name, own, full_scales))
        else:
            try:
                chosen.append(fit_asinh(_fit_sample(plan, decoded, bits, good, channel, prep)))
            except ValueError as error:
                raise ValueError(f"{plan.name}, channel {name}: {error}") from None
    return chosen


def _of_levels(name: str, values: np.ndarray, full_scales: list[float]) -> Stretch:
    """The scaling of levels of pictures: from 0 to the highest that their bits hold. Of more than 8 bits, where the
    `values` of some frames lie in a small part of that, far from 0, as temperatures in hundredths of a kelvin do, a
    range three times as wide as theirs; it is told.
    """
    most = max(full_scales)
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, most)
    if not 0 < high - low < SMALL_PART * most or low < high - low:
        return Stretch("linear", 1.0, most)
    begin, end = 2 * low - high, 2 * high - low
    log.info(
        f"{name}: its values go from {low:g} to {high:g}, {(high - low) / most:.1%} of 0..{most:g}: {begin:g}..{end:g} "
        "is taken for their range; prep.stretch_from takes that of another reel"
    )
    return Stretch("affine", begin, end)


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
    return _sample(decoded, bits, fit_rows(plan, good, prep), channel)


def _sample(decoded, bits, rows: np.ndarray, channel: int) -> np.ndarray:
    """Valid values of up to FIT_FRAMES of the rows (N,), spread evenly over them."""
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(FIT_FRAMES, len(rows))).astype(int))]
    every = max(1, len(rows) * decoded[0, 0].size // FIT_PIXELS)
    samples = []
    for row in rows:
        values, flags = (array[row, channel].reshape(-1)[::every] for array in (decoded, bits))
        samples.append(values[(flags & INVALID) == 0])
    return np.concatenate(samples)


def _to_one_depth(plan: ReelPlan, facts: dict, good: list[int], scaling: list[Stretch]) -> np.ndarray:
    """What each good row (N,) is multiplied by, so that pictures of 8 bits and of more have one scale; it is told."""
    depths = np.array([facts[row, 0].get("depth", 8) for row in good])
    scales = np.array([facts[row, 0]["full_scale"] or np.nan for row in good])
    factors = np.ones(len(good))
    if plan.is_counts or not (depths == 16).any() or np.isnan(scales).any():
        return factors
    used = scales[depths == 16].max()
    if used < 2**16 - 1 and scaling[0].kind == "linear":
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
