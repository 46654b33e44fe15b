"""From a YAML file and the command line to a Config, and back."""

import copy
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from config import registry
from config.faults import origin_of, refused
from config.fields import ConfigError
from config.sections.train import TrainConfig
from config.settings import Config
from config.yaml_text import parse, read_file

T = TypeVar("T")
SECTIONS = ("prep", "review", "model", "train", "eval", "export")
log = logging.getLogger("reelwatch.config")  # data.messages shows it


def load(path: str | Path | None, overrides: dict[str, Any] | None = None, set_: list[str] | None = None) -> Config:
    """Read a YAML file and apply overrides on top.

    `overrides` maps dotted keys to values; `set_` holds "section.key=value" texts, typed like the YAML. Where they
    choose another model than the file does, what the file says of its own model is left out.
    Raises ConfigError that names the key and where it was given.
    """
    raw = without_empty_sections(read_file(Path(path))) if path else {}
    given = [*map(_assignment, set_ or [])]
    given += [(key, value, "command line") for key, value in copy.deepcopy(overrides or {}).items()]
    for name in [*_names_chosen(given)][-1:]:
        raw = _for_model(raw, name, str(path))
    for key, value, origin in given:
        _put(raw, key, value, origin)
    raw = without_empty_sections(raw)
    origins = {key: origin for key, _, origin in given}
    return _validated(_at_home(raw, ""), lambda key: origin_of(key, origins, str(path or "command line")))


def without_empty_sections(raw: dict[str, Any]) -> dict[str, Any]:
    """The same without sections that hold nothing, or comments alone: YAML reads `prep:` as null."""
    return {key: value for key, value in raw.items() if value is not None or key not in SECTIONS}


def _at_home(value: Any, key: str) -> Any:
    """Values with paths that begin with ~/ or a variable of the environment, as a shell would give them.

    Raises ConfigError for a variable that is not set.
    """
    if isinstance(value, dict):
        return {name: _at_home(inside, f"{key}.{name}".strip(".")) for name, inside in value.items()}
    if isinstance(value, list):
        return [_at_home(inside, key) for inside in value]
    if not isinstance(value, str) or not (found := re.match(r"~/|\$\{?(\w+)\}?(?=/)", value)):
        return value
    if found[1] and found[1] not in os.environ:
        raise ConfigError(f"{key} {value!r}: {found[1]} is not set in the environment; set it, or write the path out")
    return (os.environ[found[1]] if found[1] else str(Path.home()) + "/") + value[found.end() :]


def _assignment(text: str) -> tuple[str, Any, str]:
    """Key, value and origin of a text of --set."""
    key, separator, value = text.partition("=")
    key = key.strip()
    if not separator or not all(key.split(".")):
        example = "section.key=value, e.g. train.epochs=20; in quotes if it has spaces"
        raise ConfigError(f"--set {text}: expected {example}")
    return key, parse(value, f"--set {text}"), f"--set {text}"


def _names_chosen(given: list[tuple[str, Any, str]]) -> Iterator[Any]:
    """The names of models on the command line, alone or with a whole section; the last counts."""
    for key, value, _ in given:
        if key == "model.name":
            yield value
        elif key == "model" and isinstance(value, dict):
            yield value.get("name", registry.DEFAULT)


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


def section(config_class: type[T], raw: dict[str, Any], origin: str) -> T:
    """Validate the plain data of one section, which needs no model and so no torch; `origin` is named in errors."""
    try:
        return TypeAdapter(config_class).validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        raise refused(error, raw, lambda _: origin) from None


def as_dict(config: Config) -> dict[str, Any]:
    """The config as plain YAML-able data."""
    return json.loads(json.dumps(asdict(config)))


def dump(config: Config) -> str:
    """The config as YAML text that `load` reads back to an equal Config."""
    return _written(json.dumps(asdict(config)))


@lru_cache(maxsize=16)
def _written(plain: str) -> str:
    """The YAML text of plain data in JSON."""
    return yaml.safe_dump(json.loads(plain), sort_keys=False)


def _put(raw: dict[str, Any], dotted: str, value: Any, origin: str) -> None:
    *parents, leaf = dotted.split(".")
    for parent in parents:
        if raw.get(parent) is None:
            raw[parent] = {}
        raw = raw[parent]
        if not isinstance(raw, dict):
            raise ConfigError(f"{origin}: {dotted}: {parent} is a value, not a section")
    raw[leaf] = value


def _validated(raw: dict[str, Any], origin: Callable[[str], str]) -> Config:
    try:
        # JSON mode is strict about numbers and texts and still takes a list for a tuple.
        return TypeAdapter(Config).validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        raise refused(error, raw, origin) from None
