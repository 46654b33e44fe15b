"""What runs the nets of a bundle on a CPU: each engine is a file here, with a class `Engine`."""
