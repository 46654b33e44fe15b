"""What a kind of input is, and what every one gives: candidates from headers alone, later their pixels; or series."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from config import PrepConfig
from data.reel.stretch import Stretch
from data.sky.wcs import FrameWcs

MAX_PIXELS = 2**28  # a corrupt header may ask for any size; 16384 x 16384 is beyond every instrument here
MANIFEST = "manifest.csv"  # beside downloaded files: what became of each
UNKNOWN = "unknown"  # reel of a frame whose header can't be read; the plan finds it a place
LEVEL = "level"  # unit of what is as bright as a picture shows it, and measures nothing
MOSAIC = "a mosaic of colours is read as gray"  # flag of a camera's raw picture, which is said too
RGB = ("red", "green", "blue")  # channels of a reel of colour pictures


LOOKED_AT_BYTES = 4096  # of a file, to know what it is
# What is given other names, or none: where in a file, the bytes, and what to say.
SIGNATURES = (
    (4, (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1"), "file is HEIC, as phones write it: convert to JPEG or PNG"),
    (0, (b"\xff\x0a", b"\0\0\0\x0cJXL "), "file is JPEG XL: convert to JPEG or PNG"),
    (128, (b"DICM",), "file is DICOM: convert to TIFF"),
    (0, (b"icns",), "file holds an icon in several sizes: convert to PNG"),
    (0, (b"%PDF",), "file is a PDF: convert its pictures to JPEG or PNG"),
    (0, (b"SQLite format 3\0",), "file is a database of SQLite: export its tables as CSV"),
    (0, (b"Rar!", b"7z\xbc\xaf"), "file is an archive of a kind that is not read: unpack it"),
)


class FrameError(Exception):
    """A frame that can't be used; the message is the reason recorded beside it."""


class TableError(ValueError):
    """A file that can't be read as a series; the message is the reason."""


@dataclass(frozen=True)
class Candidate:
    """One frame that was met, as its header tells it; `reason` says why it is already rejected."""

    source: str  # what people read: path relative to the input folder, member or frame number behind it
    path: str  # the file that holds it
    kind: str  # name of its source
    reel: str  # name of the reel that it belongs to by its header; the plan may know better
    channel: str = "gray"  # of its one; "rgb" where it holds three
    member: str = ""  # name inside an archive
    position: int = 0  # order inside the file: frame number, pts of a video, byte offset in a tar
    hdu: int = 0  # of a FITS file, counted from 0
    plane: int = -1  # of a cube in it; -1: the HDU is one image
    is_alone: bool = True  # whether its FITS file holds no other frame
    size: int = 0  # bytes of the file or tar member
    group: int = 0  # frames of one file with the same number are read in one pass
    time_utc: str = ""  # ISO 8601 with milliseconds, empty where only relative time is known
    time_s: float = float("nan")  # seconds from the start of its video or folder
    clock_s: float = float("nan")  # seconds on a video's own clock, whatever the settings say of its times
    exptime_s: float = float("nan")
    quality: int = 0
    unit: str = "DN"  # of the stored pixels
    is_exposed: bool = True  # counts, as bright as the exposure was long; a rate, a field, a brightness are not
    saturation: float = float("nan")  # stored values from here on are saturated; NaN: not known
    missing_blocks: int = 0  # that never reached the ground, by the header
    block_px: int = 0  # side of a block; 0: not told
    shape: tuple[int, int] = (0, 0)
    pixel_aspect: float = 1.0  # width of a pixel by its height, where a video is shown so
    label: float = float("nan")
    reason: str = ""
    flags: str = ""  # what the header makes odd about a frame that is used all the same
    wcs: FrameWcs | None = None  # of its pixels as stored
    no_sky: str = ""  # why a frame of a detector has none
    level: float = float("nan")  # LVL_NUM: 1 as the camera saw it, 1.5 registered
    stage: float = float("nan")  # its level as other cards tell it, LEVEL and the like
    sat_rot_deg: float = float("nan")  # the spacecraft's part of CROTA2
    is_counts: bool = False  # of a detector, with an exposure time and row 0 at the bottom; else a picture
    aside: tuple[tuple[str, str], ...] = ()  # cards that may tell kinds apart where their values alternate
    home: str = ""  # the file or folder whose frames belong together: a video, an archive, a folder of files

    @property
    def place(self) -> tuple[str, str, int, int, int]:
        """Where its bytes are, unlike those of all others."""
        return self.path, self.member, self.position, self.hdu, self.plane


@dataclass(frozen=True)
class Overview:
    """What was seen of a frame of integers (H, W) while it was decoded, so that nobody has to go through it again.

    means: (H / n, W / n) float32 of its blocks of n x n pixels, exactly.
    """

    lowest: int
    highest: int
    means: np.ndarray


@dataclass(frozen=True)
class RawFrame:
    """Pixels as stored `(H, W)`, or `(H, W, 3)` of a candidate whose channel is "rgb"."""

    pixels: np.ndarray
    blank: int | None  # the value that marks missing ones
    sha256: str  # of the bytes they came from; "" where these hold many frames, and the pixels stand for them
    flags: str = ""
    overview: Overview | None = None  # of these pixels


Frames = Iterator[tuple[int, RawFrame | FrameError]]  # the number of a frame among those asked for, and its pixels


@dataclass(frozen=True)
class Series:
    """N samples of C variables as read: not sorted, nothing left out.

    times_utc: (N,) datetime64[ms] with NaT, or None; times_s: (N,) float64 seconds, NaN unknown. values: (N, C)
    float64, NaN missing. labels: (N,) float64. rows: (N,) where each is from, for people. lost: rows that could not be
    read at all, as (where, reason). scaling: of each variable where something else decides it, None where it is fitted.
    """

    path: Path
    name: str  # that its reel should get
    channels: tuple[str, ...]
    unit: str
    times_utc: np.ndarray | None
    times_s: np.ndarray
    values: np.ndarray
    labels: np.ndarray
    rows: np.ndarray
    lost: tuple[tuple[str, str], ...]
    scaling: tuple[Stretch, ...] | None
    sha256: str
    notes: dict[str, str]  # what was made of the columns, by column
    resolution: tuple[float, ...] = ()  # of each variable's number format, relative; empty: that of float64
    part: str = ""  # of the file, where that holds several series
    scaled_with: str = ""  # series of one such name share their scaling, so that their amplitudes can be compared
    facts: dict[str, Any] = field(default_factory=dict)  # further entries of reel.json
    told: tuple[str, ...] = ()  # what was found out about how the file is written, and done about it
    time_reasons: np.ndarray | None = None  # (N,) text: why a time is unknown, where more is known than that it is
    units: tuple[str, ...] = ()  # that stand in the cells of each variable, "" where none does; empty: none anywhere


class Source(ABC):
    """One kind of input. Prep sends it to its worker processes: it must be picklable, and its module importable."""

    name: str  # of the kind, unlike all others
    suffixes: tuple[str, ...]  # of the files it takes, in lower case and with the dot
    may_belong_to_frames = False  # a file beside frames holds their times, their labels or a catalogue

    def takes(self, path: Path) -> bool:
        """Whether a file is of this kind: by its suffix, and by its content where that is not enough."""
        return path.name.lower().endswith(self.suffixes)

    def may_be_beside_frames(self, path: Path) -> bool:
        """Whether a file that may belong to frames, and is not known to be about any, may be a series all the same."""
        return False

    def is_smaller_copy(self, path: Path) -> bool:
        """Whether a file shows what another one beside it shows better, and so is not read."""
        return False

    def recognises(self, path: Path) -> bool:
        """Whether a file that no source takes by its name is of this kind by its content alone."""
        return False

    @abstractmethod
    def keeps_tables(self, path: Path) -> bool:
        """Whether tables beside a file of this kind are about it, and no series of their own."""

    def places(self, path: Path) -> tuple[Path, ...]:
        """The folders where a table lies beside a file of this kind."""
        return (path.parent,)

    @abstractmethod
    def add_to(self, found: "Found", path: Path) -> None:
        """Note a file of this kind among what was found."""


class FrameSource(Source):
    """A kind of input that holds frames."""

    is_folder = False  # its files of one folder are one input
    in_one_pass = False  # frames of one file and group are read together: no frame can be entered by itself

    def keeps_tables(self, path: Path) -> bool:
        return True

    def places(self, path: Path) -> tuple[Path, ...]:
        return (path.parent, path.parent.parent) if self.is_folder else (path.parent,)

    def add_to(self, found: "Found", path: Path) -> None:
        place = path.parent if self.is_folder else path
        found.inputs.setdefault((self.name, place), Input(self, place, [])).files.append(path)

    def homes(self, paths: Sequence[Path], root: Path) -> dict[Path, Path]:
        """The folder below root whose reel files belong to, of those that lie in several folders and are of one."""
        return {}

    def whereabouts(self, path: Path, root: Path, home: Path, reel: str = UNKNOWN) -> dict[str, Any]:
        """What every candidate of a file has in common, whatever is in it: fields of `Candidate`."""
        source = path.relative_to(root).as_posix()
        return {"source": source, "path": str(path), "kind": self.name, "home": str(home), "reel": reel}

    def sidecars(self, path: Path) -> list[Path]:
        """Files that are read beside an input (a file, or a folder of them), e.g. its times."""
        return []

    @abstractmethod
    def scan(self, path: Path, root: Path, prep: PrepConfig) -> list[Candidate]:
        """All frames of a file, from headers only; a file that can't be read is one candidate with its reason.

        root: the input folder, which `Candidate.source` is relative to.
        """

    def scan_all(
        self, files: Sequence[Path], root: Path, prep: PrepConfig, among: Sequence[Path] = ()
    ) -> list[Candidate]:
        """All frames of an input: of one file, or of those of one folder (`is_folder`); among: all of the folder, where
        only some are asked for."""
        return [candidate for path in files for candidate in self.scan(path, root, prep)]

    @abstractmethod
    def read(self, candidates: Sequence[Candidate]) -> Frames:
        """Pixels of candidates, each with its number among them, in any order.

        A frame that can't be used is a FrameError; one that is left out, or all behind an exception, get a reason too.
        With `in_one_pass` the candidates are of one file and group.
        """


class SeriesSource(Source):
    """A kind of input that holds time series."""

    def keeps_tables(self, path: Path) -> bool:
        return False

    def add_to(self, found: "Found", path: Path) -> None:
        found.series.append(SeriesInput(self, path))

    @abstractmethod
    def read_series(self, path: Path, prep: PrepConfig, smallest: int = 0) -> list[Series]:
        """The series of a file. Raises TableError with the reason when it holds none.

        smallest: samples that a series must have, where nobody named the file.
        """


@dataclass(frozen=True)
class Input:
    """One thing to scan for frames: a file, or a folder with those of its files that are of the kind."""

    source: FrameSource
    path: Path
    files: list[Path]
    beside_series: bool = False  # then a few pictures may be drawings of them
    among: tuple[Path, ...] = ()  # all that lie in the folder, where only some of them are to be scanned


@dataclass(frozen=True)
class SeriesInput:
    """One file to read series from."""

    source: SeriesSource
    path: Path
    beside_frames: bool = False  # then it may be about them


@dataclass(frozen=True)
class Unread:
    """What was met and is not read, with the reason."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Found:
    """Everything that was met in an input folder, in a fixed order."""

    inputs: dict[tuple[str, Path], Input] = field(default_factory=dict)  # by source and path
    series: list[SeriesInput] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    @property
    def frames(self) -> list[Input]:
        """Files first, then folders."""
        return sorted(self.inputs.values(), key=lambda item: item.source.is_folder)


def sha256(payload: bytes | memoryview) -> str:
    """SHA-256 of bytes, in hexadecimal digits."""
    return hashlib.sha256(payload).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def stands_for(start: bytes) -> str:
    """What the first bytes of a file are that stands where another one should; "" where they may be anything."""
    if not start:
        return "file is empty"
    if not start.strip(b"\0"):
        return "file begins with zeros alone: it was never written, or its copy not finished"
    if start.startswith(b"version https://git-lfs"):
        return "file is a pointer of Git LFS and not the data: git lfs pull gets them"
    if told := other_kind(start):
        return told
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<table") or (text.startswith((b"<!doctype html", b"<html")) and b"<table" in text):
        return "file is HTML with a table: open it in a spreadsheet, and save it as .xlsx or CSV"
    is_page = text.startswith((b"<!doctype html", b"<html"))
    return "file is a web page (HTML): a download that failed, or asked to sign in" if is_page else ""


def other_kind(start: bytes) -> str:
    """What a file of a kind that is not read is, by its first bytes; "" of others."""
    return next((text for place, marks, text in SIGNATURES if start.startswith(marks, place)), "")


def kind_of(path: Path) -> str:
    """What a file of a kind that is not read is, by its content; "" of others, and of what can't be opened."""
    try:
        with path.open("rb") as stream:
            return other_kind(stream.read(LOOKED_AT_BYTES))
    except OSError:
        return ""


def printable(text: str) -> str:
    """Text without the stand-ins for bytes of file names that are no Unicode, which no table could hold."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
