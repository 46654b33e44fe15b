"""Quiet data: which frames they are, what levels and events they give, and what in them is not quiet."""
