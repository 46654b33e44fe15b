"""Files that an index on the web lists, as archives do: what is new is fetched, and then taken as from a folder."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

import aiohttp

from config import EvalConfig
from data.disk.files import folder_name
from data.download.http import HEADERS, Patience, Transfer, check_fits, download
from data.live.frame_files import FolderFiles, Met, Stamp
from data.live.frame_form import FrameForm
from data.live.live_source import told
from data.messages import logger

log = logger(__name__)

UTC_FIELD = "{utc"  # of an address whose folder goes with the time, as .../{utc:%Y/%m/%d}/
BACK_H = 3  # hours before now whose folders are looked at too: late files
MOST_INDEX_BYTES = 2**24
QUIET_S = 30.0  # after which a silent server is left alone until the next look
MOST_TRIES = 5  # to fetch a file, a look each


def is_index(address: str, settings: EvalConfig) -> bool:
    """Whether an address is that of a list of files, not of a stream: it ends with / and answers with a page."""
    if not address.startswith(("http://", "https://")):
        return False
    if UTC_FIELD in address:
        return True
    if not urlsplit(address).path.endswith("/"):
        return False
    try:
        return "html" in asyncio.run(_page(address))[0]
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False  # the stream's own errors say more


class Links(HTMLParser):
    """The addresses that a page links to."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def files_in(page: str, address: str, pattern: str) -> dict[str, str]:
    """Addresses by name of the files that an index lists in its own folder; names are safe to write under."""
    links, found = Links(), {}
    links.feed(page)
    base = urlsplit(address)
    for link in links.found:
        target = urlsplit(urljoin(address, link))
        path = PurePosixPath(unquote(target.path))
        same = (target.scheme, target.netloc, str(path.parent)) == (
            base.scheme,
            base.netloc,
            str(PurePosixPath(unquote(base.path + "_")).parent),
        )
        if same and not target.query and not target.path.endswith("/") and fnmatch(path.name, pattern):
            found[folder_name(path.name)] = target._replace(fragment="").geturl()
    return found


class IndexFiles(FolderFiles):
    """The files of an index, fetched into a folder of ours, and removed from there once they are taken.

    A file that can't be had at MOST_TRIES looks is left out with the reason.
    """

    def __init__(self, address: str, spool: Path, settings: EvalConfig, form: FrameForm, known: dict[str, Stamp]):
        super().__init__(spool, settings.follow_pattern, form, 0.0, dict(known))
        spool.mkdir(parents=True, exist_ok=True)
        self.address, self.taken, self.tries = address, set(known), dict[str, int]()
        self.patience = Patience(retries=0, timeout_sec=QUIET_S)

    def poll(self) -> list[Met]:
        lost = self._fetch(self._new())
        found = super().poll()
        self.taken |= {met.file for met in (*found, *lost)}
        return [*found, *lost]

    def done(self, met: Met) -> None:
        """Remove a file that was read, or will not be."""
        if met.file == met.source:  # another frame of the same file may be waiting
            (self.folder / met.file).unlink(missing_ok=True)

    def _addresses(self) -> list[str]:
        if UTC_FIELD not in self.address:
            return [self.address]
        now = datetime.now(UTC)
        hours = [now - timedelta(hours=h) for h in range(BACK_H, -1, -1)]
        return list(dict.fromkeys(self.address.format(utc=hour) for hour in hours))

    def _new(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for address in self._addresses():
            try:
                _, page = asyncio.run(_page(address))
                found |= files_in(page, address, self.pattern)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                self.problem = f"{told(address)}: {error or type(error).__name__}"
                log.warning(self.problem)
        return {name: url for name, url in found.items() if name not in self.taken}

    def _fetch(self, new: dict[str, str]) -> list[Met]:
        lost = []
        transfers = [Transfer(url, self.folder / name) for name, url in new.items()]
        for outcome in download(transfers, self.patience, check=check_whole) if transfers else []:
            name = outcome.transfer.path.name
            self.tries[name] = self.tries.get(name, 0) + bool(outcome.reason)
            if outcome.reason and self.tries[name] >= MOST_TRIES:
                lost.append(Met(name, name, (0, 0), None, f"not fetched: {outcome.reason}", time.monotonic()))
        return lost


def check_whole(path: Path) -> None:
    """Raises ValueError for a FITS file that is not whole; of a picture its reader will say so."""
    if path.name.removesuffix(".part").lower().endswith((".fits", ".fts", ".fit")):
        check_fits(path)
    elif not path.stat().st_size:
        raise ValueError("the file is empty")


async def _page(address: str) -> tuple[str, str]:
    """Content type and text of a page. Raises aiohttp.ClientError, TimeoutError or ValueError."""
    timeout = aiohttp.ClientTimeout(total=QUIET_S)
    async with (
        aiohttp.ClientSession(timeout=timeout, headers=HEADERS, trust_env=True) as session,
        session.get(address, raise_for_status=True) as answer,
    ):
        if "html" not in answer.content_type:
            return answer.content_type, ""
        body = b""
        async for chunk in answer.content.iter_chunked(2**16):
            body += chunk
            if len(body) > MOST_INDEX_BYTES:
                raise ValueError(f"the index is larger than {MOST_INDEX_BYTES / 1e6:.0f} MB")
        return answer.content_type, body.decode(errors="replace")
