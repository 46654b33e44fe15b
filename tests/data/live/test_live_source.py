"""What --follow opens: a recording or a stream, and nothing that these name."""

import http.server
import threading
from functools import partial
from pathlib import Path

import pytest

from config import EvalConfig, PrepConfig
from data.live.live_source import LiveSource
from tests.support.videos import write_video


def frames_of(address: str | Path, expected: int = 0) -> tuple[int, str]:
    """How many frames come, and why they end.

    A file that is whole has ended where nothing follows at once. Frames that are expected of a server are waited for.
    """
    is_slow = expected and isinstance(address, str)
    settings = EvalConfig(follow=str(address), follow_timeout_s=60.0 if is_slow else 0.2)
    source = LiveSource(settings, PrepConfig(), False)
    found = 0
    for found, _ in enumerate(source.pictures(), 1):
        if found == expected:
            source.timeout_s = 0.0  # what follows would come at once
    return found, source.reason


@pytest.fixture
def recording(tmp_path):
    write_video(tmp_path / "v.ts", 5)
    return tmp_path / "v.ts"


@pytest.fixture
def server(tmp_path):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{found.server_port}"
    found.shutdown()
    thread.join()
    found.server_close()


def test_a_recording_is_followed_by_file_and_by_address(recording, server):
    assert frames_of(recording, 5)[0] == 5
    assert frames_of(f"{server}/v.ts", 5)[0] == 5


def test_a_list_of_files_is_no_recording(recording):
    listing = recording.with_name("list.ts")
    listing.write_text("ffconcat version 1.0\nfile v.ts\n")
    frames, reason = frames_of(listing)
    assert frames == 0
    assert "Invalid data" in reason or "Invalid argument" in reason


def test_a_playlist_reaches_no_file_of_this_machine(recording, server):
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,", "{place}", "#EXT-X-ENDLIST", ""]
    for name, place in (("far.m3u8", f"file://{recording}"), ("near.m3u8", "v.ts")):
        recording.with_name(name).write_text("\n".join(lines).format(place=place))
    assert frames_of(f"{server}/far.m3u8")[0] == 0
    assert frames_of(f"{server}/near.m3u8", 5)[0] == 5


def test_an_address_of_a_file_is_refused_with_its_reason(recording):
    frames, reason = frames_of(f"file://{recording}")
    assert frames == 0
    assert "Invalid argument" in reason or "whitelist" in reason
