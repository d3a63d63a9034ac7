"""Checkpoints of people's own nets: found, read without running anything in them, and matched to a weight space."""

from weightspace.checkpoints.find import SUFFIXES, find_checkpoints
from weightspace.checkpoints.fit import describe_space, fit_checkpoint, nonfinite_tensors
from weightspace.checkpoints.read import read_checkpoint

__all__ = ["SUFFIXES", "describe_space", "find_checkpoints", "fit_checkpoint", "nonfinite_tensors", "read_checkpoint"]
