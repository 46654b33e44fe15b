"""Fleets: one small model for each of many reels (pumps, cameras), trained and evaluated as one piece of work."""
