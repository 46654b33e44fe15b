"""A file for each section of config.yaml that is more than a few lines: its settings and what they may be."""
