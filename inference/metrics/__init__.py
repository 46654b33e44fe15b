"""How well scores and events agree with labels."""
