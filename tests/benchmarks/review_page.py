"""How fast the review page opens and answers over many windows, and whether its server's memory stays flat.

    python tests/benchmarks/review_page.py [--quick] [--json FILE] [--windows N] [--clips N]

Writes a reel of N windows (20,000 over 40,000 frames of 32x32), lets review fill in its statistics, and starts the real
server. `open_s` is the time from navigation until every clip of the first row of the grid can play, in Chromium when
there is one, with no clip encoded yet; without one, the time of the answers that this needs. Then it times the answers
one by one, a verdict as a client sees it (saved, and the page's overview anew), and asks for many clips while it looks
at the server's memory (Linux). Each answer's time stands beside that of the smallest one, a fixed file.

--json keys: windows, frames, clips, open_s, open_again_s, open_over_limit, in_browser (1 or 0), <answer>_ms,
<answer>_p95_ms, <answer>_over_fixed (medians), rss_before_mb, rss_after_mb, rss_ratio, cache_mb, cache_limit_mb.
"""

import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from parts.common import parsed, parser, write

from data.review.page.clips import CACHE_BYTES
from tests.support.browser import chromium, has_browser, open_page, wait_until
from tests.support.reels import make_reel
from tests.support.review_server import Server
from tests.support.warm import Warm

OPEN_LIMIT_S = 2.0
RSS_LIMIT = 1.3  # server's memory after many clips over that before them
SIDE, LENGTH, STRIDE = 32, 8, 2
FIRST_ROW_READY = """(() => {
    const cells = [...document.querySelectorAll('.cell')];
    const row = cells.filter((cell) => cell.offsetTop === cells[0].offsetTop);
    return row.length > 0 && row.every((cell) => cell.querySelector('video')?.readyState >= 2);
})()"""


def write_reel(folder: Path, windows: int) -> int:
    """A reel of at least that many windows, with two gaps; returns its number of frames."""
    n, random = STRIDE * windows + 3 * LENGTH, np.random.default_rng(0)
    frames = np.empty((n, 1, SIDE, SIDE), np.float16)
    for i in range(n):
        frames[i] = 0.4 + 0.1 * np.sin(i / 50) + 0.05 * random.standard_normal((1, SIDE, SIDE))
    times_s = np.arange(n) * 12.0 + 36000 * (np.arange(n) > n // 3) + 7200 * (np.arange(n) > n // 2)
    make_reel(folder / "long", frames, times_s=times_s, clip_length=LENGTH, stride=STRIDE)
    return n


def open_in_browser(browser, server: Server) -> float:
    with open_page(browser) as page:
        begin_s = time.perf_counter()
        page.goto(server.address)
        wait_until(page, FIRST_ROW_READY, timeout_s=60)
        return time.perf_counter() - begin_s


def open_without(server: Server) -> float:
    """The answers that the first row of the grid needs, one after the other."""
    begin_s = time.perf_counter()
    for path in ("/", "/static/page.js", "/static/style.css", "/api/reels", "/api/reels/0/summary"):
        assert server.get(path)[0] == 200
    ids = server.ask("order")["windows"][:24]
    server.ask(f"windows?ids={','.join(map(str, ids))}")
    for window in ids[:6]:
        assert server.get(f"/api/reels/0/windows/{window}/clip")[0] == 200
    return time.perf_counter() - begin_s


def open_times(folder: Path, serve: Callable[[Path], Server]) -> dict[str, float]:
    """Seconds to open the page of a fresh server: the first time, and the median of three more."""
    if has_browser():
        with serve(folder) as server, chromium() as browser:
            times_s = [open_in_browser(browser, server) for _ in range(4)]
    else:
        with serve(folder) as server:
            times_s = [open_without(server) for _ in range(4)]
    return {"in_browser": int(has_browser()), "open_s": times_s[0], "open_again_s": statistics.median(times_s[1:])}


def milliseconds(action: Callable[[], object], repeat: int) -> tuple[float, float]:
    """Median and 95 % quantile of the time of an action."""
    times_s = []
    for _ in range(repeat):
        begin_s = time.perf_counter()
        action()
        times_s.append(time.perf_counter() - begin_s)
    return 1e3 * statistics.median(times_s), 1e3 * float(np.quantile(times_s, 0.95))


def answer_times(server: Server, windows: int, repeat: int) -> dict[str, tuple[float, float]]:
    """(median, 95 % quantile) in ms by what is asked for."""
    random = np.random.default_rng(1)

    def some(count: int) -> list[int]:
        return random.integers(0, windows, count).tolist()

    def verdict() -> None:
        server.ask("verdicts", {"windows": some(1), "verdict": "reject"})
        server.ask("summary")

    asked = {
        "fixed": lambda: server.get("/static/style.css"),
        "summary": lambda: server.ask("summary"),
        "order": lambda: server.ask("order?sort=outliers"),
        "windows": lambda: server.ask(f"windows?ids={','.join(map(str, some(100)))}"),
        "detail": lambda: server.ask(f"windows/{some(1)[0]}"),
        "verdict": verdict,
        "range": lambda: server.ask("verdicts", {"windows": list(range(windows // 4)), "verdict": "keep"}),
        "undo": lambda: server.ask("undo", {}),
    }
    return {name: milliseconds(action, repeat) for name, action in asked.items()}


def rss_mb(server: Server) -> float:
    """Resident memory of the server's process; NaN where there is no /proc."""
    status = Path(f"/proc/{server.process.pid}/status")
    return int(re.search(r"VmRSS:\s+(\d+)", status.read_text())[1]) / 1024 if status.is_file() else float("nan")


def clip_times(server: Server, windows: int, count: int) -> tuple[tuple[float, float], float, float]:
    """Times of new clips in ms, and the server's memory before and after asking for `count` of them."""
    numbers = iter(np.random.default_rng(2).permutation(windows)[: count + 50].tolist())

    def ask() -> None:
        assert server.get(f"/api/reels/0/windows/{next(numbers)}/clip")[0] == 200

    milliseconds(ask, 50)  # what encoders and caches take once is no growth
    before_mb = rss_mb(server)
    times_ms = milliseconds(ask, count)
    return times_ms, before_mb, rss_mb(server)


def measure(folder: Path, windows: int, clips: int, repeat: int, serve: Callable[[Path], Server]) -> dict:
    """All figures, flat."""
    frames = write_reel(folder, windows)
    with serve(folder):
        pass  # fills in the statistics, which a user waits for once a reel
    flat = {"windows": windows, "frames": frames, **open_times(folder, serve)}
    flat["open_over_limit"] = flat["open_s"] / OPEN_LIMIT_S
    with serve(folder) as server:
        times = answer_times(server, windows, repeat)
        times["clip"], before_mb, after_mb = clip_times(server, windows, clips)
    for name, (median, p95) in times.items():
        flat |= {f"{name}_ms": median, f"{name}_p95_ms": p95, f"{name}_over_fixed": median / times["fixed"][0]}
    cached = sum(p.stat().st_size for p in (folder / "long" / "review_clips").iterdir())
    memory = {"rss_before_mb": before_mb, "rss_after_mb": after_mb, "rss_ratio": after_mb / before_mb}
    return flat | memory | {"clips": clips, "cache_mb": cached / 2**20, "cache_limit_mb": CACHE_BYTES / 2**20}


def report(flat: dict) -> None:
    """Print the figures with their limits."""
    print(f"{flat['windows']} windows over {flat['frames']} frames of {SIDE}x{SIDE}; {os.cpu_count()} processors")
    again, over = flat["open_again_s"], flat["open_over_limit"]
    where = "browser" if flat["in_browser"] else "answers"
    print(f"open ({where}): {flat['open_s']:.2f} s, again {again:.2f} s; {over:.2f} of {OPEN_LIMIT_S:g} s")
    print(f"{'answer':>10} {'median ms':>10} {'p95 ms':>8} {'x fixed':>8}")
    for name in [key.removesuffix("_p95_ms") for key in flat if key.endswith("_p95_ms")]:
        median, p95, over = (flat[f"{name}_{key}"] for key in ("ms", "p95_ms", "over_fixed"))
        print(f"{name:>10} {median:10.1f} {p95:8.1f} {over:8.1f}")
    memory = f"{flat['rss_before_mb']:.0f} MB, after {flat['clips']} clips {flat['rss_after_mb']:.0f} MB"
    print(f"server: {memory}, ratio {flat['rss_ratio']:.2f} (limit {RSS_LIMIT})")
    print(f"cache of clips: {flat['cache_mb']:.1f} MB (limit {flat['cache_limit_mb']:.0f} MB)")


def main() -> None:
    asked = parser(
        __doc__, "200 windows, 20 clips, each answer three times; servers are forked from one that has loaded all"
    )
    asked.add_argument("--windows", type=int, help="number of windows (default 20000; 200 with --quick)")
    asked.add_argument("--clips", type=int, help="number of clips asked for (default 2000; 20 with --quick)")
    options = parsed(asked)
    windows = options.windows or (200 if options.quick else 20_000)
    clips = min(options.clips or (20 if options.quick else 2000), windows - 50)
    with tempfile.TemporaryDirectory(prefix="review_page_benchmark_") as folder:
        if options.quick:
            warm = Warm("main", "data.review_processed_data", "data.review.page.server", "models.autoencoder")
            flat = measure(Path(folder), windows, clips, 3, partial(Server, start=warm.start))
            warm.end()
        else:
            flat = measure(Path(folder), windows, clips, 30, Server)
    report(flat)
    write({name: round(value, 3) for name, value in flat.items()}, options.json)


if __name__ == "__main__":
    main()
