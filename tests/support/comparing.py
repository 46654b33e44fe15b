"""Comparing what holds unknown numbers."""


def alike(one: object, other: object) -> bool:
    """Whether dataclasses, or sequences of them, hold the same, where an unknown number (NaN) is like another.

    Their own == finds only one and the same NaN equal, and since Python 3.13 none. All their fields are in their repr,
    of floats to the last bit; not for arrays, whose repr leaves values out.
    """
    return repr(one) == repr(other)
