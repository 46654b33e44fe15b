"""Fitting a model to the windows of reels: the loop, losses, schedule, checkpoints, and what is kept of a run."""
