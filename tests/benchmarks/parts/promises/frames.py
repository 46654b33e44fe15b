"""Quiet clips and solar sequences, written as the folders of images or FITS files that prep reads.

No entry point. Labels only choose the stretches, with some frames left out beside whatever is labelled.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
from parts.promises.sets import QuietSet

VIDEO, DEFAULTS = "demo/video.yaml", "config.yaml"
PED2 = {"train": ("01", "02", "03", "04"), "watch": ("12", "13", "14")}
BESIDE_VISITOR, BESIDE_CLOUD, SHORTEST = 8, 4, 16  # frames
# Hours of 2012-07-19 without the M7.7 flare and its cooling loops, as the recipe has them.
MOVIE_PARTS = {"train": (("00:00", "04:00"), ("12:00", "18:00")), "watch": (("18:00", "24:00"),)}
MOVIE = {
    "prep.clip_length": 8, "prep.stride": 1, "prep.resize": [128, 128], "prep.mask": [[0, 985, 520, 1024]],
    "prep.field_circle": [511.5, 511.5, 512],
}  # fmt: skip
SHORT_WINDOWS = {"prep.clip_length": 8, "prep.stride": 1}  # few frames allow no longer ones
DEMO_TRAIN, DEMO_QUIET = 200, 336  # frames of the demo's sequence, which is quiet in its first 60 %


def quiet_frames() -> list[QuietSet]:
    """All of them."""
    found = [
        _video("ped2", "video/ped2/train", 10.0, _ped2),
        _video("avenue", "video/avenue/train", 25.0, _avenue),
        _video("empty_room", "video/one_by_one_person", 10.0, _empty_room),
        _video("traffic_jitter", "video/cdnet_traffic_jitter/data/frames", 25.0, _jitter),
        QuietSet("aia171_quiet", "solar", DEFAULTS, "solar/aia171_quiet_20230611/data/fits", _aia_quiet, SHORT_WINDOWS),
        QuietSet("kso_halpha", "solar", DEFAULTS, "solar/kso_halpha_clouds_20190126", _kso, SHORT_WINDOWS),
        QuietSet("demo", "solar", "demo/demo.yaml", "", _demo, {"prep.clip_length": 16}),
    ]
    needs = "solar/2012-07-19"
    return found + [QuietSet(f"aia_{line}", "solar", DEFAULTS, needs, _movie(line), MOVIE) for line in ("193", "171")]


def _video(name: str, needs: str, per_second: float, write: Callable[[Path, Path], None]) -> QuietSet:
    settings = {"prep.frames_per_second": per_second}
    return QuietSet(name, "video", VIDEO, needs, lambda data, folder: write(data / needs, folder), settings)


def _ped2(path: Path, folder: Path) -> None:
    for part, clips in PED2.items():
        for clip in clips:
            _link(sorted((path / clip).glob("*.jpg")), folder / part / clip)


def _avenue(path: Path, folder: Path) -> None:
    for part, clip in (("train", "16"), ("watch", "12")):
        write_images(folder / part / clip, decoded(path / f"{clip}.avi"))


def _empty_room(path: Path, folder: Path) -> None:
    """The stretches before, between and behind the visits; the first three are for training."""
    visits = pd.read_csv(path / "labels" / "events.csv")[["first_frame", "last_frame"]].to_numpy()
    frames = list(decoded(next((path / "data").glob("*.mp4"))))
    edges = [-BESIDE_VISITOR - 1, *visits.ravel().tolist(), len(frames) + BESIDE_VISITOR]
    empty = [(edges[i] + BESIDE_VISITOR + 1, edges[i + 1] - BESIDE_VISITOR) for i in range(0, len(edges), 2)]
    empty = [(first, last) for first, last in empty if last - first >= SHORTEST]
    for number, (first, last) in enumerate(empty):
        write_images(folder / ("train" if number < 3 else "watch") / f"{number}", frames[first:last])


def _jitter(path: Path, folder: Path) -> None:
    files = sorted(path.iterdir())
    _link(files[:60], folder / "train" / "clip")
    _link(files[60:], folder / "watch" / "clip")


def _aia_quiet(data: Path, folder: Path) -> None:
    files = sorted((data / "solar/aia171_quiet_20230611/data/fits").iterdir())
    _link(files[:72], folder / "train")
    _link(files[72:], folder / "watch")


def _kso(data: Path, folder: Path) -> None:
    """The stretches between the clouds; those of the first half are for training."""
    path = data / "solar/kso_halpha_clouds_20190126"
    frames = list(decoded(path / "data" / "kso_halpha.mp4"))
    times = pd.read_csv(path / "data" / "kso_halpha.csv")["time_utc"].to_list()
    clouds = pd.read_csv(path / "labels" / "cloud_intervals.csv")[["first_frame", "last_frame"]].to_numpy()
    edges = [-BESIDE_CLOUD - 1, *clouds.ravel().tolist(), len(frames) + BESIDE_CLOUD]
    for i in range(0, len(edges), 2):
        first, last = edges[i] + BESIDE_CLOUD + 1, edges[i + 1] - BESIDE_CLOUD
        if last - first >= SHORTEST:
            part = "train" if first < len(frames) // 2 else "watch"
            write_images(folder / part / f"{first:03d}", frames[first:last], times[first:last])


def _movie(line: str) -> Callable[[Path, Path], None]:
    def write(data: Path, folder: Path) -> None:
        path = data / "solar/2012-07-19"
        frames = list(decoded(path / f"aia_{line}.mp4"))
        times = pd.read_csv(path / f"aia_{line}_frame_times.csv")["date_obs"].to_list()
        for part, intervals in MOVIE_PARTS.items():
            chosen = [i for i, t in enumerate(times) if any(a <= t[11:] < b for a, b in intervals)]
            write_images(folder / part / f"aia_{line}", [frames[i] for i in chosen], [times[i] for i in chosen])

    return write


def _demo(data: Path, folder: Path) -> None:
    from demo.make_sequence import Scene, members  # here, because sunpy takes seconds

    for number, (name, payload) in zip(range(DEMO_QUIET), members(Scene(560, seed=0)), strict=False):
        path = folder / ("train" if number < DEMO_TRAIN else "watch") / Path(name).name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(payload)


def decoded(path: Path) -> Iterator[np.ndarray]:
    """The frames of a video as grey (H, W) uint8."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="gray")


def write_images(folder: Path, frames: Sequence[np.ndarray] | Iterator[np.ndarray], times: Sequence[str] = ()) -> None:
    """Frames (H, W) uint8 as a folder of images, with their UTC times where they are known."""
    folder.mkdir(parents=True)
    names = []
    for number, frame in enumerate(frames):
        names.append(f"{number:05d}.png")
        cv2.imwrite(str(folder / names[-1]), frame)
    if times:
        pd.DataFrame({"file": names, "time_utc": times}).to_csv(folder / "times.csv", index=False)


def _link(files: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True)
    for path in files:
        (folder / path.name).symlink_to(path.resolve())
