"""Zoos that others published, read into ours."""
