"""Files that are whole or absent, whatever happens while they are written."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to, whose file takes the name of `path` when the block ends well and vanishes when it does not.

    It lies in a hidden folder of its own beside `path`, so that what a writer leaves behind there goes with it.

    Raises:
        OSError: the file cannot be written (a full disk, no rights); names it. What was there before is unchanged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    except OSError as error:
        raise _cannot_write(path, error) from None
    temporary = folder / path.name
    try:
        temporary.touch()
        mode = temporary.stat().st_mode  # as this user's files are made; some writers make theirs private
        yield temporary
        os.chmod(temporary, mode)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Deletes what writers that were killed left behind below a folder; the folder must be the caller's own."""
    for left in folder.rglob(".*.tmp"):
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() and not left.is_symlink() else left.unlink()


def _cannot_write(path: Path, error: OSError) -> OSError:
    return type(error)(
        error.errno, f"cannot write {path}: {error.strerror or error}; make room or choose another folder"
    )
