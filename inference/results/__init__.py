"""What an evaluation writes beside its movie and page."""
