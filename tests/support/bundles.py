"""Runs on video and on a table, exported, and a Python that has what the runner needs alone."""

import atexit
import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import main
from data.prepare_data import prep
from inference.export import export as exporting
from inference.export.onnx_file import as_onnx
from inference.fit import calibrate_run
from tests.support.once import made_once
from tests.support.paths import ROOT
from tests.support.streams import FLASH, scenes, settings, write
from tests.support.warm import Warm
from training.train import train

# Like an environment with the runner's requirements.txt alone: modules of all other packages are not found.
WITHOUT_TORCH = """
import runpy, sys
from tests.support.warm import Others
forbidden = set(sys.argv.pop(1).split(","))
sys.meta_path[:] = [Others(finder, forbidden) for finder in sys.meta_path]
sys.argv[0] = "inference.runner"
runpy.run_module("inference.runner", run_name="__main__", alter_sys=True)
"""
REQUIREMENTS = ROOT / "inference" / "runner" / "requirements.txt"
OF_OPENVINO = REQUIREMENTS.with_name("requirements-openvino.txt")


@cache
def forbidden(*more: Path) -> str:
    """The modules of all packages that are installed here and would not be by the runner's requirements.txt alone.

    more: files of other requirements.
    """
    texts = "\n".join(path.read_text() for path in (REQUIREMENTS, *more))
    lines = (line.partition("#")[0].strip() for line in texts.splitlines())
    allowed: set[str] = set()
    waiting = [Requirement(line) for line in lines if line]
    while waiting:
        asked = waiting.pop()
        is_wanted = asked.marker is None or asked.marker.evaluate({"extra": ""})
        if is_wanted and (name := canonicalize_name(asked.name)) not in allowed:
            allowed.add(name)
            waiting += map(Requirement, requires(name) or [])
    owners = packages_distributions()
    others = (module for module, names in owners.items() if not allowed & {canonicalize_name(n) for n in names})
    return ",".join(module for module in others if not (ROOT / module).exists())


def trained_on_video(folder: Path) -> Path:
    """A run that was trained on a quiet video, with its settings in base.yaml beside it; a copy of the session's."""
    shutil.copytree(made_once("video", _train_on_video), folder, dirs_exist_ok=True)
    settings(folder)
    return folder / "run"


def _train_on_video(folder: Path) -> None:
    write(folder / "raw" / "quiet.mkv", scenes(160))
    prep(settings(folder))
    train(settings(folder))
    calibrate_run(folder / "run", settings(folder))


def flash_reel(folder: Path) -> Path:
    """A folder with one reel, of a video with a flash, which is written as new.ts beside it."""
    made = write(folder / "new.ts", scenes(120, FLASH))
    prep(settings(folder, data_raw=str(made), data_clips=str(folder / "new")))
    return folder / "new"


def exported(run: Path, config: Path, *more: str) -> Path:
    """The bundle of a run, by the program's own command, with the trace of a net that was exported before."""
    with patch.object(exporting, "as_onnx", traced_once):
        assert main.main(["-m", "export", "-c", str(config), "--model-path", str(run), *more]) == 0
    return run / "export"


def traced_once(net: torch.nn.Module, *form: Any) -> bytes:
    """`as_onnx`, which takes most of an export: modules that train the same on the same have the same net."""
    weights = [f"{name} {weight.numpy().tobytes()}" for name, weight in net.state_dict().items()]
    key = hashlib.sha256("\n".join([str(net), *weights, *map(str, form)]).encode()).hexdigest()
    made = made_once(f"trace-{key}", lambda folder: (folder / "net.onnx").write_bytes(as_onnx(net, *form)))
    return (made / "net.onnx").read_bytes()


def run_without_torch(*arguments: str | Path) -> subprocess.CompletedProcess:
    """The runner where nothing can be imported that its requirements.txt does not install, and nothing else was."""
    return _warm_runner().run(*map(str, arguments))


@cache
def _warm_runner() -> Warm:
    made = Warm("inference.runner.__main__", forbidden=forbidden())
    atexit.register(made.end)
    return made


def start_without_torch(*arguments: str | Path, more: tuple[Path, ...] = ()) -> subprocess.CompletedProcess:
    """`python -m inference.runner`, as a user starts it, but for what can't be imported; more: see `forbidden`."""
    command = [sys.executable, "-c", WITHOUT_TORCH, forbidden(*more), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
