"""What scorers share that are judged by what quiet frames reach: most of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from config import Config, EvalConfig
from data.reel.reel import Reel, find_reels
from data.reel.scaled import in_one_order, read_scaled
from data.review_processed_data import NOT_QUIET
from inference.calibration.calibrate import kept_calibration
from inference.calibration.quiet.not_quiet import set_apart_in, still_quiet
from inference.calibration.quiet.ranges import keep_quiet, ranges_of
from inference.calibration.thresholds import Calibration
from inference.camera.clear import clear_frames
from inference.evidence.local import REACH, local_evidence
from inference.evidence.own_series import beside, near_rows
from inference.scorers.base import Reach, Scorer
from inference.scorers.nets.residual import Samples, weighs_evidence


class QuietScorer(Scorer):
    """A scorer that is calibrated on the quiet frames of its run. A subclass gives `frames`.

    calibrated: of a bundle, which holds calibrations for its own settings alone, by the channels of a reel.
    """

    calibrated: Callable[[Sequence[str]], Calibration] | None = None
    _own: tuple[Path, np.ndarray] | None = None

    def prepare(self, run: Path, trained: Config) -> list[Reel]:
        """Keep the frames that training and validation windows cover."""
        for pattern in ("*.npz", f"*{NOT_QUIET}"):
            for stale in (run / "calibration").glob(pattern):
                stale.unlink()  # of weights before a resumed training
        reels = in_one_order(find_reels(trained.data_clips))
        quiet = clear_frames(ranges_of(reels, trained.train), self.scaling, self.clip_length, is_told=True)
        quiet = still_quiet(set_apart_in(run), quiet, self.clip_length)
        keep_quiet(run, quiet, self.clip_length)
        return list({tuple(reel.channels): reel for reel in reels}.values())

    def is_prepared(self, run: Path) -> bool:
        return (run / "calibration" / "quiet" / "ranges.csv").is_file()

    def samples(self, reel: Reel, begin: int, end: int, settings: EvalConfig) -> Samples:
        """All samples of the stretch [begin, end) of a series, with plain evidence beside the residual."""
        found = super().samples(reel, begin, end, settings)
        if not weighs_evidence(settings):
            return found
        found = found._replace(evidence=local_evidence(self.known_values(reel, begin, end)))
        return found._replace(own=self.own_series(reel)[begin:end]) if settings.own_evidence else found

    def known_values(self, reel: Reel, begin: int, end: int) -> np.ndarray:
        """Samples [begin, end) of a series (n, C) as models see them, NaN unknown."""
        frames, valid = read_scaled(reel, begin, end, self.scaling)
        return np.where(reel.missing[begin:end] | ~valid[:, 0], np.nan, frames[:, :, 0, 0])

    def own_series(self, reel: Reel) -> np.ndarray:
        """How far each sample of a reel is from the rest of it, (N, C); of the last reel it is kept."""
        if self._own is None or self._own[0] != reel.path:
            rows = near_rows(self.known_values(reel, 0, len(reel)))
            self._own = reel.path, beside(rows).T
        return self._own[1]

    def own_reach(self, settings: EvalConfig) -> Reach | None:
        """As `reach`, of the residuals alone."""
        return None

    def reach(self, settings: EvalConfig) -> Reach | None:
        if settings.own_evidence and weighs_evidence(settings):
            return None  # all of the series
        own = self.own_reach(settings)
        return own.widened(REACH) if own and weighs_evidence(settings) else own

    def calibration(self, run: Path, reel: Reel, settings: EvalConfig) -> Calibration:
        kept = self.calibrated
        found = kept(reel.channels) if kept else kept_calibration(run, self, reel.channels, settings)
        return found.at_cadence(reel.cadence_s).weighed(settings)
