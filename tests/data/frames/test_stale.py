"""A file of the input that was replaced by one of the same header and size is told from the one that was prepared."""

import logging
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from config import Config, PrepConfig
from data import prepare_data
from data.frames.assemble import RECORD
from data.prepare_data import prep
from data.reel.reel import Reel

SMALL = PrepConfig(clip_length=2, stride=2, resize=(12, 16))


def write(folder, i, seed, suffix="bmp", mode="L"):
    """A picture whose header and size say nothing about its content; returns its path."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{i}.{suffix}"
    shape = (12, 16) if mode == "L" else (12, 16, 3)
    Image.fromarray(np.random.default_rng([i, seed]).integers(0, 255, shape, np.uint8)).save(path)
    return path


def run(folder, settings=SMALL, workers=1):
    out = folder.with_name("out")
    (path,) = prep(Config(data_raw=str(folder), data_clips=str(out), workers=workers, prep=settings))
    return path


def replaced(path, seed, mode="L"):
    """Another content of the same size, and the time of the old one put back."""
    about = path.stat()
    write(path.parent, int(path.stem), seed, mode=mode)
    assert path.stat().st_size == about.st_size
    return about.st_mtime_ns


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_replaced_file_is_told_by_its_content(tmp_path, mode):
    paths = [write(tmp_path / "in", i, 0, mode=mode) for i in range(6)]
    run(tmp_path / "in")
    replaced(paths[3], 1, mode)
    with pytest.raises(FileExistsError, match=r"1 of its frames|3 of its frames") as refused:
        run(tmp_path / "in")
    assert "3.bmp" in str(refused.value)


def test_a_file_with_a_new_time_and_the_old_content_is_read_again_once(tmp_path, caplog):
    paths = [write(tmp_path / "in", i, 0) for i in range(4)]
    reel = run(tmp_path / "in")
    os.utime(paths[2], ns=(0, 0))
    with caplog.at_level(logging.INFO):
        run(tmp_path / "in")
        assert "1 frames were read again and are the same" in caplog.text
        caplog.clear()
        run(tmp_path / "in")
        assert "read again" not in caplog.text
    assert (reel / RECORD).is_file()


def test_a_forged_time_is_found_by_verify(tmp_path):
    paths = [write(tmp_path / "in", i, 0) for i in range(4)]
    run(tmp_path / "in")
    time_ns = replaced(paths[0], 1)
    os.utime(paths[0], ns=(time_ns, time_ns))
    run(tmp_path / "in")
    with pytest.raises(FileExistsError, match=r"1 of its frames have changed since, the first is 0\.bmp"):
        run(tmp_path / "in", replace(SMALL, verify=True))


def test_verify_passes_what_is_as_it_was_and_finds_a_flipped_bit_of_the_reel(tmp_path, monkeypatch):
    for i in range(4):
        write(tmp_path / "in", i, 0)
    reel = run(tmp_path / "in")
    run(tmp_path / "in", replace(SMALL, verify=True))
    frames = bytearray((reel / "frames.npy").read_bytes())
    frames[-5] ^= 1
    (reel / "frames.npy").write_bytes(frames)
    monkeypatch.setattr("data.reel.reel.AT_ONCE_BYTES", 0)  # as that of a large reel, which is judged by its size
    assert len(Reel(reel).frames) == 4
    with pytest.raises(ValueError, match=r"frames\.npy is damaged .*SHA-256"):
        run(tmp_path / "in", replace(SMALL, verify=True))


def test_a_reel_from_before_there_were_records_is_kept_and_verify_makes_one(tmp_path):
    paths = [write(tmp_path / "in", i, 0) for i in range(4)]
    reel = run(tmp_path / "in")
    (reel / RECORD).unlink()
    os.utime(paths[0], ns=(0, 0))
    run(tmp_path / "in")
    assert not (reel / RECORD).exists()
    run(tmp_path / "in", replace(SMALL, verify=True))
    assert (reel / RECORD).is_file()


def test_a_prep_that_goes_on_takes_no_frame_of_a_replaced_file(tmp_path, monkeypatch):
    paths = [write(tmp_path / "in", i, 0) for i in range(4)]

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(prepare_data, "assemble", killed)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "in")
    replaced(paths[1], 1)
    frames = Reel(run(tmp_path / "in")).frames
    assert np.array_equal(np.rint(frames[1, 0] * 255), np.asarray(Image.open(paths[1])))
