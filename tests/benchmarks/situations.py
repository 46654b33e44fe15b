"""What users point the program at, made small: whether it finds what is planted, and keeps what it promises.

    python tests/benchmarks/situations.py [--only NAME ...] [--quick] [--json FILE]

Every situation goes through prep, train and eval of the program by the recipe of its kind as it is, so no constant is
chosen here; promised are 1 false alarm a day (series) or an hour (video).

pump       three days of minutes with a leak, a burst and a stuck sensor, after five quiet ones, by demo/series.yaml
slow       ten clean series of one sample a second by demo/zero_shot.yaml: events seen beside those promised, and how
           many of ten planted blocks of 10 sigma are found
huge       a block of +25, +500, +50,000, a lasting shift, and a block beside 100 cells of -999, each in noise of unit
           size at 60 s, by demo/zero_shot.yaml: found or not
conveyor   two new quiet clips of 20 s after four, by demo/video.yaml: events an hour
camera     a street, after clips in which the camera stood, by demo/video.yaml: events of a quiet clip in which it
           shakes by half a pixel; and whether a frame of which three quarters are black is an event of the camera

--json keys: [pump_found], [pump_false], [slow_over_promised], [slow_found], [huge_found], [conveyor_per_hour],
[shaken_events], [black_is_camera].
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from parts.common import parsed, parser, write
from parts.promises.frames import write_images
from parts.promises.made import write_conveyor
from parts.through import promised, through, touching

from tests.support.broken import broken
from tests.support.pump import DAY_MIN, FAULTS, pump, with_faults, write_table
from tests.support.street import Street, shaking, standing

Figures = dict[str, float]
ONSET, BLOCK, SAMPLES, AFTER = 1500, 20, 4000, 100
BLACK_AT, CLIP, QUICK_CLIP = 30, 150, 50  # frames, 10 a second


def pump_faults(folder: Path, is_quick: bool) -> Figures:
    """Three faults in three days."""
    write_table(folder / "train" / "pump.csv", pump(5 * DAY_MIN, 1))
    write_table(folder / "watch" / "pump.csv", with_faults(pump(3 * DAY_MIN, 2)))
    quicker = {"model.name": "window_pca"} if is_quick else {}
    events = through("series.yaml", folder, not is_quick, **quicker)["pump"]["scene"]
    by_fault = [touching(events, first, last) for first, last in FAULTS.values()]
    false = ~np.logical_or.reduce(by_fault)
    return {"pump_found": float(np.mean([found.any() for found in by_fault])), "pump_false": float(false.sum())}


def a_second(folder: Path, is_quick: bool) -> Figures:
    """Clean series of one sample a second, and as many with a block of 10 sigma."""
    random, count, length = np.random.default_rng(7), 2 if is_quick else 10, SAMPLES if is_quick else 20_000
    for number in range(count):
        values = wave(random, length, period=random.uniform(20, 400), amplitude=random.uniform(0, 8))
        write_values(folder / "watch" / f"clean_{number}.csv", values, "s")
        write_values(folder / "watch" / f"block_{number}.csv", plus(values, 10.0), "s")
    found = through("zero_shot.yaml", folder)
    clean = [found[f"clean_{n}"] for n in range(count)]
    hits = [touching(found[f"block_{n}"]["scene"], ONSET, ONSET + BLOCK).any() for n in range(count)]
    seen, expected = sum(len(r["scene"]) for r in clean), sum(promised(r, 1.0) for r in clean)
    print(f"{seen} events where {expected:.1f} are promised")
    return {"slow_over_promised": seen / expected, "slow_found": float(np.mean(hits))}


def huge(folder: Path, is_quick: bool) -> Figures:
    """Anomalies from large to absurd in noise of unit size, one sample a minute."""
    noise = np.random.default_rng(11).standard_normal(SAMPLES)
    shift, codes = noise.copy(), plus(noise, 25.0)
    shift[ONSET:] += 25
    codes[np.random.default_rng(12).choice(np.arange(2 * ONSET, SAMPLES), 100, replace=False)] = -999
    sizes = (50_000.0,) if is_quick else (25.0, 500.0, 50_000.0)
    blocks = {f"block_{size:g}": plus(noise, size) for size in sizes}
    for name, values in (blocks | {"shift": shift, "codes": codes}).items():
        write_values(folder / "watch" / f"{name}.csv", values, "min")
    results = through("zero_shot.yaml", folder)
    hits = {name: touching(r["scene"], ONSET, ONSET + BLOCK).any() for name, r in results.items()}
    print(", ".join(f"{name} {'found' if hit else 'NOT found'}" for name, hit in hits.items()))
    return {"huge_found": float(np.mean(list(hits.values())))}


def conveyor(folder: Path, is_quick: bool) -> Figures:
    """New quiet clips of a belt."""
    write_conveyor(folder, (2, 1) if is_quick else (4, 2), 6 if is_quick else 20)
    small = {"prep.resize": [24, 36]} if is_quick else {}
    results = through("video.yaml", folder, **{"prep.frames_per_second": 10.0}, **small).values()
    print(f"{sum(promised(r, 0.1) for r in results):.2g} events are promised")
    hours = sum(r["frames_scored"] for r in results) / 10 / 3600
    return {"conveyor_per_hour": sum(len(r["scene"]) for r in results) / hours}


def camera(folder: Path, is_quick: bool) -> Figures:
    """A street: one clip shaken, one with a frame that is black but for a quarter."""
    street, length = Street(21, walkers=6, beat_px=8), QUICK_CLIP if is_quick else CLIP
    for number in range(2 if is_quick else 4):
        write_clip(folder / "train" / f"{number}", street.frames(standing(length)))
    write_clip(folder / "watch" / "shaken", street.frames(shaking(length, 0.5, seed=3)))
    write_clip(folder / "watch" / "black", broken(street.frames(standing(length)), "mostly black", BLACK_AT, 1, 0))
    settings = {"prep.frames_per_second": 10.0, "prep.resize": [72, 108]} | ({"model.name": "flow"} if is_quick else {})
    found = through("video.yaml", folder, not is_quick, **settings)
    kinds = found["black"]["camera"].loc[touching(found["black"]["camera"], BLACK_AT, BLACK_AT, 0), "instrument"]
    print(f"the black frame: {', '.join(kinds) or 'no event of the camera'}")
    return {"shaken_events": float(len(found["shaken"]["scene"])), "black_is_camera": float(len(kinds) > 0)}


def wave(random: np.random.Generator, length: int, period: float, amplitude: float) -> np.ndarray:
    """A wave in noise of unit size (T,)."""
    return amplitude * np.sin(2 * np.pi * np.arange(length) / period) + random.standard_normal(length)


def plus(values: np.ndarray, size: float) -> np.ndarray:
    """The same with a block of `size`."""
    spoilt = values.copy()
    spoilt[ONSET : ONSET + BLOCK] += size
    return spoilt


def write_values(path: Path, values: np.ndarray, unit: str) -> None:
    """A table of one variable, a sample each `unit` of time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times = pd.Timestamp("2024-03-01") + pd.to_timedelta(np.arange(len(values)), unit=unit)
    pd.DataFrame({"time": times, "value": values.round(4)}).to_csv(path, index=False)


def write_clip(folder: Path, frames: np.ndarray) -> None:
    """Frames (T, 1, H, W) about 0..1 as a folder of images."""
    write_images(folder, (255 * np.clip(frames[:, 0], 0, 1)).astype(np.uint8))


SITUATIONS: dict[str, Callable[[Path, bool], Figures]] = {
    "pump": pump_faults,
    "slow": a_second,
    "huge": huge,
    "conveyor": conveyor,
    "camera": camera,
}
QUICK = ("huge", "camera")  # the others are slow for a smoke run, and go the same ways


def main() -> None:
    options_of = parser(__doc__, f"smaller data, other models for the pump and the street; alone: {', '.join(QUICK)}")
    options_of.add_argument("--only", nargs="+", choices=SITUATIONS, help="these situations")
    options = parsed(options_of)
    figures: Figures = {}
    for name in options.only or (QUICK if options.quick else SITUATIONS):
        with tempfile.TemporaryDirectory() as folder:
            found = SITUATIONS[name](Path(folder), options.quick)
        print(name, " ".join(f"{key}={value:.3g}" for key, value in found.items()), flush=True)
        figures |= found
    write(figures, options.json)


if __name__ == "__main__":
    main()
