"""Coronagraphs: frames in polar coordinates, and the mass ejections and other changes that they show."""
