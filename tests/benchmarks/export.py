"""Speed, start and size of an exported bundle, beside the checkpoint that it scores like.

    python tests/benchmarks/export.py [--quick] [--json FILE]

The default autoencoder (--quick: a narrow one) is trained for an epoch on a synthetic reel of 112x112, and exported by
the program's own mode, which certifies it. Timed, on one thread and window by window: the net in PyTorch in single
precision as it is trained, the same with its convolutions written as 2D ones, as eval runs it on this machine (bfloat16
where the processor has it), and the bundle's in ONNX Runtime. Started: `python -m inference.runner`, from its start
to the end of a reel of 32 frames, beside `main.py -m eval` on it.

--json keys: bundle_mb, start_s, start_over_eval, runner_mib, runner_mib_over_eval, fp32_ms, planar_over_fp32,
bundle_over_fp32, bundle_over_eval, score_difference. (Ratios of speed: how many times as many windows a second.)
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from parts.common import CHILD, ROOT, best_s, parsed, parser, write
from parts.long_reel import reel_of, settings, trained

from inference.export.export import export
from inference.export.exported import Exported
from inference.runner.bundle import NET
from inference.runner.net import OnnxNet

# What it prints last is the peak memory of the process.
RUNNER = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from inference.runner.__main__ import main
code = main(sys.argv[1:])
from pathlib import Path
print('PEAK_MIB', int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]) / 1024)
sys.exit(code)
"""


def speeds(exported: Exported, bundle: Path, repeat: int) -> dict[str, float]:
    """Time of a window in the four ways, the shortest of `repeat`."""
    torch.set_num_threads(1)
    scorer: Any = exported.scorer  # a net, or it could not have been exported
    run = OnnxNet(bundle / NET, threads=1)
    x = np.random.default_rng(0).random((1, *exported.shape), dtype=np.float32)
    ways = {"eval": (scorer.reconstruct, "auto"), "fp32": (scorer.reconstruct, "off")}
    seconds = {}
    for name, (compute, scorer.amp) in ways.items():
        compute(x)
        seconds[name] = best_s(lambda compute=compute: compute(x), repeat)[0]
    with torch.inference_mode():
        exported.net(torch.from_numpy(x))
        seconds["planar"] = best_s(lambda: exported.net(torch.from_numpy(x)), repeat)[0]
    run(x)
    seconds["bundle"] = best_s(lambda: run(x), repeat)[0]
    return seconds


def started(code: str, *words: str | Path) -> tuple[float, float]:
    """Seconds from start to end of a process on one thread, and its peak memory, MiB."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, words)]
    seconds, done = best_s(lambda: subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True))
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return seconds, float(done.stdout.rpartition("PEAK_MIB")[2])


def measure(work: Path, quick: bool) -> dict[str, float]:
    """All figures, in the order they are printed."""
    side, frames = (32, 200) if quick else (112, 600)
    reel, short = reel_of(work / "reel", frames, side), reel_of(work / "short", 32, side)
    config = settings(work, reel, 1, quick)
    trained(config)
    bundle = export(config)
    seconds = speeds(Exported(work / "run", config), bundle, 3 if quick else 30)
    (start_s, runner_mib), (eval_s, eval_mib) = (
        started(RUNNER, bundle, short, "--threads", "1"),
        started(CHILD, "-m", "eval", "--data-clips", short, "--model-path", work / "run"),
    )
    return {
        "bundle_mb": sum(path.stat().st_size for path in bundle.iterdir()) / 1e6,
        "start_s": start_s,
        "start_over_eval": start_s / eval_s,
        "runner_mib": runner_mib,
        "runner_mib_over_eval": runner_mib / eval_mib,
        "fp32_ms": 1e3 * seconds["fp32"],
        "planar_over_fp32": seconds["fp32"] / seconds["planar"],
        "bundle_over_fp32": seconds["fp32"] / seconds["bundle"],
        "bundle_over_eval": seconds["eval"] / seconds["bundle"],
        "score_difference": json.loads((bundle / "certificate.json").read_text())["score_difference"],
    }


def main() -> None:
    options = parsed(parser(__doc__, "200 small frames, a narrow model"))
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.quick)
    for name, value in figures.items():
        print(f"{name:30s} {value:10.4g}")
    write(figures, options.json)


if __name__ == "__main__":
    main()
