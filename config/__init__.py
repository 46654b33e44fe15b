"""Every setting of the program: typed, frozen, and loaded strictly.

`load(path, overrides)` is the one way in. An unknown key, a wrong type or an impossible value is a ConfigError that
names the key and where it was given: in which file, or on the command line. Meanings and units stand beside the
defaults in `config.yaml`.
"""

from config.faults import json_schema, known_keys
from config.fields import ConfigError, NonNegative, Positive, PositiveInt
from config.loading import as_dict, dump, from_dict, load, section
from config.sections.eval import EvalConfig
from config.sections.export import ExportConfig
from config.sections.model import DataKind, ModelConfig, NetConfig, StageConfig, Stages
from config.sections.prep import CropConfig, LightCurvesConfig, PrepConfig, SkyConfig, VsoConfig
from config.sections.train import SyntheticConfig, TrainConfig, WeakConfig
from config.settings import Config, ReviewConfig

__all__ = [
    "Config",
    "ConfigError",
    "CropConfig",
    "DataKind",
    "EvalConfig",
    "ExportConfig",
    "LightCurvesConfig",
    "ModelConfig",
    "NetConfig",
    "NonNegative",
    "Positive",
    "PositiveInt",
    "PrepConfig",
    "ReviewConfig",
    "SkyConfig",
    "StageConfig",
    "Stages",
    "SyntheticConfig",
    "TrainConfig",
    "VsoConfig",
    "WeakConfig",
    "as_dict",
    "dump",
    "from_dict",
    "json_schema",
    "known_keys",
    "load",
    "section",
]
