"""Frames decoded by several processes, here or elsewhere."""
