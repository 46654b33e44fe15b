"""What a setting that can't be used is told as: its key, where it was given, and the nearest known key."""

import difflib
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from config.fields import ConfigError
from config.settings import Config


def refused(error: ValidationError, raw: dict[str, Any], origin: Callable[[str], str]) -> ConfigError:
    """The error to raise about the plain data `raw`; `origin` says where a key was given."""
    told: dict[str, str] = {}
    faults = [(_key(fault["loc"], raw), fault) for fault in error.errors()]
    for key, fault in faults:
        # Of a setting that may be a list or a word, a list is wrong by what is in it, not by being no word.
        if key and any(other.startswith(f"{key}.") for other, _ in faults):
            continue
        text = _explained(fault)
        # A setting that may be this or that says of each why it is not.
        told[key] = f"{told[key]}, or {text}" if key in told else f"{origin(key)}: {_named(key, fault)}{text}"
    return ConfigError("\n".join(told.values()))


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


def origin_of(key: str, given: dict[str, str], file: str) -> str:
    """Where a key was given: on the command line or in the file, and a section as a whole maybe in both."""
    for name, text in given.items():
        if f"{key}.".startswith(f"{name}."):
            return text
    inside = [text for name, text in given.items() if name.startswith(f"{key}.") or not key]
    return ", ".join(dict.fromkeys([file, *inside]))


def _key(place: tuple[str | int, ...], raw: Any) -> str:
    """The dotted key of an error; pydantic's own names of what a setting may be are left out, as what is behind it."""
    parts = []
    for part in place:
        if not isinstance(raw, dict | list):
            break
        if isinstance(raw, list) and not isinstance(part, int):
            continue
        parts.append(str(part))
        inside: dict[Any, Any] = raw if isinstance(raw, dict) else dict(enumerate(raw))
        raw = inside.get(part, {})
    return ".".join(parts)


def _named(key: str, fault: Any) -> str:
    if fault["type"] == "unexpected_keyword_argument":
        return f"unknown key {key}"
    if not key:  # settings that don't go together, which their own text names
        return ""
    value = fault["input"]
    return f"{key}: " if isinstance(value, dict) else f"{key} {value!r}: "


def _explained(fault: Any) -> str:
    if fault["type"] == "unexpected_keyword_argument":
        return (
            f"; {_as_section(fault['loc']) or _nearest(_dotted(fault['loc']))}the program's config.yaml lists every key"
        )
    return fault["msg"].removeprefix("Value error, ").replace("a valid array", "a list").replace("Tuple", "List")


def _dotted(place: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in place)


def _as_section(place: tuple[str | int, ...]) -> str:
    """How a key is written that has dots in its name, as `--set` takes it and a file does not; "" of any other."""
    if "." not in str(place[-1]) or _dotted(place) not in known_keys():
        return ""
    *sections, name = _dotted(place).split(".")
    inside = f"{name}: ..."
    for section in reversed(sections):
        inside = f"{section}: {{{inside}}}"
    return f"in a file it is {inside}; "


def _nearest(key: str) -> str:
    """The known keys that an unknown one may stand for: of the same name elsewhere, else the most similar."""
    keys, by_name = known_keys(), {}
    for known in keys:
        by_name.setdefault(known.rpartition(".")[2], []).append(known)
    name = key.rpartition(".")[2]
    alike = by_name.get(name) or difflib.get_close_matches(key, keys, n=1, cutoff=0.8)
    if not alike:
        alike = [known for close in difflib.get_close_matches(name, by_name, n=1) for known in by_name[close]]
    return f"did you mean {' or '.join(alike[:3])}? " if alike else ""
