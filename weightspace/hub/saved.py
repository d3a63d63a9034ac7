"""A folder that `save_pretrained` wrote, out to the Hub and back: its configuration, its tensors and its card."""

import shutil
from pathlib import Path
from typing import Any

from weightspace.hub.card import completed_card
from weightspace.hub.publish import publish
from weightspace.hub.repository import Repository
from weightspace.hub.source import find_file

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
TAGS = ["weightspace", "weight-space"]


def publish_saved(
    folder: Path,
    repository: str,
    *,
    license: str | None = None,
    private: bool | None = None,
    revision: str | None = None,
    token: str | None = None,
) -> str:
    """Uploads the folder in one commit and says its address.

    Args:
        folder: what `save_pretrained` wrote. repository: ``"owner/name"``, made if it isn't there.
        license: such as ``"apache-2.0"``; needed unless the card names one.
        private, revision, token: as for `publish`.

    Raises:
        FileNotFoundError: the folder lacks its configuration or its tensors.
        ValueError: no licence, or a repository that holds something else.
        PermissionError, ConnectionError: the Hub doesn't let you write, or can't be reached.
    """
    files: dict[str, Path | bytes] = {name: find_file(folder, name) for name in (CONFIG, WEIGHTS)}
    card = folder / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else f"# {repository}\n"
    facts = {"library_name": "weightspace", "tags": TAGS}
    files[CARD] = completed_card(text, facts, license, str(card)).encode()
    place = Repository.parse(repository, "model", {"revision": revision, "token": token})
    return publish(place, {}, files, lambda name: name in files, private=private)


def pull_saved(source: str, out: str | Path, **options: Any) -> Path:
    """Copies a metanet or a generator of the Hub into a new folder.

    Args:
        source: and options: as for `find_file`. out: a new or an empty folder.

    Raises:
        ValueError: the folder isn't empty.
        FileNotFoundError, PermissionError, ConnectionError: as `find_file` says.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} must be a new or an empty folder, got one with something in it; choose another.")
    found = [find_file(source, name, options) for name in (CONFIG, WEIGHTS, CARD)]
    out.mkdir(parents=True, exist_ok=True)
    for path in found:
        shutil.copyfile(path, out / path.name)
    return out
