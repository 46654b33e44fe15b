"""Folders that hold one moment each are one recording; those that may hold one each stay reels of their own."""

from pathlib import PurePath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from config import Config, PrepConfig
from data.prepare_data import prep
from data.reel.reel import Reel
from data.sources.picture_folder.moments import by_moments


@given(n=st.integers(3, 20), first=st.integers(0, 99), width=st.integers(1, 4))
def test_one_picture_in_each_of_folders_that_count(n, first, width):
    paths = [PurePath(f"a/t{first + k:0{width}d}/img.png") for k in range(n)]
    found = by_moments(paths)
    assert [found[path] for path in paths] == [(PurePath("a"), f"t{first + k:0{width}d}_img.png") for k in range(n)]


@given(n=st.integers(3, 9), parts=st.lists(st.sampled_from(["GFP", "RFP", "DAPI", "Ph"]), min_size=2, unique=True))
def test_the_same_kinds_of_pictures_in_each(n, parts):
    paths = [PurePath(f"snapshot{k}/{part}_{k * 7}.png") for k in range(n) for part in parts]
    assert set(by_moments(paths)) == {*paths}
    assert by_moments(paths[:-1]) == {}  # one is missing: they may be anything


@given(clips=st.integers(3, 9), n=st.integers(2, 20))
def test_clips_of_pictures_that_count_stay_reels(clips, n):
    """As those of UCSD: all have the same names."""
    assert by_moments([PurePath(f"Test{clip:03d}/{k:03d}.tif") for clip in range(clips) for k in range(n)]) == {}


@given(
    n=st.integers(3, 9),
    wells=st.sets(
        st.sampled_from([f"{row}{column}-{place}" for row in "ABH" for column in (1, 12) for place in (1, 2)])
    ),
    before=st.sampled_from(["", "plate_", "VID12_"]),
)
def test_wells_of_moments_are_theirs(n, wells, before):
    """As Incucyte writes them; of one row they may as well count."""
    paths = [PurePath(f"T{k:03d}/{before}{well}.tif") for k in range(n) for well in sorted(wells)]
    are_told = len(wells) == 1 or len({well[0] for well in wells}) > 1
    if not before and wells:
        assert set(by_moments(paths)) == ({*paths} if are_told else set())
    if len(wells) > 1:
        assert by_moments(paths[:-1]) == {}


@pytest.mark.parametrize("form", ["cam{0}_{0}/a.png", "{1}/a.png", "00{0}/a.png"])
def test_folders_that_differ_otherwise_stay_reels(form):
    assert by_moments([PurePath(form.format(k, "abc"[k])) for k in range(3)]) == {}


def test_channels_of_moments_are_a_reel_each_in_order(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(1, 13):
        (tmp_path / f"raw/TimePoint_{k}").mkdir(parents=True)
        for channel, level in (("w1GFP", 40), ("w2RFP", 160)):
            picture = rng.integers(0, 9, (16, 16)) + level + k
            Image.fromarray(picture.astype(np.uint8)).save(tmp_path / f"raw/TimePoint_{k}/A01_{channel}.png")
    settings = PrepConfig(clip_length=4, resize=(16, 16))
    paths = prep(Config(data_raw=str(tmp_path / "raw"), data_clips=str(tmp_path / "reels"), prep=settings))
    reels = [Reel(path) for path in paths]
    assert [len(reel) for reel in reels] == [12, 12]
    for reel in reels:
        assert (np.diff(reel.frames[:].mean(axis=(1, 2, 3))) > 0).all()
        assert reel.table["source"].str.extract(r"TimePoint_(\d+)/", expand=False).astype(int).tolist() == [
            *range(1, 13)
        ]
