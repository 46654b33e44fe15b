"""Bits of masks.npy, in a file of their own: prep's workers need them, but not what else a reel loads (pandas)."""

INVALID, SATURATED, OFF_LIMB = 1, 2, 4
