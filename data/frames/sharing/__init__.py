"""Prep by several programs at once: what each does, and what they know of each other."""
