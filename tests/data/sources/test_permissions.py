"""Inputs and reels that may not be read: counted and named, and never the end of what may."""

import pytest

from data.reel.reel import find_reels
from data.sources import CLOSED, discover, left_out
from tests.support.permissions import as_anybody
from tests.support.reels import drifting_blobs, make_reel


@pytest.fixture
def closed():
    """Forbids paths for a test: closed(path, mode)."""
    paths = []

    def forbid(path, mode=0):
        paths.append(path)
        path.chmod(mode)

    yield forbid
    for path in paths:
        path.chmod(0o755)


def test_what_may_not_be_read_is_counted_beside_what_may(tmp_path, closed):
    for name in ("a.csv", "closed/b.csv", "listed/c.csv", "unknown"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("time,x\n1,2\n2,3\n")
    closed(tmp_path / "closed")
    closed(tmp_path / "listed", 0o444)
    closed(tmp_path / "unknown")
    with as_anybody():
        found = discover(tmp_path)
    assert [item.path.name for item in found.series] == ["a.csv"]
    told = {item.path.relative_to(tmp_path).as_posix() for item in found.unread if item.reason == CLOSED}
    assert told == {"closed", "listed/c.csv", "unknown"}
    assert f"3 {CLOSED}" in left_out(found.unread)
    (tmp_path / "a.csv").rename(tmp_path / "a.xyz")
    closed(tmp_path / "a.xyz")
    with as_anybody(), pytest.raises(PermissionError, match="closed"):
        discover(tmp_path)


def test_a_reel_that_may_not_be_read_is_told(tmp_path, closed, caplog):
    for name in ("a", "b"):
        make_reel(tmp_path / name, drifting_blobs(16, 4, 4))
    closed(tmp_path / "b")
    with as_anybody():
        assert [reel.name for reel in find_reels(tmp_path)] == ["a"]
    assert f"{tmp_path / 'b'} may not be read and is left out" in caplog.text
    closed(tmp_path / "a", 0o444)
    with as_anybody(), pytest.raises(PermissionError, match=f"{tmp_path / 'a'}"):
        find_reels(tmp_path)
