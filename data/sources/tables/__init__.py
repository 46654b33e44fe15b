"""Tables as people have them: their cells as numbers, times and labels."""
