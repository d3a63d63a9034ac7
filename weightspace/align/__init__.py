"""Two nets of one weight space: align them, merge them, measure how far apart they are, find out who made whom."""

from weightspace.align.align import align
from weightspace.align.checks import check_same_space
from weightspace.align.distance import distance, function_distance

__all__ = ["align", "check_same_space", "distance", "function_distance"]
