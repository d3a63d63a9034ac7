"""Training update rules on many small trainings at once, and comparing them with optimizers of PyTorch."""
