"""Starts: how they are trained on, how they are learned, what they show."""
