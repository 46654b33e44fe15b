"""Curves under the timeline: the variables of a series, or GOES X-ray fluxes beside a movie of the Sun."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.messages import logger
from data.pictures.curves import curve
from data.reel.gaps import gaps_after
from data.reel.reel import Reel
from data.sky.goes import FLUX_W_M2, is_of_xrs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

log = logger(__name__)

MOST_PANELS = 8
COLOURS = ("#1c6fb3", "#c92a2a")


@dataclass(frozen=True)
class Panel:
    """Curves on one vertical axis: times (N,) datetime64 or seconds, values (N,) by name, NaN where there is none.

    gaps: the samples (M,) that a gap follows.
    """

    times: np.ndarray
    curves: dict[str, np.ndarray]
    unit: str
    log: bool
    goes_classes: bool
    gaps: np.ndarray

    def draw(self, axes: "Axes") -> None:
        """Draw the curves, on the same kind of horizontal axis as the timeline's."""
        import matplotlib.dates as mdates  # late, as in `Results.draw_timeline`

        from data.pictures.plain import plain

        is_utc = np.issubdtype(self.times.dtype, np.datetime64)
        x = mdates.date2num(self.times) if is_utc else self.times
        for (name, values), colour in zip(self.curves.items(), COLOURS, strict=False):
            axes.plot(*curve(x, values, self.gaps), color=colour, linewidth=0.9, label=plain(name))
        if self.log:
            axes.set_yscale("log")
        if self.goes_classes:
            self._draw_classes(axes)
        axes.set_ylabel(plain(self.unit), fontsize=8)
        axes.tick_params(labelsize=8)
        axes.legend(loc="upper right", fontsize=7, frameon=False)
        axes.grid(axis="y", linewidth=0.4, alpha=0.5)

    def _draw_classes(self, axes: "Axes") -> None:
        """The letters of the flare classes at their decades, on the right."""
        right = axes.secondary_yaxis("right")
        right.set_yticks(list(FLUX_W_M2.values()), list(FLUX_W_M2), fontsize=8)
        right.minorticks_off()


def panels_of(reel: Reel, xrs: str | None) -> list[Panel]:
    """What is drawn under the timeline of a reel: its own variables, or the XRS reel's fluxes of the same time.

    Raises ValueError when `xrs` is no reel of XRS fluxes.
    """
    if reel.is_series:
        return _variables(reel)
    if not xrs:
        return []
    from data.labels.sun.xrs_flares import xrs_of  # late, as are the readers of lists

    panel = _fluxes_during(reel, xrs_of(xrs))
    return [panel] if panel else []


def _variables(reel: Reel) -> list[Panel]:
    """The variables of a series, each on its own axis, but the XRS channels on one; the first MOST_PANELS of many."""
    times = reel.times_s if reel.times_utc is None else reel.times_utc
    values = dict(zip(reel.channels, reel.signals().T, strict=True))
    if is_of_xrs(reel):
        return [_xrs_panel(times, values, reel.gaps)]
    unit = dict.fromkeys(values, "" if reel.meta["unit"] == "as in the table" else reel.meta["unit"])
    panels = [Panel(times, {n: v}, unit[n], False, False, reel.gaps) for n, v in values.items()]
    return panels[:MOST_PANELS]


def _fluxes_during(reel: Reel, xrs: Reel) -> Panel | None:
    """The fluxes between a reel's first and last frame, None when there are none."""
    if reel.times_utc is None:
        log.warning(f"{reel.name}: no UTC times, so no XRS fluxes are drawn")
        return None
    if xrs.times_utc is None:
        raise ValueError(f"eval.xrs {xrs.path} has no UTC times; make it again with prep.start_utc")
    chosen = (xrs.times_utc >= reel.times_utc[0]) & (xrs.times_utc <= reel.times_utc[-1])
    if not chosen.any():
        log.warning(f"{reel.name}: {xrs.name} has no samples at its time, so none are drawn")
        return None
    values = {name: column[chosen] for name, column in zip(xrs.channels, xrs.signals().T, strict=True)}
    gaps = gaps_after(xrs.times_s[chosen], xrs.cadence_s, xrs.meta["gap_threshold"])
    return _xrs_panel(xrs.times_utc[chosen], values, gaps)


def _xrs_panel(times: np.ndarray, values: dict[str, np.ndarray], gaps: np.ndarray) -> Panel:
    return Panel(times, values, "W m$^{-2}$", True, True, gaps)
