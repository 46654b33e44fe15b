"""Flares, dimmings, fronts and faults planted into quiet frames of the Sun: found, how late, how often, by cadence.

    python tests/benchmarks/sun_injected.py --data DATA [--methods NAME ...] [--scenes WORD ...] [--seeds N]
        [--days-later N] [--quick] [--json FILE]

DATA: folder with solar/aia171_quiet_20230611 (AIA 171, 24 s, and every second frame), kso_halpha_clouds_20190126
(H-alpha, every second frame, 12 s, between the clouds) and 2012-07-19 (two movies of AIA, 15 min, between its flares);
with --quick alone a made-up region. One part of each trains every method by its recipe as it is (`excess` by
demo/sun.yaml or that of the movie, the others by config.yaml), another part is watched by default thresholds.

A flare is a spot (a Gaussian of 3 px; in the movies 1.2 px) that rises linearly and fades three times as slowly. Its
size is in sigma of its place: the robust spread, in the quiet frames that are watched, of the light of a resolution
element (smoothed by 1.5 px, the flare too) less the mean of the 12 frames before, at most an hour, in frames that are
turned with the Sun. So it holds what the quiet Sun does and is no method's own. Many are planted into one reel, on a
grid 28 px apart, sizes and rises drawn with a seed. Dimmings (6 px wide, within 6 frames; 2 at 15 min) lose 15, 30
or 60 % for good. Found: an event overlaps place and time; its start is right within 2 frames of the true one. False:
events at no planted place, and those of the reel as it is. A front (400 km/s), a block, a black frame and a jump have a
reel each; those of the camera are found where an event of the camera is, and false are the Sun's.

--days-later: the watched frames have times so many days later, so that nothing is known of their places any more.

`ideal`: a linear filter that knows the flare's shape, width and time (parts/sun_ideal.py), at the threshold that its
highest value in the quiet watched frames gives: no false event. `level`: `excess` at such a threshold of its own.

--json keys: <method>_recall (flares of 10 sigma and more), <method>_false (events in quiet frames of all scenes),
[<method>_delay_frames], [<method>_start_right], [<method>_events_per_flare], [<method>_dimmings], [<method>_fronts],
[<method>_camera], [ideal_recall], [level_recall].
"""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from parts.common import ROOT, parsed, parser, quiet, told, write
from parts.recipes import recipe_for, run_mode
from parts.sun_ideal import BACK, ELEMENT_PX, Ideal, element_sigma, still
from parts.sun_scenes import CLIP, Scene, finish, scenes
from scipy import ndimage
from sun import made_up
from sun_kinds import KM_PER_ARCSEC, ONSET, black, block, jump

from config import from_dict
from data.disk.files import write_csv
from data.reel.reel import Reel
from data.reel.views.excerpt import write_excerpt
from inference.events.sky import Sky
from inference.methods.flux.turning import Turning
from inference.scorers.load import load_scorer
from tests.support.no_pictures import without_pictures

METHODS = ("excess", "difference", "robust_z", "trailing_mean")
SIGMAS, LOSSES = (3.0, 5.0, 10.0, 30.0, 100.0), (0.15, 0.3, 0.6)
APART_PX, EDGE_PX, NEAR_PX, FADES, DIM_PX, DIM_FRAMES = 28, 16, 6, 3.0, 6.0, 6
ENOUGH, START_FRAMES = 10.0, 2  # sigma, of <method>_recall; how far from the onset a right start lies
FAULTS = {"block": block, "black": black, "jump": jump}


COLUMNS = ["scene", "method", "kind", "size", "rise", "events", "false", "planted", "delay", "start_right"]


class Planted(NamedTuple):
    """Something at a place from the onset on: of which size, and within how many frames it is there."""

    kind: str
    x: int
    y: int
    size: float
    rise: int


def places(reel: Reel) -> list[tuple[int, int]]:
    """Pixels (y, x) of a grid where all around is known and, of a whole disc, on it."""
    known = ~(reel.read_masks(0, len(reel)) & 1).any(axis=0)
    known = ndimage.binary_erosion(known, np.ones((2 * NEAR_PX + 1,) * 2))
    sky, (height, width) = Sky.of(reel), reel.shape[2:]
    grid = product(range(EDGE_PX, height - EDGE_PX, APART_PX), range(EDGE_PX, width - EDGE_PX, APART_PX))
    y, x = np.array([place for place in grid if known[place]]).T
    if sky:
        first = np.zeros(len(x), int)
        on_disc = sky.radius(first, *sky.pixel_to_hpc(first, x, y))[0] < 0.95
        y, x = y[on_disc], x[on_disc]
    return list(zip(y.tolist(), x.tolist(), strict=True))


def course(count: int, onset: int, rise: int) -> np.ndarray:
    """Light (T,) that rises linearly and fades exponentially."""
    since = np.arange(count) - onset
    fading = np.exp(-np.maximum(since - rise + 1, 0) / (FADES * rise))
    return np.where(since < 0, 0, np.minimum((since + 1) / rise, fading))


def with_planted(reel: Reel, some: list[Planted], scene: Scene, sigma: np.ndarray) -> np.ndarray:
    """Flux (T, H, W) with all of them, each carried along by the Sun."""
    flux = reel.physical(0, len(reel))[:, 0].astype(np.float32)
    rows, columns = np.mgrid[: flux.shape[1], : flux.shape[2]].astype(np.float32)
    turning = Turning.of(reel, 0, len(reel))
    steps = reel.times_s - reel.times_s[scene.onset]
    speed = turning.speed if turning else np.zeros((2, 2, 2))
    for one in some:
        row, column = one.y * speed.shape[1] // len(rows), one.x * speed.shape[2] // rows.shape[1]
        x, y = (p + speed[k, row, column] * steps[:, None, None] for k, p in enumerate((one.x, one.y)))
        distance2 = (rows - y) ** 2 + (columns - x) ** 2
        if one.kind == "flare":
            lost = scene.wide_px**2 / (scene.wide_px**2 + ELEMENT_PX**2)  # of the peak, by smoothing
            light = one.size * sigma[one.y, one.x] / lost * np.exp(-distance2 / (2 * scene.wide_px**2))
            flux += light * course(len(flux), scene.onset, one.rise)[:, None, None]
        else:
            share = np.clip((np.arange(len(flux)) - scene.onset + 1) / one.rise, 0, 1)[:, None, None]
            flux *= 1 - one.size * share * np.exp(-((distance2 / DIM_PX**2) ** 2))
    return flux


def front(flux: np.ndarray, onset: int, km_px: float, cadence_s: float) -> np.ndarray:
    """A ring from the middle that widens by 400 km/s, twice as bright as its place at first."""
    since = (np.arange(len(flux)) - onset)[:, None, None]
    rows, columns = np.mgrid[: flux.shape[1], : flux.shape[2]]
    distance = np.hypot(rows - flux.shape[1] / 2, columns - flux.shape[2] / 2)
    ring = np.exp(-((distance - 4 - 400 * cadence_s / km_px * since) ** 2) / 8) * (since >= 0)
    return flux * (1 + ring * np.exp(-since / 30))


def put_off(scene: Scene, days: int) -> None:
    """Let the watched reel be of another day."""
    table = Reel(scene.watched).candidates
    times = pd.to_datetime(table["time_utc"], format="ISO8601") + pd.Timedelta(days=days)
    write_csv(scene.watched / "frames.csv", table.assign(time_utc=times.dt.strftime("%Y-%m-%dT%H:%M:%S.%f")))
    finish(scene.watched, scene.settings)


def written(scene: Scene, name: str, flux: np.ndarray) -> None:
    """A copy of the watched reel, beside it, of this flux."""
    folder, reel = scene.watched.with_name(name), Reel(scene.watched)
    shutil.copytree(scene.watched, folder)
    stored = np.load(folder / "frames.npy", allow_pickle=False)
    stored[:, 0] = np.where(np.isfinite(flux), reel.stretches[0].forward(flux), stored[:, 0])
    np.save(folder / "frames.npy", stored)
    finish(folder, scene.settings)


def plant(scene: Scene, seeds: int) -> dict[str, list[Planted]]:
    """All reels of a scene, and what is where in each."""
    reel, lists = Reel(scene.watched), {}
    sigma, grid = element_sigma(reel), places(reel)
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        cases = list(product(SIGMAS, scene.rises))
        drawn = [cases[i] for i in random.permutation(np.arange(len(grid)) % len(cases))]
        lists[f"flares_{seed}"] = [
            Planted("flare", x, y, size, rise) for (y, x), (size, rise) in zip(grid, drawn, strict=True)
        ]
    rise = min(DIM_FRAMES, scene.rises[-1])
    lists["dimmings"] = [Planted("dimming", x, y, LOSSES[i % 3], rise) for i, (y, x) in enumerate(grid[::2])]
    for name, some in lists.items():
        written(scene, name, with_planted(reel, some, scene, sigma))
    flux, sky = reel.physical(0, len(reel))[:, 0], Sky.of(reel)
    if sky and reel.cadence_s < 120:
        written(scene, "front", front(flux, scene.onset, sky.pixel_arcsec * KM_PER_ARCSEC, reel.cadence_s))
    middle = flux.shape[1] // 2, flux.shape[2] // 2
    for name, spoil in FAULTS.items():
        before = np.repeat(flux[:1], ONSET, axis=0)  # so that the fault, which comes in frame ONSET, has frames before
        spoilt = spoil(np.concatenate([before, flux])[scene.onset :], *middle)
        written(scene, name, np.concatenate([flux[: scene.onset], spoilt[ONSET:]]))
    return lists


def events_of(method: str, scene: Scene, work: Path) -> dict[str, pd.DataFrame]:
    """Events by reel, by the recipe as it is."""
    own = {"model_path": str(work / "run"), "workers": 0, "device": "cpu"}
    own["eval.group_distance_arcsec"] = 0.0  # flares are planted near each other, at one time
    if method == "excess":
        sections = recipe_for(scene.recipe, scene.settings | own, is_net=False)
    else:
        sections = recipe_for(ROOT / "config.yaml", scene.settings | own | {"model.name": method}, is_net=False)
    with quiet(), without_pictures():
        run_mode("train", sections, work, "--data-clips", scene.train)
        run_mode("eval", sections, work, "--data-clips", scene.watched.parent)
    found = (work / "run" / "eval").glob("*/events.csv")
    return {path.parent.name: pd.read_csv(path, keep_default_na=False) for path in found}


def rows_of(scene: Scene, lists: dict[str, list[Planted]], events: dict[str, pd.DataFrame]) -> list[dict]:
    """What became of everything that was planted: one row each, and one for false events of a reel."""
    rows = [{"kind": "quiet", "false": len(scene_events(events["quiet"]))}]
    for name, some in lists.items():
        table = scene_events(events[name])
        is_near = np.zeros(len(table), bool)
        for one in some:
            near = near_to(table, one, scene.onset)
            is_near |= near
            rows.append({"kind": one.kind, "size": one.size, "rise": one.rise} | outcome(table[near], scene.onset))
        rows.append({"kind": "quiet", "false": int((~is_near).sum()), "planted": True})
    for name in ("front", *FAULTS):
        if name in events:
            table = events[name]
            of_sun = scene_events(table)
            later = of_sun["frame_end"] >= scene.onset
            hits = later.sum() if name == "front" else (table["instrument"] != "").sum()
            false = 0 if name == "front" else len(of_sun)
            rows.append({"kind": name, "size": 0.0, "rise": 1, "events": int(hits), "false": false})
    return rows


def scene_events(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["instrument"] == ""]


def near_to(table: pd.DataFrame, one: Planted, onset: int) -> np.ndarray:
    near = (table["x0"] < one.x + NEAR_PX) & (table["x1"] > one.x - NEAR_PX) & (table["frame_end"] >= onset)
    return (near & (table["y0"] < one.y + NEAR_PX) & (table["y1"] > one.y - NEAR_PX)).to_numpy(bool)


def outcome(of_it: pd.DataFrame, onset: int) -> dict:
    if not len(of_it):
        return {"events": 0}
    first = of_it.sort_values("frame_start").iloc[0]
    seen = first.get("frame_detected", first["frame_start"])
    start_right = abs(int(first["frame_start"]) - onset) <= START_FRAMES
    return {"events": len(of_it), "delay": max(0, int(seen) - onset), "start_right": start_right}


def levels(scene: Scene, lists: dict[str, list[Planted]], work: Path) -> list[dict]:
    """`ideal` and `level`: flares above the highest of the quiet watched frames."""
    run, quiet_reel = work / "run", Reel(scene.watched)
    sections = recipe_for(scene.recipe, scene.settings, is_net=False)
    settings = replace(from_dict(sections, "recipe").eval, score="residual")
    scorer, _ = load_scorer(run, "cpu", settings)

    def scored(reel: Reel) -> np.ndarray:
        maps = [frame.residual for frame in scorer.frames(reel, 0, len(reel), settings)]
        return np.stack([ndimage.rank_filter(m, -settings.min_area, size=3) for m in maps])

    filters = {
        rise: Ideal(Reel(scene.train / "quiet"), course(BACK // 2 + rise + 3, BACK // 2, rise), scene.wide_px)
        for rise in scene.rises
        if len(Reel(scene.train / "quiet")) > BACK + rise
    }
    tops = {rise: float(made(still(quiet_reel)).max()) for rise, made in filters.items()}
    top, rows = float(scored(quiet_reel).max()), []
    for name in [name for name in lists if name.startswith("flares")]:
        reel = Reel(scene.watched.with_name(name))
        found, flux = scored(reel), still(reel)
        by_filter = {rise: made(flux) for rise, made in filters.items()}
        turned_px = speed_px(reel) * (len(reel) - 1 - scene.onset)
        for one in lists[name]:
            rows.append(_row("level", one, _highest(found[scene.onset :], one.x, one.y) > top))
            if one.rise in filters:
                x = round(one.x + turned_px)
                rows.append(_row("ideal", one, _highest(by_filter[one.rise], x, one.y) > tops[one.rise]))
    return rows


def speed_px(reel: Reel) -> float:
    """How far the middle is carried along x in a frame."""
    turning = Turning.of(reel, 0, len(reel))
    return float(turning.speed[0].mean() * reel.cadence_s) if turning else 0.0


def _highest(maps: np.ndarray, x: int, y: int) -> float:
    return float(maps[:, max(0, y - 4) : y + 5, max(0, x - 4) : x + 5].max())


def _row(method: str, one: Planted, is_found: bool) -> dict:
    return {"method": method, "kind": one.kind, "size": one.size, "rise": one.rise, "events": int(is_found)}


def table_of(rows: pd.DataFrame) -> pd.DataFrame:
    """One line a scene, kind, size and rise: what each method found of how many, its delay and events."""
    planted = rows[rows["kind"] != "quiet"]
    groups = planted.groupby(["scene", "kind", "size", "rise", "method"], sort=False)
    told_of = pd.Series({key: _told(group) for key, group in groups})
    return told_of.rename_axis(["scene", "kind", "size", "rise", "method"]).unstack("method", fill_value="-")


def _told(group: pd.DataFrame) -> str:
    delay = group["delay"].median()
    return f"{(group['events'] > 0).sum()}/{len(group)}" + ("" if np.isnan(delay) else f" +{delay:.0f}")


def figures_of(method: str, rows: pd.DataFrame) -> dict[str, float]:
    """The keys of one method."""
    flares = rows[(rows["kind"] == "flare") & (rows["size"] >= ENOUGH)]
    figures = {"recall": (flares["events"] > 0).mean()}
    if method in METHODS:
        figures["false"] = rows.loc[(rows["kind"] == "quiet") & rows["planted"].isna(), "false"].sum()
        hits = flares[flares["events"] > 0]
        if len(hits):
            figures |= {"delay_frames": hits["delay"].median(), "start_right": hits["start_right"].astype(float).mean()}
            figures["events_per_flare"] = hits["events"].mean()
        for key, kinds in (("dimmings", ["dimming"]), ("fronts", ["front"]), ("camera", list(FAULTS))):
            if len(some := rows[rows["kind"].isin(kinds)]):
                figures[key] = (some["events"] > 0).mean()
    return {f"{method}_{key}": float(value) for key, value in figures.items()}


def small(work: Path) -> Scene:
    """Of a quick run."""
    whole = made_up(work / "whole" / "sun", side=96)
    for name, span in (("train", (0, 40)), ("watch", (40, 80))):
        write_excerpt(whole, [span], work / name / "quiet")
        finish(work / name / "quiet", CLIP)
    return Scene("made up", work / "train", work / "watch" / "quiet", CLIP, 20, (1,), 3.0)


def measured(options, work: Path) -> Iterator[dict]:
    """One row a planted thing and method."""
    for scene in scenes(options.data, work) if options.data else [small(work)]:
        if options.scenes and not any(word in scene.name for word in options.scenes):
            continue
        if options.days_later:
            put_off(scene, options.days_later)
        lists = plant(scene, 1 if options.quick else options.seeds)
        for method in options.methods:
            folder = work / "runs" / scene.name.replace(" ", "_") / method
            folder.mkdir(parents=True)
            found = rows_of(scene, lists, events_of(method, scene, folder))
            rows = [{"method": method} | row for row in found]
            print(scene.name, told(figures_of(method, pd.DataFrame(rows, columns=COLUMNS[1:]))), flush=True)
            if method == "excess":
                rows += levels(scene, lists, folder)
            yield from ({"scene": scene.name} | row for row in rows)


def main() -> None:
    made = parser(__doc__ or "", "flares in a made-up region, by excess", "solar/")
    made.add_argument("--methods", nargs="+", choices=METHODS, help="these alone")
    made.add_argument("--scenes", nargs="+", metavar="WORD", help="scenes with one of these in their name alone")
    made.add_argument("--seeds", type=int, default=3, help="reels of flares a scene")
    made.add_argument("--days-later", type=int, default=0, help="watch the same frames as if so many days later")
    options = parsed(made)
    options.methods = options.methods or (METHODS[:1] if options.quick else METHODS)
    with tempfile.TemporaryDirectory() as folder:
        rows = pd.DataFrame(list(measured(options, Path(folder))), columns=COLUMNS)
    print(table_of(rows).to_string())
    figures: dict[str, float] = {}
    for method, of_one in rows.groupby("method", sort=False):
        figures |= figures_of(str(method), of_one)
    print(told(figures))
    write(figures, options.json)


if __name__ == "__main__":
    main()
