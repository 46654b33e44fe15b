"""Tracks of boxes that are one happening, and so one event."""
