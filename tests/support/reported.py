"""Inputs from public bug reports: what a generator beside the project writes, taken through prep as a user would."""

import contextlib
import io
import os
import runpy
import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

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
    has_programs = shutil.which("ffmpeg") and shutil.which("ffprobe")
    with (
        patch.object(sys, "argv", [f"{name}.py", str(folder / "in")]),
        patch.object(subprocess, "run", subprocess.run if has_programs else ffmpeg_program.run),
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(action="ignore"),  # what it writes is what somebody's program wrote
    ):
        runpy.run_path(str(CASES / f"{name}.py"), run_name="__main__")
    return folder / "in"


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
