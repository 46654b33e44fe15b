"""One flare, one event, and two flares two: parts planted apart from each other, joined over several distances.

    python tests/benchmarks/sun_grouping.py --data DATA [--scenes N] [--first-seed N] [--quick] [--json FILE]

DATA: folder with solar/aia171_quiet_20230611 (level-1 cut-outs of AIA 171, one in 24 s); beside them, and with --quick
alone, mottled noise of 1075 arcsec at 24 s and at 15 minutes. What differs from the frames without the happening is an
event, as a perfect detector would find it, so that joining alone is tried. Places and times are drawn with a seed:

`flare`: a core with one to three companions 20 to 150 arcsec away, log-uniform, that begin 6 minutes before to 12
after it (an active region's size; Kirk et al. 2012, ApJ 750, 145). `ribbons`: two that part, each with 10 to 50 km/s
(Asai et al. 2004, ApJ 611, 557). `dimmings`: two, 60 to 200 arcsec apart, within 6 minutes. `two`: flares of two active
regions that begin within 12 minutes of each other, which is the worst case: regions are drawn in the belts of activity
(longitude to 60 degrees, latitude 5 to 30 on either side), 10 degrees apart or more, as far as both fit into the field.

--json keys: [<kind>_one_<arcsec>] (share of scenes of what is one happening that are one event, with
`eval.group_distance_arcsec` so long; 0: by `group_distance_px` alone), [two_kept_<arcsec>] (share of `two` that are
two events or more), [<kind>_events_<arcsec>] (mean number).
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from parts.common import parsed, parser, told, write
from sun import halves
from sun_kinds import KM_PER_ARCSEC

from config import EvalConfig
from data.reel.reel import Reel
from inference.events.events import Event
from inference.events.joining.companions import Reach, with_companions
from inference.events.joining.grouping import grouped
from inference.events.sky import Observer, Sky
from inference.solar.columns import measured
from inference.solar.kinds import ALONE, ENDS, FLARES, TOGETHER
from inference.units import MINUTE_S
from tests.support.sun_events import AU_M, dimming, leaving, quiet_sun, solar_reel, spot, tracks_of

REACHES = (0.0, 50.0, 100.0, 150.0, 200.0, 300.0)  # arcsec
GROUP_PX, GAP_FRAMES = 6.0, 20  # of demo/sun.yaml
WITHIN_MIN = EvalConfig().group_within_min
WIDE_ARCSEC, RISE_S, FADE_S = 12.0, 120.0, 600.0
Part = tuple[Callable[..., np.ndarray], float, float, float]  # what, arcsec to the right and up, minutes later
Random = np.random.Generator


class Field(NamedTuple):
    """Quiet flux (T, H, W) that is planted into."""

    name: str
    flux: np.ndarray
    cadence_s: float
    arcsec: float

    def frames(self, seconds: float) -> int:
        return round(seconds / self.cadence_s)

    @property
    def wide_px(self) -> float:
        return max(1.0, WIDE_ARCSEC / self.arcsec)

    @property
    def spot(self) -> Callable[..., np.ndarray]:
        times = {"rise": max(1, self.frames(RISE_S)), "fade": max(2, self.frames(FADE_S))}
        return partial(spot, wide=self.wide_px, **times)

    def planted(self, parts: list[Part], centre: tuple[float, float]) -> np.ndarray:
        """The flux with all parts, whose place counts from a centre y, x in px."""
        flux, scale_km = self.flux.copy(), self.arcsec * KM_PER_ARCSEC
        for plant, right, up, later_min in parts:
            begin = self.frames(MINUTE_S * later_min)
            y, x = centre[0] + up / self.arcsec, centre[1] + right / self.arcsec
            before = np.repeat(
                flux[:1], max(-begin, 0), axis=0
            )  # so that this part begins in frame ONSET of what it sees
            seen = np.concatenate([before, flux[max(begin, 0) :]])
            changed = plant(seen, y, x, scale_km, self.cadence_s, np.array([0.0, 1.0]))
            flux[max(begin, 0) :] = changed[len(before) :]
        return flux


def away(random: Random, nearest: float, farthest: float) -> tuple[float, float]:
    distance = np.exp(random.uniform(*np.log([nearest, farthest])))
    angle = random.uniform(0, 2 * np.pi)
    return float(distance * np.cos(angle)), float(distance * np.sin(angle))


def flare(field: Field, random: Random) -> list[Part]:
    companions = [
        (partial(field.spot, strength=random.uniform(1, 4)), *away(random, 20, 150), random.uniform(-6, 12))
        for _ in range(random.integers(1, 4))
    ]
    return [(field.spot, 0.0, 0.0, 0.0), *companions]


def ribbons(field: Field, random: Random) -> list[Part]:
    speed, wide = random.uniform(10, 50), field.wide_px
    either = [partial(leaving, km_s=sign * speed, strength=3.0, wide=wide) for sign in (-1, 1)]
    return [(part, sign * 10.0, 0.0, 0.0) for part, sign in zip(either, (-1, 1), strict=True)]


def dimmings(field: Field, random: Random) -> list[Part]:
    right, up = away(random, 60, 200)
    rise = max(1, field.frames(5 * MINUTE_S))
    two = [partial(dimming, loss=random.uniform(0.45, 0.7), wide=2 * field.wide_px, rise=rise) for _ in range(2)]
    return [(two[0], -right / 2, -up / 2, 0.0), (two[1], right / 2, up / 2, random.uniform(0, 6))]


def two(field: Field, random: Random) -> list[Part]:
    right, up = between_regions(random, field.arcsec * min(field.flux.shape[1:]) * 0.7)
    other = partial(field.spot, strength=random.uniform(1, 8))
    return [(field.spot, -right / 2, -up / 2, 0.0), (other, right / 2, up / 2, random.uniform(-12, 12))]


def between_regions(random: Random, most: float) -> tuple[float, float]:
    """From one active region to another on the plane of the sky, arcsec."""
    while True:
        lon, sign = random.uniform(-60, 60, 2), random.choice([-1, 1], 2)
        lat = sign * random.uniform(5, 30, 2)
        first, second = (np.radians([lon[k], lat[k]]) for k in range(2))
        cos = np.sin(first[1]) * np.sin(second[1]) + np.cos(first[1]) * np.cos(second[1]) * np.cos(first[0] - second[0])
        tx, ty = Observer(np.zeros(2), np.zeros(2), np.full(2, AU_M)).to_hpc(lon, lat)
        if np.degrees(np.arccos(cos)) >= 10 and max(np.ptp(tx), np.ptp(ty)) <= most:
            return float(tx[1] - tx[0]), float(ty[1] - ty[0])


SCENES = {"flare": flare, "ribbons": ribbons, "dimmings": dimmings, "two": two}
SMALL = ("flare", "ribbons", "dimmings")  # that fit into a cut-out


def fields(options, work: Path) -> Iterator[Field]:
    yield Field("24 s", quiet_sun(72, 112, options.first_seed), 24.0, 9.6)
    if not options.quick:
        yield Field("15 min", quiet_sun(32, 112, options.first_seed), 900.0, 9.6)
    if options.data:
        halves(options, work)
        (whole,) = (Reel(path.parent) for path in (work / "whole").glob("*/reel.json"))
        flux = whole.physical(0, 72)[:, 0]
        yield Field("cut-outs", np.where(np.isfinite(flux), flux, np.nanmedian(flux)), 24.0, Sky(whole).pixel_arcsec)


def counted(field: Field, parts: list[Part], random: Random, folder: Path) -> dict[float, int]:
    """How many events of the Sun a planted happening is, by how far events are joined."""
    height, width = field.flux.shape[1:]
    centre = height / 2 + random.uniform(-4, 4), width / 2 + random.uniform(-4, 4)
    flux = field.planted(parts, centre)
    reel = solar_reel(folder, flux, field.cadence_s, field.arcsec)
    sky = Sky(reel)
    tracks = measured(tracks_of(flux, reel, field.flux), reel, sky)
    shutil.rmtree(folder)
    apart: list[Event] = grouped(tracks, GROUP_PX, GAP_FRAMES, ALONE, ends=ENDS, anew=FLARES)
    within_s = MINUTE_S * WITHIN_MIN + field.cadence_s
    return {arcsec: len(with_companions(apart, sky, Reach(arcsec, within_s), TOGETHER)) for arcsec in REACHES}


def rows_of(field: Field, options, work: Path) -> Iterator[dict]:
    for kind in SMALL if field.name == "cut-outs" else SCENES:
        random = np.random.default_rng([options.first_seed, list(SCENES).index(kind)])
        for number in range(1 if options.quick else options.scenes):
            parts = SCENES[kind](field, random)
            for arcsec, events in counted(field, parts, random, work / f"{kind}_{number}").items():
                yield {"field": field.name, "kind": kind, "arcsec": arcsec, "events": events}


def main() -> None:
    made = parser(__doc__ or "", "one scene of each kind in made-up frames", "solar/aia171_quiet_20230611")
    made.add_argument("--scenes", type=int, default=20, help="of each kind and field")
    made.add_argument("--first-seed", type=int, default=0)
    options = parsed(made)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        table = pd.DataFrame([row for field in fields(options, work) for row in rows_of(field, options, work)])
    is_two = table["kind"] == "two"
    table = table.assign(right=np.where(is_two, table["events"] > 1, table["events"] == 1))
    for by in (["field", "kind"], ["kind"]):
        shares = table.pivot_table(index=by, columns="arcsec", values=["right", "events"], aggfunc="mean")
        print(shares.to_string(float_format="%.2f"))
    figures = {}
    for (kind, arcsec), some in table.groupby(["kind", "arcsec"]):
        name = "two_kept" if kind == "two" else f"{kind}_one"
        figures[f"{name}_{arcsec:.0f}"] = float(some["right"].mean())
        figures[f"{kind}_events_{arcsec:.0f}"] = float(some["events"].mean())
    print(told(figures))
    write(figures, options.json)


if __name__ == "__main__":
    main()
