"""Where the numbers are crunched, and in which precision."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch


def pick_device(name: str, local_rank: int = 0) -> torch.device:
    """The device of a `device` setting: auto (CUDA if there is one, else CPU), cpu, cuda, cuda:N or mps.

    auto and cuda mean the CUDA device `local_rank`. Raises ValueError for a device that this machine doesn't have.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device("cuda", local_rank) if name == "cuda" else torch.device(name)
    cuda_devices = torch.cuda.device_count()
    if device.type == "cuda" and device.index >= cuda_devices:
        raise ValueError(f"device {device}: this machine has {cuda_devices} CUDA devices; choose -d auto or -d cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device mps: this machine has no Metal device; choose -d auto or -d cpu")
    return device


def autocast_dtype(amp: str, device: torch.device, temporal_depth: int) -> torch.dtype:
    """The type that convolutions are trained in: float32, or a shorter one where that is both right and fast.

    temporal_depth: the smallest depth at which the model runs a kernel that is 3 deep in time. Below 4 oneDNN's
    bfloat16 weight gradient reads uninitialised memory on a CPU.
    """
    if amp == "off":
        return torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu" and temporal_depth >= 4 and _cpu_has_fast_bf16():
        return torch.bfloat16
    return torch.float32


def prefers_planar(device: torch.device, dtype: torch.dtype, frame: Sequence[int]) -> bool:
    """Whether frames (H, W) are convolved faster in 2D than in 3D: pictures, on a CPU, in single precision.

    `tests/benchmarks/train_eval.py` and `export.py` tell how much; in bfloat16 it is slower.
    """
    return device.type == "cpu" and dtype == torch.float32 and tuple(frame) != (1, 1)


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager:
    """Run what is inside in `dtype` where that is safe; for float32 nothing changes."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def _cpu_has_fast_bf16() -> bool:
    # oneDNN also takes bfloat16 without the instructions for it, emulated and slower than float32.
    return torch.ops.mkldnn._is_mkldnn_bf16_supported() and torch.cpu._is_avx512_bf16_supported()
