"""`vetime` as a bundle: its views of time and of phase, and what judges both; between them NumPy."""

import numpy as np

from data.series.folding import ABSENT, Rows, images, rows_of, tokens_of
from inference.runner.nets import PART, Nets
from inference.scorers.zero_shot.scorer import Judged


class Views:
    """The nets of a bundle as a `Judge`. A view that the run has not has no file."""

    rows = 8  # with 32 it takes twice the memory, and no less time

    def __init__(self, nets: Nets, context: int | None):
        self.context = context
        names = {name: PART.format(name) for name in ("time", "phase", "judge")}
        self.nets = {name: nets.opened(file) for name, file in names.items() if file in nets}

    def __call__(self, values: np.ndarray) -> Judged:
        """Of chunks (B, C, L) float32, NaN unknown."""
        rows, _ = rows_of(values, self.context)
        shape, at = values.shape[:2], (rows.series, rows.channel)
        each = np.full(values.shape, ABSENT, np.float32)
        center, spread = np.zeros((*shape, 1), np.float32), np.ones((*shape, 1), np.float32)
        center[at], spread[at] = rows.center, rows.spread
        if len(rows.signal):
            each[at] = self.logits(rows)
        return Judged(np.concatenate([each.max(1, keepdims=True), each], 1), center, spread)

    def logits(self, rows: Rows) -> np.ndarray:
        """Of every row (n, L)."""
        given, views = {"signal": rows.signal, "known": rows.known}, {}
        if "time" in self.nets:
            views["time"] = self.run("time", **given)
        if "phase" in self.nets:
            views["phase"] = self.over_phase(rows)
        same = (rows.series[:, None] == rows.series).astype(np.float32)
        return self.run("judge", **given, mates=same / same.sum(1, keepdims=True), **views)

    def over_phase(self, rows: Rows) -> np.ndarray:
        """Every row's image through its net, put back on the time axis: tokens (n, N, D)."""
        parts, groups = [], []
        for group, width, image in images(rows.signal, rows.known, rows.periods):
            parts.append(tokens_of(self.run("phase", image=image), width, rows.signal.shape[1]))
            groups.append(group)
        return np.concatenate(parts)[np.concatenate(groups).argsort()]

    def run(self, name: str, **inputs: np.ndarray) -> np.ndarray:
        """What a net gives."""
        return self.nets[name].run(inputs)[0]
