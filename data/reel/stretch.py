"""Fixed, invertible intensity scaling: one pair of constants per channel, never per frame.

`y = asinh(x / x0) / asinh(vmax / x0)`: linear below x0, logarithmic above, defined for the small negative values that
level-1 images legally hold. `vmax` maps to 1 and nothing is clipped, so that every value can be mapped back.

Time series have zero points of all kinds: `affine` maps x0 to 0 and vmax to 1, linearly.

What a reel of 8-bit pictures stores are their levels, a byte each; who reads it gets stretched values all the same.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

EIGHT_BIT = 255.0  # the highest level
VALUES = np.arange(256, dtype=np.float32) / np.float32(EIGHT_BIT)  # of levels, as `linear` stretches them


@dataclass(frozen=True)
class Stretch:
    """Scaling of one channel; `x0` and `vmax` are in the channel's physical unit (DN/s, 8-bit level, W/m^2)."""

    kind: Literal["asinh", "linear", "affine"]
    x0: float
    vmax: float
    unit: str = field(default="", compare=False)  # that a table writes behind the numbers; "" not told

    def __post_init__(self) -> None:
        is_finite = np.isfinite([self.x0, self.vmax]).all()
        if self.kind == "affine":
            if not (is_finite and self.x0 < self.vmax):
                raise ValueError(f"affine stretch x0 {self.x0} must be below vmax {self.vmax}, both finite")
        elif not (is_finite and self.x0 > 0 and self.vmax > 0):
            raise ValueError(f"stretch x0 {self.x0} and vmax {self.vmax} must be positive and finite")

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Physical values -> stretched values, any shape."""
        if self.kind == "linear":
            return x / self.vmax
        if self.kind == "affine":
            return (x - self.x0) / (self.vmax - self.x0)
        return np.arcsinh(x / self.x0) / np.arcsinh(self.vmax / self.x0)

    def inverse(self, y: np.ndarray) -> np.ndarray:
        """Stretched values -> physical values, any shape."""
        if self.kind == "linear":
            return y * self.vmax
        if self.kind == "affine":  # a large zero point would swallow a small range in single precision
            return np.asarray(y, np.float64) * (self.vmax - self.x0) + self.x0
        return np.sinh(y * np.arcsinh(self.vmax / self.x0)) * self.x0

    @property
    def quantum(self) -> float:
        """What one grey level of a picture is in stretched values; 0 where values are no levels."""
        return 1 / self.vmax if self.kind == "linear" and self.vmax >= EIGHT_BIT else 0.0

    def scaled(self, factor: float, offset: float) -> "Stretch":
        """An affine stretch of numbers that are factor * number + offset in this one's unit, to the same values."""
        return replace(self, x0=(self.x0 - offset) / factor, vmax=(self.vmax - offset) / factor)

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value != ""}


def stored_as(y: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Stretched values as a reel keeps them, any shape: rounded to one of 256 levels from 0 to 1 for uint8."""
    if dtype == np.uint8:
        return np.rint(np.clip(y, 0, 1) * np.float32(EIGHT_BIT)).astype(np.uint8)
    return y.astype(dtype)


def values_of(stored: np.ndarray) -> np.ndarray:
    """Stretched values of what a reel keeps, any shape: float32 of levels, the same as a float32 reel of them has."""
    return VALUES[stored] if stored.dtype == np.uint8 else stored


class Levels:
    """Frames stored as levels, as the array of stretched values that they stand for, read where they are asked for."""

    dtype = VALUES.dtype

    def __init__(self, stored: np.ndarray):
        self.stored, self.shape = stored, stored.shape

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, key) -> np.ndarray:
        return values_of(self.stored[key])

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)


def as_values(stored: Any) -> Any:
    """The array of stretched values that one of what a reel keeps stands for."""
    return Levels(stored) if stored.dtype == np.uint8 else stored


def fit_asinh(values: np.ndarray) -> Stretch:
    """Fit an asinh stretch to valid physical values: x0 is their median, vmax their 99.9 % quantile.

    Raises ValueError when the values hold no positive spread to scale by.
    """
    x0, vmax = np.quantile(values[values > 0], [0.5, 0.999]) if (values > 0).any() else (0.0, 0.0)
    if not vmax > 0:
        raise ValueError("no positive pixel values to fit the intensity stretch on; give prep.stretch")
    return Stretch("asinh", float(x0), float(max(vmax, 1.001 * x0)))


def fit_affine(values: np.ndarray) -> Stretch:
    """Fit an affine stretch to valid values: 98 % of them lie in 0..1, whatever the outliers are.

    Where nearly all are equal, as those of a switch, the whole range is taken; a constant lies at 0.5.
    """
    low, high = np.quantile(values, [0.01, 0.99])
    if not high > low:
        low, high = values.min(), values.max()
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        half = 0.5 * max(abs(low), 1.0)
        low, high = low - half, low + half
    return Stretch("affine", float(low), float(high))


def restretch(y: np.ndarray, old: list[Stretch], new: list[Stretch]) -> np.ndarray:
    """Map frames `(..., C, H, W)` from one set of channel stretches to another; unchanged when they are equal."""
    if old == new:
        return y
    channels = [b.forward(a.inverse(y[..., c, :, :])) for c, (a, b) in enumerate(zip(old, new, strict=True))]
    return np.stack(channels, axis=-3).astype(y.dtype)


def fit_growth(values: np.ndarray) -> Stretch:
    """Fit an asinh stretch to values that move the more the higher they are, none negative: moves by one share of the
    level are alike above x0, where nineteen in twenty of them lie. 99 % of all lie in 0..1.
    """
    low, high = np.quantile(values[values > 0], [0.05, 0.99])
    return Stretch("asinh", float(low), float(max(high, 1.001 * low)))
