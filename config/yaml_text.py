"""YAML as people write it, read strictly."""

import re
from pathlib import Path
from typing import Any

import yaml

from config.fields import ConfigError


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


def read_file(path: Path) -> dict[str, Any]:
    """A file of sections. Raises ConfigError."""
    if not path.is_file():
        what = "is no file" if path.exists() else "does not exist"
        raise ConfigError(f"config file {path} {what}; give one with -c/--config")
    try:
        raw = parse(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: no text in UTF-8 ({error}); give another with -c/--config") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected sections of settings, found {type(raw).__name__}")
    return raw


def parse(text: str, origin: str) -> Any:
    """One value; `origin` is named in errors. Raises ConfigError."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark or error.context_mark, error.problem or error.context
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark and "\n" in text else ""
        hint = next((hint for said, hint in _YAML_HINTS.items() if said in str(problem)), "")
        raise ConfigError(f"{origin}{place}: not valid YAML: {problem}{hint}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin}: not valid YAML: {error}") from None
