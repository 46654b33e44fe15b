"""What the pages of a TIFF of a microscope follow each other in, and how fast: only time makes frames of them."""

import itertools
import json
import math
import re
from collections.abc import Sequence
from datetime import datetime

from PIL import Image

# Tags: TIFF's, that of MetaMorph with a number for each plane, and Micro-Manager's with JSON on each page.
DESCRIPTION, DATE, DEPTH, PLANES_BESIDE, OF_MICRO_MANAGER = 270, 306, 32997, 33629, 51123
_SIZES = {  # of OME-XML, and of ImageJ
    "channels": (r'\bSizeC="(\d+)"', r"^channels=(\d+)"),
    "depths": (r'\bSizeZ="(\d+)"', r"^slices=(\d+)"),
    "times": (r'\bSizeT="(\d+)"', r"^frames=(\d+)"),
}
_IMAGES = re.compile(r"^images=(\d+)", re.MULTILINE)  # of ImageJ, which may write them without pages of their own
_NUMBER = r"(\d+\.?\d*(?:[eE][+-]?\d{1,3})?)"
_STEPS = (  # between times, and its unit
    (re.compile(rf'\bTimeIncrement="{_NUMBER}"'), re.compile(r'\bTimeIncrementUnit="([^"]+)"')),
    (re.compile(rf"^finterval={_NUMBER}\s*$", re.MULTILINE), re.compile(r"^tunit=(\S+)", re.MULTILINE)),
)
_PLANE = re.compile(r"<Plane\s[^>]*>")  # of OME-XML, one for each page
_DELTA = re.compile(rf'\bDeltaT="{_NUMBER}"')
_DELTA_UNIT = re.compile(r'\bDeltaTUnit="([^"]+)"')
_OF_SCANIMAGE = re.compile(rf"^(?:frameTimestamps_sec|Frame Timestamp\(s\)) *= *{_NUMBER}", re.MULTILINE)
_SAVED_CHANNELS = re.compile(r"\b(?:channelSave|savedChannels) *= *\[([\d;, ]+)\]")
SOFTWARE = 305  # in which ScanImage has its settings, which are in the description of older ones
_UNITS_S: dict[str, float] = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec"), 1e-3),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
}
MOST_CHANNELS = 7  # that ImageJ shows at once


def step_told_s(image: Image.Image) -> float:
    """Seconds between the pages of a stack by OME-XML or ImageJ; 0 where they do not say."""
    text = str(getattr(image, "tag_v2", {}).get(DESCRIPTION, ""))
    for step, unit in _STEPS:
        told, named = step.search(text), unit.search(text)
        if told:
            return float(told[1]) * _UNITS_S.get(named[1].lower() if named else "s", 0.0)
    return 0.0


def time_of_page_s(image: Image.Image) -> float:
    """When the page that is looked at was taken, s, by ScanImage or Micro-Manager; NaN where they do not say."""
    tags = getattr(image, "tag_v2", {})
    if found := _OF_SCANIMAGE.search(str(tags.get(DESCRIPTION, ""))):
        return float(found[1])
    try:
        told = json.loads(tags[OF_MICRO_MANAGER])
        return float(told["ElapsedTime-ms"]) / 1000
    except (KeyError, TypeError, ValueError):
        return math.nan


def date_of_page_s(image: Image.Image) -> float:
    """Seconds of DateTime of the page that is looked at since any moment; NaN where it has none."""
    text = str(getattr(image, "tag_v2", {}).get(DATE, "")).strip("\0 ")
    try:
        return (datetime.strptime(text, "%Y:%m:%d %H:%M:%S") - datetime.min).total_seconds()
    except ValueError:
        return math.nan


def times_of_planes_s(image: Image.Image, pages: int) -> list[float]:
    """When each page of a stack was taken, s, by its OME-XML; [] where that does not tell it of each."""
    planes = _PLANE.findall(str(getattr(image, "tag_v2", {}).get(DESCRIPTION, "")))
    deltas = [(_DELTA.search(plane), _DELTA_UNIT.search(plane)) for plane in planes]
    if len(planes) != pages or not all(delta for delta, _ in deltas):
        return []
    return [float(delta[1]) * _UNITS_S.get(unit[1].lower() if unit else "s", 0.0) for delta, unit in deltas if delta]


def steps_s(times_s: Sequence[float]) -> list[float]:
    """How long each page lasts by the times of all, the last one as the one before; [] where they do not go on."""
    steps = [later - time for time, later in itertools.pairwise(times_s)]
    return [*steps, steps[-1]] if steps and all(step > 0 for step in steps) else []


def of_several_axes(image: Image.Image, pages: int) -> str:
    """Why the pages of a stack are no frames of one reel: channels or depths alternate in them; "" where none do.

    Depths alone, without times, are taken as frames.
    """
    text = str(getattr(image, "tag_v2", {}).get(DESCRIPTION, ""))
    announced = _IMAGES.search(text)
    if pages == 1 and announced and int(announced[1]) > 1:
        images = f"{announced[1]} images into it and a page for one"
        return f"ImageJ wrote {images}; save it as OME-TIFF, or in parts below 4 GB"
    tags = getattr(image, "tag_v2", {})
    if isinstance(tags.get(DEPTH), int) and tags[DEPTH] > 1:
        return f"a volume of {tags[DEPTH]} slices in one page; save it with a page for each"
    beside = tags.get(PLANES_BESIDE, ())
    if pages == 1 and isinstance(beside, tuple) and len(beside) > 1:
        return f"MetaMorph wrote {len(beside)} planes into it and a page for one; save it as TIFF with a page for each"
    saved = _SAVED_CHANNELS.search(f"{tags.get(SOFTWARE, '')}\n{text}") if pages > 1 else None
    if saved and len(channels := re.findall(r"\d+", saved[1])) > 1:
        return f"ScanImage saved its channels {', '.join(channels)} in turn, a page each; save each channel by itself"
    if pages < 2 or not text:
        return ""
    found = {name: [re.search(form, text, re.MULTILINE) for form in forms] for name, forms in _SIZES.items()}
    sizes = {name: next((int(match[1]) for match in matches if match), 1) for name, matches in found.items()}
    # Samples of a colour picture are channels of OME-XML, and share a page.
    paged = {**sizes, "channels": min(sizes["channels"], pages // max(1, sizes["depths"] * sizes["times"]))}
    several = [f"{size} {name}" for name, size in paged.items() if size > 1]
    if paged["channels"] < 2 and len(several) < 2:
        return ""
    if text.startswith("ImageJ") and len(several) == 1 and paged["channels"] > MOST_CHANNELS:
        return ""  # as programs in Python write a stack of which they were told nothing
    return f"its {pages} pages are {' x '.join(several)} and no frames in time; save each channel and depth by itself"
