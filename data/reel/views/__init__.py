"""Reels seen otherwise: a part of one, one without what its frames share, its windows for training."""
