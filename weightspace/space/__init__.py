"""Weight spaces: what each axis of each tensor of an architecture means, and the symmetries that follow."""

from weightspace.space.axes import Atom, Axis, Product, Sum, format_axes, parse_axes
from weightspace.space.matrices import MatrixGroup
from weightspace.space.parts import Action, Group, Link, Site, TensorSpec
from weightspace.space.report import Report
from weightspace.space.symmetry import Symmetry
from weightspace.space.weightspace import WeightSpace

__all__ = [
    "Action",
    "Atom",
    "Axis",
    "Group",
    "Link",
    "MatrixGroup",
    "Product",
    "Report",
    "Site",
    "Sum",
    "Symmetry",
    "TensorSpec",
    "WeightSpace",
    "format_axes",
    "parse_axes",
]
