"""Getting files that are not here yet."""
