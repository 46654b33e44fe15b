"""What the pages of a TIFF of a microscope follow each other in: only time makes frames of them."""

import re

from PIL import Image

DESCRIPTION = 270  # tag of TIFF
_SIZES = {  # of OME-XML, and of ImageJ
    "channels": (r'\bSizeC="(\d+)"', r"^channels=(\d+)"),
    "depths": (r'\bSizeZ="(\d+)"', r"^slices=(\d+)"),
    "times": (r'\bSizeT="(\d+)"', r"^frames=(\d+)"),
}


def of_several_axes(image: Image.Image, pages: int) -> str:
    """Why the pages of a stack are no frames of one reel: channels or depths alternate in them; "" where none do.

    Depths alone, without times, are taken as frames.
    """
    text = str(getattr(image, "tag_v2", {}).get(DESCRIPTION, ""))
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
