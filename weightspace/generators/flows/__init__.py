"""A flow from starts to trained weights, and the metanets that lead it."""
