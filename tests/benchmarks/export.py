"""Speed, start and size of an exported bundle, beside the checkpoint that it scores like.

    python tests/benchmarks/export.py [--quick] [--json FILE] [--ped2 DIR | --series N]

The default autoencoder (--quick: a narrow one) is trained for some epochs on a synthetic reel of 112x112, and exported
by the program's own mode, which certifies it, in float32, in integers, and in both without half of its channels,
trained on for as many epochs. Timed, on one thread, in turns, a few windows in a row each: the net in PyTorch as it is
trained, in single precision and in bfloat16 where the processor has it; as eval runs it on a CPU in single precision,
with 2D convolutions; and the bundles' in ONNX Runtime, and whole ones in OpenVINO. Times of the net are the shortest of
the processor, so that what else a machine does counts little. Started: `python -m inference.runner`, from its start to
the end of a reel of 32 frames, beside `main.py -m eval` on it. The shipped weights of `vetime` (not with --quick;
--series N: of so many planted synthetic series, and nothing else) as a bundle beside themselves, started on a series of
32,768 samples.
--ped2 DIR: instead of all that `expected`, with the settings of demo/video.yaml, on UCSD Ped2 (DIR as ped2.py takes it;
--quick: small frames, a net of a few steps), as `eval` runs it and as bundles; which its certificate refuses is told.

--json keys: bundle_mb, int8_mb, start_s, start_over_eval, runner_mib, runner_mib_over_eval, fp32_ms, planar_over_fp32,
bundle_over_fp32, bundle_over_bf16, int8_over_fp32, int8_over_bf16, score_difference,
int8_score_difference, auc, auc_lost, [pruned_<precision>_over_bf16], [pruned_<precision>_auc_lost],
[pruned_<precision>_mb], [openvino_<precision>_over_fp32], [openvino_<precision>_auc_lost],
[openvino_<precision>_difference], [openvino_<precision>_mb], [ped2_<what>], [zero_shot_vus_pr],
[zero_shot_vus_pr_lost], [zero_shot_difference], [zero_shot_over_torch], [zero_shot_mb], [zero_shot_start_s],
[zero_shot_start_over_eval], [zero_shot_mib_over_eval].
(Ratios of speed: how many times as many windows or samples a second. auc: of the pixels of planted anomalies, by the
checkpoint; auc_lost: how much less it is by the bundle in integers; pruned_int8_, pruned_fp32_: of the pruned ones,
which --quick leaves out, as it does those of OpenVINO; openvino_<precision>_difference: of scores, in low thresholds.
zero_shot_vus_pr: mean VUS-PR of series, by the checkpoint; zero_shot_difference: the largest
of two scores. ped2_raw_auc, ped2_events: of the checkpoint, one ROC over the frames of all clips; ped2_fp32_ and
ped2_int8_, of a bundle: auc_lost, events, clips_alike with events that are the same in every frame, box and level, and
difference of two highest scores of a frame, in low thresholds.)
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from parts.common import CHILD, ROOT, best_s, parsed, parser, program, write
from parts.long_reel import reel_of, settings, trained
from parts.ped2_bundle import ped2_figures
from parts.zero_shot_bundle import zero_shot_figures

from config import Config, ExportConfig
from inference.export import export as exporting
from inference.export.exported import Exported
from inference.export.precision import PRECISIONS
from inference.runner.bundle import Bundle
from inference.runner.engines.engine import engine_of
from inference.runner.net import Net
from inference.runner.nets import NET, Nets
from training.device import autocast, autocast_dtype

PRUNED = 0.5  # share of the channels that is left out
IN_A_ROW = 3  # windows, as they are scored: the first finds in the cache what another way has left there
ONE_STAGE = {"model.stages": [{"width": 8, "stride": [4, 4, 4]}]}  # with --quick: each one more takes seconds to trace
# What it prints last is the peak memory of the process.
RUNNER = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from inference.runner.__main__ import main
code = main(sys.argv[1:])
from pathlib import Path
print('PEAK_MIB', int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]) / 1024)
sys.exit(code)
"""


def speeds(exported: Exported, bundles: dict[str, Path], rounds: int) -> dict[str, float]:
    """Processor time of a window in all ways, the shortest of so many rounds."""
    torch.set_num_threads(1)
    scorer: Any = exported.scorer  # a net, or it could not have been exported
    x = np.random.default_rng(0).random((1, *exported.portable.shape), dtype=np.float32)

    def in_3d(dtype: torch.dtype) -> None:
        with autocast(scorer.device, dtype):
            scorer.model(scorer.on_device(x))

    def by_eval() -> None:
        scorer.amp = "off"
        scorer.reconstruct(x)

    ways: dict[str, Callable[[], Any]] = {
        "fp32": lambda: in_3d(torch.float32),
        "bf16": lambda: in_3d(autocast_dtype("auto", scorer.device, temporal_depth=sys.maxsize)),
        "planar": by_eval,
    }
    for name, bundle in bundles.items():
        ways[name] = partial(Net(Nets.of(bundle, Bundle.open(bundle).about, threads=1).opened(NET)), x)
    seconds = dict.fromkeys(ways, np.inf)
    with torch.inference_mode():
        for _ in range(1 + rounds):  # the first makes ready
            for name, way in ways.items():
                for _ in range(IN_A_ROW):
                    begun = time.process_time()
                    way()
                    seconds[name] = min(seconds[name], time.process_time() - begun)
    return seconds


def traced_once() -> None:
    """Let bundles of one net share its trace, which takes most of the time of an export."""
    trace, kept = exporting.as_onnx, {}

    def of(net: torch.nn.Module, *form: Any) -> bytes:
        key = tuple(float(weight.double().square().sum()) for weight in net.state_dict().values())
        return kept[key] if key in kept else kept.setdefault(key, trace(net, *form))

    exporting.as_onnx = of


def started(code: str, *words: str | Path) -> tuple[float, float]:
    """Seconds from start to end of a process on one thread, and its peak memory, MiB."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, words)]
    seconds, done = best_s(lambda: subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True))
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return seconds, float(done.stdout.rpartition("PEAK_MIB")[2])


def size_mb(bundle: Path) -> float:
    return sum(path.stat().st_size for path in bundle.iterdir()) / 1e6


def exported_in(work: Path, config: Config, quick: bool) -> dict[str, Path]:
    """The bundles of a run, each in a folder of its name. What is lost is measured here, however much it is."""
    ways = {"fp32": ExportConfig(), "int8": ExportConfig(precision="int8")}
    if not quick:
        ways |= of_openvino()
        # It trains again.
        ways |= {f"pruned_{name}": replace(ways[name], prune=PRUNED) for name in ("fp32", "int8")}
    own = {name: replace(way, to=str(work / name), auc_lost=1.0) for name, way in ways.items()}
    return {name: exporting.export(replace(config, export=way)) for name, way in own.items()}


def measure(work: Path, quick: bool) -> dict[str, float]:
    """All figures, in the order they are printed."""
    side, frames, epochs = (32, 150, 1) if quick else (112, 600, 4)
    reel, short = reel_of(work / "reel", frames, side), reel_of(work / "short", 32, side)
    config = settings(work, reel, epochs, quick, ONE_STAGE)
    trained(config)
    traced_once()
    bundles = exported_in(work, config, quick)
    told = {name: json.loads((bundle / "certificate.json").read_text()) for name, bundle in bundles.items()}
    theirs, ours = told["int8"]["on"]["planted"]["auc"]
    seconds = speeds(Exported(work / "run", config), {f"bundle_{n}": b for n, b in bundles.items()}, 3 if quick else 30)
    (start_s, runner_mib), (eval_s, eval_mib) = (
        started(RUNNER, bundles["fp32"], short, "--threads", "1"),
        evaluated(short, work / "run", own_process=not quick),
    )
    figures = {
        "bundle_mb": size_mb(bundles["fp32"]),
        "int8_mb": size_mb(bundles["int8"]),
        "start_s": start_s,
        "start_over_eval": start_s / eval_s,
        "runner_mib": runner_mib,
        "runner_mib_over_eval": runner_mib / eval_mib,
        "fp32_ms": 1e3 * seconds["fp32"],
        "planar_over_fp32": seconds["fp32"] / seconds["planar"],
        "bundle_over_fp32": seconds["fp32"] / seconds["bundle_fp32"],
        "bundle_over_bf16": seconds["bf16"] / seconds["bundle_fp32"],
        "int8_over_fp32": seconds["fp32"] / seconds["bundle_int8"],
        "int8_over_bf16": seconds["bf16"] / seconds["bundle_int8"],
        "score_difference": told["fp32"]["score_difference"],
        "int8_score_difference": told["int8"]["score_difference"],
        "auc": theirs,
        "auc_lost": theirs - ours,
    }
    for name in (name for name in told if name.startswith("pruned_")):
        pruned_auc = told[name]["beside_unpruned"]["on"]["planted"]["auc"][1]
        figures[f"{name}_over_bf16"] = seconds["bf16"] / seconds[f"bundle_{name}"]
        figures |= {f"{name}_auc_lost": theirs - pruned_auc, f"{name}_mb": size_mb(bundles[name])}
    for name in (name for name in told if name.startswith("openvino_")):
        over_fp32 = seconds["fp32"] / seconds[f"bundle_{name}"]
        figures |= {f"{name}_over_fp32": over_fp32, f"{name}_mb": size_mb(bundles[name])} | beside(name, told[name])
    return figures


def beside(name: str, certificate: dict[str, Any]) -> dict[str, float]:
    """What a certificate says of a bundle beside its checkpoint."""
    theirs, ours = certificate["on"]["planted"]["auc"]
    return {f"{name}_auc_lost": theirs - ours, f"{name}_difference": certificate["score_difference"]}


def of_openvino() -> dict[str, ExportConfig]:
    """Bundles for OpenVINO, in all precisions that it can compute in here."""
    can = [p for p in PRECISIONS if not engine_of("openvino").lacks(p)]
    return {f"openvino_{p}": ExportConfig(format="openvino", precision=p) for p in can}


def evaluated(reel: Path, run: Path, own_process: bool) -> tuple[float, float]:
    """`started` for the mode eval; without a process of its own its start and memory mean nothing."""
    words = "-m", "eval", "--data-clips", reel, "--model-path", run
    return started(CHILD, *words) if own_process else program(*words, own_process=False)


def by_name(kind: str, *words: str | Path) -> tuple[float, float]:
    """`started` for the runner, or the mode eval."""
    return started(RUNNER, *words) if kind == "runner" else started(CHILD, "-m", "eval", *words)


def main() -> None:
    takes = parser(__doc__, "150 small frames, a narrow model, eval in this process")
    takes.add_argument("--ped2", type=Path, metavar="DIR", help="of expected alone, on UCSD Ped2")
    takes.add_argument("--series", type=int, default=0, help="of vetime alone, on so many synthetic series")
    options, figures = parsed(takes), {}
    with tempfile.TemporaryDirectory() as folder:
        if options.ped2:
            figures |= ped2_figures(options.ped2, Path(folder), options.quick)
        elif not options.series:
            figures |= measure(Path(folder), options.quick)
        if not (options.quick or options.ped2):
            figures |= zero_shot_figures(Path(folder), options.series or 64, by_name)
    for name, value in figures.items():
        print(f"{name:30s} {value:10.4g}")
    write(figures, options.json)


if __name__ == "__main__":
    main()
