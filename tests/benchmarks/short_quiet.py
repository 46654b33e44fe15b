"""Seconds of quiet clips: what thresholds from them promise, what new quiet clips give, and what is found.

    python tests/benchmarks/short_quiet.py [--data PED2] [--methods NAME ...] [--spans S ...] [--draws N] [--seed N]
        [--json FILE] [--quick]

The scene is that of the training clips of --data (see ped2.py), or a street that is made here. Its last quarter is held
out, as it is and with one anomaly pasted into each clip (parts/planting.py: fast, glide, big, cart, child, cross). For
each span a method is trained on a draw of the other clips that last so long, the last of them cut short, through the
program by the recipe of demo/; one false alarm an hour is asked for. Printed for each span, over its draws: the
threshold, the events that are promised to the clean held-out clips (the rate that the program says it used, times their
length) and seen there, and the share of the planted frames with a box. No label has a say.

--json keys: <method>_<span>_low, <method>_<span>_promised, <method>_<span>_seen, <method>_<span>_recall.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from parts.clips import METHODS, check_methods, prepare, results_of, run_method
from parts.common import parsed, parser, write
from parts.default_detection import Clip, detection
from parts.planting import Stage, pasted_into
from parts.scenes import STREET_CLIPS, Scene, read_scene, street
from parts.walkers import ground_of, walkers
from planted import divided, write_clip

from inference.units import DAY_S

KINDS = ("fast", "glide", "big", "cart", "child", "cross")
SPANS_S = (10.0, 30.0, 120.0)
HELD_FRAMES = 90  # of a planted clip, at most
QUICK_STREET = 4, 60  # clips, frames of each
SPARE_CLIPS = 2  # times as many are made as the longest span needs


def make_test(scene: Scene, work: Path, is_quick: bool, seed: int) -> dict[str, np.ndarray]:
    """The reels of what is held out, clean and with anomalies; returns which frames (T,) show one, by name."""
    _, held = divided(scene)
    ground, noise = ground_of(np.concatenate(list(scene.clips.values())))
    stage = Stage(ground, noise, walkers(scene.clips.values(), ground, noise, scene.fps), scene.fps)
    shown = {}
    for number, (name, frames) in enumerate(held.items()):
        write_clip(work / "raw_test" / name, frames)
        shown[name] = np.zeros(len(frames), bool)
        for k, kind in enumerate(KINDS[:1] if is_quick else KINDS):
            clip, seen = pasted_into(frames[:HELD_FRAMES], stage, kind, 1000 * seed + 100 * number + k)
            write_clip(work / "raw_test" / f"{name}_{kind}", clip)
            shown[f"{name}_{kind}"] = seen
    prepare(work / "raw_test", work, "test", is_quick, scene.fps)
    shutil.rmtree(work / "raw_test")
    return shown


def drawn(scene: Scene, span_s: float, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Clips to train on that last so long together, the last one cut short. Raises SystemExit where there are fewer."""
    train, left, found = divided(scene)[0], round(span_s * scene.fps), {}
    for name in random.permutation(list(train)).tolist():
        if left <= 0:
            break
        found[name] = train[name][:left]
        left -= len(found[name])
    if left > 0:
        raise SystemExit(f"the clips to train on are {left / scene.fps:.0f} s shorter than {span_s:g} s; give --spans")
    return found


def one(name: str, scene: Scene, span_s: float, draw: int, work: Path, shown: dict[str, np.ndarray], is_quick: bool):
    """What the thresholds of one draw promise and give: a row of figures."""
    place = work / f"{span_s:g}_{draw}"
    if not place.is_dir():
        clips = drawn(scene, span_s, np.random.default_rng([draw, round(span_s)]))
        for clip, frames in clips.items():
            write_clip(place / "raw" / clip, frames)
        prepare(place / "raw", place, "train", is_quick, scene.fps)
        shutil.copytree(work / "test", place / "test")
    run_method(name, draw, place, is_quick)
    results = results_of(name, draw, place)
    promise = json.loads((results / next(iter(shown)) / "summary.json").read_text())["promises_per_day"]["low"]
    clips = {clip: Clip(results / clip, known.astype(int).tolist(), 1 / scene.fps) for clip, known in shown.items()}
    clean = [clip for clip in clips.values() if not any(clip.labels)]
    held_s = sum(len(clip.labels) for clip in clean) / scene.fps
    seen = detection(clean)["false_events"]
    recall = detection([clip for clip in clips.values() if any(clip.labels)])["boxed"]
    return {"low": promise["threshold"], "promised": promise["used"] * held_s / DAY_S, "seen": seen, "recall": recall}


def measure(options: argparse.Namespace, work: Path) -> dict[str, float]:
    """The figures of all methods and spans, printed as they come."""
    check_methods()
    spans_s = options.spans or ((6.0,) if options.quick else SPANS_S)
    if options.data:
        scene = read_scene(options.data / "train")
    else:
        needed = round(SPARE_CLIPS * max(spans_s) / 12 / 0.75)  # clips of 12 s, of which a quarter is held out
        scene = street(options.seed, *(QUICK_STREET if options.quick else (max(STREET_CLIPS, needed),)))
    shown, figures = make_test(scene, work, options.quick, options.seed), {}
    for name in options.methods:
        for span_s in spans_s:
            draws = range(1 if options.quick else options.draws)
            rows = pd.DataFrame([one(name, scene, span_s, d, work, shown, options.quick) for d in draws])
            print(f"{scene.name} {name} {span_s:g} s\n{rows.to_string(float_format='%.2f')}", flush=True)
            totals = {"low": rows["low"].mean(), "recall": rows["recall"].mean()}
            totals |= {key: rows[key].sum() for key in ("promised", "seen")}
            figures |= {f"{name}_{span_s:g}_{key}": float(value) for key, value in totals.items()}
    return figures


def main() -> None:
    asked = parser(__doc__, "flow on 6 s of a street, one draw, small pictures", data="folder of Ped2, see ped2.py")
    asked.add_argument("--methods", nargs="+", choices=METHODS, default=["flow"], help="default: flow")
    asked.add_argument("--spans", nargs="+", type=float, metavar="S", help="seconds; default: 10 30 120")
    asked.add_argument("--draws", type=int, default=3, metavar="N", help="of the clips to train on; default: 3")
    asked.add_argument("--seed", type=int, default=0, help="of the anomalies and of the street")
    options = parsed(asked, instead=lambda given: True)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, Path(folder))
    write(figures, options.json)


if __name__ == "__main__":
    main()
