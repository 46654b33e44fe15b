"""Several pictures one behind the other in a file of PBM, PGM or PPM, as their standard allows: Pillow reads one."""

import re
from typing import IO, Any

from data.sources.base import FrameError

_BEGIN = re.compile(rb"\s*P[1-7fF]\s")


def refuse_others_behind(stream: IO[bytes], image: Any) -> None:
    """Raises FrameError where another picture begins behind that which Pillow has opened."""
    if image.format != "PPM" or not image.tile or image.tile[0][0] not in ("raw", "ppm"):
        return
    codec, _, offset, arguments = image.tile[0]
    mode, most = (arguments, 0) if isinstance(arguments, str) else arguments[:2]
    sample_bytes = 4 if "32F" in mode else 2 if ";16" in mode or (codec == "ppm" and most > 255) else 1
    row = -(-image.width // 8) if image.mode == "1" else image.width * len(image.getbands()) * sample_bytes
    stream.seek(offset + row * image.height)
    if _BEGIN.match(stream.read(8)):
        raise FrameError("several pictures one behind the other, of which the first alone can be read; split the file")
