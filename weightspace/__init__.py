"""Learning from the weights of neural networks."""

__version__ = "0.1.0"
