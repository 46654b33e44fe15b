"""Synthetic reels for tests: `make_reel` writes the five files that `data.reel` reads."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from data.disk.files import replacing, write_csv, write_json
from data.reel.mask_bits import INVALID
from data.reel.reel import Reel
from data.reel.stretch import Stretch
from data.reel.windows import index_windows


def make_reel(
    path: str | Path,
    frames: np.ndarray,
    cadence_s: float = 12.0,
    *,
    times_s: Sequence[float] | None = None,
    start_utc: str | None = "2012-07-19T00:00:00",
    channels: Sequence[str] | None = None,
    stretch: Sequence[Stretch] | None = None,
    masks: np.ndarray | None = None,
    labels: Sequence[float] | None = None,
    rejected: Sequence[tuple[float, str]] = (),
    gap_threshold: float = 3.0,
    clip_length: int | None = 8,
    stride: int = 4,
    meta: dict | None = None,
) -> Reel:
    """Write a reel folder and return it opened.

    frames: (T, C, H, W), already stretched; masked pixels are set to 0. times_s: (T,), default every `cadence_s`.
    masks: (T, H, W) or (H, W) uint8 bits. labels: (T,), NaN for unknown. rejected: (time_s, reason) of frames that
    were met and not stored. start_utc None: a reel with relative times only. clip_length None: no windows.csv, as
    after `prep --movie_only`. meta: further or other keys of reel.json.
    """
    path = Path(path)
    frames = np.array(frames, dtype=frames.dtype if frames.dtype == np.float16 else np.float32)
    T, C, H, W = frames.shape
    masks = np.zeros((T, H, W), np.uint8) if masks is None else np.array(np.broadcast_to(masks, (T, H, W)), np.uint8)
    frames[np.broadcast_to(((masks & INVALID) > 0)[:, None], frames.shape)] = 0
    times_s = np.arange(T) * cadence_s if times_s is None else np.asarray(times_s, np.float64)
    _write_array(path / "frames.npy", frames)
    _write_array(path / "masks.npy", masks)
    write_csv(path / "frames.csv", _candidates(times_s, start_utc, masks, labels, rejected))
    facts = {
        "name": path.name,
        "shape": [T, C, H, W],
        "dtype": str(frames.dtype),
        "cadence_s": cadence_s,
        "gap_threshold": gap_threshold,
        "source_shape": [H, W],
        "origin": "upper",
        "unit": "level",
        "channels": list(channels or (["intensity"] if C == 1 else [f"channel_{c}" for c in range(C)])),
        "stretch": [s.as_dict() for s in stretch or [Stretch("linear", 1.0, 1.0)] * C],
        "identity": hashlib.sha256(frames.tobytes() + masks.tobytes() + times_s.tobytes()).hexdigest(),
    }
    write_json(path / "reel.json", facts | (meta or {}))
    reel = Reel(path)
    if clip_length is not None:
        write_csv(path / "windows.csv", index_windows(reel, clip_length, stride))
    return reel


def drifting_blobs(
    T: int,
    H: int = 24,
    W: int = 24,
    C: int = 1,
    *,
    blobs: int = 3,
    speed: float = 0.3,
    noise: float = 0.02,
    seed: int = 0,
) -> np.ndarray:
    """Frames (T, C, H, W) float32 in about 0..1 that a model can learn: bright blobs that drift and pulse, and noise.

    Every channel sees the same blobs at another brightness. Blobs move by up to `speed` pixels a frame on either axis
    and wrap around at the edges.
    """
    random = np.random.default_rng(seed)
    t, y, x = np.ogrid[:T, :H, :W]
    frames = np.full((T, H, W), 0.2)
    for _ in range(blobs):
        y0, x0, size = random.uniform(0, H), random.uniform(0, W), random.uniform(0.06, 0.12) * (H + W)
        vy, vx = random.uniform(-speed, speed, 2)
        dy = (y - y0 - vy * t + H / 2) % H - H / 2
        dx = (x - x0 - vx * t + W / 2) % W - W / 2
        pulse = 0.4 + 0.1 * np.sin(t * random.uniform(0.1, 0.4))
        frames = frames + pulse * np.exp(-(dy**2 + dx**2) / (2 * size**2))
    gains = np.linspace(1.0, 0.5, C)[:, None, None]
    return (frames[:, None] * gains + noise * random.standard_normal((T, C, H, W))).astype(np.float32)


def set_verdict(reel: Reel, windows: Sequence[int], verdict: str = "reject") -> None:
    """Give windows of a reel a verdict, as review does."""
    table = pd.read_csv(reel.path / "windows.csv", dtype={"verdict": str})
    table.loc[table["window"].isin(windows), "verdict"] = verdict
    write_csv(reel.path / "windows.csv", table)


def _candidates(
    times_s: np.ndarray,
    start_utc: str | None,
    masks: np.ndarray,
    labels: Sequence[float] | None,
    rejected: Sequence[tuple[float, str]],
) -> pd.DataFrame:
    """All columns at once: one added by itself takes longer than its rows."""
    T, away = len(times_s), [reason for _, reason in rejected]
    all_s = np.concatenate([times_s, [time_s for time_s, _ in rejected]])
    order, unknown = np.argsort(all_s, kind="stable") if away else np.arange(T), np.full(len(away), np.nan)
    coverage = 1 - ((masks & INVALID) > 0).mean((1, 2))
    known = np.full(T, np.nan) if labels is None else np.asarray(labels, np.float64)
    start = None if start_utc is None else np.datetime64(start_utc, "ms")
    utc = [None if start is None else str(start + np.timedelta64(round(1000 * s), "ms")) for s in all_s[order]]
    return pd.DataFrame(
        {
            "index": pd.array([place if place < T else None for place in order.tolist()], dtype="Int64"),
            "time_utc": utc,
            "time_s": all_s[order],
            "accepted": order < T,
            "reason": np.array([*[""] * T, *away], object)[order],
            "flags": "",
            "exptime_s": 2.0,
            "quality": 0,
            "coverage": np.concatenate([coverage, unknown])[order],
            "label": np.concatenate([known, unknown])[order],
            "source": f"synthetic of {T} frames",
        }
    )


def _write_array(path: Path, array: np.ndarray) -> None:
    with replacing(path) as part:
        np.save(part, array, allow_pickle=False)
