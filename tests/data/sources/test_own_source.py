"""A source from outside the package, one file and one line, takes part in everything prep does."""

import importlib
import sys

import numpy as np
import pytest

from config import Config, PrepConfig
from data.prepare_data import prep
from data.reel.reel import Reel
from data.sources import all_kinds as sources
from data.sources.base import Unread

MODULE = '''
"""Toy formats: `.toy` holds frames of 8-bit pixels, `.toyline` one series, a number a line."""

from dataclasses import replace

import numpy as np

from data.sources.base import Candidate, FrameError, FrameSource, RawFrame, Series, SeriesSource, TableError
from data.sources.base import file_sha256, sha256
from data.sources.table import numbered


class ToySource(FrameSource):
    """A line `TOY height width`, then one frame after the other."""

    name = "toy"
    suffixes = (".toy",)

    def scan(self, path, root, prep):
        file = Candidate(**self.whereabouts(path, root, home=path, reel=path.stem))
        with path.open("rb") as stream:
            words = stream.readline().split()
            start = stream.tell()
        if len(words) != 3 or words[0] != b"TOY":
            return [replace(file, reason="does not begin as a toy does")]
        shape = int(words[1]), int(words[2])
        size = shape[0] * shape[1]
        places = range(start, path.stat().st_size, size)
        return [
            replace(file, source=f"{file.source}#{i}", position=place, size=size, shape=shape, time_s=float(i))
            for i, place in enumerate(places)
        ]

    def read(self, candidates):
        for number, candidate in enumerate(candidates):
            with open(candidate.path, "rb") as stream:
                stream.seek(candidate.position)
                data = stream.read(candidate.size)
            if len(data) < candidate.size:
                yield number, FrameError("file is truncated")
                continue
            yield number, RawFrame(np.frombuffer(data, np.uint8).reshape(candidate.shape), None, sha256(data))


class ToyLineSource(SeriesSource):
    name = "toyline"
    suffixes = (".toyline",)

    def read_series(self, path, prep, smallest=0):
        try:
            values = np.array(path.read_text().split(), np.float64)
        except ValueError as error:
            raise TableError(str(error)) from None
        count = len(values)
        times, nan, rows = np.arange(count) * 1.0, np.full(count, np.nan), numbered("line", count)
        facts = ("value",), "toys", None, times, values[:, None], nan, rows, (), None
        return [Series(path, path.stem, *facts, file_sha256(path), {"value": "value"})]
'''
PREP = PrepConfig(clip_length=4, stride=2, resize=None)


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """The module of two sources, which lies outside the package; both are registered."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "toy_formats.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path / "code")
    module = importlib.import_module("toy_formats")
    monkeypatch.setattr(sources, "SOURCES", dict(sources.SOURCES))
    sources.register(module.ToySource())
    sources.register(module.ToyLineSource())
    yield module
    del sys.modules["toy_formats"]


def toy_frames(count):
    return np.random.default_rng(count).integers(0, 256, (count, 6, 9), dtype=np.uint8)


def write_input(folder):
    folder.mkdir()
    (folder / "good.toy").write_bytes(b"TOY 6 9\n" + toy_frames(9).tobytes())
    (folder / "cut.toy").write_bytes(b"TOY 6 9\n" + toy_frames(5).tobytes()[:-7])
    (folder / "none.toy").write_bytes(b"junk")
    (folder / "wave.toyline").write_text("\n".join(map(str, np.arange(20) % 7)))
    (folder / "words.toyline").write_text("no number")
    (folder / "notes.txt").touch()
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_a_source_from_elsewhere_goes_through_prep(tmp_path, toys, workers, caplog):
    config = Config(
        data_raw=str(write_input(tmp_path / "in")), data_clips=str(tmp_path / "out"), workers=workers, prep=PREP
    )
    reels = {path.name: Reel(path) for path in prep(config)}
    assert set(reels) == {"good", "cut", "wave"}
    np.testing.assert_allclose(reels["good"].frames[:, 0] * 255.0, toy_frames(9), atol=255 * 2**-11)  # float16
    assert len(reels["cut"]) == 4
    assert reels["cut"].candidates["reason"].dropna().tolist() == ["file is truncated"]
    np.testing.assert_allclose(reels["wave"].signals()[:, 0], np.arange(20) % 7, atol=6 * 2**-11)
    told = caplog.text
    assert "none: none of 1 frames can be used: 1 x does not begin as a toy does" in told
    assert "words.toyline is no series: could not convert string to float" in told
    assert "files left out: 1 of unknown kind (.txt 1)\n" in told


def test_what_can_be_read_is_told_with_the_new_kinds(tmp_path, toys):
    (tmp_path / "in").mkdir()
    with pytest.raises(FileNotFoundError, match="in is empty, as are its folders"):
        sources.discover(tmp_path / "in")
    (tmp_path / "in" / "words.xyz").write_text("none")
    with pytest.raises(FileNotFoundError, match=r"known are \.fits, .*\.mp4, .*\.csv, .*\.toy, \.toyline, .* and what"):
        sources.discover(tmp_path / "in")


def test_the_source_that_came_last_gets_a_file_that_several_take(tmp_path, toys):
    (tmp_path / "a.toy").touch()

    class Rival(toys.ToySource):
        name = "rival"

    sources.register(Rival())
    assert [item.source.name for item in sources.discover(tmp_path / "a.toy").frames] == ["rival"]


def test_every_file_is_read_or_named_with_a_reason(tmp_path):
    names = (
        "v.mp4",
        "v_frame_times.csv",
        "other.csv",
        "other.npy",
        "notes.txt",
        "b.pdf",
        "a.PDF",
        ".hidden",
        ".git/config",
        "README",
    )
    for name in (*names, "reel/reel.json", "reel/preview.mp4", "sub/0.png", "sub/times.csv", "alone/s.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "gone.fits").symlink_to(tmp_path / "nowhere")
    found = sources.discover(tmp_path)
    assert [item.path.name for item in found.frames] == ["v.mp4", "sub"]
    assert [item.path.name for item in found.series] == ["s.csv", "other.csv"]
    reasons = {(u.path.relative_to(tmp_path).as_posix(), u.reason) for u in found.unread}
    assert reasons == {
        ("v_frame_times.csv", sources.TIMES),
        ("sub/times.csv", sources.TIMES),
        ("other.npy", sources.BESIDE_FRAMES),
        ("notes.txt", sources.UNKNOWN_KIND),
        ("b.pdf", sources.UNKNOWN_KIND),
        ("a.PDF", sources.UNKNOWN_KIND),
        ("README", sources.UNKNOWN_KIND),
        (".hidden", sources.HIDDEN),
        (".git", sources.HIDDEN),
        ("reel", sources.FINISHED),
        ("gone.fits", sources.NO_FILE),
    }
    told = sources.left_out(found.unread)
    assert told.startswith("files left out: 4 of unknown kind (.pdf 2: convert to JPEG or PNG, ")
    assert "; 1 beside frames and so no series (.npy 1); 1 finished reels (" in told
    assert sources.left_out([Unread(tmp_path / "t.csv", sources.TIMES)]) == ""
