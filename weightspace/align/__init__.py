"""Two nets of one weight space: align them, merge them, measure how far apart they are, find out who made whom."""

from weightspace.align.align import align
from weightspace.align.barrier import Barrier, barrier
from weightspace.align.checks import check_same_space
from weightspace.align.correct import repair, reset_statistics
from weightspace.align.correspond import Correspondence, correspond
from weightspace.align.distance import distance, function_distance
from weightspace.align.fold import fold_norms
from weightspace.align.lineage import Lineage, lineage
from weightspace.align.merging.deepen import deepen
from weightspace.align.merging.merge import Mergeable, merge, mergeable
from weightspace.align.merging.mixture import mixture_growth
from weightspace.align.merging.tasks import merge_tasks, ratatouille, transport
from weightspace.align.merging.widen import widen
from weightspace.align.pack import Packed, pack, unpack
from weightspace.align.reference import align_all
from weightspace.align.tree import FamilyTree, family_tree

__all__ = [
    "Barrier",
    "Correspondence",
    "FamilyTree",
    "Lineage",
    "Mergeable",
    "Packed",
    "align",
    "align_all",
    "barrier",
    "check_same_space",
    "correspond",
    "deepen",
    "distance",
    "family_tree",
    "fold_norms",
    "function_distance",
    "lineage",
    "merge",
    "merge_tasks",
    "mergeable",
    "mixture_growth",
    "pack",
    "ratatouille",
    "repair",
    "reset_statistics",
    "transport",
    "unpack",
    "widen",
]
