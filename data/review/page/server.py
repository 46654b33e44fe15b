"""The server of the review page. It answers this machine only, unless told otherwise, and reads nothing but reels.

Reels and windows are asked for by number, so that no request can name a path. Against pages of other sites, which the
same browser may show: the Host header must be this server's (DNS rebinding), and a write must come from the page
itself (Origin, Sec-Fetch-Site, a JSON body).
"""

import ipaddress
import json
import re
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from config import Config
from data.disk.damage import Damaged
from data.disk.lock import FolderInUse
from data.messages import logger
from data.pictures.curves import CHARTS
from data.reel.reel import Reel, find_reels
from data.reel.windows import STATISTICS, read_windows
from data.review.page import facts
from data.review.page.clips import FPS, Clips
from data.review.page.connection import Connection
from data.review.page.verdicts import Verdicts
from data.review_processed_data import review

log = logger(__name__)

STATIC = Path(__file__).with_name("static")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_ROWS = 500  # of one answer
MAX_PATH = 200  # characters; also a limit for the numbers in it
MAX_BODY_BYTES = 16 * 2**20
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def serve(config: Config) -> None:
    """Review what has no statistics yet, then serve the page until interrupted.

    Raises OSError when `review.port` is taken; without one, 8765 or any free port is used.
    """
    settings = config.review
    if settings.keep or settings.reject or settings.undo:
        review(config)
    plain = replace(settings, keep=(), reject=(), undo=())
    reels = find_reels(config.data_clips)
    for reel in reels:
        if read_windows(reel)[list(STATISTICS)].isna().any(axis=None):
            review(replace(config, data_clips=str(reel.path), review=plain))
    if settings.host not in LOOPBACK:
        log.warning(f"review.host {settings.host}: whoever can reach this machine can see the reels and judge them")
    with listen(settings.host, settings.port) as listener:
        port = listener.getsockname()[1]
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
        print(f"review page: http://{name}:{port}/  (end with Ctrl-C)", flush=True)
        app = create_app(reels, settings.host)
        server_of(app).run(sockets=[listener])


def server_of(app: Starlette, connection: type[Connection] = Connection) -> uvicorn.Server:
    """The server of the page."""
    return uvicorn.Server(uvicorn.Config(app, http=connection, ws="none", log_level="warning", access_log=False))


def listen(host: str, port: int | None) -> socket.socket:
    """A listening socket. Raises OSError naming the port when a given one is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (8765, 0) if port is None else (port,):
        try:
            return socket.create_server((host, wanted), family=family, backlog=128)
        except OSError as error:
            if wanted == 0 or port is not None:
                cause = str(error.strerror).partition(" (")[0]  # Python adds the address in brackets
                raise OSError(f"review.port {wanted} on {host}: {cause}; give another with --port") from error
    raise AssertionError("port 0 is free or an error")


class Guard:
    """Refuses foreign Host headers and writes that do not come from the page, before anything else runs."""

    def __init__(self, app, host: str):
        self.app, self.host = app, host

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        problem = self._problem(Request(scope))
        if problem:
            status, text = problem
            await PlainTextResponse(text + "\n", status)(scope, receive, send)
            return

        async def send_with_headers(message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _problem(self, request: Request) -> tuple[int, str] | None:
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not is_own_host(hosts[0], self.host):
            return 421, "this server answers to its own address only"
        if len(request.scope["path"]) > MAX_PATH:
            return 414, f"expected an address of at most {MAX_PATH} characters"
        if request.method in ("GET", "HEAD"):
            return None
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
        if (origin is not None and origin != f"http://{hosts[0]}") or site != "same-origin":
            return 403, "writes are taken from the review page only"
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return 415, "expected application/json"
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            return 413, f"expected a body with a length of at most {MAX_BODY_BYTES} bytes"
        return None


def is_own_host(header: str, bound: str) -> bool:
    """Whether a Host header names this server: loopback, or the address it was bound to.

    Bound to every address, it answers to any address and to the machine's name, but to no other name: a page that
    makes its own name point here sends that name.
    """
    parts = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+))(?::\d{1,5})?", header.lower(), re.ASCII)
    if parts is None:
        return False
    name = parts[1] or parts[2]
    if name in LOOPBACK or name == bound.lower():
        return True
    if bound not in ("0.0.0.0", "::"):
        return False
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return name == socket.gethostname().lower()


class Api:
    """What the page asks for. Plain functions: Starlette runs them in threads."""

    def __init__(self, reels: list[Reel]):
        self.reels = reels
        self.verdicts, self.clips = [Verdicts(r) for r in reels], [Clips(r) for r in reels]
        facts.timeline(reels[0], self.verdicts[0].table)  # reads the tables of the reel that the page opens with

    def routes(self) -> list[Route]:
        """What the page may ask for; windows are addressed by reel and number, never by a path."""
        one = "/api/reels/{reel:int}"
        return [
            Route("/api/reels", self.list_reels),
            Route(f"{one}/summary", self.summary),
            Route(f"{one}/order", self.order),
            Route(f"{one}/windows", self.windows),
            Route(f"{one}/windows/{{window:int}}", self.detail),
            Route(f"{one}/windows/{{window:int}}/clip", self.clip),
            Route(f"{one}/verdicts", self.judge, methods=["POST"]),
            Route(f"{one}/undo", self.undo, methods=["POST"]),
        ]

    def list_reels(self, request: Request) -> JSONResponse:
        return JSONResponse({"reels": [reel.name for reel in self.reels], "statistics": STATISTICS, "fps": FPS})

    def summary(self, request: Request) -> JSONResponse:
        """Counts, timeline and histograms; only the revision when that is the one the page knows (?known=)."""
        number = self._number(request)
        reel, verdicts = self.reels[number], self.verdicts[number]
        revision, table = verdicts.revision, verdicts.table
        if request.query_params.get("known") == revision:
            return JSONResponse({"revision": revision})
        pictures = {"timeline": facts.timeline(reel, table), "histograms": facts.histograms(table)}
        return JSONResponse({"revision": revision, **facts.summary(reel, table), **pictures})

    def order(self, request: Request) -> JSONResponse:
        number = self._number(request)
        table = self.verdicts[number].table
        rows = facts.order(table, parse_query(request.query_params, self.reels[number]))
        return JSONResponse({"windows": table["window"].to_numpy()[rows].tolist()})

    def windows(self, request: Request) -> JSONResponse:
        """Rows of ?ids=, at most MAX_ROWS."""
        table = self.verdicts[self._number(request)].table
        ids = request.query_params.get("ids", "").split(",")
        if len(ids) > MAX_ROWS or not all(text.isdecimal() and len(text) < 10 for text in ids):
            raise HTTPException(400, f"ids: expected at most {MAX_ROWS} window numbers, as in ids=0,1,2")
        rows = [self._row(table, int(text)) for text in ids]
        return JSONResponse({"windows": facts.rows_as_json(table, rows)})

    def detail(self, request: Request) -> JSONResponse:
        number = self._number(request)
        table = self.verdicts[number].table
        return JSONResponse(facts.detail(self.reels[number], table, self._row(table, request.path_params["window"])))

    def clip(self, request: Request) -> FileResponse:
        """The clip of a window, of a series its curve."""
        number = self._number(request)
        table = self.verdicts[number].table
        row = table.iloc[self._row(table, request.path_params["window"])]
        path = self.clips[number].path(int(row["start"]), int(row["length"]))
        kind = "image/svg+xml" if path.suffix == ".svg" else "video/mp4"
        return FileResponse(path, media_type=kind, headers={"Cache-Control": "private, max-age=60"})

    async def judge(self, request: Request) -> JSONResponse:
        """Set one verdict on the windows named in the body."""
        body = await read_json(request)
        windows, verdict = body.get("windows"), body.get("verdict")
        if not isinstance(windows, list) or not all(type(w) is int for w in windows) or not windows:
            raise HTTPException(400, "windows: expected a list of window numbers")
        verdicts = self.verdicts[self._number(request)]
        return await self._answer(verdicts, lambda: {"judged": verdicts.judge(windows, verdict)})

    async def undo(self, request: Request) -> JSONResponse:
        verdicts = self.verdicts[self._number(request)]
        return await self._answer(verdicts, lambda: {"undone": verdicts.undo()})

    async def _answer(self, verdicts: Verdicts, action) -> JSONResponse:
        def run() -> dict:
            try:
                return action() | {"revision": verdicts.revision}
            except (ValueError, KeyError) as error:
                raise HTTPException(400, str(error.args[0])) from error
            except FolderInUse as error:
                raise HTTPException(503, str(error)) from error

        return JSONResponse(await run_in_threadpool(run))

    def _number(self, request: Request) -> int:
        number = request.path_params["reel"]
        if number >= len(self.reels):
            raise HTTPException(404, f"no reel {number}; there are {len(self.reels)}")
        return number

    def _row(self, table, window: int) -> int:
        """Row of a window; windows are numbered as they stand in the table unless someone edited it."""
        if window < len(table) and table["window"].iat[window] == window:
            return window
        rows = (table["window"] == window).to_numpy().nonzero()[0]
        if not len(rows):
            raise HTTPException(404, f"no window {window}; there are {len(table)}")
        return int(rows[0])


async def read_json(request: Request) -> dict:
    """The body of a request. Raises HTTPException 400 when it is not a JSON object."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise HTTPException(400, "expected a JSON object")
    return body


def told_fault(request: Request, error: Exception) -> PlainTextResponse:
    """The answer where a file of a reel can't be read any more; it is said once more where the server runs."""
    log.error(f"error: {error}")
    return PlainTextResponse(f"{error}\n", 500)


def parse_query(params, reel: Reel) -> facts.Query:
    """The list asked for by ?sort=&descending=&verdict=&stretch=&after=&before=&statistic=&low=&high=.

    Raises HTTPException 400 for what can't be.
    """
    known = {key: params[key] for key in ("sort", "verdict", "statistic") if params.get(key)}
    try:
        numbers: dict[str, Any] = {key: float(params[key]) for key in ("low", "high") if params.get(key)}
        if params.get("stretch"):
            numbers["stretch"] = int(params["stretch"])
        if params.get("after") or params.get("before"):
            numbers["frames"] = facts.frames_between(reel, params.get("after", ""), params.get("before", ""))
        return facts.Query(**known, **numbers, descending=params.get("descending") == "1")
    except ValueError as error:
        raise HTTPException(400, str(error)) from error


def create_app(reels: list[Reel], host: str = "127.0.0.1") -> Starlette:
    """The application over these reels; `host` is the address it is bound to."""

    def page(request: Request) -> FileResponse:
        return FileResponse(STATIC / "index.html")

    def charts(request: Request) -> FileResponse:
        return FileResponse(CHARTS)

    shared = Route("/static/charts.js", charts)
    routes = [Route("/", page), shared, *Api(reels).routes(), Mount("/static", StaticFiles(directory=STATIC))]
    faults: dict[Any, Any] = dict.fromkeys((Damaged, OSError), told_fault)
    faults[ClientDisconnect] = lambda request, error: PlainTextResponse("gone\n", 400)  # which nobody reads
    return Starlette(routes=routes, middleware=[Middleware(Guard, host=host)], exception_handlers=faults)
