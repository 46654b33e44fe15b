"""Frames of a reel as arrays, as a model takes them: its variables in their order, in its intensity scaling."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from data.messages import logger
from data.reel.contract import AnyReel
from data.reel.gaps import crossed
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.stretch import Stretch, restretch
from data.units import in_unit, name_and_unit

log = logger(__name__)

MOST_NAMED = 8
_UNLIKE = (
    "reel {name}: {channel} is in {here}, and was in {there} where the model was trained; "
    "write its table in that unit, or train anew"
)


class SomeVariables(Reel):
    """A stored series with some of its variables, in another order; `others`: names and stretches of other units."""

    def __init__(self, reel: Reel, columns: Sequence[int], others: dict[str, list] | None = None):
        self.path, self.columns = reel.path, list(columns)
        picked = {name: [reel.meta[name][c] for c in self.columns] for name in ("channels", "stretch")} | (others or {})
        self.meta = reel.meta | picked | {"shape": [len(reel), len(self.columns), 1, 1]}
        self.whole = reel

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"columns": self.columns, "whole": self.whole.closed()}

    @cached_property
    def stored(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride] it is one that was read
        return np.asarray(self.whole.stored[:])[:, self.columns]

    def read_stored(self, start: int, stop: int) -> np.ndarray:
        return self.whole.read_stored(start, stop)[:, self.columns]

    @cached_property
    def missing(self) -> np.ndarray:
        return self.whole.missing[:, self.columns]


def with_variables(reel: Reel, names: Sequence[str]) -> Reel:
    """A series with the variables `names` in this order, by their names; others are left out, and told. A name counts
    without the unit behind it where this tells them: temp [degF] is temp [degC], and gets converted.

    A reel none of whose variables has such a name is itself, with a warning: they are taken in its own order. Raises
    ValueError where some have, and others are missing.
    """
    if not reel.is_series or list(reel.channels) == list(names):
        return reel
    missing = [name for name in names if name not in reel.channels]
    if missing and (same := _but_for_units(reel.channels, names)):
        return _by_quantity(reel, names, same)
    others = [name for name in reel.channels if name not in names]
    if missing and len(missing) < len(names):
        raise ValueError(
            f"reel {reel.name} lacks {_listed(missing)} of the variables that the model was trained on, and has "
            f"{_listed(others) or 'no others'}; give its table the same names of columns, or train without them"
        )
    if missing:
        log.warning(
            f"{reel.name}: none of its variables ({_listed(reel.channels)}) has a name of those that the model was "
            f"trained on ({_listed(names)}); they are taken for them in this order, each in its own scaling"
        )
        return reel
    if others:
        log.info(f"{reel.name}: {_listed(others)} left out, as the model was trained without")
    return SomeVariables(reel, [reel.channels.index(name) for name in names])


def longest_crossed(reels: Sequence[Reel]) -> float:
    """Cadences of the longest step that windows of some reel go across though it is a gap; 0: none does."""
    return max((reel.meta.get("windows_cross", 0.0) for reel in reels), default=0.0)


def going_across(reel: Reel, facts: Mapping[str, Any]) -> Reel:
    """A reel whose windows go across steps as long as those of the model's training, of which `facts` tells."""
    across = facts.get("windows_cross", 0.0)
    if across <= crossed(reel.meta):
        return reel
    other = reel.closed()
    other.meta = reel.meta | {"windows_cross": across}
    return other


def _but_for_units(channels: Sequence[str], names: Sequence[str]) -> list[str]:
    """The variable for each of `names`, of the same name but for the unit behind it; none where one is not told."""
    own, wanted = ({name: name_and_unit(name)[0] for name in some} for some in (channels, names))
    if len(set(own.values())) < len(own) or len(set(wanted.values())) < len(wanted):
        return []
    by_quantity = {quantity: name for name, quantity in own.items()}
    found = [by_quantity.get(quantity) for quantity in wanted.values()]
    return [name for name in found if name is not None] if None not in found else []


def _by_quantity(reel: Reel, names: Sequence[str], own: Sequence[str]) -> Reel:
    """A series whose variables `own` have the names of a model, in the units that these names tell."""
    columns = [reel.channels.index(name) for name in own]
    pairs = zip(columns, names, strict=True)
    stretches = [_as_named(reel.stretches[c], reel.channels[c], name, reel).as_dict() for c, name in pairs]
    if others := [name for name in reel.channels if name not in own]:
        log.info(f"{reel.name}: {_listed(others)} left out, as the model was trained without")
    return SomeVariables(reel, columns, {"channels": list(names), "stretch": stretches})


def _as_named(own: Stretch, name: str, wanted: str, reel: Reel) -> Stretch:
    """The stretch of the variable `name` of a reel, of numbers in the unit that the name `wanted` tells."""
    unit, target = own.unit or name_and_unit(name)[1], name_and_unit(wanted)[1]
    if not unit and target:
        log.warning(f"{reel.name}: {name} has no unit, and is taken for the model's {wanted} as it is")
    if not unit or not target:
        return replace(own, unit=unit)
    converted = in_unit(target, unit)
    if converted is None or (converted[1] and own.kind != "affine"):
        raise ValueError(_UNLIKE.format(name=reel.name, channel=name, here=unit, there=target))
    if converted != (1.0, 0.0):
        log.warning(f"{reel.name}: {name}, converted to the model's {wanted}")
    return replace(own.scaled(*converted), unit=target)


def in_one_order(reels: list[Reel]) -> list[Reel]:
    """Reels for one model: series with the variables of the first one, in its order and units.

    Series without a name in common are taken variable by variable as they stand. Raises ValueError for one that has
    some of the names and another variable in place of the rest.
    """
    return [_as_the_first(reel, reels[0]) for reel in reels]


def _as_the_first(reel: Reel, first: Reel) -> Reel:
    if not reel.is_series or len(reel.channels) != len(first.channels):
        return reel
    missing = [name for name in first.channels if name not in reel.channels]
    if not missing or _but_for_units(reel.channels, first.channels):
        return with_variables(reel, first.channels)
    if len(missing) < len(first.channels):
        others = [name for name in reel.channels if name not in first.channels]
        raise ValueError(
            f"reel {reel.name} has {_listed(others)} where reel {first.name} has {_listed(missing)}: one model takes "
            "variables by their names; give its table the same names of columns, or train without this reel"
        )
    return reel


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (f" ... {len(names)} in all" if len(names) > MOST_NAMED else "")


def read_clip(reel: Reel, start: int, length: int, scaling: dict[str, Stretch]) -> tuple[np.ndarray, np.ndarray]:
    """One window of a reel: frames (C, T, H, W) with invalid pixels 0, and valid pixels (1, T, H, W), both float32.

    Of a series the valid values are (C, T, 1, 1): those that were measured. The others are there, interpolated.
    """
    frames, usable = read_scaled(reel, start, start + length, scaling)
    x, valid = frames.transpose(1, 0, 2, 3), usable[None]  # (C, T, H, W), (1, T, H, W)
    x = np.ascontiguousarray(x * valid)
    if reel.is_series:
        valid = valid & ~reel.missing[start : start + length].T[:, :, None, None]  # (C, T, 1, 1)
    return x, valid.astype(np.float32)


def read_scaled(reel: Reel, start: int, stop: int, scaling: dict[str, Stretch]) -> tuple[np.ndarray, np.ndarray]:
    """Frames [start, stop) in a model's scaling, (n, C, H, W) float32, and valid pixels (n, H, W) bool.

    What invalid pixels hold means nothing.
    """
    stored, bits = reel.read(start, stop)
    frames = restretch(stored.astype(np.float32), reel.stretches, target_stretches(reel, scaling))
    return frames, (bits & INVALID) == 0


def target_stretches(reel: AnyReel, scaling: dict[str, Stretch]) -> list[Stretch]:
    """The stretch of each channel of a reel: the model's own for channels it knows, of numbers in the reel's unit; else
    the reel's. Raises ValueError where the model knows a channel in a unit that the reel's can't be brought to.
    """
    pairs = zip(reel.channels, reel.stretches, strict=True)
    return [_in_unit_of(stretch, scaling.get(channel, stretch), channel, reel) for channel, stretch in pairs]


def _in_unit_of(own: Stretch, trained: Stretch, channel: str, reel: AnyReel) -> Stretch:
    wanted = replace(trained, unit=_trained_unit(own, trained, channel))
    if own.unit == wanted.unit or not own.unit or not wanted.unit:
        return wanted
    converted = in_unit(own.unit, wanted.unit)
    if converted is None or (converted[1] and wanted.kind != "affine"):
        raise ValueError(_UNLIKE.format(name=reel.name, channel=channel, here=own.unit, there=wanted.unit))
    return wanted.scaled(*converted)


def _trained_unit(own: Stretch, trained: Stretch, channel: str) -> str:
    """The unit of a model's channel, by its name where its cells had none and that of the reel is known."""
    return trained.unit or (name_and_unit(channel)[1] if own.unit else "")


def units_told(reel: AnyReel, scaling: dict[str, Stretch]) -> list[str]:
    """What is to be said of the units of a reel's channels. Raises ValueError as `target_stretches`."""
    target_stretches(reel, scaling)
    told = []
    for channel, own in zip(reel.channels, reel.stretches, strict=True):
        unit = _trained_unit(own, scaling.get(channel, own), channel)
        if own.unit and unit and own.unit != unit:
            told.append(f"{channel}: {own.unit}, converted to {unit} as in the training")
        elif own.unit != unit:
            here, there = own.unit or "no unit", unit or "no unit"
            told.append(f"{channel}: {here} in its cells, {there} in those of the training, taken as the same")
    return told
