"""What gives every frame of a reel a residual, behind one interface."""
