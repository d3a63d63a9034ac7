"""How many cores this process may use."""

import os


def usable_cores() -> int:
    """The cores that this process may run on; all of the machine where a system has no such limits."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
