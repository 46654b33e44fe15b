"""JPEG whose data end before the picture does, although the file looks whole: libjpeg fills up the rest without a word.

Cameras and their servers write such files where a part of a picture was lost on its way.
"""

import re
from typing import IO

import numpy as np

from data.sources.base import FrameError

FLAT_ROWS = 2  # at an edge, whichever way up it is: what is filled up is of one value
CUT = "its data end before the picture does, and the rest of it is made up: a part was lost on its way"
_COMPLAINT = re.compile(r"overread|error (?:y|count)")  # FFmpeg's, of bits that are not there or mean nothing


def refuse_cut(stream: IO[bytes], pixels: np.ndarray) -> None:
    """Raises FrameError for a JPEG (H, W), or (H, W, 3), of which a part is made up by libjpeg.

    FFmpeg's decoder tells; it is asked where an edge of the picture is flat, for it takes half as long as decoding.
    """
    if not _has_flat_edge(pixels):
        return
    import av  # late: most pictures do not need it
    from av.error import FFmpegError

    from data.sources.video_file.packets import listening

    stream.seek(0)
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.thread_count = 1
    with listening() as said:
        try:
            decoder.decode(av.Packet(stream.read()))
        except (FFmpegError, ValueError):  # of forms that it does not read
            return
    if any(_COMPLAINT.match(text) for _, _, text in said):
        raise FrameError(CUT)


def _has_flat_edge(pixels: np.ndarray) -> bool:
    edges = (pixels[:FLAT_ROWS], pixels[-FLAT_ROWS:], pixels[:, :FLAT_ROWS], pixels[:, -FLAT_ROWS:])
    return any((edge == edge[0, 0]).all() for edge in edges if edge.size)
