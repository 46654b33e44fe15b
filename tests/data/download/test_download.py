"""The download layer against a real server on loopback that misbehaves, and a download that is killed."""

import hashlib
import json
import random
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from data.download import http as layer
from data.download.http import Outcome, Patience, Transfer, check_fits, download
from tests.support.fits_files import counts, fits_bytes
from tests.support.http_server import HTML, fine, refused, send, serving, stalled
from tests.support.paths import ROOT
from tests.support.streams import until

FRAME = fits_bytes(counts(0, (64, 64)))
# A busy machine is silent too: only a server that is meant to be is given up soon.
QUICK = Patience(retries=3, timeout_sec=60, connections=4, pause_sec=0.01, longest_sec=1.5)


@pytest.fixture
def server():
    with serving() as both:
        yield both


def get(server, folder, patience=QUICK, path="/frame.fits"):
    """Outcome of one file, and what lies in the folder afterwards."""
    url, _ = server
    (outcome,) = download([Transfer(url + path, folder / "frame.fits")], patience)
    return outcome, sorted(p.name for p in folder.iterdir())


def hang_up(handler):
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def test_a_whole_file_arrives_with_its_digest(server, tmp_path):
    server[1]["/frame.fits"] = fine(FRAME)
    outcome, names = get(server, tmp_path)
    assert outcome.reason == ""
    assert (outcome.n_bytes, outcome.sha256) == (len(FRAME), hashlib.sha256(FRAME).hexdigest())
    assert names == ["frame.fits"]
    assert (tmp_path / "frame.fits").read_bytes() == FRAME
    assert server[1].asked["/frame.fits"] == 1


@pytest.mark.parametrize(
    ("action", "reason", "requests"),
    [
        (refused(403), "HTTP 403 Forbidden", 1),  # asking again is no use
        (refused(404), "HTTP 404 Not Found", 1),
        (refused(500), "HTTP 500 Internal Server Error", 4),
        (refused(200), "web page", 4),
        (lambda h, n: send(h, HTML), "not a FITS file, it begins with b'<!DOCTYPE'", 4),  # that calls itself a file
        (lambda h, n: send(h, FRAME[:-3000], length=len(FRAME)), "ClientPayloadError", 4),  # truncated body
        (lambda h, n: send(h, FRAME, length=len(FRAME) - 2880), "Bad status|truncated FITS", 4),  # wrong length
        (lambda h, n: send(h, FRAME[:-2880]), "truncated FITS file", 4),  # short, and honest about it
        (lambda h, n: send(h, b""), "the file is empty", 4),
        (lambda h, n: send(h, FRAME[:2880]), "2880 bytes are too few", 4),
        (lambda h, n: send(h, b"SIMPLE  =" + bytes(range(256)) * 40), "header not readable", 4),
    ],
)
def test_what_is_no_file_is_told_and_leaves_nothing(server, tmp_path, action, reason, requests):
    server[1]["/frame.fits"] = action
    outcome, names = get(server, tmp_path)
    assert re.search(reason, outcome.reason)
    assert f"attempts: {requests}" in outcome.reason
    assert names == []
    assert server[1].asked["/frame.fits"] == requests


def test_a_server_that_hangs_up_is_given_up(server, tmp_path):
    server[1]["/frame.fits"] = lambda handler, n: hang_up(handler)
    outcome, names = get(server, tmp_path)
    assert "ServerDisconnectedError" in outcome.reason
    assert names == []
    assert server[1].asked["/frame.fits"] in (4, 8)  # aiohttp itself asks a second time before it says so


@pytest.mark.parametrize("sent", [0, 5000])
def test_a_silent_server_is_given_up(server, tmp_path, sent):
    server[1]["/frame.fits"] = stalled(FRAME, sent)
    started = time.monotonic()
    outcome, names = get(server, tmp_path, Patience(retries=1, timeout_sec=0.3, pause_sec=0.01))
    waited_s = time.monotonic() - started
    assert "the server was silent for 0.3 s (attempts: 2)" in outcome.reason
    assert names == []
    assert waited_s >= 0.6


@pytest.mark.parametrize("status", [408, 500, 502, 503])
def test_a_passing_fault_is_overcome(server, tmp_path, status):
    server[1]["/frame.fits"] = refused(status, times=2, then=FRAME)
    outcome, names = get(server, tmp_path)
    assert (outcome.reason, names) == ("", ["frame.fits"])
    assert server[1].asked["/frame.fits"] == 3


@pytest.mark.parametrize(("after", "at_least_sec"), [(1, 1.0), (3600, 1.5), ("soon", 0.0), ("-1", 0.0)])
def test_retry_after_is_honoured_up_to_a_bound(server, tmp_path, after, at_least_sec):
    """Without the bound the suite's limit of time ends it."""
    server[1]["/frame.fits"] = refused(429, times=1, then=FRAME, Retry_After=after)
    started = time.monotonic()
    outcome, _ = get(server, tmp_path)
    assert outcome.reason == ""
    assert time.monotonic() - started >= at_least_sec


def test_a_date_to_retry_after_is_waited_for(server, tmp_path):
    """However late it is asked: by the clock that the date is of."""
    date = (datetime.now(UTC) + timedelta(seconds=1.5)).replace(microsecond=0)
    server[1]["/frame.fits"] = refused(429, times=1, then=FRAME, Retry_After=format_datetime(date, usegmt=True))
    assert get(server, tmp_path)[0].reason == ""
    assert datetime.now(UTC) >= date - timedelta(seconds=0.01)  # two clocks


def test_all_connections_leave_a_host_alone_that_asks_for_it(server, tmp_path):
    url, answers = server
    moments = []

    def answer(handler, n):
        moments.append(time.monotonic())
        if len(moments) == 1:
            send(handler, HTML, 429, "text/html", Retry_After=1)
        else:
            send(handler, FRAME)

    names = [f"{i}.fits" for i in range(6)]
    for name in names:
        answers[f"/{name}"] = answer
    outcomes = download([Transfer(f"{url}/{n}", tmp_path / n) for n in names], Patience(connections=1))
    assert [o.reason for o in outcomes] == [""] * 6
    assert moments[1] - moments[0] >= 1.0


def test_there_are_as_many_connections_as_allowed_and_no_more(server, tmp_path):
    url, answers = server

    def slow(handler, n):
        until(lambda: answers.most_open >= 3)
        time.sleep(0.05)  # in which a fourth one might come
        send(handler, FRAME)

    for i in range(12):
        answers[f"/{i}"] = slow
    done = []
    transfers = [Transfer(f"{url}/{i}", tmp_path / f"{i}.fits") for i in range(12)]
    outcomes = download(transfers, Patience(connections=3), done.append)
    assert answers.most_open == 3
    assert sorted(done, key=str) == sorted(outcomes, key=str)
    assert len(list(tmp_path.iterdir())) == 12


def test_one_bad_file_does_not_keep_the_others_away(server, tmp_path):
    url, answers = server
    for i in range(5):
        answers[f"/{i}"] = fine(FRAME)
    answers["/2"] = refused(403)
    outcomes = download([Transfer(f"{url}/{i}", tmp_path / f"{i}.fits") for i in range(5)], QUICK)
    assert {o.transfer.path.name: bool(o.reason) for o in outcomes} == {f"{i}.fits": i == 2 for i in range(5)}


def test_two_addresses_never_become_one_file(server, tmp_path):
    url, answers = server
    answers["/a/frame.fits"] = fine(FRAME)
    twice = [Transfer(f"{url}/{folder}/frame.fits", tmp_path / "frame.fits") for folder in "ab"]
    with pytest.raises(ValueError, match=r"/a/frame\.fits and .*/b/frame\.fits would both become"):
        download(twice, QUICK)
    assert not answers.asked
    assert len(download([twice[0], twice[0]], QUICK)) == 1  # the same wish twice is one


def test_a_finished_file_is_kept_and_half_a_one_is_replaced(server, tmp_path):
    server[1]["/frame.fits"] = fine(FRAME)
    (tmp_path / "frame.fits").write_bytes(FRAME)
    outcome, _ = get(server, tmp_path)
    assert outcome == Outcome(outcome.transfer, len(FRAME), hashlib.sha256(FRAME).hexdigest())
    assert not server[1].asked
    (tmp_path / "frame.fits").write_bytes(FRAME[:-2880])
    outcome, names = get(server, tmp_path)
    assert (outcome.reason, names) == ("", ["frame.fits"])
    assert (tmp_path / "frame.fits").read_bytes() == FRAME


def moved_to(place):
    return lambda handler, n: send(handler, b"", 302, Location=place)


def test_a_redirection_within_the_site_is_followed_and_no_other(server, tmp_path):
    url, answers = server
    answers["/frame.fits"], answers["/there.fits"] = moved_to("/there.fits"), fine(FRAME)
    assert get(server, tmp_path)[0].reason == ""
    elsewhere = url.replace("127.0.0.1", "localhost")
    for place in (f"{elsewhere}/there.fits", "file:///etc/hostname", "/frame.fits"):
        answers["/frame.fits"] = moved_to(place)
        (tmp_path / "frame.fits").unlink(missing_ok=True)
        outcome, names = get(server, tmp_path)
        assert outcome.reason.startswith("redirected")
        assert names == []
    assert answers.asked["/there.fits"] == 1


def endless(handler, n):
    handler.send_response(200)
    handler.send_header("Content-Type", "image/fits")
    handler.end_headers()
    while not handler.server.answers.stop.is_set():
        handler.wfile.write(FRAME)


def dripping(handler, n):
    handler.send_response(200)
    handler.send_header("Content-Type", "image/fits")
    handler.end_headers()
    while not handler.server.answers.stop.wait(0.05):
        handler.wfile.write(b"S")


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (endless, "the body is larger than 0 MB"),
        (lambda handler, n: send(handler, b"", length=10**12), "the body is larger than 0 MB"),
        (dripping, "bytes came in"),
        (fine(FRAME + b"x" * 100_000), "100000 bytes lie behind the end of the FITS data"),
    ],
)
def test_a_body_that_does_not_end_is_given_up(server, tmp_path, action, reason):
    server[1]["/frame.fits"] = action
    timeout_sec = 0.4 if action is dripping else 60
    impatient = Patience(retries=0, timeout_sec=timeout_sec, most_bytes=200_000, least_bytes_per_sec=1000)
    outcome, names = get(server, tmp_path, impatient)
    assert reason in outcome.reason
    assert names == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/frame.fits", "ftp://127.0.0.1/frame.fits", "no address"])
def test_an_address_that_leads_nowhere_is_told(tmp_path, url):
    (outcome,) = download([Transfer(url, tmp_path / "frame.fits")], QUICK)
    assert outcome.reason
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fails_ends_it(server, tmp_path):
    server[1]["/frame.fits"] = fine(FRAME)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="Not a directory"):
        download([Transfer(server[0] + "/frame.fits", tmp_path / "file" / "frame.fits")], QUICK)


@pytest.mark.parametrize("layout", ["rice", "primary", "extension", "singleton"])
def test_every_layout_passes_the_check_whole_and_not_cut(tmp_path, layout):
    whole = fits_bytes(counts(0, (64, 64)), layout=layout)
    path = tmp_path / "frame.fits"
    path.write_bytes(whole)
    check_fits(path)
    for size in range(0, len(whole), 997):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"FITS|empty"):
            check_fits(path)


def test_data_that_differ_from_their_checksum_are_refused(tmp_path):
    path = tmp_path / "frame.fits"
    fits.PrimaryHDU(counts(0, (64, 64))).writeto(path, checksum=True)
    check_fits(path)
    damaged = bytearray(path.read_bytes())
    damaged[5000] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match="DATASUM"):
        check_fits(path)


def test_a_table_is_no_image(tmp_path):
    columns = [fits.Column("x", "D", array=np.arange(1000.0))]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(tmp_path / "table.fits")
    with pytest.raises(ValueError, match="without an image"):
        check_fits(tmp_path / "table.fits")


@given(st.integers(0, 60), st.floats(1e-3, 10), st.floats(1e-3, 300))
def test_pauses_grow_and_stay_bounded(failures, pause_sec, longest_sec):
    patience = Patience(pause_sec=pause_sec, longest_sec=longest_sec)
    full = min(longest_sec, pause_sec * 2**failures)
    assert 0.5 * full <= patience.pause(failures) <= full


RUN = """
import json, sys
from pathlib import Path
from data.download.http import Patience, Transfer, download
base, folder, n = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
transfers = [Transfer(f"{base}/{i}.fits", folder / f"{i}.fits") for i in range(n)]
outcomes = download(transfers, Patience(connections=2))
print(json.dumps([o.reason for o in outcomes]))
"""


def test_killed_in_the_middle_it_goes_on_with_what_is_missing(server, tmp_path):
    url, answers = server
    n, frames = 12, {}
    for i in range(n):
        frames[i] = fits_bytes(counts(i, (64, 64)))
        answers[f"/{i}.fits"] = fine(frames[i])
    answers["/7.fits"] = answers["/8.fits"] = stalled(frames[7], 5000)  # it hangs in the middle of these two
    command = [sys.executable, "-c", RUN, url, str(tmp_path / "out"), str(n)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    parts = [tmp_path / "out" / f"{i}.fits.part" for i in (7, 8)]
    until(lambda: all(part.is_file() for part in parts) or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    there = sorted((tmp_path / "out").glob("*.fits"))
    assert [p.name for p in there] == [f"{i}.fits" for i in range(7)]
    assert all(p.read_bytes() == frames[int(p.stem)] for p in there)  # no half file has a name

    answers["/7.fits"], answers["/8.fits"] = fine(frames[7]), fine(frames[8])
    answers.asked.clear()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert json.loads(done.stdout) == [""] * n
    assert answers.asked == {f"/{i}.fits": 1 for i in range(7, n)}
    assert {p.name for p in (tmp_path / "out").iterdir()} == {f"{i}.fits" for i in range(n)}
    assert all((tmp_path / "out" / f"{i}.fits").read_bytes() == frames[i] for i in range(n))


def test_jitter_spreads_clients():
    random.seed(0)
    assert len({round(layer.Patience().pause(3), 6) for _ in range(20)}) > 15
