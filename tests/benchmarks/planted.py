"""Which method to choose, without a test label: anomalies planted into usual clips of any scene.

    python tests/benchmarks/planted.py [--data PED2] [--clips DIR] [--street] [--methods NAME ...] [--seed N]
        [--most-clips N] [--grounds N] [--labelled FILE ...] [--json FILE]

Scenes: the training clips of --data (see ped2.py), the clips in --clips (videos or folders of pictures), and with
--street a street that is made here. A method is trained on a scene's clips but the last quarter, or where these are
fewer than three, on the first three quarters of each. What is held out is evaluated as it is, and gives the ground on
which clips are composed of walkers that were cut out (parts/planting.py): sparse (1 at a time), crowded (8 at a time),
both without any anomaly, and for every kind one of each with it, so that how crowded it is tells nothing. They come
and go at the borders of the picture alone, so a composed clip is as long as eight of them are followed, at most 10 s:

    fast     a walker who is played and goes 1.8-3 times as fast    glide    a bicycle: the same without steps, 1.6-2.8
    big      1.5-2.2 times as large, a little faster                cart     a textured box that goes past
    child    half as large, runs                                    wrong    to the side to which hardly anybody goes
    cross    goes up or down where all go left and right            still    stands where all walk
    abandoned, removed   a bag that stays; a piece of the scene     fallen   lies
    throw    a ball in a bow                                        stopped  all stand still

Where walkers go to both sides there is no `wrong`. Grey levels of what is planted are those of the scene's walkers, and
all composed clips have the camera's noise. Printed: raw frame AUC of the frames that show each kind against all clean
frames, sparse, crowded and as they are; `macro`, the mean over kinds, and `moving`, that over the kinds that get along
(MOVING); and at the default threshold the share of showing frames with a box,
and false events an hour of clean frames. `crowd` is the frame AUC of clean crowded frames against clean sparse ones:
0.5 where crowds don't count, 1 where a score follows how crowded it is. Of several scenes the means are printed.

--labelled: what ped2.py wrote with --json. Printed then: the rank correlation (Spearman) over the methods of `macro`,
`moving` and each kind, with the mean raw frame AUC of these files, which says whether to choose by planted anomalies
at all.

--json keys: <method>_<kind>, <method>_macro, <method>_moving, <method>_recall_default, <method>_false_events_per_hour,
<method>_crowd, [rank_correlation], [rank_correlation_<kind>].
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from parts.clips import METHODS, RECOMMENDED, check_methods, prepare, results_of, run_method
from parts.common import parsed, parser, write
from parts.default_detection import Clip, detection
from parts.planting import CROWDED, SPARSE, Stage, composed, kinds_of, lasting, planted, usual
from parts.scenes import Scene, read_scene, street
from parts.walkers import ground_of, walkers
from scipy.stats import spearmanr

from inference.metrics.frame import frame_auc

HELD = 0.25  # of the clips, the last ones
CLIP_S, MOST_FRAMES, QUICK_FRAMES = 10.0, 120, 30  # of a composed clip
QUICK_STREET = 4, 60  # clips, frames of each
CLEAN = "clean"
MOVING = ("fast", "glide", "big", "cart", "child", "wrong", "cross", "throw")
NO_KINDS = ("crowd", "recall_default", "false_events_per_hour")


class Planted(NamedTuple):
    """A clip to be tested: what was planted ("clean" for nothing), which frames (T,) show it, and walkers at a time.

    A clip that is as it was has no such number: 0.
    """

    kind: str
    shown: np.ndarray
    at_once: int = 0


def divided(scene: Scene) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Clips to train on, and those held out."""
    names = list(scene.clips)
    if len(names) < 3:
        cuts = {name: round(len(frames) * (1 - HELD)) for name, frames in scene.clips.items()}
        early = {name: frames[: cuts[name]] for name, frames in scene.clips.items()}
        return early, {name: frames[cuts[name] :] for name, frames in scene.clips.items()}
    first = round(len(names) * (1 - HELD))
    return {n: scene.clips[n] for n in names[:first]}, {n: scene.clips[n] for n in names[first:]}


def make_clips(scene: Scene, work: Path, options: argparse.Namespace) -> dict[str, Planted]:
    """Clips to train on and to test as folders of pictures; returns what those to test show, by name."""
    train, held = divided(scene)
    for name, frames in train.items():
        write_clip(work / "raw_train" / name, frames)
    ground, noise = ground_of(np.concatenate(list(scene.clips.values())))
    tracks = walkers(scene.clips.values(), ground, noise, scene.fps)
    print(f"{scene.name}: {len(tracks)} tracks of walkers in {len(scene.clips)} clips", flush=True)
    most = QUICK_FRAMES if options.quick else min(round(CLIP_S * scene.fps), MOST_FRAMES)
    length, tested = lasting(Stage(ground, noise, tracks, scene.fps), most), {}
    for number, (name, frames) in enumerate(held.items()):
        write_clip(work / "raw_test" / name, frames)
        tested[name] = Planted(CLEAN, np.zeros(len(frames), bool))
        stage = Stage(ground_of(frames)[0] if len(train) >= 3 else ground, noise, tracks, scene.fps)
        for at_once in (SPARSE, CROWDED) if number < (1 if options.quick else options.grounds) else ():
            start = 10_000 * options.seed + 100 * number + at_once
            kinds = [CLEAN, *kinds_of(stage)]
            for k, kind in enumerate(kinds[:2] if options.quick else kinds):
                clip, shown = made(stage, kind, at_once, length, 50 * start + k)
                tested[f"{name}_{at_once}_{kind}"] = Planted(kind, shown, at_once)
                write_clip(work / "raw_test" / f"{name}_{at_once}_{kind}", clip)
    return tested


def made(stage: Stage, kind: str, at_once: int, length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    if kind != CLEAN:
        return planted(stage, kind, at_once, length, seed)
    plan = usual(stage, at_once, length, np.random.default_rng(seed))
    return composed(stage, [plan], length, seed)[0], np.zeros(length, bool)


def write_clip(folder: Path, frames: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for i, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{i:04d}.png"), frame, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def by_kind(results: Path, tested: dict[str, Planted], fps: float) -> dict[str, float]:
    """Raw frame AUC of the frames that show each kind, of crowds, and what the default threshold gives."""
    scores = {name: pd.read_csv(results / name / "scores.csv")["max"].to_numpy() for name in tested}

    def auc(kind: str) -> float:
        odd = np.concatenate([scores[name][clip.shown] for name, clip in tested.items() if clip.kind == kind])
        return against(np.concatenate([scores[name] for name, clip in tested.items() if clip.kind == CLEAN]), odd)

    def clean(at_once: int) -> np.ndarray:
        return np.concatenate([scores[n] for n, c in tested.items() if (c.kind, c.at_once) == (CLEAN, at_once)])

    found = {kind: auc(kind) for kind in dict.fromkeys(clip.kind for clip in tested.values()) if kind != CLEAN}
    moving = [auc for kind, auc in found.items() if kind in MOVING]
    found |= {"macro": float(np.mean(list(found.values()))), "moving": float(np.mean(moving))}
    clips = {name: Clip(results / name, clip.shown.astype(int).tolist(), 1 / fps) for name, clip in tested.items()}
    found["crowd"] = against(clean(SPARSE), clean(CROWDED))
    found["recall_default"] = detection(list(clips.values()))["boxed"]
    quiet = [clips[name] for name, clip in tested.items() if clip.kind == CLEAN]
    return found | {"false_events_per_hour": detection(quiet)["false_events_per_hour"]}


def against(usual_scores: np.ndarray, odd: np.ndarray) -> float:
    """Frame AUC of scores (n,) against usual ones (m,)."""
    return frame_auc(np.concatenate([usual_scores, odd]), np.repeat([0.0, 1.0], [len(usual_scores), len(odd)]))


def of_scene(scene: Scene, methods: list[str], options: argparse.Namespace, work: Path) -> pd.DataFrame:
    """The figures of all methods on one scene, (methods, kinds and the others), printed as they come."""
    tested = make_clips(scene, work, options)
    prepare(work / "raw_train", work, "train", options.quick, scene.fps)
    prepare(work / "raw_test", work, "test", options.quick, scene.fps)
    rows = {}
    for name in methods:
        run_method(name, options.seed, work, options.quick)
        rows[name] = by_kind(results_of(name, options.seed, work), tested, scene.fps)
        print(pd.DataFrame({f"{scene.name} {name}": rows[name]}).T.to_string(float_format="%.3f"), flush=True)
    return pd.DataFrame(rows).T


def agreement(table: pd.DataFrame, files: list[Path]) -> dict[str, float]:
    """Spearman's rank correlation over methods of every kind's and the mean AUC with those of labelled clips."""
    known = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    labelled = pd.DataFrame([{name: of.get(f"raw_frame_auc_{name}", np.nan) for name in table.index} for of in known])
    labelled = labelled.mean(skipna=False).dropna()
    if len(labelled) < 3:
        raise SystemExit(f"{len(labelled)} of the methods are in all of {', '.join(map(str, files))}; 3 are needed")
    kinds = [name for name in table if name not in NO_KINDS]
    own = table.loc[labelled.index, kinds]
    found = {kind: float(spearmanr(own[kind], labelled).statistic) for kind in kinds}
    print(f"rank correlation over {len(labelled)} methods with the labelled clips: {found['macro']:.2f}; by kind:")
    print(pd.Series(found).drop("macro").to_string(float_format="%.2f"))
    return {f"rank_correlation{'' if kind == 'macro' else f'_{kind}'}": rho for kind, rho in found.items()}


def scenes_of(options: argparse.Namespace) -> list[Scene]:
    found = [read_scene(options.data / "train", options.most_clips)] if options.data else []
    found += [read_scene(options.clips, options.most_clips)] if options.clips else []
    size = QUICK_STREET if options.quick else ()
    return found + ([street(options.seed, *size)] if options.street or not found else [])


def measure(options: argparse.Namespace, work: Path) -> dict[str, float]:
    """The figures of all methods asked for."""
    check_methods()
    methods = options.methods or (["difference"] if options.quick else [RECOMMENDED, "flow"])
    tables = [of_scene(s, methods, options, work / str(i)) for i, s in enumerate(scenes_of(options))]
    table = pd.concat(tables).groupby(level=0).mean().loc[methods]  # a kind that a scene lacks is of the others
    print(table.to_string(float_format="%.3f"))
    figures = {f"{name}_{key}": float(value) for name, row in table.iterrows() for key, value in row.items()}
    return figures | (agreement(table, options.labelled) if options.labelled else {})


def main() -> None:
    asked = parser(__doc__, "one method, two kinds, small pictures", data="folder of Ped2, see ped2.py")
    asked.add_argument(
        "--clips", type=Path, metavar="DIR", help="usual clips of a scene: videos or folders of pictures"
    )
    asked.add_argument("--street", action="store_true", help="a made street, too; without data it is all there is")
    asked.add_argument("--methods", nargs="+", choices=METHODS, help=f"default: {RECOMMENDED} flow")
    asked.add_argument("--seed", type=int, default=0, help="of the anomalies and of the training")
    asked.add_argument("--most-clips", type=int, metavar="N", help="of a scene, evenly; default: all")
    asked.add_argument("--grounds", type=int, default=4, metavar="N", help="held-out clips that composed ones stand on")
    asked.add_argument("--labelled", type=Path, nargs="+", metavar="FILE", help="figures of ped2.py to compare with")
    options = parsed(asked, instead=lambda given: given.clips or given.street)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, Path(folder))
    write(figures, options.json)


if __name__ == "__main__":
    main()
