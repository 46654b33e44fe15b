"""YAML as people write it, read strictly."""

import copy
import json
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError

from config.fields import ConfigError

MOST_BYTES, MOST_VALUES = 2**18, 10_000  # far beyond any settings


class _Loader(yaml.SafeLoader):
    """YAML whose times stay text, whose keys come once, and whose numbers are what they look like.

    YAML 1.1 reads `1e-3` as text, 010 as 8, and 1:30 as 90.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """A section. Raises ConstructorError for a key that comes twice, of which YAML would take the last."""
        counts = Counter(str(key.value) for key, _ in node.value)
        for key, _ in reversed(node.value):
            if counts[str(key.value)] > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} comes twice", key.start_mark)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """The next part of the tree. Raises ComposerError for one of many parts, before there is more of it."""
        self.parts = getattr(self, "parts", 0) + 1
        if self.parts > MOST_VALUES:
            raise _too_many("values", self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def get_single_node(self) -> yaml.Node | None:
        """The tree of the text. Raises ComposerError for one that would be too large with its aliases written out."""
        node = super().get_single_node()
        if node is not None:
            _size(node, {})
        return node


def _too_many(what: str, mark: Any) -> ComposerError:
    return ComposerError(None, None, f"more than {MOST_VALUES} {what}", mark)


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Values in a tree with its aliases written out. Raises ComposerError beyond MOST_VALUES; one may hold itself."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = MOST_VALUES + 1  # what is met again inside itself has no end
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    if known[id(node)] > MOST_VALUES:
        raise _too_many("values, with its aliases written out", node.start_mark)
    return known[id(node)]


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(("timestamp", "float", "int"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"), list("-+0123456789")
)
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


def read_file(path: Path) -> dict[str, Any]:
    """A file of sections. Raises ConfigError."""
    if not path.is_file():
        what = "is no file" if path.exists() else "does not exist"
        raise ConfigError(f"config file {path} {what}; give one with -c/--config")
    if (size := path.stat().st_size) > MOST_BYTES:
        raise ConfigError(f"{path}: {size} bytes are more than any settings have; give another with -c/--config")
    try:
        raw = parse(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: no text in UTF-8 ({error}); give another with -c/--config") from None
    if not isinstance(raw, dict):
        raise ConfigError(
            f"{path}: expected sections of settings, found {'nothing' if raw is None else type(raw).__name__}"
        )
    return raw


@lru_cache(maxsize=16)
def _loaded(text: str) -> Any:
    """The value, of a text that is read many times once: the config of a run, for each of thousands of short reels."""
    value = yaml.load(text, Loader=_Loader)
    json.dumps(value)  # settings hold nothing else: no sets, no bytes
    return value


def parse(text: str, origin: str) -> Any:
    """One value; `origin` is named in errors. Raises ConfigError."""
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{origin}: {len(text)} characters are more than any settings have")
    try:
        return copy.deepcopy(_loaded(text))
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark or error.context_mark, error.problem or error.context
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark and "\n" in text else ""
        hint = next((hint for said, hint in _YAML_HINTS.items() if said in str(problem)), "")
        raise ConfigError(f"{origin}{place}: not valid YAML: {problem}{hint}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin}: not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{origin}: not valid YAML: nested too deeply") from None
    except (ValueError, TypeError, AttributeError, LookupError) as error:  # values that can't be made
        raise ConfigError(f"{origin}: not valid YAML: {error}") from None
