"""Canonical forms: one member of each orbit."""
