"""prep.crop: the rectangle of source pixels that a reel is made of; what lies around it is not looked at."""

from dataclasses import replace

from config import CropConfig
from data.frames.grid.placement import Row


def cropped_shape(shape: tuple[int, int], crop: CropConfig | None) -> tuple[int, int]:
    """The shape (H, W) that frames of `shape` have once cropped."""
    return (crop.height, crop.width) if crop and all(shape) else shape


def beyond(shape: tuple[int, int], crop: CropConfig | None) -> str:
    """Why frames (H, W) can't be cropped so; "" where they can."""
    height, width = shape
    if crop is None or (crop.x + crop.width <= width and crop.y + crop.height <= height):
        return ""
    asked = f"x {crop.x}..{crop.x + crop.width}, y {crop.y}..{crop.y + crop.height}"
    return f"prep.crop asks for {asked}, and the frame is {width} wide, {height} high"


def part_of(crop: CropConfig | None) -> tuple[slice, slice]:
    """The rows and columns of a frame that are kept."""
    if crop is None:
        return slice(None), slice(None)
    return slice(crop.y, crop.y + crop.height), slice(crop.x, crop.x + crop.width)


def corner_of(crop: CropConfig | None) -> tuple[int, int]:
    """The first pixel (x, y) that is kept."""
    return (crop.x, crop.y) if crop else (0, 0)


def crop_sky(rows: tuple[Row, ...], crop: CropConfig | None) -> tuple[Row, ...]:
    """The rows of a plan with the sky of the part that is cropped."""
    if crop is None:
        return rows
    x, y = corner_of(crop)
    return tuple(
        tuple(replace(frame, wcs=frame.wcs.shifted(-x, -y)) if frame.wcs else frame for frame in row) for row in rows
    )
