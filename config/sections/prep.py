"""What the mode prep is told: section `prep`."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from config.fields import (
    STRICT,
    AutoOrOff,
    Bit,
    Encoding,
    Fraction,
    NonNegative,
    NonNegativeInt,
    Positive,
    PositiveInt,
    Rectangle,
    TimeFormat,
    TimeZone,
    UtcInterval,
    UtcTime,
)


@dataclass(frozen=True, config=STRICT)
class VsoConfig:
    """What is asked of the Virtual Solar Observatory, and how it is downloaded."""

    start: UtcTime | None = None
    end: UtcTime | None = None
    instrument: str = "aia"
    cadence_sec: Positive = 60.0
    level: Literal["1", "1.5s"] = "1"
    provider: str | None = None
    retries: NonNegativeInt = 3
    timeout_sec: Positive = 60.0
    connections: PositiveInt = 4
    allow_partial: bool = False

    @model_validator(mode="after")
    def _is_in_order(self):
        if self.start and self.end and datetime.fromisoformat(self.end) < datetime.fromisoformat(self.start):
            raise ValueError(f"start {self.start} lies after end {self.end}")
        if self.level == "1.5s" and self.instrument.lower() != "aia":
            raise ValueError(f"level 1.5s exists of instrument aia only, not of {self.instrument}")
        return self


@dataclass(frozen=True, config=STRICT)
class SkyConfig:
    """Where the Sun is in frames that do not tell it: arcsec a pixel, and the middle of its disc (x, y), of pictures
    from the upper left corner, of FITS from the lower left one.
    """

    pixel_arcsec: Positive
    disc_centre_px: tuple[float, float]


@dataclass(frozen=True, config=STRICT)
class CropConfig:
    """The part of every picture that is kept, in pixels of the files."""

    x: NonNegativeInt
    y: NonNegativeInt
    width: PositiveInt
    height: PositiveInt


@dataclass(frozen=True, config=STRICT)
class LightCurvesConfig:
    """Series that are made of the pixels of prepared reels: of the cells of a grid, or of named boxes."""

    grid: tuple[PositiveInt, PositiveInt] | None = None
    boxes: dict[str, Rectangle] = Field(default_factory=dict)
    statistics: Annotated[tuple[Literal["mean", "max", "spread"], ...], Field(min_length=1)] = ("mean", "max", "spread")
    common_mode: bool = False

    @model_validator(mode="after")
    def _has_places(self):
        if (self.grid is None) == (not self.boxes):
            raise ValueError("needs either grid: [rows, columns] or boxes: {name: [x0, y0, x1, y1]}")
        return self


@dataclass(frozen=True, config=STRICT)
class PrepConfig:
    """How files become reels."""

    source: Literal["local", "vso"] = "local"
    vso: VsoConfig = Field(default_factory=VsoConfig)
    clip_length: Annotated[int, Field(ge=2)] = 32
    stride: PositiveInt = 4
    crop: CropConfig | None = None
    resize: tuple[PositiveInt, PositiveInt] | None = (112, 112)
    aspect: Literal["auto", "keep", "stretch"] = "auto"
    precision: Literal["auto", "float16", "float32"] = "float32"
    store: Literal["npy", "zarr"] = "npy"
    sample_interval_sec: Positive | None = None
    gap_threshold: Annotated[float, Field(gt=1)] = 3.0
    channels: Literal["separate", "stack"] = "separate"
    match_tolerance_sec: NonNegative = 12.0
    wavelengths: tuple[PositiveInt, ...] = ()
    quality_reject: tuple[Bit, ...] | None = None
    quality_flag: tuple[Bit, ...] | None = None
    normalise_exposure: bool = True
    saturation_dn: Positive | Literal["auto"] | None = "auto"
    shape_tolerance_px: NonNegativeInt = 2
    min_coverage: Fraction = 0.5
    register: AutoOrOff = "auto"
    rsun_arcsec: Positive | None = None
    degradation_table: str | None = None
    pointing_table: str | None = None
    off_limb: Literal["keep", "mask"] = "keep"
    sky: SkyConfig | None = None
    mask: tuple[Rectangle, ...] = ()
    field_circle: tuple[float, float, Positive] | None = None
    stretch: dict[str, tuple[Positive, Positive]] = Field(default_factory=dict)
    stretch_from: str | None = None
    fit_exclude_utc: tuple[UtcInterval, ...] | None = None
    fit_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    colour: Literal["gray", "rgb"] = "gray"
    transfer: Literal["linear", "log", "sqrt"] = "linear"
    transfer_range: Annotated[float, Field(gt=1)] = 300.0
    colormap: str | None = None
    repeats: Literal["drop", "keep"] = "drop"
    times_csv: str | None = None
    start_utc: UtcTime | None = None
    start_from: Literal["name", "made", "subtitles"] | None = None
    frames_per_second: Positive | None = None
    time_column: str | None = None
    value_columns: tuple[str, ...] = ()
    label_column: str | None = None
    label_normal: tuple[str | int | float, ...] = ()
    unix_time: bool | None = None
    time_unit: Literal["s", "ms", "us", "ns", "min", "h", "d"] | None = None
    time_format: TimeFormat | None = None
    time_zone: TimeZone | None = None
    decimal: Literal[".", ","] | None = None
    encoding: Encoding | None = None
    missing_values: tuple[float, ...] | None = None
    resample_sec: Positive | None = None
    join_files: bool = True
    light_curves: LightCurvesConfig | None = None
    classes: Literal["folder"] | None = None
    labels_csv: str | None = None
    max_input_mb: Positive = 2048.0
    movie_only: bool = False
    verify: bool = False

    @property
    def float_type(self) -> str:
        """What values are stored as that are no levels of 8 bits."""
        return "float32" if self.precision == "auto" else self.precision

    @model_validator(mode="after")
    def _false_colours_are_gray(self):
        if self.colormap and self.colour == "rgb":
            raise ValueError("colormap is undone from levels of gray; leave colour at gray with it")
        return self

    @model_validator(mode="after")
    def _download_is_complete(self):
        needed = {"vso.start": self.vso.start, "vso.end": self.vso.end, "wavelengths": self.wavelengths}
        missing = [f"prep.{key}" for key, value in needed.items() if not value]
        if self.source == "vso" and missing:
            raise ValueError(f"source vso needs {', '.join(missing)}")
        if self.source == "vso" and self.light_curves:
            raise ValueError("light_curves are cut from prepared reels; prepare those of source vso first")
        return self
