"""What a bundle's net is computed in, where its thresholds are from then, and how far it may be from its checkpoint."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from inference.calibration.calibrate import kept_calibration, measure, ranges_for, where_watched
from inference.calibration.thresholds import Calibration
from inference.camera.bounds import kept_bounds
from inference.export.exported import Exported
from inference.export.parity import Bound
from inference.export.quantize import integer_weights, quantized
from inference.scorers.base import Scorer

# Of the scorer in the bundle's folder, for some channels.
Calibrate = Callable[[Path, Scorer, Exported, list[str]], Calibration]


class Precision(NamedTuple):
    """net: from a file of ONNX in float32 to that of the bundle. thresholds_of: whose thresholds it may have."""

    net: Callable[[Exported, bytes], bytes]
    thresholds_of: dict[str, Calibrate]
    bound: Bound


def as_it_is(exported: Exported, net: bytes) -> bytes:
    """The net in float32, as it was traced; what runs it rounds more where it is told to."""
    return net


def in_integers(exported: Exported, net: bytes) -> bytes:
    """Blocks and strides in integers of 8 bits, see `quantize`."""
    portable = exported.portable
    assert portable.shown is not None  # or this precision was refused
    # A method's net is a part of what it was fitted with, in units that leave no room for another GELU.
    tables = not portable.arrays
    return quantized(net, integer_weights(portable.net), portable.shown(exported.ranges), tables)


def of_run(folder: Path, scorer: Scorer, exported: Exported, channels: list[str]) -> Calibration:
    """The run's own calibration; made now if it has none."""
    return kept_calibration(exported.run, exported.scorer, channels, exported.settings)


def anew(folder: Path, scorer: Scorer, exported: Exported, channels: list[str]) -> Calibration:
    """Noise, levels and events of the run's quiet frames as the bundle's net scores them: so its promises are its own.

    Each pixel's spread is a median over some hundred frames, which rounding moves by several percent, far more than the
    scores of an event. So this is for nets whose quiet frames give more events by the run's thresholds than they may.
    What the net was quantized by are training frames, so validation frames are as new to it as to the run's.
    """
    ranges = ranges_for(exported.ranges, channels, scorer.blind_frames)
    settings = scorer.settings_on(ranges[0].reel, exported.settings)
    made, _ = measure(scorer, ranges, settings, folder, kept_bounds(exported.run, channels, scorer.scaling))
    return where_watched(made, settings, ranges[0].reel)


# Of float32, 1e-3 is 1,000 times what its arithmetic leaves of a score. But where a common mode is taken off, a pixel's
# brightness is rounded to one of 256 grey levels (see `common_mode`): with 1e-6 of a reconstruction left open on either
# side of a border, as many of the pixels may go to the next level, and their scores change by more.
SAME = Bound(
    score=1e-3, jumps=0.0, rounded=2 * 256 * 1e-6, events_equal=True, missed=0,
    way_out="that should not be: please report it",
)  # fmt: skip
NEAR = Bound(
    score=0.25, jumps=1e-3, events_equal=False, missed=0,
    way_out="choose export.precision fp32, or allow for more with export.auc_lost",
)  # fmt: skip
WAY_OUT = "leave out fewer channels, train on for longer (export.prune_epochs), or allow for more with export.auc_lost"
PRUNED = NEAR._replace(jumps=1.0, way_out=WAY_OUT)
ROUNDED = {"run": of_run, "bundle": anew}
PRECISIONS = {
    "fp32": Precision(as_it_is, {"run": of_run}, SAME),
    "bf16": Precision(as_it_is, ROUNDED, NEAR),
    "int8": Precision(in_integers, ROUNDED, NEAR),
}
