"""Fixed, invertible intensity scaling: one pair of constants per channel, never per frame.

`y = asinh(x / x0) / asinh(vmax / x0)`: linear below x0, logarithmic above, defined for the small negative values that
level-1 images legally hold. `vmax` maps to 1 and nothing is clipped, so that every value can be mapped back.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Stretch:
    """Scaling of one channel; `x0` and `vmax` are in the channel's physical unit (DN/s, or 8-bit level)."""

    kind: Literal["asinh", "linear"]
    x0: float
    vmax: float

    def __post_init__(self) -> None:
        if not (self.x0 > 0 and self.vmax > 0 and np.isfinite([self.x0, self.vmax]).all()):
            raise ValueError(f"stretch x0 {self.x0} and vmax {self.vmax} must be positive and finite")

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Physical values -> stretched values, any shape."""
        if self.kind == "linear":
            return x / self.vmax
        return np.arcsinh(x / self.x0) / np.arcsinh(self.vmax / self.x0)

    def inverse(self, y: np.ndarray) -> np.ndarray:
        """Stretched values -> physical values, any shape."""
        if self.kind == "linear":
            return y * self.vmax
        return np.sinh(y * np.arcsinh(self.vmax / self.x0)) * self.x0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def fit_asinh(values: np.ndarray) -> Stretch:
    """Fit an asinh stretch to valid physical values: x0 is their median, vmax their 99.9 % quantile.

    Raises ValueError when the values hold no positive spread to scale by.
    """
    x0, vmax = np.quantile(values[values > 0], [0.5, 0.999]) if (values > 0).any() else (0.0, 0.0)
    if not vmax > 0:
        raise ValueError("no positive pixel values to fit the intensity stretch on; give prep.stretch")
    return Stretch("asinh", float(x0), float(max(vmax, 1.001 * x0)))


def restretch(y: np.ndarray, old: list[Stretch], new: list[Stretch]) -> np.ndarray:
    """Map frames `(..., C, H, W)` from one set of channel stretches to another; unchanged when they are equal."""
    if old == new:
        return y
    channels = [b.forward(a.inverse(y[..., c, :, :])) for c, (a, b) in enumerate(zip(old, new, strict=True))]
    return np.stack(channels, axis=-3).astype(y.dtype)
