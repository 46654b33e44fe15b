"""What the pages of a TIFF of a microscope follow each other in, and how fast: only time makes frames of them."""

import re

from PIL import Image

DESCRIPTION, PLANES_BESIDE = 270, 33629  # tag of TIFF, and that of MetaMorph with a number for each plane
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
_UNITS_S: dict[str, float] = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec"), 1e-3),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
}


def step_told_s(image: Image.Image) -> float:
    """Seconds between the pages of a stack by OME-XML or ImageJ; 0 where they do not say."""
    text = str(getattr(image, "tag_v2", {}).get(DESCRIPTION, ""))
    for step, unit in _STEPS:
        told, named = step.search(text), unit.search(text)
        if told:
            return float(told[1]) * _UNITS_S.get(named[1].lower() if named else "s", 0.0)
    return 0.0


def of_several_axes(image: Image.Image, pages: int) -> str:
    """Why the pages of a stack are no frames of one reel: channels or depths alternate in them; "" where none do.

    Depths alone, without times, are taken as frames.
    """
    text = str(getattr(image, "tag_v2", {}).get(DESCRIPTION, ""))
    announced = _IMAGES.search(text)
    if pages == 1 and announced and int(announced[1]) > 1:
        images = f"{announced[1]} images into it and a page for one"
        return f"ImageJ wrote {images}; save it as OME-TIFF, or in parts below 4 GB"
    beside = getattr(image, "tag_v2", {}).get(PLANES_BESIDE, ())
    if pages == 1 and isinstance(beside, tuple) and len(beside) > 1:
        return f"MetaMorph wrote {len(beside)} planes into it and a page for one; save it as TIFF with a page for each"
    if pages < 2 or not text:
        return ""
    found = {name: [re.search(form, text, re.MULTILINE) for form in forms] for name, forms in _SIZES.items()}
    sizes = {name: next((int(match[1]) for match in matches if match), 1) for name, matches in found.items()}
    # Samples of a colour picture are channels of OME-XML, and share a page.
    paged = {**sizes, "channels": min(sizes["channels"], pages // max(1, sizes["depths"] * sizes["times"]))}
    several = [f"{size} {name}" for name, size in paged.items() if size > 1]
    if paged["channels"] < 2 and len(several) < 2:
        return ""
    return f"its {pages} pages are {' x '.join(several)} and no frames in time; save each channel and depth by itself"
