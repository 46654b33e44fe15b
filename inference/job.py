"""A job: everything that decides the results on one reel, found and checked before the work begins."""

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from config import Config, EvalConfig, load
from data.disk.damage import read_json
from data.disk.places import refuse_links_out
from data.messages import amount, logger
from data.reel.reel import Reel
from inference.calibration.doubt import unlike
from inference.calibration.thresholds import Calibration
from inference.camera.bounds import ALL_PASS, Bounds, kept_bounds
from inference.events.sky import Sky
from inference.evidence.new_level import NewLevel
from inference.results.score_maps import ScoreMaps
from inference.scorers.base import FramesOf, Scorer
from inference.solar.confirm import Known
from inference.solar.regions import check_regions
from inference.units import DAY_S
from inference.zones import check_zones
from training.places import check_is_there, path_of
from training.run import RUNS

log = logger(__name__)

CATALOGUE = "hek_flares.csv"  # as it was downloaded
CROWDED, FEW = 0.5, 0.1  # false alarms a window: so many fill a series with events, so few leave it free
RUNS_BELOW, SHOWN = ("*/checkpoints/best.pt", "members/*/checkpoints/best.pt"), 5  # as in a fleet


@dataclass(frozen=True)
class Job:
    """Everything that decides the results on one reel."""

    reel: Reel
    scorer: Scorer
    calibration: Calibration
    low: float
    high: float
    settings: EvalConfig
    identity: dict
    run: Path
    bounds: Bounds = ALL_PASS  # of whole frames
    extends_to: float = math.inf  # down to which level an event goes on, if that is below the low threshold
    frames: FramesOf | None = None  # in place of the scorer's, what was kept of them
    making: Path | None = None  # the folder that takes the place of the results once it is complete

    def at(self, low: float, high: float) -> "Job":
        """The same with other thresholds, as of a stream that drifts: events go on as far below them."""
        below = self.extends_to / self.low if self.low else math.inf
        return replace(self, low=low, high=high, extends_to=below * low if low else math.inf)

    @property
    def usual(self) -> float:
        """The level that half of the quiet frames reach; 0 where none were looked at."""
        return float(np.median(self.calibration.levels)) if len(self.calibration.levels) else 0.0

    def new_level(self) -> NewLevel:
        """How thresholds of a series go along with what rises slowly; not where the settings fix them, not with several
        variables that have events of their own, and not without quiet data."""
        stays = self.settings.fixed_thresholds or self.settings.combine == "each"
        quiet = self.calibration.left_behind[: 0 if stays else None]
        return NewLevel(self.low, quiet, self.scorer.clip_length)

    def doubt(self, levels: np.ndarray) -> str:
        """What is to be told of a reel whose frames reach levels (n,) as few quiet ones did.

        Empty where that is not so, and where nothing was promised.
        """
        if self.settings.fixed_thresholds or (found := unlike(levels, self.calibration.levels)) is None:
            return ""
        level, share = found
        kind, other = ("samples", "place") if self.reel.is_series else ("frames", "place, light")
        return (
            f"half of the {kind} reach a level of {level:.3g}, and {share:.2%} of the quiet ones did: "
            "something goes on most of the time, or this reel is not like the quiet data "
            f"(another {other}, setting or season) and no promise holds for it; train on quiet data that are like it"
        )

    def tell_shortfall(self, told: set[str] | None = None) -> None:
        """Warn where quiet data are too few for what the settings ask thresholds to promise.

        told: what has been said of other reels, which is not said again and again; this is added.
        """
        told = set() if told is None else told
        for what in (self.calibration.shortfall(self.settings), self.crowding()):
            if what and what not in told:
                told.add(what)
                log.warning(f"{self.reel.name}: {what}")

    def crowding(self) -> str:
        """What is to be told where so many false alarms are asked for that a series is full of events, each of which
        lasts about a window; empty where that is not so."""
        if not self.reel.is_series or self.settings.fixed_thresholds:
            return ""
        asked, window_s = self.settings.allowed_per_day, self.scorer.clip_length * self.reel.cadence_s
        if asked * window_s < CROWDED * DAY_S:
            return ""
        return (
            f"{asked:.3g} false alarms a day are one in {DAY_S / asked / self.reel.cadence_s:.3g} samples, and an "
            f"event often lasts for {self.scorer.clip_length}, a window: many samples will lie in events; "
            f"eval.false_alarms_per_day={FEW * DAY_S / window_s:.2g} is one in ten windows"
        )

    @property
    def out(self) -> Path:
        """Where the results are, or are being made."""
        return self.making or self.run / "eval" / self.reel.name


def find_run(config: Config) -> Path:
    """The run folder that a config names, or the newest in runs/ with a trained model; some models come trained.

    Raises FileNotFoundError, and OSError for one from which results would be written elsewhere.
    """
    run = _named_run(config)
    refuse_links_out(run)
    return run


def _refuse_several(folder: Path) -> None:
    """Raises FileNotFoundError for what is no run but has runs in it, as a fleet or runs/ itself."""
    runs = sorted({found.parents[1] for way in RUNS_BELOW for found in folder.glob(way)})
    if runs and not path_of(folder, "best").is_file():
        shown = ", ".join(map(str, runs[:SHOWN])) + (f" and {len(runs) - SHOWN} more" if len(runs) > SHOWN else "")
        raise FileNotFoundError(f"{folder} is no run, and has {amount(len(runs), 'run')} in it; name one: {shown}")


def _named_run(config: Config) -> Path:
    if takes_shipped(config):
        from training.shipped import shipped_run  # here, because a job needs no torch

        run = shipped_run(config.model_path)
        log.info(f"using the shipped weights, in {run}")
        return run
    if config.model_path:
        if path_of(config.model_path, "last").is_file() and not path_of(config.model_path, "best").is_file():
            raise FileNotFoundError(
                f"the training of {config.model_path} was interrupted before its first epoch ended; go on with "
                f"-m train --resume --model-path {config.model_path}"
            )
        _refuse_several(Path(config.model_path))
        check_is_there(path_of(config.model_path, "best"))
        return Path(config.model_path)
    found = list(RUNS.glob("*/checkpoints/best.pt"))
    if not found:
        raise FileNotFoundError(f"no trained model in {RUNS}; train one, or name its folder with --model-path")
    newest = max(found, key=lambda path: path.stat().st_mtime_ns).parent.parent
    log.info(f"using the newest run, {newest}")
    return newest


def takes_shipped(config: Config) -> bool:
    """Whether the weights that come with the program take the place of a run."""
    folder = config.model_path
    return config.model.comes_trained and not (folder and path_of(folder, "best").is_file())


def make_job(
    reel: Reel, run: Path, scorer: Scorer, weights: str, settings: EvalConfig, told: set[str] | None = None
) -> Job:
    """Calibration, thresholds and identity of one evaluation, and a warning where they promise less than is asked.

    told: see `Job.tell_shortfall`.
    """
    job = job_within(kept_bounds(run, reel.channels, scorer.scaling), reel, run, scorer, weights, settings)
    job.tell_shortfall(told)
    return job


def job_within(bounds: Bounds, reel: Reel, run: Path, scorer: Scorer, weights: str, settings: EvalConfig) -> Job:
    """The same with known bounds of whole frames, and without a word."""
    check_zones(settings.zones, reel, scorer.are_promised)
    settings = scorer.settings_on(reel, settings)
    quiet = scorer.calibration(run, reel, settings)
    low, high = quiet.thresholds(settings)
    identity = {"reel": reel.meta["identity"], "weights_sha256": weights, "settings": decisive(settings)}
    identity |= {"threshold_low": low, "threshold_high": high}
    return Job(reel, scorer, quiet, low, high, settings, identity, run, bounds, quiet.extends_to(settings, low))


def decisive(settings: EvalConfig) -> dict[str, Any]:
    """The settings that decide what is found, as plain data."""
    return {name: value for name, value in asdict(settings).items() if name not in _AFTERWARDS}


# Settings that change what is drawn or compared, not what is found.
_AFTERWARDS = ("mode", "diagnostic", "fps", "heat_weight", "scale_factor", "movie", "movie_only")
_AFTERWARDS += ("batch_size", "catalog", "catalog_tolerance_min", "catalog_distance_arcsec", "xrs", "regions")
_AFTERWARDS += ("joint", "sources")
_AFTERWARDS += ("any_cadence", "follow", "follow_timeout_s", "follow_delay_s", "follow_memory_s", "follow_options")
_AFTERWARDS += ("follow_log_mb", "follow_log_parts", "follow_poll_s", "follow_late_s", "follow_idle_s")
_AFTERWARDS += ("follow_pattern", "follow_keep_mb", "score_maps_mb")
_AFTERWARDS += ("follow_alarms", "follow_alarms_mb", "follow_clip_frames", "follow_metrics_port")


def known_for(job: Job) -> Known | None:
    """What events are to be compared with, read before the scoring so that a bad list fails at once; None of nothing.

    The X-ray flux is the Sun's: a movie without UTC times, or a series beside it, is compared with none.
    """
    settings, times = job.settings, job.reel.times_utc
    if settings.catalog is not None and times is None:
        raise ValueError(f"reel {job.reel.name} has no UTC times to compare with eval.catalog; set prep.start_utc")
    if times is None:
        return None
    fluxes = None if job.reel.is_series else settings.xrs
    if not fluxes and settings.catalog is None:
        return None
    from data.labels.sun.cmes import read_cmes  # late, as is all that reads lists: few evaluations are given one
    from data.labels.sun.hek import load_catalog
    from data.labels.sun.xrs_flares import flares_of_xrs

    xrs = flares_of_xrs(fluxes) if fluxes else None
    if settings.catalog is None:
        return Known(xrs=xrs)
    around = np.timedelta64(round(60_000 * settings.catalog_tolerance_min), "ms")
    flares = load_catalog(settings.catalog, times.min() - around, times.max() + around, job.out / CATALOGUE)
    return Known(flares, None if settings.catalog == "hek" else read_cmes(settings.catalog), xrs)


def regions_for(job: Job) -> pd.DataFrame | None:
    """NOAA's active regions that events are to be numbered by, read before the scoring; None for a series.

    Raises ValueError where the reel has no places on the Sun or no UTC times, or the list is of another time.
    """
    source, times = job.settings.regions, job.reel.times_utc
    if source is None or job.reel.is_series:
        return None
    if times is None or Sky.of(job.reel) is None:
        lacks = "UTC times; set prep.start_utc" if times is None else "places on the Sun; set prep.sky"
        raise ValueError(f"eval.regions {source}: reel {job.reel.name} has no {lacks}, or leave the list out")
    from data.labels.sun.regions import read_regions

    regions = read_regions(source)
    check_regions(regions, times, source)
    return regions


def config_of_results(job: Job) -> Config | None:
    """The config that the results there were made with, when they are of the same reel, weights, settings and
    thresholds; None where there are none such, or damaged ones.
    """
    try:
        summary, maps = read_json(job.out / "summary.json", ""), job.out / ScoreMaps.NAME
        if summary["identity"] != json.loads(json.dumps(job.identity)):
            return None
        found = load(job.out / "config.yaml")
        wanted = ScoreMaps.size_of(job.reel) if ScoreMaps.are_kept(job.reel, found.eval) else 0
        return found if (maps.stat().st_size if maps.is_file() else 0) == wanted else None
    except (OSError, ValueError, KeyError):
        return None


def are_of_another(job: Job) -> bool:
    """Whether the results there are of other frames than those of the reel."""
    try:
        return read_json(job.out / "summary.json", "")["identity"]["reel"] != job.identity["reel"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def are_there(job: Job, config: Config) -> bool:
    """Whether complete results of a job are there, and drawn as the config says."""
    found = config_of_results(job)
    return found is not None and replace(found.eval, movie_only=False) == replace(config.eval, movie_only=False)
