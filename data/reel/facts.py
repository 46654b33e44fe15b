"""What reel.json and frames.csv must hold, checked when a reel is opened."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field, ValidationError

from data.disk.damage import numbers, read_json, read_table, told, whole_numbers
from data.reel.stretch import Stretch

ANEW = "move the reel away and run prep again"
FRAME_NEEDS = ("index", "time_utc", "time_s", "accepted", "label")  # columns of frames.csv that readers rely on

Count = Annotated[int, Field(gt=0, lt=2**40)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Row = tuple[Finite, Finite, Finite]


class StoredFile(BaseModel):
    """Size and digest of one file of the reel."""

    bytes: int
    sha256: str


class ReelFacts(BaseModel):
    """The entries of reel.json that something relies on; others may be there too."""

    name: Annotated[str, Field(min_length=1)]
    shape: tuple[Count, Count, Count, Count]
    channels: list[str]
    cadence_s: Positive
    gap_threshold: Positive
    windows_cross: Positive = 0.0
    stretch: list[dict[str, str | float]]
    identity: Annotated[str, Field(pattern=r"^\w{1,128}$")]  # part of file names
    origin: Literal["upper", "lower"]
    dtype: Literal["float16", "float32", "uint8"]
    unit: str
    source_shape: tuple[Count, Count]
    category: Annotated[str | None, Field(alias="class")] = None
    to_source: list[tuple[Row, Row]] | tuple[Row, Row] | None = None
    pixels: dict[str, Any] = {}
    registered_to: dict[str, Any] | None = None
    places: dict[str, dict[str, Finite]] | None = None
    files: dict[str, StoredFile] = {}
    store: Literal["npy", "zarr"] = "npy"


def read_facts(folder: Path) -> dict[str, Any]:
    """What reel.json holds, as plain data. Raises Damaged."""
    path = folder / "reel.json"
    with told(path, ANEW):
        meta = read_json(path, ANEW)
        try:
            text = json.dumps(meta, ensure_ascii=False).encode(errors="replace")  # names may hold half a surrogate pair
            ReelFacts.model_validate_json(text, strict=True)
        except ValidationError as error:
            fault = error.errors()[0]
            raise ValueError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
        stretches = [Stretch(**constants) for constants in meta["stretch"]]
        if not len(meta["channels"]) == len(stretches) == meta["shape"][1]:
            raise ValueError(f"{len(meta['channels'])} channels, {len(stretches)} of stretch, shape {meta['shape']}")
        return meta


def read_frames(path: Path, count: int) -> pd.DataFrame:
    """frames.csv of a reel of `count` frames. Raises ValueError."""
    table = read_table(path, ANEW, FRAME_NEEDS, dtype={"reason": str, "flags": str, "time_utc": str})
    if table["accepted"].dtype != bool:
        raise ValueError("accepted: something else than True and False")
    stored = table.loc[table["accepted"], ["index", "time_s", "time_utc", "label"]]
    if not np.array_equal(np.sort(whole_numbers(stored, "index")), np.arange(count)):
        raise ValueError(f"index: not one row for each of the {count} stored frames")
    ordered = stored.sort_values("index")
    if (np.diff(numbers(ordered, "time_s", -1e15, 1e15)) < 0).any():
        raise ValueError("time_s: the stored frames are not in time order")
    if stored["time_utc"].notna().all():
        np.asarray(stored["time_utc"], dtype="datetime64[ms]")
    if stored["label"].notna().any():
        numbers(stored.dropna(subset=["label"]), "label")
    return table
