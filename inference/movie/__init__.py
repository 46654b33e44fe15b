"""The movie of an evaluation."""
