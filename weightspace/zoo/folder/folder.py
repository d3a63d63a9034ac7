"""The folder of a zoo while it is built: what lies where, and who may write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from weightspace.machine.whole_file import remove_leftovers, whole_file
from weightspace.reading import read_text_file
from weightspace.zoo.folder.manifest import MANIFEST, parse_manifest
from weightspace.zoo.recipe.recipe import Recipe

RECIPE = "recipe.toml"

SHARDS, PARTS = "shards", ".build"


def shard_path(out: Path, shard: int) -> Path:
    """The tensors of a shard."""
    return out / SHARDS / f"{shard:05d}.safetensors"


def part_path(out: Path, shard: int) -> Path:
    """The rows of a finished shard while the zoo is built."""
    return out / PARTS / f"{shard:05d}.parquet"


def read_manifest(out: Path) -> dict | None:
    """The manifest of a finished zoo, or None.

    Raises:
        ValueError: not a manifest, or of a newer format.
    """
    path = out / MANIFEST
    return parse_manifest(read_text_file(path), str(path)) if path.is_file() else None


def manifest_stamp(out: Path) -> tuple[int, int] | None:
    """Changes whenever the manifest is written anew; None while there is none."""
    try:
        found = (out / MANIFEST).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


@contextmanager
def claim_folder(out: Path, recipe: Recipe) -> Iterator[None]:
    """Makes the folder the builder's own: refused when another builder works in it, or when it holds something else.

    Raises:
        ValueError: another zoo, or files that are no zoo; nothing is touched.
        RuntimeError: another builder is at work in the folder.
        PermissionError: the folder cannot be written.
    """
    check_folder(out, recipe)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / ".lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise RuntimeError(f"another builder is at work in {out}; wait for it, or choose another folder") from None
    except OSError as error:
        raise PermissionError(f"cannot write to {out}: {error.strerror or error}; choose another folder") from None
    try:
        check_folder(out, recipe)
        remove_leftovers(out)  # of a builder that was killed
        if not (out / RECIPE).exists():
            with whole_file(out / RECIPE) as path:
                path.write_text(recipe.text, encoding="utf-8")
        yield
    finally:
        lock.release()


def check_folder(out: Path, recipe: Recipe) -> None:
    """Refuses a folder that holds anything but this recipe's zoo, or parts of it that lie elsewhere."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; a zoo needs a folder")
    for part in (out / SHARDS, out / PARTS):
        if part.is_symlink() or (part.exists() and not part.is_dir()):
            raise ValueError(f"{part} must be a folder, got a link or a file; a zoo is built in its own folder only")
    if not (out / RECIPE).exists():
        others = sorted(path.name for path in out.iterdir() if path.name != ".lock") if out.exists() else []
        if others:
            raise ValueError(f"{out} is not empty and holds no zoo ({', '.join(others[:3])}); choose another folder")
        return
    there = Recipe.load(out / RECIPE)
    if there.hash != recipe.hash:
        raise ValueError(
            f"{out} holds the zoo of another recipe: {there.name} {there.hash} is there, "
            f"{recipe.name} {recipe.hash} was given; choose another folder, or delete that one"
        )
