"""Times of saved MJPEG streams lie in the headers before their pictures."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from config import PrepConfig
from tests.support import frames


def stream(stamps, header="X-Timestamp: {:.6f}\r\n"):
    """A stream as it was saved, whose pictures hold what looks like a header."""
    parts = []
    for i, stamp in enumerate(stamps):
        payload = io.BytesIO()
        Image.fromarray(np.full((32, 48), 9 * i, np.uint8)).save(payload, "JPEG", comment=b"\r\nX-Timestamp: 5\r\n")
        told = header.format(stamp) if stamp is not None else ""
        head = f"--b\r\nContent-Type: image/jpeg\r\n{told}Content-Length: {len(payload.getvalue())}\r\n\r\n"
        parts.append(head.encode() + payload.getvalue() + b"\r\n")
    return b"".join(parts)


@settings(max_examples=15)
@given(
    st.sampled_from([0.0, 12.5, 1_700_000_000.25]),
    st.lists(st.floats(0.01, 4000), min_size=1, max_size=6),
    st.sampled_from(["X-Timestamp: {:.6f}\r\n", "x-timestamp:{:.6f}\r\nX-Framerate: 5\r\n"]),
)
def test_each_picture_has_the_stamp_before_it(tmp_path_factory, begin, steps_s, header):
    stamps, folder = np.cumsum([begin, *steps_s]), tmp_path_factory.mktemp("in")
    (folder / "cam.mjpeg").write_bytes(stream(stamps, header))
    found = frames.scan(folder, PrepConfig())
    np.testing.assert_allclose([c.time_s for c in found], stamps - stamps[0], atol=3e-6)
    assert found[0].time_utc == ("2023-11-14T22:13:20.250" if begin > 1e9 else "")


@pytest.mark.parametrize("stamps", [[1.0, 2.0, None], [1.0, 3.0, 2.0], [None] * 3])
def test_they_are_counted_where_one_has_none_or_they_do_not_go_on(tmp_path, stamps, caplog):
    (tmp_path / "cam.mjpeg").write_bytes(stream(stamps))
    np.testing.assert_allclose([c.time_s for c in frames.scan(tmp_path, PrepConfig())], [0, 0.04, 0.08])
    assert "25 a second" in caplog.text
