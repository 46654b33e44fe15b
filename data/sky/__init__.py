"""Where the pixels of a frame lie on the sky, by its header."""
