"""Comparisons of methods: who is compared on what, run, and written down."""
