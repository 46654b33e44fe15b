"""Synthetic series with anomalies whose place is known."""
