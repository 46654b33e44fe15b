"""How the frames of a run's training reel were made from files, so that those of later files are made alike."""

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from config import Config, PrepConfig
from data.disk.files import folder_name
from data.frames.assemble import PIXEL_SETTINGS
from data.frames.grid.letterbox import calibrate_into, on_grid
from data.frames.grid.placement import Placed
from data.frames.grid.registration import Common
from data.frames.grid.to_grid import one_channel, unit_of
from data.frames.plan import ReelPlan, on_the_sky
from data.frames.scale import scale_frame
from data.live.live_reel import of_settings
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from data.sky.wcs import FrameWcs
from data.sources import all_kinds as sources
from data.sources.base import RGB, Candidate, FrameError


class MadeFrame(NamedTuple):
    """A frame on the reel's grid: values (C, H, W), stretched and as a reel stores them, mask bits (H, W), its sky, its
    map (2, 3) to the pixels of the source, and what frames.csv says of it."""

    values: np.ndarray
    bits: np.ndarray
    wcs: FrameWcs | None
    to_source: np.ndarray
    facts: dict[str, Any]


@dataclass(frozen=True)
class FrameForm:
    """The form of a reel of FITS files or pictures. prep: its settings, with the times as they are told now."""

    prep: PrepConfig
    reel: str
    channels: tuple[str, ...]
    source_shape: tuple[int, int]
    grid: tuple[int, int]
    stretches: tuple[Stretch, ...]
    dtype: str
    unit: str
    is_counts: bool
    common: Common | None

    @classmethod
    def of(cls, reel: Reel, trained: Config, now: PrepConfig) -> "FrameForm":
        """The form of a training reel. Raises ValueError for one that files can't be made alike to one by one."""
        meta, is_counts = reel.meta, reel.meta["origin"] == "lower"
        if len(reel.channels) > 1 and tuple(reel.channels) != RGB:
            raise ValueError(
                f"the model was trained on {reel.path}, whose frames are of several files each (channels "
                f"{', '.join(reel.channels)}); --follow takes one wavelength: train a run on each"
            )
        if is_counts and "registered_to" not in meta:
            raise ValueError(
                f"{reel.path} was prepared by an older version, which did not keep where its frames were "
                "registered to; move it away, run prep again and train anew"
            )
        told = of_settings(reel, trained)
        decisive = {f.name: getattr(told, f.name) for f in fields(PrepConfig) if f.name in PIXEL_SETTINGS}
        to = meta.get("registered_to")
        common = Common(to["scale_arcsec"], to["crpix"] and tuple(to["crpix"])) if to else None
        shapes = tuple(meta["source_shape"]), reel.shape[2:]
        prep = replace(now, **decisive, resize=reel.shape[2:])
        own = folder_name(meta["name"]), tuple(reel.channels)
        return cls(prep, *own, *shapes, tuple(reel.stretches), meta["dtype"], meta["unit"], is_counts, common)

    def why_not(self, candidate: Candidate) -> str:
        """Why a candidate is no frame for this reel; "" where it is one."""
        if candidate.reason:
            return candidate.reason
        if not candidate.time_utc:
            return (
                "no time in its header or name; a frame that is followed needs one (prep.time_format, prep.times_csv)"
            )
        if candidate.is_counts != self.is_counts or (self.is_counts and folder_name(candidate.reel) != self.reel):
            what = candidate.reel if candidate.is_counts else "a picture without a header"
            return f"{what}, and the model was trained on {self.reel}"
        if self.is_counts and (unit := unit_of(Placed.of(candidate), self.prep)) != self.unit:
            return f"unit {unit or '1'} (BUNIT), and the model was trained on {self.unit or '1'}"
        if not self.is_counts and (candidate.channel == "rgb") != (self.channels == RGB):
            return f"{candidate.channel}, and the model was trained on {'colours' if self.channels == RGB else 'gray'}"
        return ""

    def plan(self, candidate: Candidate) -> ReelPlan:
        """A plan of this frame alone, placed as the training reel's are."""
        frame = Placed.of(candidate)
        row = tuple(replace(frame, channel=name) for name in RGB) if self.channels == RGB else (frame,)
        plan = ReelPlan(self.reel, self.channels, (row,), (), self.source_shape)
        return on_the_sky(plan, self.prep, self.common)

    def made(self, candidate: Candidate) -> MadeFrame:
        """The frame of a file, by the steps of prep. Raises FrameError for one that can't be used."""
        ((_, raw),) = sources.read(sources.frame_source(candidate.kind), [candidate])
        if isinstance(raw, FrameError):
            raise raw
        plan = self.plan(candidate)
        row = plan.rows[0]
        found = [calibrate_into(one_channel(raw, f.channel), f, self.source_shape, self.grid, self.prep) for f in row]
        values, bits = np.stack([f.values for f in found]), np.stack([f.bits for f in found])
        frame, mask = scale_frame(values, bits, list(self.stretches), np.dtype(self.dtype))
        first = found[0]
        facts = {"coverage": first.coverage, "saturated": first.saturated_fraction, "flags": first.flags}
        sky = row[0].sky
        if sky is not None:
            sky = on_grid(sky, plan.cropped_shape(self.prep), self.grid, plan.inner_shape(self.prep))
        return MadeFrame(frame, mask, sky, plan.to_source(self.prep, row[0]), facts | {"sha256": raw.sha256})
