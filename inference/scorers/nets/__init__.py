"""Nets as scorers."""
