"""The reel on disk: frames, facts, windows."""
