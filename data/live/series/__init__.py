"""Rows of a table or of messages as they come, read as those that were trained on."""
