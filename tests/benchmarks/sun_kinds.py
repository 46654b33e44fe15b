"""Happenings planted into quiet frames of the Sun: is each told by its kind, and since when.

    python tests/benchmarks/sun_kinds.py --data DATA [--quick] [--json FILE]

DATA: folder with solar/aia171_quiet_20230611 (level-1 cut-outs of AIA 171, one in 24 s); with --quick alone mottled
noise. Flares, dimmings, darkenings, fronts, a prominence and a filament are those of tests/support/sun_events.py; for
those beyond the limb the frames are taken for ones of the corona. Places and times are drawn with a seed. Two parts:

`rules`: what differs from the frames without the happening is its event, as a perfect detector would find it; told is
the kind of the strongest one. So it is the rules that are tried, on the light of the real Sun.
`chain`: the first half trains demo/sun.yaml, the second is watched, once for each happening and for three faults of a
camera (a missing block, a black frame, a jump), by fixed thresholds; told is what stands in events.csv.

--json keys: [rules_seen] (share that has an event), [rules_right] (share of these of the right kind),
[rules_right_<kind>], [rules_start_frames] (median of how far the start lies from the true one), [chain_seen],
[chain_right], [chain_right_<kind>], [chain_start_frames].
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from parts.common import ROOT, parsed, parser, quiet, told, write
from parts.recipes import recipe_for, run_mode
from sun import CLIP, finish, halves

from data.disk.files import write_csv
from data.reel.reel import Reel
from inference.events.sky import Sky
from inference.solar.columns import measured
from inference.solar.kinds import KINDS
from tests.support.no_pictures import without_pictures
from tests.support.sun_events import HAPPENINGS, ONSET, quiet_sun, solar_reel, tracks_of

CAMERA, NOTHING = "camera", ""  # any reason of an instrument; no event
RULES_PLACES, RULES_FRAMES, NEAR_PX, OFF_DISC_ARCSEC = 4, 72, 12, 1100.0
LOW, HIGH = 12.0, 24.0  # thresholds, in spreads of the quiet place
KM_PER_ARCSEC = 725.3  # at 1 au
Plant = Callable[[np.ndarray, int, int], np.ndarray]


class Case(NamedTuple):
    """What is planted into flux (T, H, W) at a place: its name, and its kind."""

    name: str
    kind: str
    off_disc: bool
    plant: Plant


def block(flux, y, x):
    """Two frames in which a rectangle has one value."""
    flux = flux.copy()
    flux[ONSET : ONSET + 2, y - 8 : y + 8, x - 8 : x + 8] = 0
    return flux


def black(flux, y, x):
    flux = flux.copy()
    flux[ONSET : ONSET + 2] = 0
    return flux


def jump(flux, y, x):
    """The whole frame shifted, from there on."""
    return np.concatenate([flux[:ONSET], np.roll(flux[ONSET:], (3, 2), axis=(1, 2))])


def cases(scale_km: float, cadence_s: float, is_quick: bool) -> Iterator[Case]:
    """All happenings, of a reel of this scale; of a quick run three."""
    for planted in HAPPENINGS:
        out = np.array([0.0, 1.0]) if planted.off_disc else np.array([0.6, 0.8])
        place = scale_km, cadence_s, out
        yield Case(
            planted.name, planted.kind, planted.off_disc, lambda f, y, x, p=planted, q=place: p.plant(f, y, x, *q)
        )
        if is_quick and planted.name == "slow flare":
            return
    for name, plant in (("missing block", block), ("black frame", black), ("jump", jump)):
        yield Case(name, CAMERA, False, plant)


def prepared(options, work: Path) -> tuple[Path, Path]:
    """The folder of the reel that trains, and the reel that is watched."""
    if options.data:
        return halves(options, work)
    for name, seed in (("train/quiet", 0), ("watch/quiet", 1)):
        solar_reel(work / name, quiet_sun(48, 48, seed), 24.0, 2.4)
        finish(work / name)
    return work / "train", work / "watch" / "quiet"


def plant(case: Case, watched: Path, random: np.random.Generator) -> tuple[str, int, int]:
    """A copy of the reel beside it with a happening; its name and place."""
    folder, reel = watched.with_name(case.name.replace(" ", "_")), Reel(watched)
    shutil.copytree(watched, folder)
    height, width = reel.shape[2:]
    y, x = (int(random.integers(n // 3, n - n // 3)) for n in (height, width))
    stretch = reel.stretches[0]
    stored = np.load(folder / "frames.npy", allow_pickle=False)
    flux = stretch.inverse(stored[:, 0].astype(np.float64))
    stored[:, 0] = stretch.forward(case.plant(flux, y, x))
    np.save(folder / "frames.npy", stored)
    if case.off_disc:
        table = reel.candidates
        write_csv(folder / "frames.csv", table.assign(wcs_crval1=table["wcs_crval1"] + OFF_DISC_ARCSEC))
    finish(folder)
    return folder.name, y, x


def told_of(events: pd.DataFrame, y: int, x: int) -> dict:
    """The strongest event at a place behind ONSET, the camera's or the Sun's."""
    near = (events["x0"] < x + NEAR_PX) & (events["x1"] > x - NEAR_PX)
    near &= (events["y0"] < y + NEAR_PX) & (events["y1"] > y - NEAR_PX) & (events["frame_end"] >= ONSET)
    if not near.any():
        return {"found": NOTHING, "start": np.nan, "front_km_s": np.nan}
    best = events[near].sort_values("peak_score").iloc[-1]
    found = best["kind"] if best["kind"] in KINDS else CAMERA
    return {"found": found, "start": best["frame_start"] - ONSET, "front_km_s": best["front_km_s"]}


def by_rules(whole: Reel, work: Path, is_quick: bool, random: np.random.Generator) -> pd.DataFrame:
    """The first part: one row a planted happening."""
    pixel_arcsec = Sky(whole).pixel_arcsec
    flux = whole.physical(0, len(whole))[:, 0]
    flux = np.where(np.isfinite(flux), flux, np.nanmedian(flux))
    rows = []
    for case in cases(pixel_arcsec * KM_PER_ARCSEC, whole.cadence_s, is_quick):
        for number in range(0 if case.kind == CAMERA else 1 if is_quick else RULES_PLACES):
            first = int(random.integers(max(len(flux) - RULES_FRAMES, 1)))
            quiet_flux = flux[first : first + RULES_FRAMES]
            y, x = (int(random.integers(n // 3, n - n // 3)) for n in flux.shape[1:])
            planted = case.plant(quiet_flux, y, x)
            centre = (OFF_DISC_ARCSEC, 0.0) if case.off_disc else (0.0, 0.0)
            folder = work / "rules" / f"{case.name}_{number}"
            reel = solar_reel(folder, planted, whole.cadence_s, pixel_arcsec, centre)
            events = measured(tracks_of(planted, reel, quiet_flux), reel, Sky(reel))
            best = max(events, key=lambda event: event.peak_score)
            start = np.nan if best.course is None else best.course.onset - ONSET
            rows.append({"planted": case.name, "kind": case.kind, "found": best.kind, "start": start})
            shutil.rmtree(folder)
    return pd.DataFrame(rows)


def by_chain(train: Path, watched: Path, work: Path, is_quick: bool, random: np.random.Generator) -> pd.DataFrame:
    """The second part: one row a planted happening."""
    reel = Reel(watched)
    scale_km = Sky(reel).pixel_arcsec * KM_PER_ARCSEC
    planted = [(case, *plant(case, watched, random)) for case in cases(scale_km, reel.cadence_s, is_quick)]
    settings = CLIP | {"model_path": str(work / "run"), "eval.threshold_low": LOW, "eval.threshold_high": HIGH}
    sections = recipe_for(ROOT / "demo/sun.yaml", settings, is_net=False)
    with quiet(), without_pictures():
        run_mode("train", sections, work, "--data-clips", train)
        run_mode("eval", sections, work, "--data-clips", watched.parent)
    rows = []
    for case, name, y, x in planted:
        events = pd.read_csv(work / "run" / "eval" / name / "events.csv", keep_default_na=False, na_values=[""])
        rows.append({"planted": case.name, "kind": case.kind, "events": len(events), **told_of(events, y, x)})
    return pd.DataFrame(rows)


def figures_of(part: str, rows: pd.DataFrame) -> dict[str, float]:
    """The keys of one part."""
    seen = rows[rows["found"] != NOTHING]
    right = seen["found"] == seen["kind"]
    found = {"seen": len(seen) / len(rows), "right": right.mean()}
    found |= {f"right_{kind.replace(' ', '_')}": right[seen["kind"] == kind].mean() for kind in seen["kind"].unique()}
    found["start_frames"] = seen.loc[seen["kind"] != CAMERA, "start"].abs().median()
    return {f"{part}_{key}": float(value) for key, value in found.items()}


def main() -> None:
    options = parsed(parser(__doc__ or "", "two flares in mottled noise", "solar/"))
    random, figures = np.random.default_rng(0), {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        train, watched = prepared(options, work)
        whole = next((path.parent for path in (work / "whole").glob("*/reel.json")), watched)
        for part, rows in (
            ("rules", by_rules(Reel(whole), work, options.quick, random)),
            ("chain", by_chain(train, watched, work, options.quick, random)),
        ):
            print(f"{part}\n{rows.to_string(index=False)}", flush=True)
            print(told(found := figures_of(part, rows)), flush=True)
            figures |= found
    write(figures, options.json)


if __name__ == "__main__":
    main()
