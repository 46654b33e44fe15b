"""Rectangles of a frame of the Sun that hold one value at a stroke: telemetry that never came, and was filled in.

What is lost says nothing about the Sun: such pixels are unknown, in their frame and to those that look back at it.
"""

import cv2
import numpy as np

LEVEL = 1 / 256  # of 0..1: what was coded as one value differs by at most so much
CLEARLY = 4.0  # times that: how much a place differed within itself before, or from what it is now
LEAST_PX, FILL = 64, 0.9  # of a block where quiet frames have none (8 x 8, what codecs lose at least); of its rectangle
BRIGHT = 0.999  # quantile of a frame's values; what is above may be saturated by a flare
MARGIN_PX = 2  # pixels beside a block that hold a part of it
NEAR = np.ones((3, 3), np.uint8)


class Blocks:
    """Frames as they come, held against what was there before the blocks that they lack.

    least_px: smaller ones are none.
    """

    def __init__(self, least_px: float):
        self.least_px = least_px
        self._whole: tuple[np.ndarray, np.ndarray] | None = None  # what was there, and what of it is known
        self._had: np.ndarray | None = None  # what the frame before had, or lacked because of fill

    def lost(self, frame: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, int]:
        """Pixels (H, W) of the next frame (C, H, W) that are lost, and px of the largest block."""
        picture = frame.mean(axis=0)
        before, known = self._whole or (picture, valid)
        lost, largest = filled_blocks(picture, before, valid & known, self.least_px)
        self._whole = np.where(lost, before, picture), np.where(lost, known, valid)
        return lost, largest

    def masked(self, valid: np.ndarray, is_filled: bool, has_rows: bool = False) -> np.ndarray:
        """Pixels (H, W) of rectangles that are unknown in the next frame, where it is told to have had blocks of fill.

        Not what the frame before lacked for another reason, nor a strip from edge to edge, a frame that was moved,
        unless rows of fill are told.
        """
        found = np.zeros(valid.shape, bool)
        if is_filled:
            unknown = ~valid if self._had is None else ~valid & self._had
            count, parts, facts, _ = cv2.connectedComponentsWithStats(unknown.astype(np.uint8), connectivity=4)
            for number in range(1, count):
                _, _, width, height, area = facts[number].tolist()
                is_inside = height < valid.shape[0] and (has_rows or width < valid.shape[1])
                if area >= FILL * width * height and is_inside:
                    found |= parts == number
        self._had = valid | found
        return found


def filled_blocks(
    now: np.ndarray, before: np.ndarray, valid: np.ndarray, least_px: float = LEAST_PX
) -> tuple[np.ndarray, int]:
    """Pixels (H, W) of blocks that are new in a picture (H, W) float32 since another, with a margin; px of the largest.

    A block is a rectangle that has one value, and had none before; nothing that saturates. valid: known in both.
    """
    flat = (_range(now) <= LEVEL) & cv2.erode(valid.astype(np.uint8), NEAR).astype(bool)
    count, _, facts, _ = cv2.connectedComponentsWithStats(flat.astype(np.uint8), connectivity=4)
    found, largest = np.zeros(now.shape, bool), 0
    if count < 2:
        return found, largest
    texture, brightest = _range(before), float(np.quantile(now[valid], BRIGHT))
    for number in range(1, count):
        x, y, width, height, area = facts[number].tolist()
        # The range is that of 3 x 3 pixels, so the outermost are missing, but at the border of the frame.
        rows_px = min(y + height + 1, now.shape[0]) - max(y - 1, 0)
        whole = rows_px * (min(x + width + 1, now.shape[1]) - max(x - 1, 0))
        if whole < least_px or area < FILL * width * height:
            continue
        inner = slice(y, y + height), slice(x, x + width)
        differed = float(np.median(texture[inner]))
        differs = max(differed, float(np.median(np.abs(now[inner] - before[inner]))))
        if differed > LEVEL and differs > CLEARLY * LEVEL and now[inner].mean() < brightest:
            largest, beyond = max(largest, whole), 1 + MARGIN_PX
            rows = slice(max(y - beyond, 0), y + height + beyond)
            found[rows, max(x - beyond, 0) : x + width + beyond] = True
    return found, largest


def _range(picture: np.ndarray) -> np.ndarray:
    """The largest less the smallest value of the 3 x 3 pixels around each of a picture (H, W)."""
    return cv2.dilate(picture, NEAR) - cv2.erode(picture, NEAR)
