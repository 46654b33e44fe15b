"""Frames that arrive while they are watched."""
