"""Zoos that do not lie in a local folder."""

import hashlib
import json
import os
from pathlib import Path

from weightspace.machine.cache import cache_folder
from weightspace.zoo.manifest import MANIFEST
from weightspace.zoo.shard import file_checksum

HUB = "hf://datasets/"


def is_remote(path: str | Path) -> bool:
    """Whether a path is a URL: ``hf://datasets/owner/name``, or anything that fsspec knows (``s3://``, ``memory://``)."""
    return "://" in str(path)


def local_folder(url: str) -> Path:
    """The folder in the cache that stands for a URL."""
    return cache_folder() / "zoos" / hashlib.sha256(url.encode()).hexdigest()[:16]


def fetch_zoo(url: str) -> Path:
    """Brings a remote zoo to this machine and says where it lies; what is there already is not fetched again.

    Raises:
        FileNotFoundError: no finished zoo there.
        ConnectionError: the Hub cannot be reached.
        ValueError: a file that has another checksum than the manifest says, or would lie outside of the zoo.
    """
    return _fetch_hub(url) if url.startswith(HUB) else _fetch_files(url)


def _fetch_hub(url: str) -> Path:
    from huggingface_hub import snapshot_download

    repository, _, revision = url.removeprefix(HUB).partition("@")
    try:
        folder = Path(snapshot_download(repository, repo_type="dataset", revision=revision or None))
    except Exception as error:  # the Hub has many errors for no network; the first line says which
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ConnectionError(f"cannot fetch {url}: {reason}; fetch it elsewhere and open its folder") from error
    return folder


def _fetch_files(url: str) -> Path:
    import fsspec

    files, root = fsspec.url_to_fs(url)
    if not files.exists(f"{root}/{MANIFEST}"):
        raise FileNotFoundError(f"{url} is no finished zoo: it has no {MANIFEST}")
    out = local_folder(url)
    manifest = json.loads(files.cat_file(f"{root}/{MANIFEST}"))
    if (out / MANIFEST).exists() and json.loads((out / MANIFEST).read_text(encoding="utf-8")) == manifest:
        return out
    (out / MANIFEST).unlink(missing_ok=True)
    for name in [*manifest["files"], "README.md", "recipe.toml", MANIFEST]:
        target = (out / name).resolve()
        if not target.is_relative_to(out.resolve()):
            raise ValueError(f"the manifest of {url} names {name}, which leaves its folder")
        if name in manifest["files"] or files.exists(f"{root}/{name}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            files.get_file(f"{root}/{name}", str(target))
        wanted = manifest["files"].get(name)
        if wanted and file_checksum(target) != wanted:
            target.unlink()
            raise ValueError(f"{url}/{name} has another checksum than its manifest says; build or upload it again")
    return out


def check_target(url: str) -> None:
    """Sees that a zoo can be built to a URL, before anything is trained: writes a tiny file there and deletes it.

    Raises:
        ValueError: a Hub URL; zoos are published there with ``hf upload``. An unknown kind of URL, a driver that isn't
            installed, or a place that can't be written.
    """
    if url.startswith(HUB):
        raise ValueError(f"a build does not publish: build into a folder, then upload it to {url} (hf upload)")
    import fsspec

    probe = f".weightspace-{os.getpid()}"
    try:
        files, root = fsspec.url_to_fs(url)
        files.makedirs(root, exist_ok=True)
        files.pipe_file(f"{root}/{probe}", b"may this be written?")
        files.rm_file(f"{root}/{probe}")
    except ImportError as error:
        raise ValueError(f"{url} needs a driver that isn't installed: {error}") from None
    except Exception as error:  # each driver has its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"{url} can't be written, so nothing was trained: {reason}") from error


def push_zoo(folder: Path, url: str) -> None:
    """Copies a finished local zoo to a URL, the manifest last."""
    import fsspec

    files, root = fsspec.url_to_fs(url)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    for name in [*manifest["files"], "README.md", "recipe.toml", MANIFEST]:
        if (folder / name).exists():
            files.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
            files.put_file(str(folder / name), f"{root}/{name}")
