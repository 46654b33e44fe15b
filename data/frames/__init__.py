"""From files to the frames of a reel: planned, decoded, calibrated, put on one grid and assembled."""
