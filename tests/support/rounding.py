"""How far a float32 result may lie from the exact one, on every processor: bounds that follow from the arithmetic.

Processors differ in the order of a sum and in which operations they fuse; each operation rounds by half of EPS.
"""

import numpy as np

EPS = float(np.finfo(np.float32).eps)


def rounding(operations: int, largest: float | np.floating = 1.0) -> float:
    """The most that so many operations one after the other can be off, with values of at most `largest` on the way.

    A mean of n numbers in any order is n operations of values as large as they are (Higham 2002, section 4.2). Half of
    EPS each, and as much again for an expected value that is float32 too.
    """
    return operations * EPS * float(largest)
