"""Layers that several metanets share."""
