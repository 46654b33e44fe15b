"""The last samples of a series that still grows, behind the interface that scorers read reels by."""

from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from data.live.series.samples import Samples, SeriesForm
from data.reel.gaps import crossed, gaps_after
from data.reel.reel import Reel
from data.reel.stretch import Stretch


class OpenStretch(NamedTuple):
    """A stretch without a gap that windows don't cross; whether it is over."""

    begin: int
    end: int
    is_over: bool


class KeptSamples:
    """The latest samples, numbered from the first one ever; `first` is the first that is kept.

    at_s: when each came, on the clock of whoever calls.
    """

    is_series = True
    clock_s = to_source = None

    def __init__(self, name: str, path: Path, form: SeriesForm):
        self.name, self.path, self.form, self.meta = name, path, form, form.meta
        C = len(form.channels)
        self.first = self.begin = 0  # begin: of the stretch that is read
        self.samples = Samples(np.empty(0), np.empty((0, C), form.dtype), np.empty((0, C), bool), np.empty(0, np.uint8))
        self.at_s = np.empty(0)
        self.is_finished = False

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(0, C, 1, 1): how many samples there will be is not known."""
        return 0, len(self.form.channels), 1, 1

    @property
    def channels(self) -> list[str]:
        return list(self.form.channels)

    @property
    def stretches(self) -> list[Stretch]:
        return list(self.form.stretches)

    @property
    def cadence_s(self) -> float:
        return self.form.cadence_s

    @property
    def end(self) -> int:
        return self.first + len(self.samples)

    def as_reel(self) -> Reel:
        """This, for what reads it by those members of a Reel that it has too."""
        return cast(Reel, self)

    def append(self, new: Samples, now_s: float) -> None:
        """Take in samples of later times."""
        self.samples = Samples(*(np.concatenate(pair) for pair in zip(self.samples, new, strict=True)))
        self.at_s = np.append(self.at_s, np.full(len(new), now_s))

    def forget(self, before: int) -> None:
        """Samples before this one are not looked at again."""
        drop = max(0, before - self.first)
        self.samples = Samples(*(part[drop:].copy() for part in self.samples))  # a view would keep all
        self.at_s, self.first = self.at_s[drop:].copy(), self.first + drop

    def stretch_at(self, sample: int) -> OpenStretch:
        """The stretch that a sample lies in, or will, as far as it has come."""
        last = max(sample - 1, self.first)  # whether a gap lies before the sample tells the one before it
        gaps = gaps_after(self.samples.time_s[last - self.first :], self.cadence_s, crossed(self.meta)) + last + 1
        if len(gaps) and gaps[0] == sample:
            self.begin, gaps = sample, gaps[1:]
        end = int(gaps[0]) if len(gaps) else self.end
        return OpenStretch(self.begin, end, bool(len(gaps)) or self.is_finished)

    def is_whole(self, sample: int) -> bool:
        """Whether all of a sample was measured, so that nothing around it decides what it is."""
        return not self.samples.missing[sample - self.first].any()

    def part(self, low: int, high: int) -> "SamplesView":
        return SamplesView(self, low, high)

    def begin_of(self, sample: int) -> int:
        return max(self.begin, self.first)

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        return self.part(start, stop).read(0, stop - start)

    def state(self) -> dict[str, np.ndarray]:
        """What is to be kept, so that another one can go on from here."""
        return self.samples._asdict() | {"numbers": np.array([self.first, self.begin])}

    def restore(self, state: dict[str, np.ndarray], now_s: float) -> None:
        """Go on from the state of a former one of the same form."""
        self.first, self.begin = state["numbers"].tolist()
        self.samples = Samples(*(state[name] for name in Samples._fields))
        self.at_s = np.full(len(self.samples), now_s)


class SamplesView:
    """Samples [low, high) of those that are kept, as a reel whose first one is 0."""

    is_series = True
    clock_s = to_source = labels = None

    def __init__(self, kept: KeptSamples, low: int, high: int):
        self.name, self.path, self.meta = kept.name, kept.path, kept.meta
        self.channels, self.stretches, self.cadence_s = kept.channels, kept.stretches, kept.cadence_s
        part = slice(low - kept.first, high - kept.first)
        self.samples = Samples(*(values[part] for values in kept.samples))
        self.shape = (len(self.samples), *kept.shape[1:])

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def missing(self) -> np.ndarray:
        """(T, C) bool"""
        return self.samples.missing

    @property
    def times_s(self) -> np.ndarray:
        return self.samples.time_s

    def as_reel(self) -> Reel:
        """As `KeptSamples.as_reel`."""
        return cast(Reel, self)

    def begin_of(self, sample: int) -> int:
        return 0

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Scaled samples (n, C, 1, 1) and mask bits (n, 1, 1)."""
        return self.samples.frames[start:stop, :, None, None], self.read_masks(start, stop)

    def read_masks(self, start: int, stop: int) -> np.ndarray:
        return self.samples.bits[start:stop, None, None]
