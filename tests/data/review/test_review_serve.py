"""The review page over a real socket: verdicts outlive a killed server, strangers and nonsense are refused."""

import re
import socket
import urllib.request

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.review.page.server import is_own_host, listen
from tests.support.reels import drifting_blobs, make_reel
from tests.support.review_server import Server, verdicts_of

LONG = "9" * 5000  # more digits than Python makes a number of


@pytest.fixture
def reel(tmp_path):
    return make_reel(tmp_path / "reels" / "cam", drifting_blobs(60, 24, 24))


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A reel whose verdicts nobody changes."""
    frames = drifting_blobs(400, 16, 16)
    frames[100:104] *= 2
    return make_reel(tmp_path_factory.mktemp("seen") / "cam", frames)


@pytest.fixture(scope="module")
def server(seen, serve):
    with serve(seen.path.parent) as found:
        yield found


def test_verdicts_outlive_a_killed_server_and_can_be_undone(reel, serve):
    with serve(reel.path.parent) as server:
        assert server.get("/")[0] == 200
        assert server.get("/api/reels/0/verdicts", {"windows": [1, 2], "verdict": "reject"})[0] == 200
    assert [w for w, v in verdicts_of(reel).items() if v == "reject"] == [1, 2]
    with serve(reel.path.parent) as server:
        status, clip = server.get("/api/reels/0/windows/1/clip")
        assert status == 200
        assert len(clip) > 500
        assert server.ask("undo", {})["undone"] == [1, 2]
        assert server.get("/api/reels/0/verdicts", {"windows": [99], "verdict": "keep"})[0] == 400
        assert server.get("/api/reels/0/windows/99")[0] == 404
    assert "reject" not in verdicts_of(reel).values()


def test_second_client_learns_of_a_verdict_by_the_revision(reel, serve):
    with serve(reel.path.parent) as server:
        first = server.ask("summary")
        assert server.ask(f"summary?known={first['revision']}") == {"revision": first["revision"]}
        told = server.ask("verdicts", {"windows": [1], "verdict": "reject"})
        second = server.ask(f"summary?known={first['revision']}")
        assert (told["judged"], second["revision"]) == (1, told["revision"])
        assert (second["rejected"], second["left"]) == (first["rejected"] + 1, first["left"] - 3)
        assert not server.ask("windows?ids=2")["windows"][0]["usable"]


def test_pages_of_rows_are_the_table_in_the_order_asked_for(server, seen):
    ids = server.ask("order?sort=change&descending=1")["windows"]
    pages = [",".join(map(str, ids[k : k + 30])) for k in range(0, len(ids), 30)]
    rows = [row for page in pages for row in server.ask(f"windows?ids={page}")["windows"]]
    assert [r["window"] for r in rows] == ids
    assert sorted(ids) == list(verdicts_of(seen))
    assert [r["change"] for r in rows] == sorted((r["change"] for r in rows), reverse=True)
    rejected = server.ask("order?verdict=reject")["windows"]
    assert rejected
    assert rejected == server.ask("order")["windows"][: len(rejected)]  # outliers first
    assert {r["window"] for r in rows if r["verdict"] == "reject"} == set(rejected)
    during = server.ask("order?sort=time&after=2012-07-19T00:20:00&before=2012-07-19T00:21:00")["windows"]
    assert during == [w for w in sorted(ids) if 4 * w <= 105 and 4 * w + 7 >= 100]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/static/../server.py", 404),
        ("/static/%2e%2e/server.py", 404),
        ("/static/..%2f..%2fserver.py", 404),
        ("/static/..%5cserver.py", 404),
        ("/static//etc/passwd", 404),
        ("/static/%2fetc%2fpasswd", 404),
        ("//etc/passwd", 404),
        ("/static/page.js%00.css", 404),
        ("/static/", 404),
        ("/static/" + "a" * 300, 414),
        ("/" + "a/" * 20000, 414),
        (f"/api/reels/{LONG}/summary", 414),
        (f"/api/reels/0/windows/{LONG}", 414),
        ("/api/reels/1/summary", 404),
        ("/api/reels/-1/summary", 404),
        ("/api/reels/0/windows/99999999999999999999", 404),
        ("/api/reels/0/windows/..%2f1/clip", 404),
        ("/api/reels/../../windows.csv", 404),
        (f"/api/reels/0/windows?ids={LONG}", 400),
        ("/api/reels/0/windows?ids=1,,2", 400),
        ("/api/reels/0/windows?ids=" + "1," * 500 + "1", 400),
        ("/api/reels/0/order?sort=__class__", 400),
        ("/api/reels/0/order?statistic=verdict", 400),
        ("/api/reels/0/order?low=x", 400),
        (f"/api/reels/0/order?stretch={LONG}", 400),
        ("/api/reels/0/order?after=yesterday", 400),
    ],
)
def test_hostile_paths_are_refused(server, path, status):
    found, body = server.get(path)
    assert found == status
    assert b"Traceback" not in body
    assert b"root:" not in body


@settings(max_examples=60, deadline=None)
@given(path=st.text("./%2eE5cC\\0~", max_size=30))
def test_no_path_leaves_the_static_folder(server, path):
    status, body = server.get(f"/static/{path.replace('%', '%25')}")
    assert (status, body) == (404, b"Not Found")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": "evil.example:80"}, 421),
        ({"Host": ""}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://{host}"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_writes_of_strangers_are_refused(server, seen, headers, status):
    host, before = server.address.removeprefix("http://"), verdicts_of(seen)
    headers = {name: value.replace("{host}", host) for name, value in headers.items()}
    assert server.get("/api/reels/0/verdicts", {"windows": [1], "verdict": "reject"}, **headers)[0] == status
    assert verdicts_of(seen) == before


def test_write_of_the_page_itself_is_taken(reel, serve):
    with serve(reel.path.parent) as server:
        headers = {"Origin": server.address, "Sec_Fetch_Site": "same-origin"}
        assert server.get("/api/reels/0/verdicts", {"windows": [1], "verdict": "reject"}, **headers)[0] == 200
        assert server.get("/", Host="localhost:1")[0] == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 400),
        ("text", 400),
        ({}, 400),
        ({"windows": [], "verdict": "keep"}, 400),
        ({"windows": [True], "verdict": "keep"}, 400),
        ({"windows": ["../1"], "verdict": "keep"}, 400),
        ({"windows": [-1], "verdict": "keep"}, 400),
        ({"windows": [10**30], "verdict": "keep"}, 400),
        ({"windows": [1], "verdict": "maybe"}, 400),
        ({"windows": [1], "verdict": ["keep"]}, 400),
        ({"windows": [1], "verdict": None}, 400),
    ],
)
def test_nonsense_is_refused(server, seen, body, status):
    before = verdicts_of(seen)
    assert server.get("/api/reels/0/verdicts", body)[0] == status
    assert verdicts_of(seen) == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(server, method):
    assert server.get("/api/reels/0/verdicts", {"windows": [1], "verdict": "keep"}, method)[0] == 405
    assert server.get("/api/reels/0/verdicts")[0] == 405


def send(server, request):
    """The status of a request given as bytes; 0 when the connection was closed without an answer."""
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        answer = connection.recv(64)
    return int(answer.split()[1]) if answer else 0


POST = b"POST /api/reels/0/verdicts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (POST + b"Content-Length: 99999999999\r\n\r\n", 413),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n", 413),
        (POST + b"Content-Length: 5\r\n\r\n{[[[[", 400),
        (POST + b"Content-Length: -1\r\n\r\n", 400),
        (POST + b"Content-Length: 40000\r\n\r\n" + b"[" * 40000, 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n\r\n", 421),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET /../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /static/\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ],
)
def test_hostile_bytes_are_refused(server, request_, status):
    assert send(server, request_) == status


@pytest.mark.parametrize("header", ["localhost", "LOCALHOST:8765", "127.0.0.1:1", "[::1]", "[::1]:80"])
def test_own_hosts(header):
    assert is_own_host(header, "127.0.0.1")


@pytest.mark.parametrize(
    "header",
    ["", "[::1", "::1", "[::1]evil", "[::1]@evil", "[::2]", "127.0.0.1@evil", "127.0.0.1:80:80", "127.1", "2130706433",
     "localhost.evil", "localhost.", "0.0.0.0", "[::ffff:127.0.0.1]", "127.0.0.1:port", "127.0.0.1\u0661"],
)  # fmt: skip
def test_foreign_hosts(header):
    assert not is_own_host(header, "127.0.0.1")


def test_bound_to_every_address_any_address_is_its_own_but_no_foreign_name():
    assert is_own_host("192.168.1.7:8765", "0.0.0.0")
    assert is_own_host("[fe80::1]:8765", "::")
    assert is_own_host(socket.gethostname(), "0.0.0.0")
    assert not is_own_host("evil.example:8765", "0.0.0.0")
    assert not is_own_host("192.168.1.7", "192.168.1.8")


def test_pages_carry_their_policy_and_every_asset_is_there(server):
    with urllib.request.urlopen(server.address) as answer:
        page = answer.read().decode()
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for name in re.findall(r'(?:src|href)="(/[^"]+)"', page):
        assert server.get(name)[0] == 200
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", page)  # nothing from elsewhere


def test_taken_port_is_named_with_the_way_out():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"review.port {port} on 127.0.0.1: [^(]*; give another with --port"):
            listen("127.0.0.1", port)


def test_other_than_loopback_is_said(reel):
    with Server(reel.path.parent, "--set", "review.host=0.0.0.0") as server:
        assert any("review.host 0.0.0.0: whoever can reach this machine" in line for line in server.told)
