"""Nets with what is to be predicted of them, and how they are varied while training."""
