"""Inputs from public bug reports: what a generator beside the project writes, taken through prep as a user would."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data.reel.reel import Reel
from tests.support.paths import ROOT, SHARED

CASES = SHARED / "cases"


@dataclass(frozen=True)
class Prepared:
    """What prep made of an input: its exit code, everything it printed, its reels and rejected rows by name of reel."""

    code: int
    told: str
    reels: dict[str, Reel]
    rejected: dict[str, pd.DataFrame]


def prepared(raw: Path, clips: Path, *settings: str) -> Prepared:
    """Prep of a file or folder in a process of its own. settings: further ones, as KEY=VALUE."""
    base = ["workers=1", "prep.clip_length=4", "prep.stride=2", "prep.resize=[32, 48]"]
    command = [sys.executable, ROOT / "main.py", "-m", "prep", "--data-raw", raw, "--data-clips", clips]
    command += [word for setting in (*base, *settings) for word in ("--set", setting)]
    done = subprocess.run(command, cwd=clips.parent, capture_output=True, text=True)
    reels = {meta.parent.name: Reel(meta.parent) for meta in sorted(clips.glob("*/reel.json"))}
    tables = sorted(clips.glob("*.rejected.csv"))
    rejected = {table.name.removesuffix(".rejected.csv"): pd.read_csv(table) for table in tables}
    return Prepared(done.returncode, done.stdout + done.stderr, reels, rejected)


def prepared_case(name: str, folder: Path, *settings: str) -> Prepared:
    """Prep of what the generator `name` writes."""
    made = [sys.executable, CASES / f"{name}.py", folder / "in"]
    subprocess.run(made, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": ""})
    return prepared(folder / "in", folder / "clips", *settings)
