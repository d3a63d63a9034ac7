"""Where what was fetched, decoded or compiled is kept between runs."""

import os
import stat
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """The folder of this user's cache that is ours, where this system keeps caches; it may not exist yet.

    A variable that names it, as ``XDG_CACHE_HOME``, must be absolute: a relative one would mean the working directory.
    """
    found = platformdirs.user_cache_path("weightspace", appauthor=False)
    return found if found.is_absolute() else Path.home() / ".cache" / "weightspace"


def private_folder(name: str) -> Path:
    """A folder of the cache for what is executed: this user's, and writable by nobody else, up to the root.

    Raises:
        OSError: it cannot be made, or somebody else could write into it; says where.
    """
    folder = cache_folder() / name
    for place in (*reversed(folder.parents), folder):  # parents made in one go would get the modes of the umask
        if not place.exists():
            place.mkdir(mode=0o700, exist_ok=True)
    for place in (folder, *folder.parents):
        found = place.stat()
        others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
        if others or (hasattr(os, "getuid") and found.st_uid not in (0, os.getuid())):
            raise PermissionError(f"{place} must be writable by its user alone to hold what is executed")
    if folder.is_symlink() or (hasattr(os, "getuid") and folder.stat().st_uid != os.getuid()):
        raise PermissionError(f"{folder} must be a folder of this user to hold what is executed")
    return folder
