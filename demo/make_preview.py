"""demo.gif and demo.mp4: a small, short version of the demo's result movie, for the README.

    python demo/make_preview.py RUN_EVAL_FOLDER OUT_DIR

Shows the frames from shortly before the strongest event to the end of the sequence.
"""

import argparse
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from data.disk.files import replacing
from data.pictures.movie import MovieWriter

LEAD_FRAMES = 12
GIF_FRAMES, GIF_WIDTH, GIF_GRAYS = 48, 560, 56
# The movie is gray but for the boxes: their two colours, full and faint, and the background of the page.
GIF_COLOURS = [86, 190, 255, 50, 110, 150, 255, 122, 40, 150, 80, 40, 17, 19, 24, 34, 37, 45]
MP4_WIDTH = 720


def frames_from(movie: Path, first: int) -> list[np.ndarray]:
    """RGB frames of the movie from number `first` on."""
    with av.open(str(movie)) as container:
        decoded = enumerate(container.decode(video=0))
        return [frame.to_ndarray(format="rgb24") for i, frame in decoded if i >= first]


def scaled(frame: np.ndarray, width: int) -> np.ndarray:
    height = round(frame.shape[0] * width / frame.shape[1] / 2) * 2
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)


def write_gif(path: Path, frames: list[np.ndarray]) -> None:
    """A looping GIF of at most GIF_FRAMES frames in the same colours."""
    picks = np.unique(np.linspace(0, len(frames) - 1, GIF_FRAMES).astype(int))
    images = [Image.fromarray(scaled(frames[i], GIF_WIDTH)) for i in picks]
    palette = Image.new("P", (1, 1))
    palette.putpalette([level for gray in np.linspace(0, 255, GIF_GRAYS) for level in [round(gray)] * 3] + GIF_COLOURS)
    images = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    with replacing(path) as part:
        images[0].save(part, save_all=True, append_images=images[1:], duration=110, loop=0, optimize=True)


def write_mp4(path: Path, frames: list[np.ndarray]) -> None:
    small = [scaled(frame, MP4_WIDTH) for frame in frames]
    with MovieWriter(path, 24, (small[0].shape[1], small[0].shape[0]), preset="slow", crf=32) as movie:
        for frame in small:
            movie.write(frame)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path, help="folder with anomaly.mp4, scores.csv and events.csv")
    parser.add_argument("out_dir", type=Path)
    arguments = parser.parse_args()
    events = pd.read_csv(arguments.results / "events.csv")
    strongest = events.iloc[events["peak_score"].argmax()]
    # The movie holds scored frames only.
    scored = pd.read_csv(arguments.results / "scores.csv")["max"].notna()
    first = max(0, int(scored[: int(strongest["frame_start"])].sum()) - LEAD_FRAMES)
    frames = frames_from(arguments.results / "anomaly.mp4", first)
    write_gif(arguments.out_dir / "demo.gif", frames)
    write_mp4(arguments.out_dir / "demo.mp4", frames)
    for name in ("demo.gif", "demo.mp4"):
        print(f"{arguments.out_dir / name}: {(arguments.out_dir / name).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
