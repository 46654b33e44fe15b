"""The mode `export`: a run's net and all that belongs to it, out of PyTorch."""
