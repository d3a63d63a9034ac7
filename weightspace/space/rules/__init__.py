"""What each operator does to the axes of its inputs."""

from weightspace.space.rules import create, linear, norm, place, pointwise, recurrent, reduce, shape
from weightspace.space.rules.pointwise import opaque_pointwise
from weightspace.space.rules.registry import RULES, rule

__all__ = [
    "RULES", "create", "linear", "norm", "opaque_pointwise", "place", "pointwise", "recurrent", "reduce", "rule", "shape"
]  # fmt: skip
