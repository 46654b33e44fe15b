"""What the plain values of a series say of an anomaly, beside any model."""
