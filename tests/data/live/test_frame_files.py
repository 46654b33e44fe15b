"""Pictures that arrive in folders of dates and hours, which appear while they are followed."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from config import PrepConfig
from data.live.frame_files import FolderFiles


@pytest.mark.parametrize(("step_s", "kept"), [(7, 100), (600, 8)])
@pytest.mark.parametrize(
    "form", ["%Y%m%d/%H%M%S", "%Y/%m/%d/%H/%M%S", "cam1/%Y-%m-%d/%H/%M/%S", "%Y/%m/%d/%H%M%S", "%Y-%m-%d/%H-%M-%S"]
)
def test_each_has_the_time_of_its_path_whatever_else_has_come_so_far(tmp_path, form, step_s, kept):
    """One by one over midnight, in a ring that keeps so many: those of a day's first hour, and those an even step
    apart, were taken for counts until others had come, and left out."""
    form_of_frames = SimpleNamespace(prep=PrepConfig(), why_not=lambda candidate: candidate.reason)
    files = FolderFiles(tmp_path, "*", form_of_frames, 0.0, {})  # pyright: ignore
    start = datetime(2024, 3, 31, 23, 57, 3) - timedelta(seconds=5 * step_s)
    times = [start + timedelta(seconds=step_s * i) for i in range(11)]
    paths = [tmp_path / f"{time.strftime(form)}.png" for time in times]
    found = []
    for i, (time, path) in enumerate(zip(times, paths, strict=True)):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(path)
        if i >= kept:
            paths[i - kept].unlink()
        new = files.poll() or files.poll()
        assert [(met.time_utc, met.reason) for met in new] == [(f"{time:%Y-%m-%dT%H:%M:%S}.000", "")]
        found += new
    assert len({met.file for met in found}) == len(times)
