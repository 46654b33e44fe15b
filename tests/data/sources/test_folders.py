"""Folders of masks, labels and small copies beside the frames that they are about."""

import shutil
import zipfile
from pathlib import Path, PurePath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from config import PrepConfig
from data import sources
from data.sources.picture_folder.folders import about_others
from tests.support import frames

ABOUT = ["thumbs", "Thumbnails", "_gt", "GT", "masks", "test_pixel_mask", "labels", "ground_truth", "clip 1 previews"]
OTHERS = ["cam2", "depth", "gtx", "labelled", "unmasked", "2024-01-01", "segment_3"]


@settings(max_examples=40)
@given(
    st.sampled_from(ABOUT),
    st.sampled_from(OTHERS),
    st.sampled_from(["{:04d}", "f{}", "20240101_12{:04d}", "a{}b"]),
    st.sampled_from(["{}", "thumb_{}", "{}_mask", "man_seg{}", "gt{}"]),
    st.integers(2, 20),
    st.sampled_from(["cam", "cam/x", ""]),
)
def test_folders_that_say_so_and_hold_the_same_names_are_about_others(folder, other, form, own, count, place):
    names = [form.format(i) for i in range(count)]
    here = [PurePath(place, "cam1", f"{name}.png") for name in names]
    beside = [PurePath(place, other, f"{name}.png") for name in names]
    theirs = [PurePath(place, folder, "SEG" * (count % 2), f"{own.format(name)}.jpg") for name in names]
    strange = [PurePath("strange", "masks", f"{1000 + i}.png") for i in range(count)]
    assert about_others([*here, *beside, *theirs, *strange], [*here, *beside, *theirs, *strange]) == {*theirs}
    assert about_others(theirs, theirs) == set()  # prepared alone


def write(folder: Path, names):
    folder.mkdir(parents=True)
    for i, name in enumerate(names):
        Image.fromarray(np.full((16, 24), 40 + i, np.uint8)).save(folder / name, "PNG")


@pytest.mark.parametrize("is_packed", [False, True])
def test_they_are_counted_and_no_reel(tmp_path, is_packed, caplog):
    """Each became a reel beside that of the frames, without a word."""
    write(tmp_path / "in" / "Test001", [f"{i:03d}.png" for i in range(4)])
    write(tmp_path / "in" / "Test001_gt", [f"{i:03d}.bmp" for i in range(4)])
    (tmp_path / "in" / "Test001_gt" / "003.txt").write_text("1,2\n" * 40)
    if is_packed:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for path in sorted((tmp_path / "in").rglob("*.*")):
                archive.write(path, path.relative_to(tmp_path / "in"))
        shutil.rmtree(tmp_path / "in")
        (tmp_path / "in").mkdir()
        (tmp_path / "a.zip").rename(tmp_path / "in" / "a.zip")
    found = sources.discover(tmp_path / "in")
    told = sources.left_out(found.unread)
    assert {c.reel for c in frames.scan(tmp_path / "in", PrepConfig())} == {"a/Test001" if is_packed else "Test001"}
    assert not found.series
    assert "5 in Test001_gt/, about frames elsewhere" in caplog.text if is_packed else "(Test001_gt 5)" in told
    if not is_packed:
        assert len(frames.scan(tmp_path / "in" / "Test001_gt", PrepConfig())) == 4


@pytest.mark.parametrize("name", ["f3.png.tmp", "f3.png.part", "f2.png~", "f1.png.bak", "Unconfirmed 12.crdownload"])
def test_what_is_half_written_or_kept_from_before_is_no_frame_beside_others(tmp_path, name):
    """Known by their content, they were frames of the folder: one that is cut, or one that comes twice."""
    write(tmp_path / "cam", [f"f{i}.png" for i in range(3)] + [name])
    assert len(frames.scan(tmp_path, PrepConfig())) == 3
    assert "1 unfinished or kept from before" in sources.left_out(sources.discover(tmp_path).unread)
    for path in (tmp_path / "cam").glob("f?.png"):
        path.unlink()
    assert len(frames.scan(tmp_path, PrepConfig())) == 1  # alone it is what there is
