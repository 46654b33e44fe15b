"""Calibration on held-out quiet windows: what eval needs to turn residuals into scores and thresholds.

One calibration per set of channels, kept in the run: `calibration/<channels>.npz` with the noise model, the levels that
quiet frames reach and the events that they give, for the fold and the cleaning that eval uses. Other eval settings get
their own on demand.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from config import EvalConfig
from data.disk.damage import AGAIN, arrays_of
from data.disk.sealing import write_arrays
from data.messages import progress
from data.reel.contract import Watched
from data.review_processed_data import NOT_QUIET
from inference.calibration.noise import LEAST_FRAMES, NoiseModel, fit_series_noise
from inference.calibration.quiet.events import QuietEvents
from inference.calibration.quiet.frames import measure_frames
from inference.calibration.quiet.not_quiet import episodes, set_apart_in, tell, times_apart
from inference.calibration.quiet.ranges import QuietRange, mean_cadence_s, quiet_ranges
from inference.calibration.surprises import Fitted, Surprises, fit_surprises, parts_of, rare_prior
from inference.calibration.tail import TailPrior
from inference.calibration.thresholds import Calibration, counted_series
from inference.camera.bounds import Bounds, kept_bounds
from inference.events.joining.together import group_distance_px
from inference.evidence.relations import SAMPLES as MEAN_SAMPLES
from inference.scorers.base import Scorer
from inference.scorers.nets.residual import Samples, weighs_evidence
from inference.zones import own_places, watched_places
from training.run import owned_run

# Settings that decide what a score or an event is; a calibration holds for one choice of them.
_SCORE_SETTINGS = (
    *("stride", "overlap", "overlap_percentile", "score", "mix", "common_mode", "smooth_px", "min_area", "iou_thresh"),
    *("combine", "plain_evidence", "own_evidence", "smooth_samples"),
    *("link_gap_frames", "link_gap_s", "link_distance_px", "min_frames"),
    *("group_distance_px", "zones", "extend_share"),
)


def kept_calibration(run: Path, scorer: Scorer, channels: Sequence[str], settings: EvalConfig) -> Calibration:
    """The run's calibration for these channels and settings; made now from its quiet frames if it is missing.

    Channels that were never calibrated use the only calibration there is for one reel, else all reels together.
    """
    ranges = ranges_for(quiet_ranges(run), channels, scorer.blind_frames)
    used = "_".join(sorted({"+".join(r.reel.channels) for r in ranges}))
    if not re.fullmatch(r"[\w.+-]{1,100}", used):  # names of variables may hold anything, and be many
        used = hashlib.sha256(used.encode()).hexdigest()[:16]
    settings = scorer.settings_on(ranges[0].reel, settings)
    settings = replace(settings, group_distance_px=group_distance_px(ranges[0].reel, settings))
    path = run / "calibration" / f"{used}-{_key(settings, scorer.quantum)}.npz"
    if not path.is_file():
        with owned_run(run, "calibration"):
            bounds = kept_bounds(run, channels, scorer.scaling)
            made, standing_out = measure(scorer, ranges, settings, path.parent, bounds)
            made = with_apart(made, times_apart(set_apart_in(run)))
            tell(path.with_name(f"{path.stem}-{NOT_QUIET}"), standing_out)
            write_calibration(path, made)
    written = path.stat()
    return where_watched(_read_once(path, (written.st_ino, written.st_mtime_ns)), settings, ranges[0].reel)


def with_apart(made: Calibration, times: int) -> Calibration:
    """A calibration that knows of so many more events that were taken for faults, before its scorer was fitted."""
    return replace(made, events=replace(made.events, apart=made.events.apart + times)) if times else made


def where_watched(made: Calibration, settings: EvalConfig, reel: Watched) -> Calibration:
    """A calibration that knows where events are looked for in such a reel, and where its zones lie."""
    places = zip(made.zones, own_places(settings.zones, reel), strict=True)
    zones = tuple(replace(zone, watched=place) for zone, place in places)
    return replace(made, watched=watched_places(settings.zones, reel), zones=zones)


def ranges_for(ranges: list[QuietRange], channels: Sequence[str], blind_frames: int) -> list[QuietRange]:
    """The quiet ranges of these channels; all of them where there are none, or none with a few frames that a scorer
    says something of."""
    own = [r for r in ranges if list(r.reel.channels) == list(channels)]
    return own if sum(r.end - r.seen_from(blind_frames) for r in own) >= LEAST_FRAMES else ranges


def write_calibration(path: Path, made: Calibration) -> None:
    """Write all of a calibration but where events are looked for."""
    events = made.events
    write_arrays(
        path, mean=made.noise.mean, spread=made.noise.spread, levels=made.levels,
        thresholds=events.thresholds, counts=events.counts, span_s=events.span_s, left_out=made.left_out,
        apart=np.array(events.apart),
        **({"tail_prior": np.array(astuple(events.prior))} if events.prior else {}),
        **{f"surprise_{name}": value for name, value in _parts_of(made.surprises).items()},
        zones=np.array(len(made.zones)),
        **{f"zone_{k}_{name}": value for k, zone in enumerate(made.zones) for name, value in _of_zone(zone).items()},
    )  # fmt: skip


def _parts_of(surprises: Surprises | None) -> dict[str, np.ndarray]:
    return {name: part for name, part in vars(surprises).items() if part is not None} if surprises else {}


@lru_cache(maxsize=16)
def _read_once(path: Path, version: tuple[int, int]) -> Calibration:
    """The same for one reel after the other, with the rates that were found for it: those take longer than to score a
    short series."""
    return read_calibration(path)


def _of_zone(zone: Calibration) -> dict[str, np.ndarray]:
    """What a zone has of its own: the noise, and what is known of tails, are those of all pixels."""
    events = zone.events
    arrays = {"thresholds": events.thresholds, "counts": events.counts, "span_s": np.array(events.span_s)}
    return arrays | {"levels": zone.levels, "left_out": zone.left_out}


def read_calibration(path: Path) -> Calibration:
    """What `write_calibration` has written."""
    with arrays_of(path, AGAIN) as saved:
        noise = NoiseModel(saved["mean"], saved["spread"])
        prior = _prior_from(*saved["tail_prior"].tolist()) if "tail_prior" in saved else None
        apart = int(saved["apart"]) if "apart" in saved else 0  # not in those of before
        events = QuietEvents(saved["thresholds"], saved["counts"], float(saved["span_s"]), prior, apart)
        parts = {name.removeprefix("surprise_"): saved[name] for name in saved if name.startswith("surprise_")}
        made = Calibration(noise, saved["levels"], events, saved["left_out"], Surprises(**parts) if parts else None)
        zones = tuple(
            _zone_from(made, saved, f"zone_{k}_") for k in range(int(saved["zones"]) if "zones" in saved else 0)
        )
        return replace(made, zones=zones)


def _prior_from(
    unit_s: float, shape: float, span_s: float, is_beyond: float = 0.0, most_per_s: float = np.inf
) -> TailPrior:
    """From an array; those of before have three or four numbers."""
    return TailPrior(unit_s, shape, span_s, bool(is_beyond), most_per_s)


def _zone_from(made: Calibration, saved: Mapping[str, np.ndarray], prefix: str) -> Calibration:
    span_s = float(saved[prefix + "span_s"])
    events = QuietEvents(saved[prefix + "thresholds"], saved[prefix + "counts"], span_s, made.events.prior)
    return replace(made, levels=saved[prefix + "levels"], events=events, left_out=saved[prefix + "left_out"])


def measure(
    scorer: Scorer, ranges: list[QuietRange], settings: EvalConfig, folder: Path, bounds: Bounds
) -> tuple[Calibration, pd.DataFrame]:
    """Each pixel's noise from all quiet frames; then the events of those that the scorer was not fitted on.

    Beside the calibration, the episodes of the quiet data that stand out, see `not_quiet.episodes`.

    Pixels need many frames, and a model that hardly over-fits has much the same noise on both sides. The threshold is a
    promise about new data, so only frames that were never trained on decide it. folder: where maps may wait. bounds: of
    whole frames, where there is a camera.
    """
    if ranges[0].reel.is_series:
        return measure_series(scorer, ranges, settings)
    return measure_frames(scorer, ranges, settings, folder, bounds)


def measure_series(scorer: Scorer, ranges: list[QuietRange], settings: EvalConfig) -> tuple[Calibration, pd.DataFrame]:
    """The same for a series, all samples at once; a sample's level is its score, or its variables' highest.

    Raises ValueError without a stretch that the scorer was not fitted on.
    """
    work = [(fold, r) for fold in scorer.folds(ranges) for r in fold.ranges]
    found = [
        (fold.is_new, fold.scorer.samples(r.reel, r.begin, r.end, settings))
        for fold, r in progress(work, desc="calibrating on quiet samples", unit="stretch")
    ]
    if not any(is_new for is_new, _ in found):
        raise ValueError("not one quiet validation stretch can be scored; use more validation windows")
    made = Calibration(fit_series_noise(np.concatenate([samples.quiet for _, samples in found])))
    new = [r for fold, r in work if fold.is_new]
    if weighs_evidence(settings):
        fitted = _surprises(made, found, settings, mean_cadence_s(ranges), scorer.clip_length)
        parts = _judged_by_others(made, fitted, found, settings)
        made = replace(made, surprises=fitted.for_new)
    else:
        parts = [made.own_events(samples, settings) for is_new, samples in found if is_new]
    made = counted_series(made, parts, settings, mean_cadence_s(ranges), scorer.clip_length)
    if made.surprises is not None:
        made = replace(made, events=replace(made.events, prior=rare_prior(mean_cadence_s(ranges))))
    offsets = np.cumsum([0, *map(len, parts)])

    def where_of(number: int) -> tuple[QuietRange, int, float, float]:
        k = int(np.searchsorted(offsets, number, side="right")) - 1
        return new[k], new[k].begin + number - int(offsets[k]), np.nan, np.nan

    standing_out = episodes(made.left_out, made.levels, where_of)
    return with_apart(made, times_apart(standing_out)), standing_out


def _surprises(
    made: Calibration, found: list[tuple[bool, Samples]], settings: EvalConfig, cadence_s: float, reach: int
) -> Fitted:
    """From the scores of new samples, and what all samples are beside the model; found: (is new, samples)."""
    new = [made.score(s.residual, settings)[:, :, 0] for is_new, s in found if is_new]
    evidence = [s.evidence for _, s in found if s.evidence is not None]
    own = [s.own for _, s in found if s.own is not None]
    return fit_surprises(np.concatenate(new), evidence, cadence_s, reach, own)


def _judged_by_others(
    made: Calibration, fitted: Fitted, found: list[tuple[bool, Samples]], settings: EvalConfig
) -> list[np.ndarray]:
    """`own_events` of each stretch of new samples, part by part of all quiet ones by the curves of the others."""
    own: dict[int, list[np.ndarray]] = {number: [] for number, (is_new, _) in enumerate(found) if is_new}
    around = MEAN_SAMPLES + settings.smooth_samples  # that means over samples look at
    for number, begin, end, part in parts_of([len(samples.valid) for _, samples in found]):
        if number in own:
            first = max(begin - around, 0)
            piece = found[number][1].between(first, end + around)
            judged = replace(made, surprises=fitted.for_parts[part]).own_events(piece, settings)
            own[number].append(judged[begin - first : end - first])
    return [np.concatenate(pieces) for pieces in own.values()]


def _key(settings: EvalConfig, quantum: float) -> str:
    chosen = {name: value for name, value in asdict(settings).items() if name in _SCORE_SETTINGS}
    for name in ("zones", "extend_share", "own_evidence"):  # calibrations from before there were any still hold
        if not chosen[name]:
            del chosen[name]
    for zone in chosen.get("zones", ()):  # how often false alarms are allowed is asked of what was measured
        if zone.pop("false_alarms_per_hour") is not None:
            zone["has_own_rate"] = True
    if quantum and settings.score in ("standardised", "mix"):  # those of before had next to no unit in still places
        chosen["quantum"] = quantum
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:8]
