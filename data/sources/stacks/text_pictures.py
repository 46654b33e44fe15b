"""Pictures as text: a folder of matrices of numbers of one size, as programs of thermal cameras export them."""

import io
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import IO

import numpy as np

from data.sources.base import Candidate, FrameError, RawFrame, sha256
from data.sources.picture_file.pictures import Page
from data.sources.stacks.array_pictures import FEWEST, FEWEST_PX, ArrayPictureSource
from data.sources.stacks.numpy_stacks import goes_on_alike, is_like_a_frame

MOST_BYTES = 2**25  # of a file that may be one picture
MOST_ABOVE = 40  # lines of words above it
_NUMBERS = re.compile(r"\d+")
_APART = re.compile(rb"[\d.] +[-+\d.]")  # by blanks
_LINE = re.compile(rb"[-+0-9.,;|\teE \r]+|[-+0-9.,;|\teE \r]*(?:nan|NaN)[-+0-9.,;|\teE \rnaN]*")


class TextPictureSource(ArrayPictureSource):
    """A folder of text files with a matrix (H, W) each and nothing else, one reel; one by itself is a series."""

    name = "text_picture"
    suffixes = (".csv", ".txt", ".tsv", ".asc", ".dat")
    called = "matrices"

    def takes(self, path: Path) -> bool:
        if not path.name.lower().endswith(self.suffixes):
            return False
        try:
            return _are_pictures(path.parent, path.suffix, path.parent.stat().st_mtime_ns) == _form(path)
        except OSError:
            return False

    def pages(self, stream: IO[bytes]) -> tuple[list[Page], int]:
        height, width = _matrix(stream.read()).shape
        return [Page(0, (height, width), False)], 0

    def frame(self, candidate: Candidate) -> RawFrame:
        content = Path(candidate.path).read_bytes()
        return RawFrame(_matrix(content), None, sha256(content))


def _matrix(content: bytes) -> np.ndarray:
    """The numbers (H, W) float32 of a text. Raises FrameError where it is no matrix."""
    content = _below_words(content.replace(b"\r\n", b"\n").removeprefix(b"\xef\xbb\xbf"))
    sign = next((mark for mark in (b";", b"\t", b"|") if mark in content), b"")
    are_apart = bool(sign or _APART.search(content))  # so that a comma may be a decimal one
    content = content.replace(b",", b".") if are_apart and b"." not in content else content
    sign = sign or (b"" if are_apart else b",")
    lines = content.replace(b" ", b"").replace(sign + b"\n", b"\n") if sign else content
    if sign and lines.startswith(sign) and lines.count(b"\n" + sign) >= lines.count(b"\n") - 1:
        lines = lines.replace(b"\n" + sign, b"\n").removeprefix(sign)  # an empty cell in front of each
    try:
        found = np.loadtxt(io.BytesIO(lines), delimiter=sign.decode() or None, ndmin=2, dtype=np.float32)
    except ValueError as error:
        raise FrameError(f"not readable as a matrix of numbers: {error}") from None
    return found


def _below_words(content: bytes) -> bytes:
    """A text without the lines at its begin that are no numbers, as a camera's about itself: these are short, and no
    names of columns.
    """
    above, rest = 0, content
    while above < MOST_ABOVE and rest and not _LINE.fullmatch(line := rest.partition(b"\n")[0]):
        above, rest = above + 1, rest.partition(b"\n")[2]
        if len(re.findall(rb"[,;\t|]", line)) >= FEWEST_PX - 1:
            return content
    return rest.lstrip(b"\n") if above and rest else content


def _form(path: Path) -> str:
    """What the names of a folder's matrices have in common."""
    return _NUMBERS.sub("0", path.name)


@lru_cache(maxsize=64)
def _are_pictures(folder: Path, suffix: str, _changed: int) -> str:
    """The form of the names of a folder's text files, where the first of them are matrices of one size like pictures;
    "" of others, which is the form of no name.
    """
    names = sorted(e.name for e in os.scandir(folder) if e.name.endswith(suffix) and not e.name.startswith("."))
    first = [folder / name for name in names[:FEWEST]]
    if len(first) < FEWEST or len({*map(_form, first)}) > 1:
        return ""
    shapes = {_shape_of_picture(path) if _begins_with_numbers(path) else () for path in first}
    return _form(first[0]) if len(shapes) == 1 and shapes != {()} else ""


def _begins_with_numbers(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(2**20).replace(b"\r\n", b"\n").removeprefix(b"\xef\xbb\xbf")
    line = _below_words(start).partition(b"\n")[0]
    return path.stat().st_size <= MOST_BYTES and bool(_LINE.fullmatch(line)) and len(line) > FEWEST_PX


def _shape_of_picture(path: Path) -> tuple[int, ...]:
    """The shape of a matrix whose values go on alike along rows and columns, as those of pictures; () of others."""
    try:
        values = _matrix(path.read_bytes())
    except FrameError:
        return ()
    if min(values.shape) < FEWEST_PX or not is_like_a_frame(values.shape):
        return ()
    return values.shape if goes_on_alike(values) else ()
