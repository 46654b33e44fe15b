"""Twelve more kinds of telemetry, of machines and places with several sensors each, and faults of each kind.

Schedules, trips, clouds, angles that wrap, heart beats, weeks, rain, defrosting: written after all constants of the
program. On the six of SITES_TUNED_KINDS causes are looked for, on those of SITES_KINDS none. No entry point.
"""

import numpy as np
from parts.series_kinds import Fault, Kind, Random, autoregressive, bursts, plus, stays, times
from parts.series_kinds_bursty import added, begun
from parts.series_kinds_fresh import moves, parts_ways, slips
from parts.series_kinds_tuned import noisy


def of_one(fault: Fault, variable: int) -> Fault:
    """A fault of all variables in one alone."""

    def put(rest: np.ndarray, random: Random) -> int:
        part = rest[:, variable : variable + 1].copy()
        length = fault(part, random)
        rest[:, variable : variable + 1] = part
        return length

    return put


def lagged(values: np.ndarray, memory: float) -> np.ndarray:
    """What follows values (n,) as a body of some mass follows its heating, (n,)."""
    found, last = np.empty(len(values)), values[0]
    for i, value in enumerate(values):
        found[i] = last = memory * last + (1 - memory) * value
    return found


def hours_of(n: int, step_s: float) -> np.ndarray:
    return np.arange(n) * step_s / 3600


def hydro(random: Random, n: int) -> np.ndarray:
    """A turbine by the minute: head, gate, power, vibration, bearing. Each hour a new set point, none at night."""
    hour = hours_of(n, 60)
    point = np.repeat(random.uniform(0.4, 1, n // 60 + 1), 60)[:n] * (hour % 24 > 5)
    gate, head = lagged(point, 0.7), 30 + 0.5 * np.sin(2 * np.pi * hour / 24) + autoregressive(random, n, 0.999, 0.01)
    power = 1.2 * head * gate * (1 - 0.2 * (1 - gate) ** 2)
    shakes = 0.3 + 2 * gate * (gate < 0.55) + 0.4 * gate
    warm = 20 + 25 * lagged(gate, 0.98)
    noise = random.normal(0, [0.02, 0.004, 0.15, 0.05, 0.1], (n, 5)) * np.abs(random.standard_normal((n, 1)) + 2) / 2
    return np.column_stack([head, gate, power, shakes, warm]) + noise


def elevator(random: Random, n: int) -> np.ndarray:
    """Height, current of the motor and door, a second each: trips between eight floors, and waits that grow long."""
    height, current, door, at, i = np.zeros(n), np.zeros(n), np.zeros(n), 0, 0
    while i < n:
        to = int(random.integers(0, 8))
        length = 4 * abs(to - at) + 2
        way = np.linspace(0, 1, length)
        part = slice(i, min(i + length, n))
        height[part] = (3.2 * (at + (to - at) * way * way * (3 - 2 * way)))[: part.stop - i]
        current[part] = (12 if to > at else 5) * random.normal(1, 0.15) * (to != at)
        stop = int(min(i + length + 10 + random.exponential(40), n))
        height[part.stop : stop], door[part.stop : min(part.stop + 7, stop)] = 3.2 * to, 1
        at, i = to, stop
    return np.column_stack([height, np.abs(current + random.normal(0, 0.2, n)), door])


def glasshouse(random: Random, n: int) -> np.ndarray:
    """Light, degrees, humidity and the flow of irrigation, five minutes each, under clouds that differ by the day."""
    hour = hours_of(n, 300)
    cloud = np.repeat(random.uniform(0.2, 1, n // 288 + 1), 288)[:n]
    light = 800 * np.clip(np.sin(2 * np.pi * (hour - 6) / 24), 0, None) * cloud
    light *= np.clip(1 - np.abs(autoregressive(random, n, 0.8, 0.2)), 0.1, 1)
    warm = 14 + 0.018 * lagged(light, 0.9) + autoregressive(random, n, 0.995, 0.05)
    flow = np.where((hour % 4 < 0.25) & (hour % 24 > 7) & (hour % 24 < 19), 12.0, 0.0)
    damp = 85 - 2 * (warm - 14) + 8 * lagged(flow, 0.9) + random.normal(0, 0.6, n)
    wet = flow + np.where(flow > 0, random.normal(0, 0.3, n), 0)
    return np.column_stack(
        [light + np.abs(random.normal(0, 1, n)), (warm + random.normal(0, 0.1, n)).round(1), damp, wet]
    )


def turbine(random: Random, n: int) -> np.ndarray:
    """Wind, its direction, power, turns, pitch and gear oil, ten minutes each; the nacelle follows the direction."""
    hour = hours_of(n, 600)
    wind = np.abs(7 + 2 * np.sin(2 * np.pi * hour / 24) + autoregressive(random, n, 0.98, 0.55))
    way = np.cumsum(random.normal(0, 4, n)) + 300
    power = 2000 * np.clip((np.clip(wind, 3, 12) ** 3 - 27) / 1701, 0, 1)
    turns, pitch = np.where(wind > 3, np.clip(1.6 * wind, 6, 16), 0), np.clip(4 * (wind - 12), 0, 25)
    oil = 35 + 25 * lagged(power / 2000, 0.95) + 4 * np.sin(2 * np.pi * hour / 24)
    noise = random.normal(0, [0.3, 5, 20, 0.2, 0.1, 0.3, 2], (n, 7))
    followed = np.concatenate([np.zeros(3), way[:-3]])
    found = np.column_stack([wind, way, power * (wind > 3), turns, pitch, oil, followed]) + noise
    found[:, [1, 6]] %= 360
    return found


def heart(random: Random, n: int) -> np.ndarray:
    """Two leads at 125 Hz: beats whose rate breathes and wanders, on a base line that does, too."""
    found, k, at = np.zeros((n, 2)), np.arange(80), 20
    rate = 95 + autoregressive(random, n, 0.9995, 0.15) + 5 * np.sin(2 * np.pi * np.arange(n) / 450)
    bells = ((18, 4, 0.15), (30, 1.2, -0.1), (33, 1.5, 1.2), (36, 1.4, -0.25), (58, 6, 0.3))
    beat = sum(height * np.exp(-(((k - place) / width) ** 2) / 2) for place, width, height in bells)
    while at < n - 80:
        found[at : at + 80] += np.outer(beat * random.normal(1, 0.04), (1, 0.6))
        at += max(int(rate[at] + random.normal(0, 2)), 40)
    base = 0.15 * np.sin(2 * np.pi * np.arange(n) / 430) + autoregressive(random, n, 0.999, 0.004)
    return found + base[:, None] + random.normal(0, 0.02, (n, 2))


def junction(random: Random, n: int) -> np.ndarray:
    """Cars on three lanes, a quarter of an hour each: rush hours on five days of seven, and rain that slows all."""
    hour = hours_of(n, 900)
    rush = np.exp(-(((hour % 24) - 8) ** 2) / 3) + 1.1 * np.exp(-(((hour % 24) - 17.5) ** 2) / 5)
    day = 0.15 + 0.6 * np.exp(-(((hour % 24) - 14) ** 2) / 30)
    is_weekend = hour // 24 % 7 >= 5
    mean = 180 * np.where(is_weekend, 1.1 * day, day * 0.7 + rush) * np.exp(autoregressive(random, n, 0.97, 0.03))
    return random.poisson(mean[:, None] * [1, 0.7, 0.3]).astype(float)


def sewage(random: Random, n: int) -> np.ndarray:
    """Inflow, level of a well, its pump and ammonia, five minutes each; showers come now and then, of any size."""
    hour, starts, k = hours_of(n, 300), begun(random, n, 700), np.arange(80)
    showers = added(n, starts, [random.gamma(1, 25) * k * np.exp(-k / 12) / 8 for _ in starts])
    inflow = 40 * (1 + 0.4 * np.sin(2 * np.pi * (hour - 9) / 24)) + showers + 2 * autoregressive(random, n, 0.9, 0.5)
    level, pump, at, is_on = np.empty(n), np.empty(n), 1.0, False
    for i, flow in enumerate(inflow):
        is_on = at > 2.0 or (is_on and at > 0.8)
        at += (flow - 95 * is_on) / 400
        level[i], pump[i] = at, is_on
    ammonia = 30 * 40 / (40 + lagged(showers, 0.9)) + 3 * np.sin(2 * np.pi * (hour - 11) / 24)
    return np.column_stack([inflow, level, pump, ammonia]) + random.normal(0, [0.8, 0.01, 0, 0.4], (n, 4))


def tram(random: Random, n: int) -> np.ndarray:
    """Speed, current and voltage of the line, a second each: stops at uneven distances, and waits at lights."""
    speed, i = np.zeros(n), 0
    while i < n:
        top, stay = random.uniform(5, 14), int(random.uniform(12, 40))
        rise, hold = int(top / 1.0), int(random.uniform(10, 60))
        run = np.concatenate([np.linspace(0, top, rise), np.full(hold, top), np.linspace(top, 0, int(top / 0.9))])
        part = speed[i : i + len(run)]
        part[:] = run[: len(part)]
        i += len(run) + stay
    pull = np.diff(speed, prepend=0)
    current = 25 + 18 * speed * np.clip(pull, -0.6, None) + 4 * speed + autoregressive(random, n, 0.9, 2)
    volts = 640 - 0.12 * current + autoregressive(random, n, 0.99, 1.0)
    return np.column_stack([np.abs(speed + random.normal(0, 0.1, n) * (speed > 0)), current, volts.round()])


def cold_store(random: Random, n: int) -> np.ndarray:
    """Degrees of air and of the coil, and power, a minute each: compressor by hysteresis, defrosting, open doors."""
    air, coil, power, at, is_on = np.empty(n), np.empty(n), np.empty(n), -20.0, False
    doors = added(n, starts := begun(random, n, 120), [np.full(int(random.integers(1, 8)), 0.12) for _ in starts])
    for i, door in enumerate(doors):
        defrosts = i % 360 < 15
        is_on = not defrosts and (at > -18.5 or (is_on and at > -21))
        at += 0.02 + door - 0.07 * is_on + 0.05 * defrosts + random.normal(0, 0.01)
        air[i], power[i] = at, 3.0 * is_on + 4.5 * defrosts + 0.2
        coil[i] = at - 8 * is_on + 22 * defrosts
    smooth = lagged(coil, 0.7)
    return np.column_stack([air, smooth, power]) + random.normal(0, [0.05, 0.2, 0.03], (n, 3))


def servers(random: Random, n: int) -> np.ndarray:
    """Eight metrics of a rack by the minute: load by the hour, jobs, a log that is rotated each night, fans."""
    hour, starts = hours_of(n, 60), begun(random, n, 200)
    jobs = added(n, starts, [np.full(int(random.gamma(2, 15)) + 2, random.uniform(5, 40)) for _ in starts])
    load = 25 + 12 * np.sin(2 * np.pi * (hour - 8) / 24) + jobs + 3 * autoregressive(random, n, 0.8, 0.6)
    load = np.clip(load, 1, 100)
    warm = 22 + 0.25 * lagged(load, 0.95) + autoregressive(random, n, 0.99, 0.05)
    fans = 2000 + 60 * np.round(np.clip(warm - 27, 0, None) * 2)
    rotates = (np.arange(n) % 1440 > 120) & (np.arange(n) % 1440 < 132)
    disk = 2 + 0.1 * load + 60 * rotates * random.uniform(0.8, 1.2, n)
    net = load * np.exp(random.normal(0, 0.25, (n, 2)).T)
    memory = 60 + autoregressive(random, n, 0.998, 0.1) + 0.1 * load
    late = np.exp(random.normal(2.5 + load / 80, 0.2))
    found = [load + random.normal(0, 1, n), warm, fans, disk + random.exponential(1, n), *net, memory.round(1), late]
    return np.column_stack(found)


def ship(random: Random, n: int) -> np.ndarray:
    """Heading, speed, rudder, turns of the engine and fuel, ten seconds each; courses that change, and waves."""
    wanted = np.repeat(random.normal(0, 70, n // 300 + 1).cumsum() + 350, 300)[:n]
    steered, waves = (
        lagged(wanted, 0.95),
        2 * np.sin(2 * np.pi * np.arange(n) / 1.3 + autoregressive(random, n, 0.99, 0.2)),
    )
    turns = np.repeat(random.choice([85.0, 100.0, 110.0], n // 700 + 1), 700)[:n] + random.normal(0, 0.6, n)
    speed = lagged(0.14 * turns, 0.98) + 0.3 * autoregressive(random, n, 0.99, 0.1)
    rudder = np.clip(0.6 * (wanted - steered), -25, 25) + waves * 0.5 + random.normal(0, 0.4, n)
    fuel = 1.2e-3 * turns**3 / 10 * (1 + 0.02 * random.standard_normal(n))
    return np.column_stack([(steered + waves + random.normal(0, 0.5, n)) % 360, speed, rudder, turns, fuel])


def moulding(random: Random, n: int) -> np.ndarray:
    """Pressure, screw and mould of three products, half a second each; each runs for as long as it is wanted."""
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < n:
        period, top, hold = ((40, 90, 10), (52, 120, 16), (64, 70, 24))[int(random.integers(0, 3))]
        k = np.arange(period)
        press = np.where(k < 6, top * k / 6, np.where(k < 6 + hold, top * 0.7, top * 0.7 * np.exp(-(k - 6 - hold) / 4)))
        screw = np.interp(k, [0, 6, 6 + hold, period - 1], [80, 10, 10, 80])
        for _ in range(int(random.integers(15, 60))):
            parts.append(np.column_stack([press * random.normal(1, 0.015), screw, 45 + 6 * np.exp(-k / 20)]))
        if random.random() < 0.5:
            parts.append(np.tile([0.0, 80.0, 44.0], (int(random.integers(20, 120)), 1)))
    return np.concatenate(parts)[:n] + random.normal(0, [0.8, 0.3, 0.2], (n, 3))


SITES_TUNED_KINDS = {
    "hydro": Kind(hydro, 60, 12_000, (moves(400, 12, 4), stays(90, None, 2), of_one(times(30, 4), 3))),
    "elevator": Kind(elevator, 1, 12_000, (stays(120, 1.0, 2), of_one(times(200, 2.5), 1), stays(150, 8.0, 0))),
    "glasshouse": Kind(glasshouse, 300, 8000, (stays(100, 12.0, 3), moves(150, 10, 1), stays(144, 0.0, 0))),
    "turbine": Kind(turbine, 600, 8000, (of_one(times(80, 0.5), 2), stays(60, None, 1), moves(150, 20, 5))),
    "heart": Kind(heart, 0.008, 20_000, (times(120, -1), stays(150, 0.0), of_one(noisy(200, 0.3), 1))),
    "junction": Kind(junction, 900, 8000, (times(24, 0.05), bursts(8, 400), of_one(stays(48), 0))),
}
SITES_KINDS = {
    "sewage": Kind(sewage, 300, 8000, (stays(40, 0.0, 2), moves(200, -20, 3), plus(2, 60, 0))),
    "tram": Kind(tram, 1, 12_000, (plus(200, -60, 2), of_one(times(60, 1.8), 1), stays(90, 7.0, 0))),
    "cold_store": Kind(cold_store, 60, 12_000, (moves(120, 8, 0), stays(200, 4.7, 2), stays(60, None, 1))),
    "servers": Kind(servers, 60, 12_000, (moves(500, 25, 6), of_one(times(60, 4), 7), parts_ways(300, 0))),
    "ship": Kind(ship, 10, 12_000, (of_one(stays(120), 2), of_one(times(300, 1.3), 4), noisy(60, 20))),
    "moulding": Kind(moulding, 0.5, 16_000, (of_one(times(160, 0.8), 0), stays(60, None, 1), slips(120, 17))),
}
