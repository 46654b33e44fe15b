"""Settings that are paths of what is there already: looked for before any work."""

from pathlib import Path
from typing import Any

OF_FILES = {
    "prep": ("times_csv", "labels_csv", "stretch_from", "pointing_table", "degradation_table"),
    "train": ("exclude_flares",),
    "eval": ("catalog", "xrs", "regions", "sources", "joint"),
}
NO_FILES = ("hek",)  # what catalogues are besides


def not_there(section: str, settings: Any) -> list[str]:
    """A line for each setting of a section that names a file or folder which does not exist."""
    told = []
    for name in OF_FILES[section]:
        given = getattr(settings, name)
        for path in given if isinstance(given, tuple) else (given,):
            if path is not None and path not in NO_FILES and not (path and Path(path).exists()):
                told.append(
                    f"{section}.{name} {path!r} does not exist: give the path of one that does, or leave it "
                    f"{'empty' if isinstance(given, tuple) else 'null'}"
                )
    return told
