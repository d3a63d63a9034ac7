"""What each operator does to the axes of its inputs."""

from weightspace.space.rules import (
    arrange,
    attention,
    conv,
    create,
    linear,
    norm,
    place,
    pointwise,
    recurrent,
    reduce,
    shape,
    table,
)
from weightspace.space.rules.pointwise import opaque_pointwise
from weightspace.space.rules.registry import RULES, Rule, rule

__all__ = [
    "RULES",
    "Rule",
    "arrange",
    "attention",
    "conv",
    "create",
    "linear",
    "norm",
    "opaque_pointwise",
    "place",
    "pointwise",
    "recurrent",
    "reduce",
    "rule",
    "shape",
    "table",
]
