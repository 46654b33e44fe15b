"""The forms in which labelled clips are given all say the same."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.parts import common  # noqa: F401  makes the benchmarks' modules known
from tests.benchmarks.parts.clips import rate_of
from tests.benchmarks.parts.default_detection import Clip, detection
from tests.benchmarks.parts.labelled import read_labelled

FRAMES, HEIGHT = 5, 7


@given(width=st.integers(1, 40), seed=st.integers(0, 99))
def test_packed_bits_plain_masks_and_pictures_are_the_same(tmp_path_factory, width, seed):
    folder = tmp_path_factory.mktemp("masks")
    mask = np.random.default_rng(seed).random((FRAMES, HEIGHT, width)) < 0.05
    np.savez(folder / "packed.npz", a=np.packbits(mask, axis=-1))
    np.savez(folder / "plain.npz", a=mask)
    (folder / "pictures" / "a").mkdir(parents=True)
    for number, of_frame in enumerate(mask):
        cv2.imwrite(str(folder / "pictures" / "a" / f"{number:03d}.png"), 255 * of_frame.astype(np.uint8))
    for form in ("packed.npz", "plain.npz", "pictures"):
        known = read_labelled(None, folder / form, {"a": width})
        assert np.array_equal(np.unpackbits(known.masks["a"], axis=-1)[..., :width], mask)
        assert known.labels["a"] == mask.any((1, 2)).astype(int).tolist()


def test_labels_that_do_not_fit_are_refused(tmp_path):
    np.savez(tmp_path / "masks.npz", a=np.zeros((3, 4, 9), bool))
    (tmp_path / "labels.json").write_text(json.dumps({"a": [0, 1]}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"2 labels in .* and 3 masks"):
        read_labelled(tmp_path / "labels.json", tmp_path / "masks.npz", {"a": 9})
    with pytest.raises(KeyError, match="no masks of clip b, but of a"):
        read_labelled(None, tmp_path / "masks.npz", {"b": 9})
    with pytest.raises(ValueError, match="20 columns or 3 bytes"):
        read_labelled(None, tmp_path / "masks.npz", {"a": 20})


def test_false_events_are_of_an_hour_of_normal_frames(tmp_path):
    (tmp_path / "boxes.csv").write_text("frame,instrument\n0,\n8,\n9,shake\n", encoding="utf-8")
    rows = "frame_start,frame_end,instrument\n0,1,\n7,8,\n5,5,shake\n"
    (tmp_path / "events.csv").write_text(rows, encoding="utf-8")
    found = detection([Clip(tmp_path, [0] * 6 + [1] * 4, 0.5)])
    assert found["boxed"] == 0.25
    assert found["false_events_per_hour"] == pytest.approx(3600 / 3.0)  # one in 6 frames of half a second


def test_a_video_keeps_its_own_rate_and_pictures_get_one(tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "08.avi").touch()
    (tmp_path / "pictures" / "01").mkdir(parents=True)
    assert rate_of(tmp_path / "videos", 10.0) == {}
    assert rate_of(tmp_path / "pictures", 10.0) == {"prep.frames_per_second": 10.0}
