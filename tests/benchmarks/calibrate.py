"""Registration per full AIA frame: time of decoding its file, of aiapy's register and of ours, and how they differ.

    python tests/benchmarks/calibrate.py [--quick] [--json FILE]

The frame is sunpy's AIA 171 A test frame enlarged to 4096x4096, rolled by 0.35 deg, shifted, with photon noise, stored
Rice-compressed. Ours is registration and shrinking to 512x512 in one; aiapy's result is shrunk by a block mean, which
is not counted. All in one thread.

--json keys: side_px, decode_ms, aiapy_register_ms, register_ms, register_speedup, register_over_decode,
register_rms_over_std.
"""

import io
import os

import cv2
from parts.common import best_s, parsed, parser, write

from config import PrepConfig
from data.frames.grid.resample import area_mean
from data.sources.fits import candidates_of, decode_bytes
from tests.support.fits_files import fits_bytes
from tests.support.solar_frames import rms_over_std, rolled_frame, sunpy_map, to_target

SIDE, QUICK_SIDE, FACTOR = 4096, 1024, 8


def measure(side: int, repeat: int) -> dict[str, float]:
    from aiapy.calibrate import register

    pixels, header = rolled_frame(side)
    payload = fits_bytes(pixels, header)
    (candidate,) = candidates_of(io.BytesIO(payload), {"source": "", "path": "", "kind": "fits"}, PrepConfig())
    decode_s, raw = best_s(lambda: decode_bytes(payload, candidate), repeat)
    source = sunpy_map(raw.pixels, header)
    aiapy_s, registered = best_s(lambda: register(source), repeat)
    target, to_source = to_target(registered, header, pixels.shape)
    grid = (side // FACTOR, side // FACTOR)
    ours_s, (ours, _) = best_s(lambda: area_mean(raw.pixels, None, grid, to_source), repeat + 2)
    return {
        "side_px": side,
        "decode_ms": round(1e3 * decode_s, 1),
        "aiapy_register_ms": round(1e3 * aiapy_s, 1),
        "register_ms": round(1e3 * ours_s, 1),
        "register_speedup": round(aiapy_s / ours_s, 2),
        "register_over_decode": round(ours_s / decode_s, 3),
        "register_rms_over_std": round(rms_over_std(ours, registered.data, target, FACTOR), 6),
    }


def main() -> None:
    options = parsed(parser(__doc__, f"a frame of {QUICK_SIDE}x{QUICK_SIDE}, each once (default: the best of three)"))
    cv2.setNumThreads(1)
    figures = measure(QUICK_SIDE, 1) if options.quick else measure(SIDE, 3)
    side = figures["side_px"]
    print(f"ms per frame of {side}x{side}; {os.cpu_count()} processors, one thread")
    rows = (("decode (Rice)", "decode_ms"), ("aiapy register", "aiapy_register_ms"), ("ours", "register_ms"))
    for name, key in rows:
        print(f"{name:16}{figures[key]:9.1f}")
    print(f"{figures['register_speedup']:g} times faster; RMS/std {figures['register_rms_over_std']:.5f}")
    write(figures, options.json)


if __name__ == "__main__":
    main()
