"""Videos of a made street.

No entry point.
"""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from tests.support.street import Street, standing

PER_SECOND = 10


def film(path: Path, seed: int, seconds: int, size: tuple[int, int]) -> None:
    """A video of walkers on the same street, elsewhere in each film; size: rows and columns, px."""
    made, random = Street(0, walkers=9), np.random.default_rng(seed)
    made.walkers = [(row, random.uniform(0, 132), speed, look) for row, _, speed, look in made.walkers]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=PER_SECOND, options={"preset": "ultrafast", "crf": "18"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, PER_SECOND)
        for i, frame in enumerate(made.frames(standing(seconds * PER_SECOND))[:, 0]):
            grey = np.clip(np.rint(255 * cv2.resize(frame, size[::-1], interpolation=cv2.INTER_CUBIC)), 0, 255)
            picture = av.VideoFrame.from_ndarray(grey.astype(np.uint8), format="gray")
            picture.pts, picture.time_base = i, Fraction(1, PER_SECOND)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
