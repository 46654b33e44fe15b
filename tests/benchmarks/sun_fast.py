"""A flare seen every few seconds, by `excess` and demo/sun.yaml: how many events, how soon, and none in quiet frames.

    python tests/benchmarks/sun_fast.py [--seeds N] [--only KIND ...] [--cadences S ...] [--untold] [--quick]
        [--json FILE]

Made-up active regions (parts/flare_movie.py), 88 px wide: the first part trains, the next is quiet and is watched, then
a flare begins with a precursor of 3 % of its light, and 90 s later with all it has: ribbons, loops, a remote
brightening, diffraction arms. `plain`: as it is; `seeing`: through air that moves and blurs every frame; `exposes`: a
flare of twenty times the light, so that the automatic exposure takes every other frame shorter, and long ones saturate
and bleed. Told: the events of the Sun that are seen in quiet frames (3 before the flare are its own), those of the
flare, the tracks that they are made of, and when the first was seen, in frames behind a plain trial (`trial`): excess
over the medians of 1 to 4 and of 8 to 24 frames before, 1.5 px, a MAD a pixel, at 1.25 times what quiet frames reach.
--untold: reels that tell no place on the Sun, as movies do, where nothing is joined by its distance in arcsec.

--json keys: [events_per_flare] (mean), [quiet_events] (of all), [parts] (mean), [late_frames] (median), [found]
(share), [camera] (events of the camera, of all), [trial_quiet_frames] (frames above its threshold before the flare).
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from parts.common import ROOT, parsed, parser, quiet, told, write
from parts.flare_movie import ARCSEC, SIDE, Kind, Movie, made
from parts.recipes import recipe_for, run_mode
from scipy import ndimage

from data.disk.files import write_csv
from data.reel.mask_bits import SATURATED
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from data.reel.windows import index_windows
from data.sky.wcs import FrameWcs, as_columns
from tests.support.no_pictures import without_pictures
from tests.support.reels import make_reel
from tests.support.sun_events import AU_M, RSUN_ARCSEC

KINDS = {"plain": {}, "seeing": {"seeing_px": 0.3}, "exposes": {"peak": 60_000.0, "exposes": True}}
FRAMES = {2.0: (150, 100, 200), 12.0: (100, 60, 80)}  # that train, that are quiet and watched, of the flare
SETTINGS = {"prep.clip_length": 8, "prep.stride": 1, "workers": 0, "device": "cpu"}
STRETCH = Stretch("asinh", 100.0, 20_000.0)
EARLY = 3  # frames before the flare in which an event of it may be seen
TRIAL, TRIAL_PX, TRIAL_FACTOR = ((1, 4), (8, 24)), 1.5, 1.25
PLACE = FrameWcs((SIDE + 1) / 2, (SIDE + 1) / 2, ARCSEC, ARCSEC, 200.0, -150.0, 0.0, RSUN_ARCSEC, 0.0, 0.0, AU_M)


def written(folder: Path, movie: Movie, frames: slice, cadence_s: float, is_told: bool) -> Reel:
    """A reel of some frames of a movie, at their times."""
    stored = STRETCH.forward(movie.flux[frames])[:, None].astype(np.float32)
    masks = (movie.saturated[frames] * SATURATED).astype(np.uint8)
    facts = {"origin": "lower", "unit": "DN/s"}
    reel = make_reel(folder, stored, cadence_s, stretch=[STRETCH], channels=["193"], masks=masks, meta=facts)
    times = reel.times_utc
    assert times is not None  # make_reel gives them
    later = times + np.timedelta64(round(1000 * frames.start * cadence_s), "ms")
    table = reel.candidates.assign(time_utc=later.astype(str), exptime_s=movie.exptime_s[frames])
    write_csv(folder / "frames.csv", table.assign(**as_columns(PLACE)) if is_told else table)
    write_csv(folder / "windows.csv", index_windows(Reel(folder), 8, 1))
    return Reel(folder)


def trial_of(flux: np.ndarray, train: int) -> np.ndarray:
    """By which factor every frame of flux (T, H, W) is above the threshold of the plain trial, from `train` frames."""
    highest = np.zeros(flux.shape, np.float32)
    for near, far in TRIAL:
        excess = np.full(flux.shape, np.nan, np.float32)
        for k in range(far, len(flux)):
            background = np.median(flux[k - far : k - near + 1], axis=0)
            excess[k] = ndimage.gaussian_filter(flux[k] - background, TRIAL_PX)
        spread = ndimage.median_filter(1.4826 * np.median(np.abs(excess[far:train]), axis=0), 7)
        highest = np.maximum(highest, np.nan_to_num(excess / np.maximum(spread, np.median(spread) / 4)))
    levels = np.sort(highest.reshape(len(flux), -1))[:, -3]
    return levels / (TRIAL_FACTOR * levels[TRIAL[-1][1] : train].max())


def events_of(movie: Movie, cadence_s: float, parts: tuple[int, int, int], is_told: bool, work: Path) -> pd.DataFrame:
    """Those of the watched part."""
    train = parts[0]
    written(work / "train" / "train", movie, slice(0, train), cadence_s, is_told)
    written(work / "watch" / "watch", movie, slice(train, sum(parts)), cadence_s, is_told)
    sections = recipe_for(ROOT / "demo/sun.yaml", SETTINGS | {"model_path": str(work / "run")}, is_net=False)
    with quiet(), without_pictures():
        run_mode("train", sections, work, "--data-clips", work / "train")
        run_mode("eval", sections, work, "--data-clips", work / "watch")
    return pd.read_csv(work / "run" / "eval" / "watch" / "events.csv", keep_default_na=False)


def row_of(events: pd.DataFrame, trial: np.ndarray, parts: tuple[int, int, int]) -> dict[str, Any]:
    """What became of one flare."""
    train, quiet_frames, _ = parts
    of_sun = events[events["instrument"] == ""]
    seen = of_sun.get("frame_detected", of_sun["frame_start"])
    is_early = seen < quiet_frames - EARLY
    flare, seen = of_sun[~is_early], seen[~is_early]
    first = np.flatnonzero(trial[train + quiet_frames :] > 1)
    late = int(seen.min()) - quiet_frames - int(first[0]) if len(flare) and len(first) else np.nan
    return {
        "quiet": int(is_early.sum()), "events": len(flare), "parts": int(flare["parts"].sum()), "late": late,
        "camera": len(events) - len(of_sun), "trial_quiet": int((trial[train : train + quiet_frames] > 1).sum()),
    }  # fmt: skip


def main() -> None:
    run = parser(__doc__ or "", "one flare of few frames")
    run.add_argument("--seeds", type=int, default=3)
    run.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), help="these kinds alone")
    run.add_argument("--cadences", nargs="+", type=float, choices=FRAMES, default=list(FRAMES), metavar="S")
    run.add_argument("--untold", action="store_true", help="reels that tell no place on the Sun")
    options = parsed(run)
    rows = []
    for name in ["exposes"] if options.quick else options.only:
        for cadence_s in [12.0] if options.quick else options.cadences:
            parts = (32, 12, 16) if options.quick else FRAMES[cadence_s]
            for seed in range(1 if options.quick else options.seeds):
                movie = made(Kind(cadence_s, **KINDS[name]), seed, sum(parts[:2]), sum(parts))
                with tempfile.TemporaryDirectory() as folder:
                    events = events_of(movie, cadence_s, parts, not options.untold, Path(folder))
                row = row_of(events, trial_of(movie.flux, parts[0]), parts)
                rows.append({"kind": name, "cadence_s": cadence_s, "seed": seed} | row)
                print(told(rows[-1]), flush=True)
    table = pd.DataFrame(rows)
    found = table[table["events"] > 0]
    figures = {
        "events_per_flare": float(table["events"].mean()), "quiet_events": float(table["quiet"].sum()),
        "parts": float(table["parts"].mean()), "late_frames": float(found["late"].median()),
        "found": len(found) / len(table), "camera": float(table["camera"].sum()),
        "trial_quiet_frames": float(table["trial_quiet"].sum()),
    }  # fmt: skip
    print(told(figures))
    write(figures, options.json)


if __name__ == "__main__":
    main()
