"""Seconds since 1970 in the names of files, with what stands behind them: decimals, or a count of ns, us or ms."""

from collections.abc import Sequence

import numpy as np

from data.sources.times.in_names.elapsed_names import seconds_of_clocks

# From 2001 to 2033, with a fraction or in smaller units by the number of digits.
EPOCH = (
    r"(?<!\d)(?<!\d\.)(?P<epoch>1\d{9}(?:\d{3}|\d{6}|\d{9})?)"
    r"(?:\.(?P<tail>\d{1,9})|_(?P<behind>\d{1,9})(?!\d))?(?!\d)"
)
WIDTHS = (3, 6, 9)  # of ms, us and ns
SECONDS = 10  # digits
FEWEST_DIGITS, MOST_PRINTED = 4, 7  # of counts that vary in length, and of Python's decimals behind ten digits
MANY, MUCH = 20, 4


def are_clocks(found: Sequence[dict]) -> bool:
    """Whether what could be seconds since 1970 are clocks with month and day, as 1223033452 of rpicam: read so, and
    not as seconds, they go over minutes by even steps."""
    if any(len(fields.get("epoch", "")) != SECONDS or fields["tail"] or fields["behind"] for fields in found):
        return False
    return bool(seconds_of_clocks([fields["epoch"] for fields in found]))


def with_fractions(found: Sequence[dict]) -> list[dict]:
    """Fields of names, the tails of those with seconds since 1970 as decimals: ROS' 1738133056.9658000 is 9658000 ns
    behind the second. Digits behind `_` that may as well count files are left out.
    """
    met = [fields for fields in found if "epoch" in fields]
    tails = [fields["tail"] or fields["behind"] or "" for fields in met]
    told = [(float(fields["epoch"][:SECONDS]), tail) for fields, tail in zip(met, tails, strict=True) if tail]
    width, lengths = _unfilled(told), {len(tail) for _, tail in told}
    if any(fields["behind"] for fields in met) and width != WIDTHS[-1] and (len(lengths) > 1 or lengths - {*WIDTHS}):
        tails = [fields["tail"] or "" for fields in met]
    own = iter(tail.zfill(width) if tail else "" for tail in tails)
    return [fields | {"tail": next(own)} if "epoch" in fields else fields for fields in found]


def _unfilled(told: Sequence[tuple[float, str]]) -> int:
    """The digits that tails would have, were they filled with zeros: 9 of ns; 0 where they are decimals as they stand.

    Decimals may begin with a zero, and where their number varies end in none; counts are the other way round. Where
    neither is met, many names, or more digits than Python prints, have to be much more even as counts.
    """
    tails = [tail for _, tail in told]
    lengths = {*map(len, tails)}
    width = next((width for width in WIDTHS if width >= max(lengths, default=0)), 0)
    if len(lengths) < 2 or any(len(tail) > 1 and tail[0] == "0" for tail in tails):
        return 0
    if any(len(tail) > 1 and tail[-1] == "0" for tail in tails):
        return width
    if max(lengths) < FEWEST_DIGITS or (len(told) < MANY and max(lengths) <= MOST_PRINTED):
        return 0
    as_counts, as_decimals = (
        np.diff(np.sort([second + float(f"0.{tail.zfill(digits)}") for second, tail in told])).std()
        for digits in (width, 0)
    )
    return width if MUCH * as_counts < as_decimals else 0
