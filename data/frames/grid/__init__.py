"""Where a frame lies on the grid of its reel: its place, the warp, blocks of pixels, edges that are filled up."""
