"""What the camera does to whole frames: how it moves, and which frames are broken."""
