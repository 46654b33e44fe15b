"""Settings that only one kind of input has a use for: said where they are given and no such input is there."""

from collections.abc import Collection, Iterable
from typing import Any

FRAMES, COUNTS, SERIES = "pictures, videos and FITS images", "FITS images and the like", "tables and other series"

# Of each section: for which inputs alone a setting is; all others are for any, or say themselves where they fail.
ONLY_FOR: dict[str, dict[str, tuple[str, ...]]] = {
    "prep": {
        FRAMES: (
            *("crop", "resize", "aspect", "channels", "match_tolerance_sec", "shape_tolerance_px", "off_limb", "sky"),
            *("mask", "field_circle", "stretch", "colour", "transfer", "transfer_range", "colormap", "repeats"),
            *("times_csv", "start_from", "frames_per_second"),
        ),
        COUNTS: (
            *("wavelengths", "quality_reject", "quality_flag", "normalise_exposure", "saturation_dn", "register"),
            *("rsun_arcsec", "degradation_table", "pointing_table"),
        ),
        SERIES: ("value_columns", "missing_values", "resample_sec", "join_files", "fit_fraction"),
    },
    "eval": {
        FRAMES: (
            *("mode", "diagnostic", "common_mode", "smooth_px", "min_area", "iou_thresh", "link_distance_px"),
            *("group_distance_px", "group_distance_arcsec", "group_within_min", "extend_share", "zones", "regions"),
            *("heat_weight", "scale_factor", "sources"),
        ),
        SERIES: ("combine", "plain_evidence", "own_evidence", "smooth_samples"),
    },
}


def kinds_of(is_series: bool) -> tuple[str, ...]:
    """The kinds of a reel, as settings of eval know them."""
    return (SERIES,) if is_series else (FRAMES,)


def of_no_use(section: str, settings: Any, inputs: Iterable[Collection[str]]) -> str:
    """A line on settings of a section, other than their defaults, that no input has a use for; "" without any.

    inputs: of each input the kinds that it is of. They are looked at only as far as is needed.
    """
    default = type(settings)()
    left = {
        name: kind
        for kind, names in ONLY_FOR[section].items()
        for name in names
        if getattr(settings, name) != getattr(default, name)
    }
    met: set[str] = set()
    for kinds in inputs if left else ():
        met.update(kinds)
        left = {name: kind for name, kind in left.items() if kind not in kinds}
        if not left:
            break
    if not left or not met:
        return ""
    parts = [
        f"{', '.join(f'{section}.{name}' for name, of in left.items() if of == kind)} (for {kind})"
        for kind in dict.fromkeys(left.values())
    ]
    return f"no input here is of a kind that these settings are for, so they change nothing: {'; '.join(parts)}"
