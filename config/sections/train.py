"""How a model learns: section `train`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from config.fields import (
    STRICT,
    AutoOrOff,
    FlareClass,
    Fraction,
    NonNegative,
    NonNegativeInt,
    Place,
    Positive,
    PositiveInt,
    UtcInterval,
    is_ordered,
    weights_of,
)

SHAPES = {
    "sines": 1.5, "wave": 2.0, "pulses": 2.0, "square": 0.7, "sawtooth": 0.7, "daily_weekly": 1.0, "respiration": 1.0,
    "quasi_periodic": 0.5, "chaotic": 0.5, "noise_ar": 0.7, "random_walk": 0.5, "staircase": 0.5, "duty_cycle": 0.5,
    "bursts": 0.5, "flares": 0.5, "silence": 0.2,
}  # fmt: skip
SENSORS = {"exact": 7.0, "quantised": 1.5, "clipped": 1.0, "counts": 0.5}
ANOMALIES = {
    "spike": 1.0, "dip": 1.0, "level_shift": 1.0, "level_change": 0.5, "trend": 0.7, "transient": 1.5,
    "amplitude": 1.0, "frequency": 1.0, "variance": 0.7, "noise_colour": 0.5, "flat_line": 0.7, "cut_off": 0.5,
    "foreign": 1.0, "missing_cycle": 0.7, "doubled_cycle": 0.7, "phase_jump": 0.7, "swapped": 0.5, "mirrored": 0.7,
    "shape_change": 1.5, "broken_correlation": 1.0,
}  # fmt: skip


@dataclass(frozen=True, config=STRICT)
class WeakConfig:
    """Labels of whole windows that a model learns from, and how it is told where in them."""

    labels: Annotated[str, Field(min_length=1)] | None = None
    min_class: FlareClass | None = None
    segments: Annotated[int, Field(ge=2)] = 12
    level: Fraction = 0.3
    gamma: Positive = 0.1
    margin: NonNegative = 0.1
    splice: Fraction = 0.0


@dataclass(frozen=True, config=STRICT)
class SyntheticConfig:
    """Series that are made for a training without data: their lengths, shapes, noise and anomalies."""

    length: Annotated[int, Field(ge=64, multiple_of=4)] = 1024
    series: PositiveInt = 16384
    val_series: PositiveInt = 1024
    channels: Annotated[tuple[PositiveInt, PositiveInt], AfterValidator(is_ordered)] = (1, 4)
    univariate_fraction: Fraction = 0.7
    independent_fraction: Fraction = 0.2
    clean_fraction: Fraction = 0.25
    max_anomalies: NonNegativeInt = 3
    strength: Annotated[tuple[Positive, Positive], AfterValidator(is_ordered)] = (1.0, 15.0)
    huge_fraction: Fraction = 0.0
    huge_strength: Annotated[tuple[Positive, Positive], AfterValidator(is_ordered)] = (15.0, 1e4)
    min_visible: Positive = 0.1
    longest_periods: Annotated[float, Field(ge=0.5)] = 4.0
    noise: Annotated[tuple[Positive, Positive], AfterValidator(is_ordered)] = (0.01, 0.7)
    noiseless_fraction: Fraction = 0.15
    missing_fraction: Fraction = 0.1
    trend_fraction: Fraction = 0.25
    sum_fraction: Fraction = 0.2
    shapes: Annotated[dict[str, NonNegative], weights_of(tuple(SHAPES))] = Field(default_factory=SHAPES.copy)
    sensors: Annotated[dict[str, NonNegative], weights_of(tuple(SENSORS))] = Field(default_factory=SENSORS.copy)
    anomalies: Annotated[dict[str, NonNegative], weights_of(tuple(ANOMALIES))] = Field(default_factory=ANOMALIES.copy)


@dataclass(frozen=True, config=STRICT)
class TrainConfig:
    """How a model is trained, and on which quiet data."""

    batch_size: PositiveInt = 8
    drop_last: bool = True
    lr: Positive = 1e-3
    weight_decay: NonNegative = 1e-5
    epochs: PositiveInt = 100
    warmup_epochs: NonNegative = 5.0
    eta_min: NonNegative = 1e-6
    checkpoint_interval: PositiveInt = 10
    loss: Literal[
        "mse", "l1", "smooth_l1", "mse_ssim", "motion_mse", "weak_bce", "wetas", "mil", "soft_peaks"
    ] = "mse_ssim"  # fmt: skip
    weak: WeakConfig = Field(default_factory=WeakConfig)
    synthetic: SyntheticConfig = Field(default_factory=SyntheticConfig)
    init: Literal["shipped"] | None = None
    contrast_weight: NonNegative = 0.1
    balance_weight: NonNegative = 0.2
    grad_clip: Positive = 1.0
    amp: AutoOrOff = "auto"
    val_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    val_reels: tuple[str, ...] = ()
    exclude_utc: tuple[UtcInterval, ...] | Place = ()
    exclude_flares: str | None = None
    exclude_class: FlareClass = "C1.0"
    early_stop_epochs: NonNegativeInt = 0
    each_reel: bool = False
    resume: bool = False
    tensorboard: bool = False

    @property
    def excluded_utc(self) -> tuple[tuple[str, str], ...]:
        """exclude_utc, once data.labels.quiet_hours has read its file. Raises ValueError before."""
        if isinstance(self.exclude_utc, str):
            raise ValueError(f"train.exclude_utc {self.exclude_utc} was not read yet")
        return self.exclude_utc

    @model_validator(mode="after")
    def _schedule_is_possible(self):
        if self.eta_min > self.lr:
            raise ValueError(f"eta_min {self.eta_min} exceeds lr {self.lr}")
        if self.lr * self.weight_decay >= 1:  # AdamW takes that share off in a step
            raise ValueError(f"weight_decay {self.weight_decay:g} times lr {self.lr:g} is 1 or more: lower one of them")
        return self
