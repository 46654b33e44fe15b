"""The reel on disk: frames, facts, windows, and how its files are written."""
