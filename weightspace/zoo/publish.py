"""Zoos out into the world: to the Hub, to a URL, or back into a folder."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from weightspace.hub.publish import publish
from weightspace.hub.repository import Repository
from weightspace.machine.whole_file import whole_file
from weightspace.zoo.card import zoo_card
from weightspace.zoo.folder.folder import RECIPE, SHARDS, read_manifest
from weightspace.zoo.folder.manifest import CARD, INDEX, MANIFEST, SPACES
from weightspace.zoo.folder.shard import file_checksum
from weightspace.zoo.remote import HUB, open_remote

_OURS = {INDEX, SPACES, MANIFEST, CARD, RECIPE}
_FOLDERS = (f"{SHARDS}/", "sources/")


def publish_zoo(
    folder: Path,
    repository: str,
    *,
    license: str | None = None,
    private: bool | None = None,
    revision: str | None = None,
    token: str | None = None,
) -> str:
    """Uploads a finished zoo to a dataset repository of the Hub, the manifest last; returns its address.

    Args:
        folder: the zoo's. repository: ``"owner/name"``, made if it isn't there.
        license: of the data, if the card doesn't say it.
        private, revision, token: as for `publish`.

    Raises:
        FileNotFoundError: no finished zoo.
        ValueError: a file that differs from the manifest, no licence, a pickle, or a repository of something else.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise FileNotFoundError(f"{folder} is no finished zoo: it has no manifest.json; finish building it first")
    files = {name: folder / name for name in manifest["files"] if name != CARD}
    for name, path in files.items():
        if not path.is_file() or file_checksum(path) != manifest["files"][name]:
            raise ValueError(f"{path} isn't the file that the manifest names; see 'weightspace zoo verify {folder}'")
    card = folder / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else f"# {manifest['name']}\n"
    rows = pq.read_metadata(folder / INDEX).num_rows
    last = {CARD: zoo_card(text, rows, license, str(card)).encode(), MANIFEST: folder / MANIFEST}
    place = Repository.parse(repository, "dataset", {"revision": revision, "token": token})
    return publish(place, files, last, _is_ours, private=private)


def _is_ours(name: str) -> bool:
    return name in _OURS or name.startswith(_FOLDERS)


def pull_zoo(url: str, out: str | Path, **options: Any) -> Path:
    """Copies a remote zoo into a folder, the manifest last; goes on from what is there already.

    Args:
        url: as for `Zoo`. out: a new folder, or one with a part of the same zoo. options: as for `open_remote`.

    Raises:
        ValueError: the folder holds another zoo or something else; nothing is touched.
    """
    out, remote = Path(out), open_remote(url, options)
    there = [path for path in out.iterdir() if not path.name.startswith(".")] if out.is_dir() else []
    strange = [path.name for path in there if path.name not in (*_OURS, SHARDS, "sources")]
    other = (out / INDEX).is_file() and file_checksum(out / INDEX) != remote.manifest["files"].get(INDEX)
    if strange or other or out.is_file():
        raise ValueError(f"{out} holds {', '.join(strange[:3]) or 'another zoo'}; choose a new folder")
    for name, checksum in remote.manifest["files"].items():
        target = out / name
        if name == CARD or (target.is_file() and file_checksum(target) == checksum):
            continue
        _copy(remote.fetch(name), target)
    with suppress(FileNotFoundError):  # a zoo needs no card
        _copy(remote.fetch(CARD), out / CARD)
    _copy(remote.folder / MANIFEST, out / MANIFEST)
    return out


def _copy(source: Path, target: Path) -> None:
    with whole_file(target) as path:
        shutil.copyfile(source, path)


def copy_to_url(folder: Path, url: str) -> None:
    """Copies a finished local zoo to a URL that fsspec knows, the manifest last."""
    import fsspec

    files, root = fsspec.url_to_fs(url)
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    for name in dict.fromkeys((*manifest["files"], CARD, RECIPE, MANIFEST)):
        if (folder / name).exists():
            files.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
            files.put_file(str(folder / name), f"{root}/{name}")


def check_target(url: str) -> None:
    """Sees that a zoo can be built to a URL, before anything is trained: writes a tiny file there and deletes it.

    Raises:
        ValueError: a Hub URL; zoos are published there with `Zoo.push_to_hub`. An unknown kind of URL, a driver that
            isn't installed, or a place that can't be written.
    """
    if url.startswith("hf://"):
        name = url.removeprefix(HUB)
        raise ValueError(f"a build does not publish: build into a folder, then 'weightspace zoo push FOLDER {name}'")
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
