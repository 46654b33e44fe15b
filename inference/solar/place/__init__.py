"""What happened at the place of an event: the light there over time, its course, and how fast what is new moves."""
