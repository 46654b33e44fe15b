"""Clients that are silent or slow, on purpose or not, are let go, and others have their answers meanwhile."""

import asyncio
import socket
import threading
import time
import urllib.request
from contextlib import suppress

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from data.review.page.connection import Connection
from data.review.page.server import create_app, listen, server_of
from tests.support.reels import make_reel

LARGE = 64 * 2**20  # more than the system takes for a client that does not read


class Quick(Connection):
    most, wait_s, look_s = 8, 0.5, 0.02


async def body(request: Request) -> Response:
    return PlainTextResponse(f"{len(await request.body())}")


async def early(request: Request) -> Response:
    return PlainTextResponse("no", 413)


def slow(request: Request) -> Response:
    time.sleep(1.5 * Quick.wait_s)
    return PlainTextResponse("done")


ROUTES = [
    Route("/body", body, methods=["POST"]),
    Route("/early", early, methods=["POST"]),
    Route("/slow", slow),
    Route("/large", lambda request: Response(bytes(LARGE))),
]


@pytest.fixture(scope="module")
def serving():
    """A server with short times, and its address."""
    with listen("127.0.0.1", 0) as listener:
        server = server_of(Starlette(routes=ROUTES), Quick)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield server, listener.getsockname()
        server.should_exit = True
        thread.join()


@pytest.fixture
def address(serving):
    """Of the server, with nobody connected; the suite's limit of time ends what goes on for ever, here and below."""
    wait_for_none(serving[0])
    return serving[1]


def wait_for_none(server):
    while server.server_state.connections:
        time.sleep(0.01)


def answer_of(address) -> bytes:
    with urllib.request.urlopen(f"http://{address[0]}:{address[1]}/slow") as answer:
        return answer.read()


POST = b"POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
CLIENTS = {
    "silent": (b"", b""),
    "half a request": (b"GET / HTTP/1.1\r\n", b""),
    "a request that drips": (b"GET / HTTP/1.1\r\nX: ", b"x"),
    "no body": (POST % b"body", b""),
    "a body that drips": (POST % b"body", b"x"),
    "a body that drips after the answer": (POST % b"early", b"x"),
    "nothing after an answer": (b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n", b""),
    "a second request that drips": (b"GET /none HTTP/1.1\r\nHost: a\r\n\r\nGET /", b"x"),
}


def is_let_go(client: socket.socket, drop: bytes) -> bool:
    """Send drop by drop until the server has closed."""
    client.settimeout(0.02)
    while True:
        try:
            client.sendall(drop)
            if not client.recv(2**16):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True


@pytest.mark.parametrize("name", CLIENTS)
def test_a_slow_client_is_let_go(address, name):
    begin, drop = CLIENTS[name]
    with socket.create_connection(address) as client:
        client.sendall(begin)
        assert is_let_go(client, drop)


def test_a_client_that_takes_no_answer_is_let_go(serving, address):
    with socket.create_connection(address) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        first, received = client.recv(1), 1
        wait_for_none(serving[0])
        with suppress(ConnectionError):
            while more := client.recv(2**20):
                received += len(more)
        assert first == b"H"
        assert received < LARGE


def test_who_waits_for_the_server_is_not_let_go(address):
    assert answer_of(address) == b"done"


def test_one_too_many_is_refused_and_let_in_when_others_have_gone(serving, address):
    clients = [socket.create_connection(address) for _ in range(Quick.most + 4)]
    assert all(is_let_go(client, b"") for client in clients[Quick.most :])
    for client in clients:
        client.close()
    wait_for_none(serving[0])
    assert answer_of(address) == b"done"


def test_a_client_that_goes_while_it_sends_leaves_no_traceback(tmp_path):
    app, told = create_app([make_reel(tmp_path / "cam", np.zeros((16, 1, 2, 2)))]), []
    headers = {"host": "localhost", "content-type": "application/json", "content-length": "100"}
    scope = {"type": "http", "method": "POST", "path": "/api/reels/0/verdicts", "query_string": b"", "root_path": ""}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def receive() -> dict:
        return {"type": "http.disconnect"}

    async def send(message: dict) -> None:
        told.append(message)

    asyncio.run(app(scope, receive, send))
    assert told[0]["status"] == 400
