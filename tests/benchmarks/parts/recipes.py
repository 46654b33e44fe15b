"""Settings of a run: a recipe of demo/ for another model, and the program with settings of dotted keys.

No entry point.
"""

import json
from pathlib import Path
from typing import Any

from parts.common import program

from config import as_dict, load


def nested(settings: dict[str, Any], onto: dict[str, Any] | None = None) -> dict[str, Any]:
    """Sections, as the settings file has them, of dotted keys; put into the sections `onto`."""
    sections = {} if onto is None else onto
    for key, value in settings.items():
        *path, last = key.split(".")
        place = sections
        for name in path:
            place = place.setdefault(name, {})
        place[last] = value
    return sections


def recipe_for(recipe: Path, settings: dict[str, Any], is_net: bool) -> dict[str, Any]:
    """The sections of a recipe with `settings` (dotted keys) on top.

    Another model.name takes none of the recipe's settings of its model, and a method of one step none of training.
    """
    sections = as_dict(load(recipe))
    if "model.name" in settings:
        sections["model"] = {}
    if not is_net:
        sections["train"] = {}
    return nested(settings, sections)


def run_mode(
    mode: str, sections: dict[str, Any], work: Path, *words: object, own_process: bool = False
) -> tuple[float, float]:
    """One mode of the program with these settings, kept in `work`; returns and raises as `program`."""
    path = work / "settings.yaml"
    path.write_text(json.dumps(sections), encoding="utf-8")
    return program("-m", mode, "-c", path, *words, own_process=own_process)
