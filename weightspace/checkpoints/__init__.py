"""Checkpoints of people's own nets: found, read without running anything in them, and matched to a weight space."""

from weightspace.checkpoints.find import SUFFIXES, find_checkpoints
from weightspace.checkpoints.fit import describe_space, fit_checkpoint, nonfinite_tensors
from weightspace.checkpoints.inspection import Inspection, NeuronFacts, TensorFacts, inspect_weights
from weightspace.checkpoints.module import ModuleSource, example_inputs, make_module
from weightspace.checkpoints.read import read_checkpoint

__all__ = [
    "SUFFIXES",
    "Inspection",
    "ModuleSource",
    "NeuronFacts",
    "TensorFacts",
    "describe_space",
    "example_inputs",
    "find_checkpoints",
    "fit_checkpoint",
    "inspect_weights",
    "make_module",
    "nonfinite_tensors",
    "read_checkpoint",
]
