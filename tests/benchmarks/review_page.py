"""How fast the review page opens and answers over many windows, and whether its server's memory stays flat.

    python tests/benchmarks/review_page.py [--quick] [--json FILE] [--windows N] [--clips N]

Writes a reel of N windows (20,000 over 40,000 frames of 32x32), lets review fill in its statistics, and starts the real
server. `open_s` is the time from navigation until every clip of the first row of the grid can play, in Chromium when
there is one, with no clip encoded yet; without one, the time of the answers that this needs. Then it times the answers
one by one, a verdict as a client sees it (saved, and the page's overview anew), and asks for many clips while it looks
at the server's memory (Linux).
"""

import argparse
import importlib.util
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from data.review.page.clips import CACHE_BYTES  # noqa: E402
from tests.support.browser import chromium, find_chromium, open_page, wait_until  # noqa: E402
from tests.support.reels import make_reel  # noqa: E402
from tests.support.review_server import Server  # noqa: E402

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


def open_times(folder: Path) -> dict[str, float | str]:
    """Seconds to open the page of a fresh server: the first time, and the median of three more."""
    if find_chromium() and importlib.util.find_spec("playwright"):
        with Server(folder) as server, chromium() as browser:
            times_s = [open_in_browser(browser, server) for _ in range(4)]
    else:
        with Server(folder) as server:
            times_s = [open_without(server) for _ in range(4)]
    kind = "browser" if find_chromium() else "answers"
    return {"opened_in": kind, "open_s": times_s[0], "open_again_s": statistics.median(times_s[1:])}


def milliseconds(action: Callable[[], object], repeat: int) -> tuple[float, float]:
    """Median and 95 % quantile of the time of an action."""
    times_s = []
    for _ in range(repeat):
        begin_s = time.perf_counter()
        action()
        times_s.append(time.perf_counter() - begin_s)
    return 1e3 * statistics.median(times_s), 1e3 * float(np.quantile(times_s, 0.95))


def answer_times(server: Server, windows: int, repeat: int = 30) -> dict[str, tuple[float, float]]:
    """(median, 95 % quantile) in ms by what is asked for."""
    random = np.random.default_rng(1)

    def some(count: int) -> list[int]:
        return random.integers(0, windows, count).tolist()

    def verdict() -> None:
        server.ask("verdicts", {"windows": some(1), "verdict": "reject"})
        server.ask("summary")

    asked = {
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


def measure(folder: Path, windows: int, clips: int) -> dict:
    """All figures, flat."""
    frames = write_reel(folder, windows)
    with Server(folder):
        pass  # fills in the statistics, which a user waits for once a reel
    flat = {"windows": windows, "frames": frames, **open_times(folder)}
    flat["open_over_limit"] = flat["open_s"] / OPEN_LIMIT_S
    with Server(folder) as server:
        times = answer_times(server, windows)
        times["clip"], before_mb, after_mb = clip_times(server, windows, clips)
    for name, (median, p95) in times.items():
        flat |= {f"{name}_ms": median, f"{name}_p95_ms": p95}
    cached = sum(p.stat().st_size for p in (folder / "long" / "review_clips").iterdir())
    memory = {"rss_before_mb": before_mb, "rss_after_mb": after_mb, "rss_ratio": after_mb / before_mb}
    return flat | memory | {"clips": clips, "cache_mb": cached / 2**20, "cache_limit_mb": CACHE_BYTES / 2**20}


def report(flat: dict) -> None:
    """Print the figures with their limits."""
    print(f"{flat['windows']} windows over {flat['frames']} frames of {SIDE}x{SIDE}; {os.cpu_count()} processors")
    again, over = flat["open_again_s"], flat["open_over_limit"]
    print(f"open ({flat['opened_in']}): {flat['open_s']:.2f} s, again {again:.2f} s; {over:.2f} of {OPEN_LIMIT_S:g} s")
    print(f"{'answer':>10} {'median ms':>10} {'p95 ms':>8}")
    for name in [key.removesuffix("_p95_ms") for key in flat if key.endswith("_p95_ms")]:
        print(f"{name:>10} {flat[f'{name}_ms']:10.1f} {flat[f'{name}_p95_ms']:8.1f}")
    memory = f"{flat['rss_before_mb']:.0f} MB, after {flat['clips']} clips {flat['rss_after_mb']:.0f} MB"
    print(f"server: {memory}, ratio {flat['rss_ratio']:.2f} (limit {RSS_LIMIT})")
    print(f"cache of clips: {flat['cache_mb']:.1f} MB (limit {flat['cache_limit_mb']:.0f} MB)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the windows and clips")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as flat JSON")
    parser.add_argument("--windows", type=int, help="number of windows (default 20000; 2000 with --quick)")
    parser.add_argument("--clips", type=int, help="number of clips asked for (default 2000; 200 with --quick)")
    options = parser.parse_args()
    windows = options.windows or (2000 if options.quick else 20_000)
    clips = min(options.clips or (200 if options.quick else 2000), windows - 50)
    with tempfile.TemporaryDirectory(prefix="review_page_benchmark_") as folder:
        flat = measure(Path(folder), windows, clips)
    report(flat)
    if options.json:
        rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in flat.items()}
        options.json.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
