"""Zoos that do not lie in a local folder: their files come when they are asked for, each compared with the manifest."""

import hashlib
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightspace.hub.repository import PREFIXES, Repository
from weightspace.machine.cache import cache_folder
from weightspace.machine.whole_file import whole_file
from weightspace.zoo.folder.manifest import CARD, MANIFEST, manifest_checksum, parse_manifest
from weightspace.zoo.folder.shard import file_checksum

HUB = PREFIXES["dataset"]


def is_remote(path: str | Path) -> bool:
    """Whether a path is a URL: ``hf://datasets/owner/name``, or anything that fsspec knows (``s3://``, ``memory://``)."""
    return "://" in str(path)


def local_folder(url: str) -> Path:
    """The folder in the cache that stands for a URL."""
    return cache_folder() / "zoos" / hashlib.sha256(url.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class RemoteZoo(ABC):
    """A zoo somewhere else.

    Args:
        url: as it was asked for.
        folder: where its files lie on this machine, as far as they have come.
        manifest: what it says of itself.
    """

    url: str
    folder: Path
    manifest: dict[str, Any]

    def fetch(self, name: str) -> Path:
        """A file of the zoo on this machine, the same as the manifest says; what is here already isn't fetched again.

        Raises:
            ValueError: it has another checksum than the manifest says; it isn't kept.
            FileNotFoundError, ConnectionError: it can't be had.
        """
        path, wanted = self.folder / name, self.manifest["files"].get(name)
        if path.is_file() and _is_checked(path, wanted):
            return path
        self.bring(name)
        if not _is_checked(path, wanted):
            raise ValueError(
                f"{self.url}/{name} has another checksum than its manifest says: it was changed, or damaged on its "
                "way. Try once more; if it stays so, the zoo must be uploaded again."
            )
        return path

    def fetch_tables(self) -> None:
        """Everything but the shards and the card: what a zoo is opened with."""
        for name in self.manifest["files"]:
            if not name.startswith("shards/") and name != CARD:
                self.fetch(name)

    @abstractmethod
    def bring(self, name: str) -> None:
        """Puts a file at its place in ``folder``."""


@dataclass(frozen=True)
class HubZoo(RemoteZoo):
    """A zoo in a dataset repository, at one commit."""

    repository: Repository

    def bring(self, name: str) -> None:
        """Downloads it into the cache of the Hub's client."""
        self.repository.download(name)


@dataclass(frozen=True)
class FileZoo(RemoteZoo):
    """A zoo at a URL that fsspec knows."""

    def bring(self, name: str) -> None:
        """Copies it into our cache, all of it or nothing."""
        import fsspec

        files, root = fsspec.url_to_fs(self.url)
        with whole_file(self.folder / name) as path:
            files.get_file(f"{root}/{name}", str(path))


def open_remote(url: str, options: dict[str, Any] | None = None) -> RemoteZoo:
    """A remote zoo with its manifest and tables here; shards come when they are asked for.

    Args:
        url: ``hf://datasets/owner/name``, ``@revision`` to pin it; or what fsspec knows.
        options: of the Hub: ``revision``, ``token``, ``cache_dir``, ``local_files_only``.

    Raises:
        FileNotFoundError: no finished zoo there.
        PermissionError: the Hub asks for a token.
        ConnectionError: it cannot be reached; says what is here already.
        ValueError: a file that has another checksum than the manifest says, or would lie outside of the zoo.
    """
    if url.startswith("hf://") and not url.startswith(HUB):
        raise ValueError(f"a zoo of the Hub is a data set, written {HUB}owner/name, got {url}")
    remote = _open_hub(url, options or {}) if url.startswith(HUB) else _open_files(url)
    remote.fetch_tables()
    return remote


def _open_hub(url: str, options: dict[str, Any]) -> HubZoo:
    repository = Repository.parse(url, "dataset", options)
    try:
        path = repository.download(MANIFEST)
    except FileNotFoundError as error:
        if "wasn't saved by weightspace" not in str(error):
            raise
        raise FileNotFoundError(
            f"{repository.url} is no finished zoo: it has no {MANIFEST}. It isn't one of weightspace, or its upload "
            "isn't done."
        ) from None
    folder = path.parent  # snapshots/COMMIT: from here on everything comes from the same commit
    return HubZoo(repository.url, folder, _read_manifest(path.read_bytes(), url), repository.at(folder.name))


def _open_files(url: str) -> FileZoo:
    import fsspec

    files, root = fsspec.url_to_fs(url)
    if not files.exists(f"{root}/{MANIFEST}"):
        raise FileNotFoundError(f"{url} is no finished zoo: it has no {MANIFEST}")
    text = files.cat_file(f"{root}/{MANIFEST}")
    remote = FileZoo(url, local_folder(url), _read_manifest(text, url))
    with whole_file(remote.folder / MANIFEST) as path:
        path.write_bytes(text)
    return remote


def _read_manifest(text: bytes, url: str) -> dict[str, Any]:
    manifest = parse_manifest(text, f"the manifest of {url}")
    if manifest.get("checksum", manifest_checksum(manifest)) != manifest_checksum(manifest):
        raise ValueError(f"the manifest of {url} has another checksum than it says: it was changed after it was made")
    return manifest


def _is_checked(path: Path, wanted: str | None) -> bool:
    """Whether a file is what the manifest says; hashed once, for as long as it doesn't change.

    A file with other content is removed.
    """
    if wanted is None:
        return True
    found = path.resolve().stat()
    mark = f"{path.resolve()} {found.st_size} {found.st_mtime_ns} {wanted}"
    note = cache_folder() / "checked" / hashlib.sha256(mark.encode()).hexdigest()
    if note.exists():
        return True
    if file_checksum(path) != wanted:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        return False
    with suppress(OSError):  # a cache that can't be written costs time alone
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()
    return True
