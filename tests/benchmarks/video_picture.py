"""What `eval` shows of a video, for its page: a made square with one who runs, found and boxed.

    python tests/benchmarks/video_picture.py [--out docs/video.webp] [--quick] [--json FILE]

Through the program, with the recipe of demo/video.yaml and `flow`: a minute and a half of walkers trains, twenty other
seconds in which somebody runs across are watched. The picture is the frame of the movie in which the runner stands out
most.

--json keys: events, found, false_events, picture_kb.
"""

import io
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd
from parts.clips import settings_of
from parts.common import parsed, parser, write
from parts.recipes import nested, run_mode

from data.disk.files import replacing

SIZE, QUICK_SIZE = (216, 324), (72, 108)  # rows, columns
PER_SECOND, QUIET_S, QUICK_QUIET_S, WATCHED_S = 10, 90, 10, 20
WALKERS, PACE = 9, 0.08  # heights of a body a frame
BEGIN, FASTER, ROW = 100, 2.5, 0.8  # of the runner: the frame in which he comes, times a walk, share of the height


def square(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """The ground (H, W, 3) float32 with nobody on it: walls, a kerb, and paving that grows towards the camera."""
    height, width = size
    ground = np.full((height, width, 3), (168, 162, 152), np.float32)
    ground[: int(0.3 * height)] = (122, 110, 104)
    for column in range(0, width, width // 9):
        ground[int(0.06 * height) : int(0.22 * height), column + width // 40 : column + width // 14] = (86, 96, 112)
    for row in np.geomspace(0.3, 1, 8)[:-1]:
        ground[int(row * height)] = (140, 134, 126)
    shade = cv2.GaussianBlur(rng.standard_normal(size), (0, 0), height / 30)
    return cv2.GaussianBlur(ground + 5 * (shade / shade.std())[..., None], (0, 0), 0.6)


def draw_body(picture: np.ndarray, x: float, foot: float, colour: tuple[int, ...], step: float) -> None:
    """Somebody whose feet stand at row `foot`, as tall as that row is near; step: of the walk, in strides."""
    tall, fine = 0.32 * foot, 16  # fractions of a pixel
    swing = 0.12 * tall * np.sin(2 * np.pi * step)

    def at(dx: float, up: float) -> tuple[int, int]:
        return round(fine * (x + dx)), round(fine * (foot - up * tall))

    dark = tuple(0.55 * c for c in colour)
    for side in (swing, -swing):
        cv2.line(picture, at(0, 0.48), at(side, 0), dark, max(1, round(0.09 * tall)), cv2.LINE_AA, 4)
    axes = round(fine * 0.11 * tall), round(fine * 0.22 * tall)
    cv2.ellipse(picture, at(0, 0.62), axes, 0, 0, 360, colour, -1, cv2.LINE_AA, 4)
    cv2.circle(picture, at(0, 0.92), round(fine * 0.085 * tall), (214, 178, 152), -1, cv2.LINE_AA, 4)


def film(path: Path, seed: int, seconds: int, size: tuple[int, int], runs: bool = False) -> None:
    """A video of walkers on the square, elsewhere by each seed, and of one who runs."""
    rng, (height, width) = np.random.default_rng(seed), size
    ground, frames = square(size, np.random.default_rng(0)), seconds * PER_SECOND
    walkers = [
        (rng.uniform(0.6, 0.9) * height, rng.uniform(0, 1.3), rng.choice([-1, 1]) * rng.uniform(0.8, 1.2), colour)
        for colour in rng.integers(40, 220, (WALKERS, 3)).tolist()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=PER_SECOND, options={"preset": "veryfast", "crf": "18"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, PER_SECOND)
        for t in range(frames):
            picture, bodies = ground.copy(), []
            for foot, begin, speed, colour in walkers:
                x = (begin * width + speed * PACE * 0.32 * foot * t) % (1.3 * width) - 0.15 * width
                bodies.append((foot, x, colour, 0.08 * t * abs(speed) + begin))
            if runs and t >= BEGIN:
                foot = ROW * height
                bodies.append((foot, FASTER * PACE * 0.32 * foot * (t - BEGIN), [200, 60, 50], 0.2 * t))
            for foot, x, colour, step in sorted(bodies):
                draw_body(picture, x, foot, tuple(colour), step)
            picture += rng.normal(0, 1.5, picture.shape)
            frame = av.VideoFrame.from_ndarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = t, Fraction(1, PER_SECOND)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def evaluated(work: Path, is_quick: bool) -> Path:
    """The folder of results of the watched film."""
    size = QUICK_SIZE if is_quick else SIZE
    about: dict[str, Any] = {"prep.resize": list(size), "prep.colour": "rgb", "workers": 0}
    sections = nested(about | {"data_clips": str(work / "quiet")}, settings_of("flow", is_quick))
    film(work / "raw" / "quiet" / "quiet.mkv", 1, QUICK_QUIET_S if is_quick else QUIET_S, size)
    film(work / "raw" / "watched" / "square.mkv", 2, WATCHED_S, size, runs=True)
    model, watched = ["--model-path", work / "run"], ["--data-clips", work / "watched"]
    run_mode("prep", sections, work, "--data-raw", work / "raw" / "quiet")
    run_mode("train", sections, work, *model)
    run_mode("prep", sections, work, "--data-raw", work / "raw" / "watched", *watched)
    run_mode("eval", sections, work, *model, *watched)
    return work / "run" / "eval" / "square"


def picture_at(movie: Path, number: int) -> bytes:
    """A frame of a movie as WebP."""
    with av.open(str(movie)) as container:
        shown = next(image for i, image in enumerate(container.decode(video=0)) if i >= number).to_image()
    webp = io.BytesIO()
    shown.save(webp, "WEBP", quality=80, method=6)
    return webp.getvalue()


def main() -> None:
    asked = parser(__doc__ or "", "small pictures, ten quiet seconds")
    asked.add_argument("--out", type=Path, metavar="FILE", help="write the picture here, as WebP")
    options = parsed(asked)
    height, width = QUICK_SIZE if options.quick else SIZE
    end = BEGIN + width / (FASTER * PACE * 0.32 * ROW * height)
    with tempfile.TemporaryDirectory() as folder:
        results = evaluated(Path(folder), options.quick)
        events = pd.read_csv(results / "events.csv")
        is_own = (events["frame_end"] >= BEGIN) & (events["frame_start"] <= end)
        own = events[is_own]
        strongest = own.loc[own["peak_score"].idxmax(), "frame_peak"] if len(own) else BEGIN
        shown = picture_at(results / "anomaly.mp4", int(strongest))
    if options.out:
        with replacing(options.out) as part:
            part.write_bytes(shown)
    print(f"{len(events)} events in {WATCHED_S} s of {PER_SECOND} frames a second, {len(own)} on the runner")
    found = {"events": len(events), "found": int(len(own) > 0), "false_events": int((~is_own).sum())}
    write(found | {"picture_kb": len(shown) / 1000}, options.json)


if __name__ == "__main__":
    main()
