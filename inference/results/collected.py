"""What eval collects of a reel while its frames are scored: scores, boxes, and events as they come."""

from collections.abc import Sequence
from functools import partial
from itertools import compress

import numpy as np
import pandas as pd

from config import EvalConfig
from data.reel.reel import Reel
from data.reel.windows import stretches
from inference.camera.watch import CLOUDS
from inference.events.boxes import WEAK, Box
from inference.events.events import CAMERA, Event, EventLinker
from inference.events.facts import Named
from inference.events.joining.companions import Reach
from inference.events.joining.grouping import as_one
from inference.events.joining.together import Together, group_distance_px, grouped_within
from inference.events.sky import Sky, shifts
from inference.events.source_place import source_columns
from inference.metrics.frame import runs
from inference.results.score_maps import BOX_COLUMNS
from inference.results.signals import panels_of
from inference.solar.clouds import without_clouds
from inference.solar.columns import measured
from inference.solar.confirm import Known
from inference.solar.coronagraph.changes import with_ejections
from inference.solar.coronagraph.polar import occulted_rsun
from inference.solar.happenings import as_happenings
from inference.solar.kinds import ALONE, ENDS, FLARES

NAMED_VARIABLES = 3
TEXTS = 65_536  # made at a time


class Collected:
    """Per-frame scores and boxes of a reel; events are linked as frames arrive. The tables that are of them alone."""

    def __init__(
        self, reel: Reel, settings: EvalConfig, known: Known | None = None, regions: pd.DataFrame | None = None
    ):
        self.reel, self.settings, self.known, self.regions = reel, settings, known, regions
        self.statistics = np.full((len(reel), 3), np.nan)  # mean, max, std of the score map
        self.raised = np.zeros(len(reel))  # thresholds of a series, see `NewLevel`
        self.common = np.full(len(reel), np.nan)  # rms of the camera's part of the frame
        self.camera: dict[int, str] = {}  # frame -> what is wrong with it as a whole
        self.boxes: list[tuple[int, Box]] = []
        self.tracks: list[int] = []  # of each of the boxes
        self.variables: dict[int, list[Named]] = {}  # of a series, by sample: those that stand out
        self.events: list = []
        self.sky = Sky.of(reel)
        self.panels = panels_of(reel, settings.xrs)
        drift = partial(shifts, self.sky) if self.sky else None
        self.linker = EventLinker.of(reel, settings, drift)
        self.together = Together(group_distance_px(reel, settings), self.linker, reel.times_s.item)
        self.families: list[list[Event]] = []  # of the events, those that are one happening

    def add(self, index: int, score: np.ndarray, boxes: list[Box], common: float, camera: str = "") -> None:
        """Add one frame, in time order; a gap in time closes the open events. camera: see ScoredFrame."""
        if camera:
            self.camera[index] = camera
        self.statistics[index] = score.mean(), score.max(), score.std()
        self.common[index] = common
        self.add_boxes(index, boxes)

    def add_samples(self, first: int, scores: np.ndarray, raised: np.ndarray) -> None:
        """Add the scores (n,) of a stretch of a series and by how much the thresholds are raised there (n,), its boxes
        by `add_boxes`."""
        self.raised[first : first + len(scores)] = raised
        part = self.statistics[first : first + len(scores)]
        part[:] = scores[:, None]
        part[np.isfinite(scores), 2] = 0
        self.common[first : first + len(scores)] = 0

    def add_boxes(self, index: int, boxes: list[Box], parts: np.ndarray | None = None) -> None:
        """Add the boxes of one frame, in time order; of a sample of a series with its variables' parts (C,)."""
        if parts is not None and len(parts) == len(self.reel.channels) and self.settings.combine != "each":
            self.variables[index] = shares_of(self.reel.channels, parts)
        self.boxes += [(index, box) for box in boxes]
        closed = self.linker.push(index, boxes, self.reel.times_s[index])
        self.events += closed
        self.families += self.together.push(closed)
        self.tracks += self.linker.tracks_of_boxes

    @property
    def shown(self) -> list[Box]:
        """The boxes of the frame that was added last, without those that are of no event as yet."""
        last = self.boxes[len(self.boxes) - len(self.linker.tracks_of_boxes) :]
        pairs = zip(last, self.linker.events_of_boxes, strict=True)
        return [box for (_, box), is_event in pairs if is_event or box.level != WEAK]

    def settle(self) -> None:
        """Leave out the boxes below the threshold that no event has come of."""
        tracks = {track for event in self.events for track in event.tracks}
        kept = [track in tracks or box.level != WEAK for (_, box), track in zip(self.boxes, self.tracks, strict=True)]
        self.boxes, self.tracks = list(compress(self.boxes, kept)), list(compress(self.tracks, kept))

    @property
    def n_boxes(self) -> np.ndarray:
        """Boxes of the scene in every frame (T,)."""
        frames = [index for index, box in self.boxes if box.level != CAMERA]
        return np.bincount(np.array(frames, np.int64), minlength=len(self.reel))

    def found(self, high: float = 1.0) -> list[Event]:
        """All events, grouped; on the Sun each with its kind, of which some stay by themselves. high: the threshold."""
        last, alone_as_found = self.linker.finish(), []
        tracks, families = [*self.events, *last], [*self.families, *self.together.finish(last)]
        if self.sky and self.is_coronagraph:
            tracks, alone_as_found = with_ejections(tracks, self.reel, self.sky, high)
        elif self.sky:
            clouded = [index for index, kind in self.camera.items() if kind == CLOUDS]
            tracks = without_clouds(tracks, clouded, self.reel, self.sky, self.linker.max_gap_frames)
            tracks = measured(tracks, self.reel, self.sky)
        if not self.sky:
            return [as_one(family) for family in families]
        together, reach = self.together, Reach.of(self.settings, self.reel)
        found = grouped_within(families, tracks, together, (*ALONE, CLOUDS), ENDS, FLARES)
        found = as_happenings(found, tracks, self.sky, reach, together.distance_px, together.time_of)
        return [*found, *alone_as_found]

    @property
    def is_coronagraph(self) -> bool:
        """Whether the disc is hidden, so that nothing is of it."""
        return occulted_rsun(self.reel) is not None

    def named(self, event: Event) -> list[Named]:
        """The variables of a series that an event is about, strongest first, with their shares at its peak."""
        if self.settings.combine == "each":
            return [Named(self.reel.channels[round(event.x)], 1.0)]
        return self.variables.get(event.frame_peak, [])

    def score_table(self) -> pd.DataFrame:
        """scores.csv: one row a frame; empty scores where no window covers the frame."""
        table = pd.DataFrame({"frame": np.arange(len(self.reel)), "time_s": self.reel.times_s})
        table.insert(1, "time_utc", "" if self.reel.times_utc is None else as_texts(self.reel.times_utc))
        table[["mean", "max", "std"]] = self.statistics
        table["boxes"] = self.n_boxes
        if not self.reel.is_series:
            table["camera"] = [self.camera.get(index, "") for index in range(len(self.reel))]
        if self.reel.labels is not None:
            table["label"] = self.reel.labels
        return table

    def box_table(self) -> pd.DataFrame:
        """boxes.csv: one row a box, half-open bounds in reel pixels, and in the source's where the reel knows them.

        parent: the event that it belongs to, empty where its track was too short for one; part: the track's number.
        """
        utc = self.reel.times_utc
        rows = [
            (i, "" if utc is None else str(utc[i]), *(getattr(b, name) for name in BOX_COLUMNS[2:]))
            for i, b in self.boxes
        ]
        table = pd.DataFrame(rows, columns=BOX_COLUMNS)
        parents = {track: number for number, event in enumerate(self.events, 1) for track in event.tracks}
        table["parent"] = pd.array([parents.get(track) for track in self.tracks], dtype="Int64")
        table["part"] = self.tracks
        places = source_columns(table, table["frame"].to_numpy(np.int64), self.reel)
        return table if places is None else table.join(places)

    def frames_above(self) -> tuple[int, int]:
        """Frames that were scored, and those of them with a box of the scene."""
        return int(np.isfinite(self.statistics[:, 1]).sum()), int((self.n_boxes > 0).sum())

    def watched(self) -> np.ndarray:
        """Intervals (N, 2) s in which frames have a score and a label; a frame lasts until the next one is due."""
        reel, labels = self.reel, self.reel.labels
        assert labels is not None  # there are no metrics without them
        known = np.isfinite(self.statistics[:, 1]) & np.isfinite(labels)
        ranges = stretches(reel.times_s, reel.cadence_s, reel.meta["gap_threshold"])
        first_last = np.concatenate([runs(known[begin:end]) + begin for begin, end in ranges]) - np.array([0, 1])
        return reel.times_s[first_last] + [0, reel.cadence_s]


def shares_of(names: Sequence[str], parts: np.ndarray) -> list[Named]:
    """The NAMED_VARIABLES strongest of the variables of a sample by their parts (C,), with their share of all.

    A share is one of the squares, as scores are put together as rms: of many variables that do nothing, hardly any is
    left, and of two that do the same, a half each.
    """
    parts = np.nan_to_num(np.asarray(parts, np.float64))
    strongest = [int(c) for c in np.argsort(-parts, kind="stable")[:NAMED_VARIABLES]]
    largest = max(float(parts[strongest[0]]), 1e-300)  # else the squares of huge parts would overflow
    squares = np.square(np.maximum(parts, 0) / largest)
    return [Named(names[c], float(squares[c] / squares.sum())) for c in strongest if parts[c] > 0]


def as_texts(times: np.ndarray) -> pd.Series:
    """UTC times (T,) as text; some at a time, because NumPy takes 112 bytes for each."""
    parts = [pd.Series(times[first : first + TEXTS].astype(str)) for first in range(0, len(times), TEXTS)]
    return pd.concat(parts, ignore_index=True)
