"""From quiet data to noise and thresholds."""
