"""Numbers that count time: days, ticks, seconds since a start."""
