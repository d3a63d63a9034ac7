"""Where what was fetched, decoded or compiled is kept between runs."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder of this user's cache that is ours; it may not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "weightspace"
