"""Every setting of the program: typed, frozen, and loaded strictly.

`load(path, overrides)` is the one way in. An unknown key, a wrong type or an impossible value is a ConfigError that
names the key and where it was given: in which file, or on the command line. Meanings and units stand beside the
defaults in `config.yaml`.
"""

import copy
import difflib
import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from config import registry

log = logging.getLogger("reelwatch.config")  # data.messages shows it

PositiveInt = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Bit = Annotated[int, Field(ge=0, le=31)]
Percent = Annotated[float, Field(ge=0, le=100)]


def _is_time(text: str) -> str:
    datetime.fromisoformat(text)  # the pattern lets a 30 February pass
    return text


def _has_length(interval: tuple[str, str]) -> tuple[str, str]:
    start, end = map(datetime.fromisoformat, interval)
    if end <= start:
        raise ValueError("an interval is [start, end] with start before end")
    return interval


def _has_area(rectangle: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = rectangle
    if x1 <= x0 or y1 <= y0:
        raise ValueError("a rectangle is [x0, y0, x1, y1], half-open, with x0 < x1 and y0 < y1")
    return rectangle


def _weights_of(known: tuple[str, ...]) -> AfterValidator:
    def check(weights: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(weights) - set(known))
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
        if not any(weights.values()):
            raise ValueError("one of the weights must be above 0")
        return weights

    return AfterValidator(check)


def _is_part_of_a_mix(name: str) -> str:
    registry.check_mix_part(name)
    return name


def _is_ordered(interval: tuple[float, float]) -> tuple[float, float]:
    if interval[0] > interval[1]:
        raise ValueError("[lowest, highest]: the first must not exceed the second")
    return interval


UtcTime = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?$"), AfterValidator(_is_time)]
UtcInterval = Annotated[tuple[UtcTime, UtcTime], AfterValidator(_has_length)]
MixPart = Annotated[str, AfterValidator(_is_part_of_a_mix)]
Rectangle = Annotated[tuple[NonNegativeInt, NonNegativeInt, PositiveInt, PositiveInt], AfterValidator(_has_area)]

# What a model learns from: frames alone; the class of their reel too; one label a window; a label for every sample; or
# synthetic series with labels in place of reels.
DataKind = Literal["frames", "classes", "window_labels", "sample_labels", "synthetic"]

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


class ConfigError(ValueError):
    """A setting that can't be used; the message names the key, the value and the file."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class VsoConfig:
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


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class SkyConfig:
    pixel_arcsec: Positive
    disc_centre_px: tuple[float, float]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class LightCurvesConfig:
    grid: tuple[PositiveInt, PositiveInt] | None = None
    boxes: dict[str, Rectangle] = Field(default_factory=dict)
    statistics: Annotated[tuple[Literal["mean", "max", "spread"], ...], Field(min_length=1)] = ("mean", "max", "spread")
    common_mode: bool = False

    @model_validator(mode="after")
    def _has_places(self):
        if (self.grid is None) == (not self.boxes):
            raise ValueError("needs either grid: [rows, columns] or boxes: {name: [x0, y0, x1, y1]}")
        return self


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class PrepConfig:
    source: Literal["local", "vso"] = "local"
    vso: VsoConfig = Field(default_factory=VsoConfig)
    clip_length: Annotated[int, Field(ge=2)] = 32
    stride: PositiveInt = 4
    resize: tuple[PositiveInt, PositiveInt] | None = (112, 112)
    precision: Literal["float16", "float32"] = "float32"
    sample_interval_sec: Positive | None = None
    gap_threshold: Annotated[float, Field(gt=1)] = 3.0
    channels: Literal["separate", "stack"] = "separate"
    match_tolerance_sec: NonNegative = 12.0
    wavelengths: tuple[PositiveInt, ...] = ()
    quality_reject: tuple[Bit, ...] = (9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 31)
    quality_flag: tuple[Bit, ...] = (0, 1, 2, 3, 4, 8, 30)
    normalise_exposure: bool = True
    saturation_dn: Positive | None = 16383.0
    shape_tolerance_px: NonNegativeInt = 2
    min_coverage: Fraction = 0.5
    register: Literal["auto", "off"] = "auto"
    rsun_arcsec: Positive | None = None
    degradation_table: str | None = None
    pointing_table: str | None = None
    off_limb: Literal["keep", "mask"] = "keep"
    sky: SkyConfig | None = None
    mask: tuple[Rectangle, ...] = ()
    field_circle: tuple[float, float, Positive] | None = None
    stretch: dict[str, tuple[Positive, Positive]] = Field(default_factory=dict)
    stretch_from: str | None = None
    fit_exclude_utc: tuple[UtcInterval, ...] = ()
    fit_fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    colour: Literal["gray", "rgb"] = "gray"
    times_csv: str | None = None
    start_utc: UtcTime | None = None
    frames_per_second: Positive | None = None
    time_column: str | None = None
    value_columns: tuple[str, ...] = ()
    label_column: str | None = None
    unix_time: bool = False
    light_curves: LightCurvesConfig | None = None
    classes: Literal["folder"] | None = None
    labels_csv: str | None = None
    movie_only: bool = False

    @model_validator(mode="after")
    def _download_is_complete(self):
        needed = {"vso.start": self.vso.start, "vso.end": self.vso.end, "wavelengths": self.wavelengths}
        missing = [f"prep.{key}" for key, value in needed.items() if not value]
        if self.source == "vso" and missing:
            raise ValueError(f"source vso needs {', '.join(missing)}")
        if self.source == "vso" and self.light_curves:
            raise ValueError("light_curves are cut from prepared reels; prepare those of source vso first")
        return self


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ReviewConfig:
    z_limit: Positive = 5.0
    contact_sheet: PositiveInt = 24
    keep: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    serve: bool = False
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] | None = None


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class StageConfig:
    """`depth` blocks of `width` channels after a convolution that shrinks the grid by `stride`.

    stride, kernel: frames, rows, columns. modulation: "none", or "dynamic", in which the clip itself scales channels of
    every time step. activation: "gelu", or "gated", a tanh times a sigmoid of another channel (van den Oord et al.
    2016, WaveNet). causal: a time step sees itself and what came before.
    """

    width: PositiveInt
    depth: PositiveInt = 1
    stride: tuple[PositiveInt, PositiveInt, PositiveInt] = (1, 1, 1)
    dilation: PositiveInt = 1
    kernel: tuple[PositiveInt, PositiveInt, PositiveInt] = (3, 3, 3)
    modulation: Literal["none", "dynamic"] = "none"
    activation: Literal["gelu", "gated"] = "gelu"
    causal: bool = False


Stages = Annotated[tuple[StageConfig, ...], Field(min_length=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ModelConfig:
    """What the settings of all nets and methods have. Those of their own stand in a subclass beside each.

    The class variables say what goes with them: the `tasks` it can do, and the settings that only one of them needs
    (`of_task`); the settings of `train` that it `uses`; the `losses` it can be trained by, where train.loss chooses.
    """

    name: str  # the model's, in the registry
    task: Literal["anomaly", "forecast", "impute", "classify"] = "anomaly"

    tasks: ClassVar[tuple[str, ...]] = ("anomaly",)
    of_task: ClassVar[dict[str, str]] = {}
    uses: ClassVar[tuple[str, ...]] = ("val_fraction", "val_reels", "exclude_utc", "resume")
    losses: ClassVar[tuple[str, ...]] = ()

    def learns_from(self, train: "TrainConfig") -> DataKind:
        """Which data it is trained on."""
        return "frames"


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class NetConfig(ModelConfig):
    """Settings of a net, which the training loop trains."""

    uses: ClassVar[tuple[str, ...]] = (
        *ModelConfig.uses, "batch_size", "drop_last", "lr", "weight_decay", "epochs", "warmup_epochs", "eta_min",
        "checkpoint_interval", "grad_clip", "amp", "early_stop_epochs", "tensorboard",
    )  # fmt: skip


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class WeakConfig:
    labels: Annotated[str, Field(min_length=1)] | None = None
    min_class: Annotated[str, Field(pattern=r"^[ABCMX]\d+(\.\d+)?$")] | None = None
    segments: Annotated[int, Field(ge=2)] = 12
    level: Fraction = 0.3
    gamma: Positive = 0.1
    margin: NonNegative = 0.1
    splice: Fraction = 0.0


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class SyntheticConfig:
    length: Annotated[int, Field(ge=64, multiple_of=4)] = 1024
    series: PositiveInt = 16384
    val_series: PositiveInt = 1024
    channels: Annotated[tuple[PositiveInt, PositiveInt], AfterValidator(_is_ordered)] = (1, 4)
    univariate_fraction: Fraction = 0.7
    independent_fraction: Fraction = 0.2
    clean_fraction: Fraction = 0.25
    max_anomalies: NonNegativeInt = 3
    strength: Annotated[tuple[Positive, Positive], AfterValidator(_is_ordered)] = (1.0, 15.0)
    min_visible: Positive = 0.1
    longest_periods: Annotated[float, Field(ge=0.5)] = 4.0
    noise: Annotated[tuple[Positive, Positive], AfterValidator(_is_ordered)] = (0.01, 0.7)
    noiseless_fraction: Fraction = 0.15
    missing_fraction: Fraction = 0.1
    trend_fraction: Fraction = 0.25
    sum_fraction: Fraction = 0.2
    shapes: Annotated[dict[str, NonNegative], _weights_of(tuple(SHAPES))] = Field(default_factory=SHAPES.copy)
    sensors: Annotated[dict[str, NonNegative], _weights_of(tuple(SENSORS))] = Field(default_factory=SENSORS.copy)
    anomalies: Annotated[dict[str, NonNegative], _weights_of(tuple(ANOMALIES))] = Field(default_factory=ANOMALIES.copy)


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TrainConfig:
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
    amp: Literal["auto", "off"] = "auto"
    val_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    val_reels: tuple[str, ...] = ()
    exclude_utc: tuple[UtcInterval, ...] = ()
    early_stop_epochs: NonNegativeInt = 0
    resume: bool = False
    tensorboard: bool = False

    @model_validator(mode="after")
    def _schedule_is_possible(self):
        if self.eta_min > self.lr:
            raise ValueError(f"eta_min {self.eta_min} exceeds lr {self.lr}")
        return self


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class EvalConfig:
    mode: Literal["heatmap", "boxes"] = "boxes"
    diagnostic: bool = False
    batch_size: PositiveInt = 8
    stride: PositiveInt = 16
    overlap: Literal["mean", "max", "percentile"] = "mean"
    overlap_percentile: Percent = 99.0
    score: Literal["residual", "standardised", "mahalanobis", "knn", "mix"] = "standardised"
    mix: Annotated[tuple[MixPart, ...], Field(min_length=1)] = ("standardised", "mahalanobis")
    combine: Literal["mean", "max", "rms", "each"] = "rms"
    smooth_samples: PositiveInt = 1
    common_mode: bool = True
    smooth_px: NonNegative = 1.0
    threshold_low: Positive | Literal["auto"] = "auto"
    threshold_high: Positive | Literal["auto"] = "auto"
    false_alarms_per_day: Positive = 1.0
    false_alarms_per_hour: Positive | None = None
    min_area: PositiveInt = 4
    iou_thresh: Fraction = 0.2
    link_gap_frames: NonNegativeInt = 3
    link_distance_px: NonNegative = 6.0
    min_frames: PositiveInt = 1
    catalog: str | None = None
    catalog_tolerance_min: NonNegative = 15.0
    catalog_distance_arcsec: Positive = 250.0
    xrs: str | None = None
    fps: PositiveInt = 24
    heat_weight: Fraction = 0.4
    scale_factor: PositiveInt | None = None
    movie_only: bool = False
    follow: Annotated[str, Field(min_length=1)] | None = None
    follow_timeout_s: Positive = 30.0
    follow_delay_s: Positive = 10.0
    follow_options: dict[str, str] = Field(default_factory=dict)

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
    def _levels_are_ordered(self):
        low, high = self.threshold_low, self.threshold_high
        if (low == "auto") != (high == "auto"):
            raise ValueError(f"threshold_low {low} and threshold_high {high}: both numbers or both auto")
        if low != "auto" and high != "auto" and low > high:
            raise ValueError(f"threshold_low {low} exceeds threshold_high {high}")
        return self


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Config:
    data_raw: str = "data/raw"
    data_clips: str = "data/processed"
    model_path: str | None = None
    workers: NonNegativeInt = 2
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")] = "auto"
    seed: NonNegativeInt = 0
    prep: PrepConfig = Field(default_factory=PrepConfig)
    review: ReviewConfig = Field(default_factory=ReviewConfig)
    model: Annotated[ModelConfig, registry.ByName()] = Field(default_factory=lambda: registry.model_settings({}))
    train: TrainConfig = Field(default_factory=TrainConfig)
    eval: EvalConfig = Field(default_factory=EvalConfig)

    @model_validator(mode="after")
    def _training_fits_the_model(self):
        registry.check_training(self.model, self.train)
        return self


class _Loader(yaml.SafeLoader):
    """YAML whose times stay text, whose `1e-3` is a number (YAML 1.1 reads it as text), and whose keys come once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """A section. Raises ConstructorError for a key that comes twice, of which YAML would take the last."""
        keys = [key.value for key, _ in node.value]
        for n, (key, _) in enumerate(node.value):
            if key.value in keys[:n]:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} comes twice", key.start_mark)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(("timestamp", "float"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(\d+\.\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


_YAML_HINTS = {
    r"'\t'": "; indent with spaces, not with tabs",
    "mapping values": "; a colon may be missing in the line before, or the indent is wrong",
}


def load(path: str | Path | None, overrides: dict[str, Any] | None = None, set_: list[str] | None = None) -> Config:
    """Read a YAML file and apply overrides on top.

    `overrides` maps dotted keys to values; `set_` holds "section.key=value" texts, typed like the YAML. Where they
    choose another model than the file does, what the file says of its own model is left out.
    Raises ConfigError that names the key and where it was given.
    """
    raw = _read(Path(path)) if path else {}
    given = [*map(_assignment, set_ or [])]
    given += [(key, value, "command line") for key, value in copy.deepcopy(overrides or {}).items()]
    for name in [value for key, value, _ in given if key == "model.name"][-1:]:
        raw = _for_model(raw, name, str(path))
    for key, value, origin in given:
        _put(raw, key, value, origin)
    origins = {key: origin for key, _, origin in given}
    return _validated(raw, lambda key: _origin(key, origins, str(path or "command line")))


def _assignment(text: str) -> tuple[str, Any, str]:
    """Key, value and origin of a text of --set."""
    key, separator, value = text.partition("=")
    key = key.strip()
    if not separator or not all(key.split(".")):
        example = "section.key=value, e.g. train.epochs=20; in quotes if it has spaces"
        raise ConfigError(f"--set {text}: expected {example}")
    return key, _parse(value, f"--set {text}"), f"--set {text}"


def _for_model(raw: dict[str, Any], name: Any, path: str) -> dict[str, Any]:
    """The settings of a file for another model than its own: without those that this one does not use."""
    sections = {key: raw.get(key) or {} for key in ("model", "train")}
    if not isinstance(name, str) or not all(isinstance(section, dict) for section in sections.values()):
        return raw  # which is told when it is validated
    own = registry.without_unused(raw | sections | {"model": sections["model"] | {"name": name}})
    usual = {
        "model": registry.defaults_beside(sections["model"]),
        "train": json.loads(json.dumps(asdict(TrainConfig()))),
    }
    left_out = [
        f"{section}.{key}"
        for section, settings in sections.items()
        for key, value in settings.items()
        if key not in own[section] and value != usual[section].get(key)
    ]
    if left_out:  # what is as usual there says nothing that one would miss
        log.info(f"{path}: for model.name {name} it is read without {', '.join(left_out)}")
    return own


def from_dict(raw: dict[str, Any], origin: str) -> Config:
    """Validate plain data (as YAML or a checkpoint holds it) into a Config; `origin` is named in errors."""
    return _validated(raw, lambda _: origin)


def as_dict(config: Config) -> dict[str, Any]:
    """The config as plain YAML-able data."""
    return json.loads(json.dumps(asdict(config)))


def dump(config: Config) -> str:
    """The config as YAML text that `load` reads back to an equal Config."""
    return yaml.safe_dump(as_dict(config), sort_keys=False)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of all settings, by which editors complete and check a file."""
    return TypeAdapter(Config).json_schema()


def known_keys() -> list[str]:
    """Every key that a config can have, with dots; sections too."""
    schema = json_schema()
    return list(dict.fromkeys(_keys_of(schema, schema["$defs"], "")))


def _keys_of(node: dict[str, Any], shared: dict[str, Any], prefix: str) -> Iterator[str]:
    node = shared[node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    branches = (*node.get("anyOf", ()), *node.get("oneOf", ()), *([node["items"]] if "items" in node else ()))
    for branch in branches:
        yield from _keys_of(branch, shared, prefix)
    for name, value in node.get("properties", {}).items():
        yield prefix + name
        yield from _keys_of(value, shared, f"{prefix}{name}.")


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        what = "is no file" if path.exists() else "does not exist"
        raise ConfigError(f"config file {path} {what}; give one with -c/--config")
    try:
        raw = _parse(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: no text in UTF-8 ({error}); give another with -c/--config") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected sections of settings, found {type(raw).__name__}")
    return raw


def _parse(text: str, origin: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark or error.context_mark, error.problem or error.context
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark and "\n" in text else ""
        hint = next((hint for said, hint in _YAML_HINTS.items() if said in str(problem)), "")
        raise ConfigError(f"{origin}{place}: not valid YAML: {problem}{hint}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin}: not valid YAML: {error}") from None


def _put(raw: dict[str, Any], dotted: str, value: Any, origin: str) -> None:
    *parents, leaf = dotted.split(".")
    for parent in parents:
        raw = raw.setdefault(parent, {})
        if not isinstance(raw, dict):
            raise ConfigError(f"{origin}: {dotted}: {parent} is a value, not a section")
    raw[leaf] = value


def _validated(raw: dict[str, Any], origin_of: Callable[[str], str]) -> Config:
    try:
        # JSON mode is strict about numbers and texts and still takes a list for a tuple.
        return TypeAdapter(Config).validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        told: dict[str, str] = {}
        for fault in error.errors():
            key, text = _key(fault["loc"], raw), _explained(fault)
            # A setting that may be this or that says of each why it is not.
            told[key] = f"{told[key]}, or {text}" if key in told else f"{origin_of(key)}: {_named(key, fault)}{text}"
        raise ConfigError("\n".join(told.values())) from None


def _origin(key: str, given: dict[str, str], file: str) -> str:
    """Where a key was given: on the command line or in the file, and a section as a whole maybe in both."""
    for name, text in given.items():
        if f"{key}.".startswith(f"{name}."):
            return text
    inside = [text for name, text in given.items() if name.startswith(f"{key}.") or not key]
    return ", ".join(dict.fromkeys([file, *inside]))


def _key(place: tuple[str | int, ...], raw: Any) -> str:
    """The dotted key of an error; behind a value pydantic goes on with names of its own, which are left out."""
    parts = []
    for part in place:
        if not isinstance(raw, dict | list):
            break
        parts.append(str(part))
        inside: dict[Any, Any] = raw if isinstance(raw, dict) else dict(enumerate(raw))
        raw = inside.get(part, {})
    return ".".join(parts)


def _named(key: str, fault: Any) -> str:
    if fault["type"] == "unexpected_keyword_argument":
        return f"unknown key {key}"
    value = fault["input"]
    return f"{key}: " if isinstance(value, dict) else f"{key} {value!r}: "


def _explained(fault: Any) -> str:
    if fault["type"] == "unexpected_keyword_argument":
        return f"; {_nearest('.'.join(str(part) for part in fault['loc']))}the program's config.yaml lists every key"
    return fault["msg"].removeprefix("Value error, ").replace("a valid array", "a list")


def _nearest(key: str) -> str:
    """The known keys that an unknown one may stand for: of the same name elsewhere, else the most similar."""
    by_name: dict[str, list[str]] = {}
    for known in known_keys():
        by_name.setdefault(known.rpartition(".")[2], []).append(known)
    name = key.rpartition(".")[2]
    alike = by_name.get(name) or difflib.get_close_matches(key, known_keys(), n=1, cutoff=0.8)
    if not alike:
        alike = [known for close in difflib.get_close_matches(name, by_name, n=1) for known in by_name[close]]
    return f"did you mean {' or '.join(alike[:3])}? " if alike else ""
