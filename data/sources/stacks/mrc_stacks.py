"""MRC, the files of electron microscopes: a header of 1024 bytes, and frames one behind the other.

Source: Cheng et al., "MRC2014: Extensions to the MRC format header", J. Struct. Biol. 192 (2015); bytes without a sign
as IMOD marks them.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from config import PrepConfig
from data.sources.base import Candidate, Frames, FrameSource, RawFrame
from data.sources.picture_folder.picture_times import StackTimes
from data.sources.stacks.numpy_stacks import candidates_of, refusal
from data.sources.tables.sidecar import find_times_csv

HEADER_BYTES, MAGIC, MAGIC_AT, STAMP_AT = 1024, b"MAP", 208, 212
SPACE_GROUP, EXTENDED, IMOD, IMOD_FLAGS = 22, 23, 38, 39  # numbers of 4 bytes in the header
OF_IMOD, SIGNED_BYTES = 1146047817, 1
BIG_ENDIAN = 0x11  # begin of the stamp
BYTES = np.dtype("u1")
TYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}  # by mode


@dataclass(frozen=True)
class _Form:
    """What a header tells: (T, H, W), the type of the numbers and where they begin; or why they are not read."""

    shape: tuple[int, int, int]
    dtype: np.dtype = BYTES
    begin: int = HEADER_BYTES
    reason: str = ""


class MrcSource(FrameSource):
    """One file, one reel; of a volume the slices are no frames."""

    name = "mrc"
    suffixes = (".mrc", ".mrcs")

    def takes(self, path: Path) -> bool:
        return super().takes(path) and self.recognises(path)

    def recognises(self, path: Path) -> bool:
        with path.open("rb") as stream:
            header = stream.read(HEADER_BYTES)
        return len(header) == HEADER_BYTES and header[MAGIC_AT:].startswith(MAGIC)

    def sidecars(self, path: Path) -> list[Path]:
        return [csv] if (csv := find_times_csv(path, None)) else []

    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        """The candidates of a file, from its header alone."""
        base = self.whereabouts(path, root, home=path, reel=path.relative_to(root).with_suffix("").as_posix())
        base["size"], form = path.stat().st_size, _form(path)
        if reason := form.reason or refusal(form.shape, form.dtype, base["size"] - form.begin):
            return [Candidate(**base | {"shape": form.shape[1:], "reason": reason})]
        return candidates_of(base, form.shape, StackTimes(path, prep, [0.0] * form.shape[0]).facts, prep)

    def read(self, candidates: Sequence[Candidate]) -> Frames:
        forms = {path: _form(Path(path)) for path in dict.fromkeys(c.path for c in candidates)}
        for path, form in forms.items():
            stack = np.memmap(path, form.dtype, "r", form.begin, form.shape)
            for number, candidate in enumerate(candidates):
                if candidate.path == path:
                    yield number, RawFrame(stack[candidate.position].astype(form.dtype.newbyteorder("=")), None, "")


def _form(path: Path) -> _Form:
    with path.open("rb") as stream:
        header = stream.read(HEADER_BYTES)
    order = ">" if header[STAMP_AT] == BIG_ENDIAN else "<"
    words = struct.unpack(f"{order}256i", header)
    width, height, count, mode = words[:4]
    shape = max(count, 0), max(height, 0), max(width, 0)
    if mode not in TYPES:
        return _Form(shape, reason=f"MRC of mode {mode} is not read; save it as one of {', '.join(map(str, TYPES))}")
    if count > 1 and words[SPACE_GROUP] != 0:
        return _Form(shape, reason=f"a volume of {count} slices; save its frames in time as a stack (ISPG 0)")
    is_unsigned = mode == 0 and words[IMOD] == OF_IMOD and not words[IMOD_FLAGS] & SIGNED_BYTES
    dtype = BYTES if is_unsigned else np.dtype(f"{order}{TYPES[mode]}")
    return _Form(shape, dtype, HEADER_BYTES + max(words[EXTENDED], 0))
