"""A bundle: all that scores frames as a run's checkpoint does, in one folder, and nothing that needs PyTorch.

bundle.json        what it holds, of which run and versions, settings, scaling, SHA-256 of the files
net.onnx           windows (B, C, T, H, W) float32 -> their reconstructions, of the same shape; or what a
                   method asks of its net, frame by frame; or logits. Of OpenVINO net.xml, and net.bin with its weights
net-NAME.onnx      in its place, of `vetime`: its views of time and of phase, and what judges both
fitted.npz         what a method was fitted to, how logits become segments, or events of clean series
calibration-N.npz  noise, levels and events of quiet frames, for the channels that bundle.json lists as number N
camera-N.npz       bounds of whole frames, for the same
watched-N.npy      (H, W) where events are looked for, if not everywhere
watched-N-K.npy    (H, W) each zone that has a rate of false alarms of its own
certificate.json   how far its scores, boxes and events are from the checkpoint's
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from config import EvalConfig, PrepConfig, section
from data.disk.damage import Damaged, read_array, read_json, told
from data.disk.digests import WRONG, file_sha256
from data.live.live_reel import Form
from data.live.series.samples import SeriesForm
from data.reel.stretch import Stretch
from inference.calibration.calibrate import read_calibration
from inference.calibration.thresholds import Calibration
from inference.camera.bounds import ALL_PASS, Bounds, read_bounds

FORMAT = "reelwatch bundle 3"
AGAIN = "export it again with: python main.py -m export --model-path RUN"
ABOUT, ARRAYS, CERTIFICATE = "bundle.json", "fitted.npz", "certificate.json"


@dataclass(frozen=True)
class Bundle:
    """An opened bundle."""

    path: Path
    about: dict[str, Any]
    settings: EvalConfig
    form: Form | None  # of pictures of a video
    rows: SeriesForm | None  # of rows of a series

    @classmethod
    def open(cls, path: str | Path) -> "Bundle":
        """Raises FileNotFoundError where there is none, Damaged for one whose files are not as they were written."""
        path = Path(path)
        if not (path / ABOUT).is_file():
            raise FileNotFoundError(f"{path} is no bundle: it has no {ABOUT}; {AGAIN}")
        with told(path / ABOUT, AGAIN):
            about = read_json(path / ABOUT, AGAIN)
            if about["format"] != FORMAT:
                raise ValueError(f"it is a {str(about['format'])[:80]!r}, not a {FORMAT!r}")
            form = None if about["form"] is None else form_of(about["form"])
            rows = None if about["rows"] is None else rows_of(about["rows"])
            settings = section(EvalConfig, about["eval"], str(path / ABOUT))
        check_files(path, about["files"])
        return cls(path, about, settings, form, rows)

    def number_of(self, channels: Sequence[str]) -> int:
        """Which calibration is for these channels; that of all together for channels that were never calibrated."""
        known = self.about["calibrations"]
        return known.index(list(channels)) if list(channels) in known else len(known) - 1

    def calibration(self, channels: Sequence[str]) -> Calibration:
        number = self.number_of(channels)
        found = read_calibration(self.path / f"calibration-{number}.npz")
        watched = self.path / f"watched-{number}.npy"
        zones = tuple(replace(zone, watched=self._place(number, k)) for k, zone in enumerate(found.zones))
        return replace(found, watched=read_array(watched, AGAIN) if watched.is_file() else None, zones=zones)

    def _place(self, number: int, k: int) -> np.ndarray:
        """Where a zone lies (H, W). Raises Damaged for a bundle of before, which holds none."""
        path = self.path / f"watched-{number}-{k}.npy"
        if not path.is_file():
            raise Damaged(f"{path} is missing: zones with rates of their own were weighed otherwise before; {AGAIN}")
        return read_array(path, AGAIN)

    def bounds(self, channels: Sequence[str]) -> Bounds:
        if not self.about["calibrations"]:
            return ALL_PASS  # as of a run that has no quiet frames
        return read_bounds(self.path / f"camera-{self.number_of(channels)}.npz")


def check_files(folder: Path, files: dict[str, dict[str, Any]]) -> None:
    """Raise Damaged where a file of a bundle is missing or not what was written."""
    for name, facts in files.items():
        path = folder / Path(name).name
        if not path.is_file() or file_sha256(path) != facts["sha256"]:
            raise Damaged(f"{path}: {WRONG if path.is_file() else 'it is missing'}; {AGAIN}")


def form_as_dict(form: Form) -> dict[str, Any]:
    """How frames are made of pictures, as plain data."""
    return asdict(form)


def form_of(raw: dict[str, Any]) -> Form:
    """The inverse of `form_as_dict`."""
    shapes = {name: tuple(raw[name]) for name in ("source_shape", "grid", "channels")}
    stretches = tuple(Stretch(**constants) for constants in raw["stretches"])
    return Form(section(PrepConfig, raw["pixels"], ABOUT), stretches=stretches, dtype=raw["dtype"], **shapes)


def rows_of(raw: dict[str, Any]) -> SeriesForm:
    """How rows become samples, from plain data as `asdict` gives it."""
    stretches = tuple(Stretch(**constants) for constants in raw["stretches"])
    prep = section(PrepConfig, raw["prep"], ABOUT)
    return SeriesForm(**raw | {"channels": tuple(raw["channels"]), "stretches": stretches, "prep": prep})
