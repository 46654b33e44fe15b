"""Movies and pictures of a reel."""
