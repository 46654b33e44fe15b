"""Runs on video and on a table, exported, and a Python in which nothing can import PyTorch."""

import os
import subprocess
import sys
from pathlib import Path

import main
from data.prepare_data import prep
from inference.fit import calibrate_run
from tests.support.paths import ROOT
from tests.support.streams import FLASH, scenes, settings, write
from training.train import train

# Like a machine that has none, nor what else the program needs and the runner does not: a module that asks for it fails
# as it would there.
WITHOUT_TORCH = """
import runpy, sys
FORBIDDEN = {"torch", "torchvision", "torchmetrics", "onnx", "onnxscript", "sunpy", "aiohttp", "tensorboard"}
FORBIDDEN |= {"safetensors", "paho", "prometheus_client", "starlette", "uvicorn", "playwright"}
class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"{name} is forbidden here", name=name)
sys.meta_path.insert(0, Forbidden())
sys.argv[0] = "inference.runner"
runpy.run_module("inference.runner", run_name="__main__", alter_sys=True)
"""


def trained_on_video(folder: Path) -> Path:
    """A run that was trained on a quiet video, with its settings in base.yaml beside it."""
    write(folder / "raw" / "quiet.mkv", scenes(160))
    prep(settings(folder))
    train(settings(folder))
    calibrate_run(folder / "run", settings(folder))
    return folder / "run"


def flash_reel(folder: Path) -> Path:
    """A folder with one reel, of a video with a flash, which is written as new.ts beside it."""
    made = write(folder / "new.ts", scenes(120, FLASH))
    prep(settings(folder, data_raw=str(made), data_clips=str(folder / "new")))
    return folder / "new"


def exported(run: Path, config: Path, *more: str) -> Path:
    """The bundle of a run, by the program's own command."""
    assert main.main(["-m", "export", "-c", str(config), "--model-path", str(run), *more]) == 0
    return run / "export"


def run_without_torch(*arguments: str | Path) -> subprocess.CompletedProcess:
    """`python -m inference.runner` where PyTorch can't be imported."""
    command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
