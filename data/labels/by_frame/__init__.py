"""Labels of frames by their numbers or names, and of clips by what a file calls them."""
