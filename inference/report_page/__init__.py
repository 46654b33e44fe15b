"""The report page of an evaluation: one self-contained file, the movie beside it."""
