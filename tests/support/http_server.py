"""A real HTTP server on loopback that can be told to misbehave, path by path."""

import sys
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HTML = b"<!DOCTYPE html><html><body>You are not allowed to see this.</body></html>" * 200


class Answers:
    """Shared by the threads of the server: what to do for each path, and how often it was asked."""

    def __init__(self):
        self.actions, self.asked, self.open_now, self.most_open = {}, Counter(), 0, 0
        self.bodies: list[bytes] = []  # of what was posted
        self.lock, self.stop = threading.Lock(), threading.Event()

    def __setitem__(self, path, action):
        """`action(handler, n)` answers the n-th request (from 0) for `path`."""
        self.actions[path] = action


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        answers = self.server.answers
        with answers.lock:
            n = answers.asked[self.path]
            answers.asked[self.path] += 1
            answers.open_now += 1
            answers.most_open = max(answers.most_open, answers.open_now)
        try:
            answers.actions[self.path](self, n)
        except (BrokenPipeError, ConnectionResetError):  # the client was killed, or gave up
            self.close_connection = True
        finally:
            with answers.lock:
                answers.open_now -= 1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.answers.lock:
            self.server.answers.bodies.append(body)
        self.do_GET()

    def log_message(self, *_):
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Quiet where the client has gone, as it may between two requests too."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def send(handler, body, status=200, content_type="image/fits", length=None, **headers):
    """One answer; `length` is told instead of the body's own, and the connection then closed. `Retry_After` etc."""
    handler.send_response(status)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = length is not None


def fine(body):
    return lambda handler, n: send(handler, body)


def refused(status, times=10**9, then=b"", **headers):
    """An HTML page with `status`, the first `times` times."""

    def answer(handler, n):
        if n < times:
            send(handler, HTML, status, "text/html", **headers)
        else:
            send(handler, then)

    return answer


def stalled(body, sent=0):
    """A server that tells the length, sends some of it, and then nothing for ever."""

    def answer(handler, n):
        if sent:
            handler.send_response(200)
            handler.send_header("Content-Type", "image/fits")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body[:sent])
        handler.server.answers.stop.wait(60)
        handler.close_connection = True

    return answer


@contextmanager
def serving():
    """Yields the address of the server and its Answers."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.answers = Answers()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.answers
    finally:
        server.answers.stop.set()
        server.shutdown()
        thread.join()
        server.server_close()
