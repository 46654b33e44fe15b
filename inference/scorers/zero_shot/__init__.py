"""VETime as a scorer: what is beside its net, which needs no PyTorch, and its net as PyTorch runs it."""
