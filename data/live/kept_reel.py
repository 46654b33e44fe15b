"""The last frames of a folder that is followed, on the disk, so that whoever starts again goes on where he stopped.

form.json   what the frames have in common, and the time of the first
frames.csv  one row a file that was met, as prep has it: its frame, or the reason why it is none; the last row of a file
            counts, for one that was changed later
frames.dat, masks.dat   the latest frames, a ring: frame n lies at n modulo their number
"""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.disk.damage import Damaged, read_json, read_table, told
from data.disk.digests import with_digest
from data.disk.files import harmless, write_json
from data.disk.reserve import reserve
from data.live.frame_files import Met, Stamp
from data.live.frame_form import FrameForm, MadeFrame
from data.reel import source_pixels
from data.reel.gaps import gaps_after
from data.reel.reel import Reel
from data.reel.stretch import Levels, as_values, values_of
from data.sky.wcs import as_columns

FACTS = ("coverage", "saturated", "flags", "sha256")
ABOUT = (
    "index",
    "time_utc",
    "accepted",
    "reason",
    "source",
    "file",
    "bytes",
    "changed_ns",
    "exptime_s",
    "quality",
    *FACTS,
)
TEXTS = ("time_utc", "reason", "flags", "source", "sha256", "file")
FEWEST = 256  # frames that are kept at least
ANEW = "move the folder away to begin anew"


class Ring:
    """The rows of an array that holds frame n at n modulo its length, numbered from `first` on."""

    def __init__(self, array: np.ndarray | Levels, first: int):
        self.array, self.first = array, first

    def __getitem__(self, key):
        row, *rest = key if isinstance(key, tuple) else (key,)
        return self.array[((row + self.first) % len(self.array), *rest)]


class KeptReel:
    """The frames that are kept, numbered from the first one ever; and how each file was taken.

    most_bytes: of the disk that they take. Raises ValueError for a folder of frames of another form.
    """

    is_series = False
    clock_s = None

    def __init__(self, folder: Path, name: str, form: FrameForm, trained_on: Reel, cadence_s: float, most_bytes: int):
        self.folder, self.name, self.form, self.path = folder, name, form, folder
        folder.mkdir(parents=True, exist_ok=True)
        channels, (height, width) = len(form.channels), form.grid
        size = height * width * (channels * np.dtype(form.dtype).itemsize + 1)
        fresh = {
            "frame": [form.dtype, channels, height, width],
            "reel": form.reel,
            "cadence_s": cadence_s,
            "slots": max(FEWEST, most_bytes // size),
            "first_utc": "",
        }
        self.facts: dict[str, Any] = self._facts(fresh)
        self.meta = {k: v for k, v in trained_on.meta.items() if k not in ("files", "shape")} | {
            "identity": trained_on.meta["identity"]
        }
        self._frames = self._ring("frames.dat", form.dtype, (channels, height, width))
        self._masks = self._ring("masks.dat", "uint8", (height, width))
        table = self._read_rows()
        stamps = table.drop_duplicates("file", keep="last")
        self.known: dict[str, Stamp] = {
            file: (int(b), int(c))
            for file, b, c in zip(stamps["file"], stamps["bytes"], stamps["changed_ns"], strict=True)
        }
        accepted = table[table["accepted"]].sort_values("index")
        self.end = int(accepted["index"].iloc[-1]) + 1 if len(accepted) else 0
        self.rows: list[dict] = accepted.tail(self.facts["slots"]).to_dict("records")
        self.refused = int((~stamps["accepted"]).sum())
        self._view: KeptFrames | None = None

    def _facts(self, fresh: dict) -> dict:
        path = self.folder / "form.json"
        if not path.is_file():
            write_json(path, with_digest(fresh))
            return fresh
        kept = read_json(path, ANEW)
        with told(path, ANEW):
            kept = {key: kept[key] for key in fresh}
        if any(kept[key] != fresh[key] for key in ("frame", "reel")):
            raise ValueError(
                f"{self.folder} holds frames of {kept['reel']} in another form, {kept['frame']}, "
                f"than this model takes; {ANEW}"
            )
        return kept

    def _keep_facts(self) -> None:
        write_json(self.folder / "form.json", with_digest(self.facts))

    def _ring(self, name: str, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
        path, shape = self.folder / name, (self.facts["slots"], *shape)
        if (self.folder / "frames.csv").is_file():
            wanted = math.prod(shape) * np.dtype(dtype).itemsize
            if not path.is_file() or path.stat().st_size != wanted:
                raise Damaged(f"{path} is missing or has not its {wanted} bytes; {ANEW}")
            return np.memmap(path, dtype, "r+", shape=shape)
        ring = np.memmap(path, dtype, "w+", shape=shape)
        reserve(path)
        return ring

    def _read_rows(self) -> pd.DataFrame:
        path = self.folder / "frames.csv"
        text = path.read_bytes() if path.is_file() else b""
        if text and not text.endswith(b"\n"):  # half a row of a kill
            os.truncate(path, text.rfind(b"\n") + 1)
        if text.count(b"\n") < 2:  # not one row under the header
            return pd.DataFrame(columns=list(ABOUT)).astype({"accepted": bool})
        table = read_table(path, ANEW, ABOUT, dtype=dict.fromkeys(TEXTS, str))
        with told(path, ANEW):
            return table.assign(**{name: table[name].str.removeprefix("'") for name in ("source", "file")})

    @property
    def first(self) -> int:
        """The first frame that is kept."""
        return self.end - len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return 0, len(self.form.channels), *self.form.grid

    @property
    def channels(self) -> list[str]:
        return list(self.form.channels)

    @property
    def stretches(self) -> list:
        return list(self.form.stretches)

    @property
    def cadence_s(self) -> float:
        return self.facts["cadence_s"]

    @property
    def first_utc(self) -> np.datetime64 | None:
        return np.datetime64(self.facts["first_utc"]) if self.facts["first_utc"] else None

    @property
    def last_utc(self) -> str:
        return self.rows[-1]["time_utc"] if self.rows else ""

    @property
    def to_source(self) -> np.ndarray | None:
        """The map (1, 2, 3) of the last frame."""
        return self.view().maps[-1:] if self.rows else None

    def append(self, met: Met, made: MadeFrame) -> None:
        """Take in the next frame in time."""
        if not self.facts["first_utc"]:
            self.facts["first_utc"] = met.time_utc
            self._keep_facts()
        slot = self.end % self.facts["slots"]
        self._frames[slot], self._masks[slot] = made.values, made.bits
        assert met.candidate is not None  # it was read
        own = {"exptime_s": met.candidate.exptime_s, "quality": met.candidate.quality} | made.facts
        own |= as_columns(made.wcs) | source_pixels.as_columns(made.to_source)
        row = self._row(met, self.end, "") | own
        self._write(row)
        self.rows = [*self.rows[-self.facts["slots"] + 1 :], row]
        self.end += 1

    def refuse(self, met: Met, reason: str) -> None:
        """Note a file, or one of its frames, that is not used."""
        self.refused += 1
        self._write(self._row(met, None, reason))

    def _row(self, met: Met, index: int | None, reason: str) -> dict:
        return {
            "index": index,
            "time_utc": met.time_utc,
            "accepted": index is not None,
            "reason": reason,
            "source": met.source,
            "file": met.file,
            "bytes": met.stamp[0],
            "changed_ns": met.stamp[1],
        }

    def _write(self, row: dict) -> None:
        path = self.folder / "frames.csv"
        columns = [*ABOUT, *as_columns(None), *source_pixels.COLUMNS]
        table = harmless(pd.DataFrame([row]).reindex(columns=columns))
        with path.open("a", encoding="utf-8", newline="") as stream:
            table.to_csv(stream, index=False, header=stream.tell() == 0, lineterminator="\n")

    def times_s(self, rows: list[dict]) -> np.ndarray:
        """Seconds since the first frame ever."""
        utc = np.array([row["time_utc"] for row in rows], "datetime64[ms]")
        assert self.first_utc is not None or not rows
        return (utc - (self.first_utc or np.datetime64(0, "ms"))) / np.timedelta64(1, "s")

    def time_s(self, frame: int) -> float:
        return float(self.times_s([self.rows[frame - self.first]])[0])

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Copies of frames (n, C, H, W) and mask bits (n, H, W) that are kept."""
        slots = np.arange(start, stop) % self.facts["slots"]
        return values_of(self._frames[slots]), self._masks[slots]

    def view(self) -> "KeptFrames":
        """The frames that are kept now, numbered from 0."""
        if self._view is None or self._view.first + len(self._view) != self.end:
            self._view = KeptFrames(self)
        return self._view

    def set_cadence(self, cadence_s: float) -> None:
        """Before the first frame: how far apart they will be."""
        self.facts["cadence_s"] = cadence_s
        self._keep_facts()


class KeptFrames:
    """What is kept, as a reel whose first frame is number `first` of the one that is followed."""

    is_series = False
    clock_s = None

    def __init__(self, kept: KeptReel):
        self.name, self.path, self.meta, self.first = kept.name, kept.path, kept.meta, kept.first
        self.channels, self.stretches, self.cadence_s = kept.channels, kept.stretches, kept.cadence_s
        self.shape = len(kept.rows), *kept.shape[1:]
        self.table = pd.DataFrame(kept.rows)
        self.times_s = kept.times_s(kept.rows)
        self.times_utc = self.table["time_utc"].to_numpy("datetime64[ms]") if kept.rows else None
        self.frames, self.masks = Ring(as_values(kept._frames), self.first), Ring(kept._masks, self.first)
        self.gaps = gaps_after(self.times_s, self.cadence_s, self.meta["gap_threshold"])
        self.kept = kept

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def maps(self) -> np.ndarray:
        found = source_pixels.maps_of(self.table, {})
        assert found is not None  # every row has one
        return found

    @property
    def to_source(self) -> np.ndarray | None:
        return self.maps

    def begin_of(self, frame: int) -> int:
        """As `Reel.begin_of`, of what is kept."""
        before = self.gaps[self.gaps < frame]
        return int(before[-1]) + 1 if len(before) else 0

    def so_far(self) -> "KeptFrames":
        return self

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """As `Reel.read`, of what is kept."""
        return self.kept.read(start + self.first, stop + self.first)

    def read_masks(self, start: int, stop: int) -> np.ndarray:
        return self.read(start, stop)[1]
