"""Every setting of the program: typed, frozen, and loaded strictly.

`load(path, overrides)` is the one way in. An unknown key, a wrong type or an impossible value is a ConfigError that
names the key and where it was given: in which file, or on the command line. Meanings and units stand beside the
defaults in `config.yaml`.
"""

from config.settings import (
    Config,
    ConfigError,
    DataKind,
    EvalConfig,
    LightCurvesConfig,
    ModelConfig,
    NetConfig,
    NonNegative,
    Positive,
    PositiveInt,
    PrepConfig,
    ReviewConfig,
    SkyConfig,
    StageConfig,
    Stages,
    SyntheticConfig,
    TrainConfig,
    VsoConfig,
    WeakConfig,
    as_dict,
    dump,
    from_dict,
    json_schema,
    known_keys,
    load,
)

__all__ = [
    "Config",
    "ConfigError",
    "DataKind",
    "EvalConfig",
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
]
