"""`eval --follow`: streams, and folders of frames, that are watched while they grow."""
