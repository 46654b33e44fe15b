"""Labelled test clips of one scene: which frames are anomalous, and where, in the forms in which such sets are given.

No entry point.
"""

import json
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

PICTURES = (".png", ".bmp", ".tif")


class Labelled(NamedTuple):
    """Frames' labels (T,) of 0 and 1 and masks (T, H, W) bool as packed bits (T, H, ceil(W / 8)), by clip."""

    labels: dict[str, list[int]]
    masks: dict[str, np.ndarray]


def read_labelled(labels: Path | None, masks: Path, widths: dict[str, int]) -> Labelled:
    """The labels and masks of the clips of `widths`, px by clip.

    labels: JSON, clip -> list of 0 and 1; without it a frame is anomalous where its mask is. masks: npz, clip -> packed
    bits (T, H, ceil(W / 8)) or a mask (T, H, W) as it is; or a folder of folders CLIP of pictures, one a frame, black
    where nothing is. Raises KeyError for a clip without masks or labels, ValueError where they differ in length.
    """
    found = {clip: _masks(masks, clip, width) for clip, width in widths.items()}
    known = json.loads(labels.read_text(encoding="utf-8")) if labels else {}
    told = {clip: known[clip] if labels else mask.any((1, 2)).astype(int).tolist() for clip, mask in found.items()}
    for clip, mask in found.items():
        if len(told[clip]) != len(mask):
            raise ValueError(f"{clip}: {len(told[clip])} labels in {labels} and {len(mask)} masks in {masks}")
    return Labelled(told, found)


def _masks(path: Path, clip: str, width: int) -> np.ndarray:
    if path.is_dir():
        pictures = sorted(p for p in (path / clip).glob("*") if p.suffix.lower() in PICTURES)
        if not pictures:
            raise KeyError(f"{path / clip}: no mask of this clip; needed is one picture a frame")
        return np.stack([np.packbits(cv2.imread(str(p), cv2.IMREAD_GRAYSCALE) > 0, axis=-1) for p in pictures])
    with np.load(path, allow_pickle=False) as stored:
        if clip not in stored:
            raise KeyError(f"{path} has no masks of clip {clip}, but of {', '.join(stored)}")
        mask = stored[clip]
    packed_width = -(-width // 8)
    if mask.dtype == np.uint8 and mask.shape[2] == packed_width != width:
        return mask
    if mask.shape[2] != width:
        raise ValueError(
            f"{path}: masks of {clip} are {mask.shape}; {width} columns or {packed_width} bytes are needed"
        )
    return np.packbits(mask > 0, axis=-1)
