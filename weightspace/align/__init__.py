"""Two nets of one weight space: align them, merge them, measure how far apart they are, find out who made whom."""

from weightspace.align.align import align
from weightspace.align.barrier import Barrier, barrier
from weightspace.align.checks import check_same_space
from weightspace.align.correct import repair, reset_statistics
from weightspace.align.distance import distance, function_distance
from weightspace.align.grow import widen
from weightspace.align.lineage import Lineage, lineage
from weightspace.align.merge import Mergeable, merge, merge_tasks, mergeable, transport
from weightspace.align.pack import Packed, pack, unpack
from weightspace.align.reference import align_all
from weightspace.align.tree import FamilyTree, family_tree

__all__ = [
    "Barrier",
    "FamilyTree",
    "Lineage",
    "Mergeable",
    "Packed",
    "align",
    "align_all",
    "barrier",
    "check_same_space",
    "distance",
    "family_tree",
    "function_distance",
    "lineage",
    "merge",
    "merge_tasks",
    "mergeable",
    "pack",
    "repair",
    "reset_statistics",
    "transport",
    "unpack",
    "widen",
]
