"""How the frames of a reel are scored and events are found: section `eval`."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from config import registry
from config.fields import STRICT, Fraction, NonNegative, NonNegativeInt, Percent, Positive, PositiveInt


def _is_part_of_a_mix(name: str) -> str:
    registry.check_mix_part(name)
    return name


def _has_area(polygon: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    pairs = zip(polygon, (*polygon[1:], polygon[0]), strict=True)
    if abs(sum(x * v - u * y for (x, y), (u, v) in pairs)) < 1:
        raise ValueError("a polygon is [[x, y], [x, y], [x, y], ...] in source px, and encloses at least a pixel")
    return polygon


@dataclass(frozen=True, config=STRICT)
class Zone:
    """A named place of a scene.

    polygon: its corners (x, y) in source px. false_alarms_per_hour: that auto thresholds allow in it, if not as
    elsewhere.
    """

    name: Annotated[str, Field(min_length=1, max_length=60)]
    polygon: Annotated[tuple[tuple[float, float], ...], Field(min_length=3), AfterValidator(_has_area)]
    kind: Literal["named", "only", "ignore"] = "named"
    false_alarms_per_hour: Positive | None = None

    @property
    def allowed_per_day(self) -> float:
        """False alarms a day that its own rate allows; none without one."""
        return 24 * (self.false_alarms_per_hour or 0.0)

    @model_validator(mode="after")
    def _a_rate_is_of_what_is_watched(self):
        if self.kind == "ignore" and self.false_alarms_per_hour is not None:
            raise ValueError(f"zone {self.name} is ignored, so it has no false_alarms_per_hour; leave out one of them")
        return self


def _streams(value: object) -> object:
    """One address, several or none, as read from JSON."""
    if isinstance(value, list):
        return tuple(value)
    return () if value is None else (value,) if isinstance(value, str) else value


def _is_alarm_address(address: str) -> str:
    if not address.startswith(ALARM_SCHEMES) or not address.partition("://")[2].strip("/"):
        raise ValueError(
            f"{address!r} is nowhere that alarms can go: give http://..., https://..., mqtt://host/topic or "
            "mqtts://host/topic, or a command as a list, e.g. [/usr/local/bin/notify, gate]"
        )
    return address


ALARM_SCHEMES = ("http://", "https://", "mqtt://", "mqtts://")
NonEmpty = Annotated[str, Field(min_length=1)]
Streams = Annotated[
    tuple[NonEmpty, ...], BeforeValidator(_streams, json_schema_input_type=NonEmpty | tuple[NonEmpty, ...] | None)
]
AlarmAddress = Annotated[str, AfterValidator(_is_alarm_address)]
AlarmCommand = Annotated[tuple[NonEmpty, ...], Field(min_length=1)]
Port = Annotated[int, Field(ge=0, le=65535)]
MixPart = Annotated[str, AfterValidator(_is_part_of_a_mix)]


@dataclass(frozen=True, config=STRICT)
class EvalConfig:
    """What `eval` does with a run: how it scores, which alarms are asked for, and what is written."""

    mode: Literal["heatmap", "boxes"] = "boxes"
    diagnostic: bool = False
    batch_size: PositiveInt = 8
    stride: PositiveInt = 16
    overlap: Literal["mean", "max", "percentile"] = "mean"
    overlap_percentile: Percent = 99.0
    score: Literal["residual", "standardised", "mahalanobis", "knn", "mix"] = "standardised"
    mix: Annotated[tuple[MixPart, ...], Field(min_length=1)] = ("standardised", "mahalanobis")
    combine: Literal["mean", "max", "rms", "each"] = "rms"
    plain_evidence: NonNegative = 1.0
    own_evidence: NonNegative = 0.0
    smooth_samples: PositiveInt = 1
    common_mode: bool = True
    smooth_px: Annotated[float, Field(ge=0, le=1000)] = 1.0
    threshold_low: Positive | Literal["auto"] = "auto"
    threshold_high: Positive | Literal["auto"] = "auto"
    false_alarms_per_day: Positive = 1.0
    false_alarms_per_hour: Positive | None = None
    min_area: PositiveInt = 4
    iou_thresh: Fraction = 0.2
    link_gap_frames: NonNegativeInt = 3
    link_gap_s: NonNegative = 0.0
    link_distance_px: NonNegative = 6.0
    group_distance_px: NonNegative = 6.0
    group_distance_arcsec: NonNegative = 0.0
    group_within_min: NonNegative = 12.0
    min_frames: PositiveInt = 1
    extend_share: Fraction = 0.0
    zones: tuple[Zone, ...] = ()
    any_cadence: bool = False
    catalog: str | None = None
    catalog_tolerance_min: NonNegative = 15.0
    catalog_distance_arcsec: Positive = 250.0
    xrs: str | None = None
    regions: str | None = None
    joint: tuple[str, ...] = ()
    sources: str | None = None
    fps: Annotated[int, Field(gt=0, le=1000)] = 24
    heat_weight: Fraction = 0.4
    scale_factor: PositiveInt | None = None
    movie: bool = True
    movie_only: bool = False
    score_maps_mb: NonNegative | None = None
    follow: Streams = ()
    follow_timeout_s: Positive = 30.0
    follow_delay_s: Positive = 10.0
    follow_memory_s: NonNegative = 3600.0
    follow_log_mb: Positive = 64.0
    follow_log_parts: NonNegativeInt = 8
    follow_poll_s: Positive = 10.0
    follow_late_s: NonNegative = 120.0
    follow_idle_s: Positive | None = None
    follow_pattern: Annotated[str, Field(min_length=1)] = "*"
    follow_keep_mb: Positive = 512.0
    follow_options: dict[str, str] = Field(default_factory=dict)
    follow_alarms: tuple[AlarmAddress | AlarmCommand, ...] = ()
    follow_alarms_mb: Positive = 256.0
    follow_clip_frames: NonNegativeInt = 100
    follow_metrics_port: Port | None = None

    @property
    def allowed_per_day(self) -> float:
        """False alarms a day that auto thresholds allow."""
        return self.false_alarms_per_day if self.false_alarms_per_hour is None else 24 * self.false_alarms_per_hour

    @property
    def fixed_thresholds(self) -> tuple[float, float] | None:
        """(low, high) where they are numbers, None where they are auto."""
        low, high = self.threshold_low, self.threshold_high
        return None if low == "auto" or high == "auto" else (low, high)

    @model_validator(mode="after")
    def _zones_have_names_of_their_own(self):
        names = [zone.name for zone in self.zones]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"zones: {', '.join(twice)} is there twice; a name is that of one zone")
        return self

    @model_validator(mode="after")
    def _a_movie_that_is_wanted_is_drawn(self):
        if self.movie_only and not self.movie:
            raise ValueError("movie_only draws the movie, and movie is off; leave out one of them")
        return self

    @model_validator(mode="after")
    def _levels_are_ordered(self):
        low, high = self.threshold_low, self.threshold_high
        if (low == "auto") != (high == "auto"):
            raise ValueError(f"threshold_low {low} and threshold_high {high}: both numbers or both auto")
        if low != "auto" and high != "auto" and low > high:
            raise ValueError(f"threshold_low {low} exceeds threshold_high {high}")
        if low != "auto" and (own := [zone.name for zone in self.zones if zone.false_alarms_per_hour is not None]):
            raise ValueError(
                f"zones: false_alarms_per_hour of {', '.join(own)} is for auto thresholds, and threshold_low is {low}; "
                "leave out one of them"
            )
        return self
