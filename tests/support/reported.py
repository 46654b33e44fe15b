"""Inputs from public bug reports: what a generator beside the project writes, taken through prep as a user would."""

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import config
from data.prepare_data import prep
from data.reel.reel import Reel
from tests.support import ffmpeg_program
from tests.support.paths import SHARED

CASES = SHARED / "cases"
SMALL = {"workers": 0, "prep.clip_length": 4, "prep.stride": 2, "prep.resize": [32, 48]}  # as small.yaml has them


@dataclass(frozen=True)
class Prepared:
    """What prep made of an input: why nothing, or "", its reels, and its rejected rows by name of reel."""

    refusal: str
    reels: dict[str, Reel]
    rejected: dict[str, pd.DataFrame]


def prepared(raw: Path, clips: Path, **settings) -> Prepared:
    """Prep of a file or folder. settings: further ones of section prep."""
    places = {"data_raw": str(raw), "data_clips": str(clips)}
    refusal = ""
    try:
        prep(config.load(None, places | SMALL | {f"prep.{key}": value for key, value in settings.items()}))
    except (ValueError, OSError) as error:
        refusal = str(error)
    reels = {meta.parent.name: Reel(meta.parent) for meta in sorted(clips.glob("*/reel.json"))}
    tables = sorted(clips.glob("*.rejected.csv"))
    return Prepared(refusal, reels, {path.name.removesuffix(".rejected.csv"): pd.read_csv(path) for path in tables})


def made_case(name: str, folder: Path) -> Path:
    """The folder with what the generator `name` writes; where the program ffmpeg is missing, PyAV does its work."""
    path = os.environ.get("PATH", "")
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        path = f"{_programs(folder)}{os.pathsep}{path}"
    made = [sys.executable, CASES / f"{name}.py", folder / "in"]
    subprocess.run(made, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": "", "PATH": path})
    return folder / "in"


def _programs(folder: Path) -> Path:
    place = folder / "programs"
    place.mkdir(parents=True)
    for name in ("ffmpeg", "ffprobe"):
        (place / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ffmpeg_program.__file__}" {name} "$@"\n')
        (place / name).chmod(0o755)
    return place


def prepared_case(name: str, folder: Path, **settings) -> Prepared:
    """Prep of what the generator `name` writes."""
    return prepared(made_case(name, folder), folder / "clips", **settings)


@contextlib.contextmanager
def inside(folder: Path):
    """As if the program was called from within a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
