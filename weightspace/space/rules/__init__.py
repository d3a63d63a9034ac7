"""What each operator does to the axes of its inputs."""

from weightspace.space.rules import (
    activations,
    arrange,
    conv,
    create,
    linear,
    matrix,
    norm,
    place,
    pointwise,
    recurrent,
    reduce,
    shape,
    space,
    table,
)
from weightspace.space.rules.pointwise import opaque_pointwise
from weightspace.space.rules.registry import RULES, Rule, rule

__all__ = [
    "RULES",
    "Rule",
    "activations",
    "arrange",
    "conv",
    "create",
    "linear",
    "matrix",
    "norm",
    "opaque_pointwise",
    "place",
    "pointwise",
    "recurrent",
    "reduce",
    "rule",
    "shape",
    "space",
    "table",
]
