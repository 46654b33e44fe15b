"""Rows that come one after the other: files that grow, and the clocks of who writes them."""
