"""What the cells of a table hold: numbers, their units, what is missing, and how good they are."""
