"""Training any model: one loop, its settings, its state."""
