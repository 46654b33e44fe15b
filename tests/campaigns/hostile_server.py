"""Downloads from servers that hang up, drip, never end, lie or send on elsewhere: whole files arrive, others never.

A run is one download of four files, whose servers' ways are drawn with the seed.
"""

import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

from parts.campaign import Counts, finish, memory_mb, parser, workplace

from data.download.http import Patience, Transfer, download
from tests.support.fits_files import counts, fits_bytes
from tests.support.http_server import HTML, send, serving, stalled

QUICK, RUNS, FILES = 4, 500, 4
PATIENCE = Patience(retries=1, timeout_sec=0.3, pause_sec=0.01, longest_sec=0.1, most_bytes=3_000_000)
LONGEST_S = 30  # of a run: a server that never ends must not keep it
Answer = Callable[..., None]


def whole(body: bytes, _: random.Random) -> Answer:
    return lambda handler, n: send(handler, body)


def refused(body: bytes, rng: random.Random) -> Answer:
    status = rng.choice([403, 404, 418, 500, 503])
    return lambda handler, n: send(handler, body, status)


def page(body: bytes, rng: random.Random) -> Answer:
    return lambda handler, n: send(handler, HTML, content_type=rng.choice(["text/html", "image/fits"]))


def cut(body: bytes, rng: random.Random) -> Answer:
    part, told = body[: rng.randrange(len(body))], rng.random() < 0.5
    return lambda handler, n: send(handler, part, length=len(body) if told else None)


def longer(body: bytes, rng: random.Random) -> Answer:
    more = rng.randbytes(rng.randrange(2881, 200_000))
    return lambda handler, n: send(handler, body + more)


def flipped(body: bytes, rng: random.Random) -> Answer:
    """A bit of the header's first block, where a checksum or the cards themselves tell."""
    spoilt = bytearray(body)
    spoilt[rng.randrange(30)] ^= 1 << rng.randrange(8)
    return lambda handler, n: send(handler, bytes(spoilt))


def hangs_up(body: bytes, rng: random.Random) -> Answer:
    def answer(handler, n):
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    return answer


def silent(body: bytes, rng: random.Random) -> Answer:
    return stalled(body, rng.choice([0, 500]))


def endless(body: bytes, rng: random.Random) -> Answer:
    def answer(handler, n):
        _begin(handler)
        while not handler.server.answers.stop.is_set():
            handler.wfile.write(body)

    return answer


def drips(body: bytes, rng: random.Random) -> Answer:
    def answer(handler, n):
        _begin(handler)
        for byte in body:
            if handler.server.answers.stop.wait(0.05):
                return
            handler.wfile.write(bytes([byte]))

    return answer


def sent_on(body: bytes, rng: random.Random) -> Answer:
    place = rng.choice(["http://localhost:9/x.fits", "file:///etc/hostname", "ftp://example.org/x", "//example.org/x"])
    return lambda handler, n: send(handler, b"", rng.choice([301, 302, 307]), Location=place)


WAYS = (whole, refused, page, cut, longer, flipped, hangs_up, silent, endless, drips, sent_on)


def _begin(handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "image/fits")
    handler.end_headers()


def run(seed: int, folder: Path, counts_of: Counts) -> None:
    """One download; what arrived is held against what was sent."""
    rng, bodies = random.Random(seed), [fits_bytes(counts(i, (24, 24))) for i in range(FILES)]
    ways = [rng.choice(WAYS) for _ in bodies]
    told = f"seed {seed}, {', '.join(way.__name__ for way in ways)}"
    begun = time.monotonic()
    with serving() as (url, answers):
        for i, (way, body) in enumerate(zip(ways, bodies, strict=True)):
            answers[f"/{i}.fits"] = way(body, rng)
        transfers = [Transfer(f"{url}/{i}.fits", folder / f"{i}.fits") for i in range(FILES)]
        try:
            outcomes = download(transfers, PATIENCE)
        except Exception as error:  # whatever a server does is an outcome with a reason
            counts_of.note("tracebacks", f"{told}: {error!r}")
            return
    if time.monotonic() - begun > LONGEST_S:
        counts_of.note("lost", f"{told}: {time.monotonic() - begun:.0f} s")
    for outcome in outcomes:
        number = int(outcome.transfer.path.stem)
        arrived = outcome.transfer.path.read_bytes() if outcome.transfer.path.exists() else None
        if ways[number] is whole and arrived != bodies[number]:
            counts_of.note("lost", f"{told}: file {number}, {outcome.reason or 'no reason'}")
        if arrived not in (None, bodies[number]) or (arrived is None) != bool(outcome.reason):
            counts_of.note("silent", f"{told}: file {number}, {outcome.reason or 'no reason'}")
    if left := [path.name for path in folder.iterdir() if path.suffix != ".fits"]:
        counts_of.note("lost", f"{told}: left {left}")


def main() -> None:
    options = parser(__doc__, RUNS).parse_args()
    counted = Counts()
    for number in range(QUICK if options.quick else options.runs):
        with workplace() as folder:
            run(options.seed + number, folder, counted)
        counted.runs += 1
        counted.peak_mb = max(counted.peak_mb, memory_mb())
    finish(counted, options)


if __name__ == "__main__":
    main()
