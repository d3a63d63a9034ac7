"""Training generators, and judging what they write."""
