"""Times in the names of files."""
