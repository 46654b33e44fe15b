"""Tables and light curves as reels."""
