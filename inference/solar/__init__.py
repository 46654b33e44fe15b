"""What a heliophysicist asks of an event on the Sun: since when, of what kind, seen by whom else."""
