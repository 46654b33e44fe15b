"""Getting frames in, and keeping them: sources, calibration, the reel on disk and its windows."""
