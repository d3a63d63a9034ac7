"""What somebody may have meant who wrote a name that isn't known."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(word: object, known: Iterable[str]) -> str:
    """The end of an error on an unknown name: " (did you mean 'SpaceNet'?)", or nothing where no name is near.

    Example::

        raise ValueError(f"metanet must be one of {', '.join(METANETS)}, got {name!r}{suggestion(name, METANETS)}.")
    """
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(str(word).lower(), by_lower, n=1, cutoff=0.6)
    return f" (did you mean {by_lower[near[0]]!r}?)" if near else ""
