"""Training programs in plain PyTorch, and models read from wherever they come; no cluster, no tracking."""
