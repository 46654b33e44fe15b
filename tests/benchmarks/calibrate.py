"""Registration per full AIA frame: time of decoding its file, of aiapy's register and of ours, and how they differ.

    python tests/benchmarks/calibrate.py [--quick] [--json FILE]

The frame is sunpy's AIA 171 A test frame enlarged to 4096x4096, rolled by 0.35 deg, shifted, with photon noise, stored
Rice-compressed. Ours is registration and shrinking to 512x512 in one; aiapy's result is shrunk by a block mean, which
is not counted. All in one thread.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import cv2  # noqa: E402

from data.frames.resample import area_mean  # noqa: E402
from data.sources.fits import decode_bytes  # noqa: E402
from tests.support.fits_files import fits_bytes  # noqa: E402
from tests.support.solar_frames import rms_over_std, rolled_frame, sunpy_map, to_target  # noqa: E402

SIDE, FACTOR = 4096, 8


def best(run: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    """Shortest time in ms, and the result."""
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        result = run()
        times.append(1000 * (time.perf_counter() - begin))
    return min(times), result


def measure(repeat: int) -> dict[str, float]:
    from aiapy.calibrate import register

    pixels, header = rolled_frame(SIDE)
    payload = fits_bytes(pixels, header)
    decode_ms, raw = best(lambda: decode_bytes(payload), repeat)
    source = sunpy_map(raw.pixels, header)
    aiapy_ms, registered = best(lambda: register(source), repeat)
    target, to_source = to_target(registered, header, pixels.shape)
    grid = (SIDE // FACTOR, SIDE // FACTOR)
    ours_ms, (ours, _) = best(lambda: area_mean(raw.pixels, None, grid, to_source), repeat + 2)
    return {
        "decode_ms": round(decode_ms, 1),
        "aiapy_register_ms": round(aiapy_ms, 1),
        "register_ms": round(ours_ms, 1),
        "register_speedup": round(aiapy_ms / ours_ms, 2),
        "register_rms_over_std": round(rms_over_std(ours, registered.data, target, FACTOR), 6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="each once (default: the best of three)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as flat JSON")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    figures = measure(1 if options.quick else 3)
    print(f"ms per frame of {SIDE}x{SIDE}; {os.cpu_count()} processors, one thread")
    rows = (("decode (Rice)", "decode_ms"), ("aiapy register", "aiapy_register_ms"), ("ours", "register_ms"))
    for name, key in rows:
        print(f"{name:16}{figures[key]:9.1f}")
    print(f"{figures['register_speedup']:g} times faster; RMS/std {figures['register_rms_over_std']:.5f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
