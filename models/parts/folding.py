"""From a series to an image and back: robust scaling, period by autocorrelation, strip, fold, unfold.

A strip is the scaled signal, its trend, the residual and what of it is known. Folded by the period its rows are cycles
and its columns phase; unfolding is the exact inverse. After VETime (Yang et al. 2026, arXiv 2602.16681), which
stretches its image and shuffles its colours at random; nothing here is random and no sample is resampled.

Rows are series of one channel, (n, L); unknown samples are those that are not finite.
"""

import torch
import torch.nn.functional as F

MAD_TO_STD = 1.4826  # of a normal distribution
TAIL = 0.01  # share of the samples at either end that the floor of the spread leaves out
STD_SHARE = 0.5  # the spread is at least this share of their standard deviation
PARTS, SHORTEST_PART = 8, 128  # of a row; each of them as long
PART_TAIL = 0.05  # as TAIL, in a part
CAP = 3.0  # the spread is at most so many times that of a typical part
LEAST_KNOWN = 0.5  # of the samples of a part that counts
SMALLEST_SPREAD = 1e-6  # of what most values are: what varies less is constant, in single precision
MOST_UNUSUAL = 0.3  # share of the samples
LINEAR_TO = 4.0  # spreads: values beyond are compressed like a logarithm
FAR = 8.0  # spreads: what lies beyond also counts as if it lay there
LARGEST = 20.0  # of compressed values: beyond some 300 spreads all are alike
OFF_LEVEL, OFF_REACH = 3.5, 32  # compressed, and samples either way: where most are beyond, another level holds
UNUSUAL = 12.0  # compressed, some 40 spreads: no part of a cycle
SHORTEST_PERIOD = 4
LEAST_CYCLES = 3
LEAST_ACF, LEAST_RISE = 0.35, 0.25
NOISE_SIGMAS = 4.0  # of the autocorrelation of white noise, which a period must exceed
NEARLY_BEST = 0.9
TREND_DEGREE = 3
APERIODIC_WINDOW = 25


@torch.no_grad()
def robust_scale(rows: torch.Tensor, context: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Center and spread (n, 1) each of rows (n, L), from the known ones of their first `context` samples.

    The center is the median. The spread is 1.4826 MAD, but at least half the standard deviation of what lies between
    the outer percentiles, because of counts and duty cycles the MAD is nothing; and at most CAP times that of a typical
    part of the row: what lasts, or does not come back, must not hide itself and all else. The spread is never 0: of a
    constant it is a millionth of its value, or 1 if that is 0.
    """
    rows = rows[:, :context].float()
    known = rows.isfinite()
    center, spread = spread_of(rows, known, TAIL)
    typical = typical_spread(rows, known)
    spread = torch.where(typical > 0, torch.minimum(spread, CAP * typical), spread)
    # Rounding is in units of what most samples are.
    size = quantiles(torch.where(known, rows, 0.0).abs(), known, (1 - MOST_UNUSUAL,))
    spread = torch.maximum(spread, SMALLEST_SPREAD * size)
    return center, torch.where(spread > 0, spread, 1.0)


def spread_of(rows: torch.Tensor, known: torch.Tensor, tail: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Median (n, 1) of rows (n, L), and 1.4826 MAD or more: half the standard deviation without the tails, or with
    them where the rest is constant."""
    center = quantiles(rows, known, (0.5,))
    spread = MAD_TO_STD * quantiles((rows - center).abs(), known, (0.5,))
    low, high = quantiles(rows, known, (tail, 1 - tail)).split(1, 1)
    values = torch.where(known, rows, center)
    spread = torch.maximum(spread, STD_SHARE * masked_std(values.clamp(low, high), known))
    # Nothing but rare spikes on a constant: then they are all there is to measure.
    return center, torch.where(spread > 0, spread, STD_SHARE * masked_std(values, known))


def typical_spread(rows: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """The spread (n, 1) of the median part of rows (n, L) by itself, or if that is 0 the least there is; 0 for none."""
    parts = max(1, min(PARTS, rows.shape[1] // SHORTEST_PART))
    size = -(-rows.shape[1] // parts)
    cut = F.pad(rows, (0, parts * size - rows.shape[1]), value=torch.nan).unflatten(1, (parts, size)).flatten(0, 1)
    is_known = cut.isfinite()
    spread = spread_of(cut, is_known, PART_TAIL)[1].unflatten(0, (-1, parts))[..., 0]  # (n, parts)
    counts = is_known.float().mean(1).unflatten(0, (-1, parts)) >= LEAST_KNOWN
    typical = quantiles(spread, counts, (0.5,))
    least = torch.where(spread > 0, spread, torch.inf).amin(1, keepdim=True)
    return torch.where(typical > 0, typical, torch.where(least.isfinite(), least, 0.0))


def rescaled(values: torch.Tensor, center: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Values in spreads from the center, compressed beyond 4 of them: 4 asinh(z / 4), and no more than 20.

    No training has seen what lies further out; with one value for all of it a larger anomaly is never a stranger one.
    Shapes that broadcast; NaN stays NaN.
    """
    return (LINEAR_TO * torch.asinh((values - center) / (LINEAR_TO * spread))).clamp(-LARGEST, LARGEST)


def cut_off(values: torch.Tensor, center: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Values no farther than 8 spreads from the center. Shapes that broadcast; NaN stays NaN."""
    return torch.minimum(torch.maximum(values, center - FAR * spread), center + FAR * spread)


def quantiles(rows: torch.Tensor, known: torch.Tensor, shares: tuple[float, ...]) -> torch.Tensor:
    """The lower quantiles (n, shares) of the known samples of rows (n, L); 0 of a row without any."""
    ordered = torch.where(known, rows, torch.inf).sort(1).values
    last = (known.sum(1, keepdim=True) - 1).clamp(min=0)
    at = (last * rows.new_tensor(shares)).floor().long()
    return torch.where(known.any(1, keepdim=True), ordered.gather(1, at), 0.0)


def masked_std(rows: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Standard deviation (n, 1) of the known samples of finite rows (n, L)."""
    count = known.sum(1, keepdim=True).clamp(min=1)
    mean = (rows * known).sum(1, keepdim=True) / count
    return (((rows - mean) * known).square().sum(1, keepdim=True) / count).sqrt()


@torch.no_grad()
def periods_of(rows: torch.Tensor, known: torch.Tensor, context: int | None = None) -> torch.Tensor:
    """The period (n,) in samples of every finite row (n, L) in scaled units, 0 for an aperiodic one.

    Values are cut off at 4 spreads, so that no spike decides. What is very far out, or long on another level, counts as
    unknown: it has no period, and would drown what has. Lags from 4 to a third of the context count. Of the local
    maxima of the autocorrelation that lie at least 0.25 above a dip before them, the first counts that nearly reaches
    the best one: so neither noise on the slope from lag 0 nor a multiple of the period is taken for it. It is accepted
    from 0.35, or four sigmas of white noise if that is more, and if twice the lag, where a random walk has lost its
    likeness, still has half the correlation.
    """
    rows, known = rows[:, :context], known[:, :context]
    known = known & ~off_level(rows) & (rows.abs() < UNUSUAL)
    rows = torch.where(known, rows.clamp(-LINEAR_TO, LINEAR_TO), 0.0)
    longest = rows.shape[1] // LEAST_CYCLES
    if longest < SHORTEST_PERIOD or not len(rows):
        return torch.zeros(len(rows), dtype=torch.long, device=rows.device)
    acf, pairs = autocorrelation(detrended(rows, known), known)
    lags = torch.arange(longest + 1, device=rows.device)
    twice = F.max_pool1d(acf[:, None], 5, 1, 2)[:, 0, 2 * lags]  # an odd multiple may lie a sample or two away
    acf, pairs = acf[:, : longest + 2], pairs[:, : longest + 1]
    is_peak = (acf[:, 1:-1] >= acf[:, :-2]) & (acf[:, 1:-1] > acf[:, 2:])
    acf = acf[:, :-1]
    rise = acf - acf.cummin(1).values
    least = (NOISE_SIGMAS * pairs.clamp(min=1).rsqrt()).clamp(min=LEAST_ACF)
    eligible = F.pad(is_peak, (1, 0)) & (rise >= LEAST_RISE) & (acf >= least) & (twice >= acf / 2)
    acf = torch.where(eligible & (lags >= SHORTEST_PERIOD), acf, 0.0)
    best = acf.amax(1, keepdim=True)
    first = (acf >= NEARLY_BEST * best).float().argmax(1, keepdim=True)
    # Noise makes several peaks of a broad one: its highest counts.
    around = (lags >= 0.8 * first) & (lags <= 1.25 * first)
    period = torch.where(around, acf, 0.0).argmax(1)
    return torch.where(best[:, 0] > 0, period, 0)


def off_level(rows: torch.Tensor) -> torch.Tensor:
    """Where most samples around those of finite rows (n, L) in scaled units are far from the center, (n, L) bool."""
    far = (rows.abs() > OFF_LEVEL).to(rows.dtype)
    return moving_average(far, torch.full((len(rows),), OFF_REACH, device=rows.device)) > 0.5


def detrended(rows: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Rows (n, L) without the cubic that fits their known samples best; 0 where unknown."""
    L = rows.shape[1]
    t = torch.linspace(-1, 1, L, device=rows.device)
    basis = torch.stack([t**k for k in range(TREND_DEGREE + 1)], 1)  # (L, degree + 1)
    weighted = known[:, :, None] * basis  # (n, L, degree + 1)
    normal = weighted.transpose(1, 2) @ weighted + 1e-4 * torch.eye(TREND_DEGREE + 1, device=rows.device)
    fit = torch.linalg.solve(normal, weighted.transpose(1, 2) @ (rows * known)[:, :, None])
    return (rows - (basis @ fit)[:, :, 0]) * known


def autocorrelation(rows: torch.Tensor, known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Correlation (n, L) of rows, 0 where unknown, with themselves at every lag, and the pairs that it is from.

    Over the pairs of which both samples are known, in units of the energy of just these: within -1 to 1.
    """
    L, precision = rows.shape[1], rows.dtype
    # A transform rounds in units of the whole energy, of which few pairs hold a small part; Metal has no double.
    rows = rows if rows.device.type == "mps" else rows.double()
    parts = torch.stack([rows, rows.square(), known.to(rows.dtype)])
    of_rows, of_squares, of_weights = torch.fft.rfft(parts, 2 * L)

    def correlation(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.fft.irfft(a.conj() * b, 2 * L)[:, :L]

    pairs = correlation(of_weights, of_weights).round()
    before, after = (correlation(*v).clamp(min=0) for v in ((of_squares, of_weights), (of_weights, of_squares)))
    energy = (before * after).sqrt()
    total = rows.square().sum(1, keepdim=True)
    # The transform's rounding is no correlation: where hardly any energy is left, there is none.
    acf = torch.where(energy > 1e-4 * total, correlation(of_rows, of_rows) / energy.clamp(min=1e-30), 0.0)
    return acf.to(precision), pairs.to(precision)


def strip_of(signal: torch.Tensor, known: torch.Tensor, periods: torch.Tensor) -> torch.Tensor:
    """Finite rows (n, L) -> (n, 4, L): the signal, its moving average over a period (made odd), the rest, the mask.

    An aperiodic row is averaged over 25 samples.
    """
    window = torch.where(periods > 0, periods, APERIODIC_WINDOW)
    trend = moving_average(signal, window // 2)
    return torch.stack([signal, trend, signal - trend, known.to(signal.dtype)], 1)


def moving_average(rows: torch.Tensor, reach: torch.Tensor) -> torch.Tensor:
    """The mean of the samples of rows (n, L) within `reach` (n,) of every one; at the ends, of those that there are."""
    L = rows.shape[1]
    sums = F.pad(rows.cumsum(1), (1, 0))
    at = torch.arange(L, device=rows.device)
    first, end = (at - reach[:, None]).clamp(min=0), (at + reach[:, None] + 1).clamp(max=L)
    return (sums.gather(1, end) - sums.gather(1, first)) / (end - first)


def fold(strip: torch.Tensor, period: int) -> torch.Tensor:
    """(..., L) -> (..., R, period): rows are cycles, columns phase; the last row is filled with zeros."""
    return F.pad(strip, (0, -strip.shape[-1] % period)).unflatten(-1, (-1, period))


def unfold(image: torch.Tensor, L: int) -> torch.Tensor:
    """The inverse of `fold`: (..., R, period) -> (..., L)."""
    return image.flatten(-2)[..., :L]
