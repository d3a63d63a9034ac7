"""A repository of the Hub, at a revision: its files, brought to this machine."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from weightspace.hub.arrived import blobs, refuse_changed
from weightspace.hub.errors import hub_errors
from weightspace.hub.pickles import pickles

PREFIXES = {"model": "hf://", "dataset": "hf://datasets/"}
OPTIONS = ("revision", "cache_dir", "force_download", "local_files_only", "token")
NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Repository:
    """A repository of the Hub at a revision.

    Args:
        name: ``"owner/name"``.
        kind: ``"model"`` or ``"dataset"``.
        options: ``revision``, ``token``, ``cache_dir``, ``force_download``, ``local_files_only``.
    """

    name: str
    kind: Literal["model", "dataset"] = "model"
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(
        cls, text: str, kind: Literal["model", "dataset"] = "model", options: Mapping[str, Any] | None = None
    ) -> "Repository":
        """The repository of ``owner/name``, ``owner/name@revision`` or the same behind ``hf://``.

        Raises:
            ValueError: no such name, another kind of repository, or two revisions.
        """
        given = {key: value for key in OPTIONS if (value := (options or {}).get(key)) is not None}
        name, _, revision = text.removeprefix(PREFIXES[kind]).partition("@")
        if not NAME.fullmatch(name):
            raise ValueError(f"a {kind} of the Hub is written {PREFIXES[kind]}owner/name, got {text!r}")
        if revision and given.get("revision", revision) != revision:
            raise ValueError(f"{text!r} names a revision, and revision={given['revision']!r} another; give one of them")
        return cls(name, kind, {**given, **({"revision": revision} if revision else {})})

    @property
    def url(self) -> str:
        """How it is written where a folder could stand too."""
        revision = self.options.get("revision")
        return PREFIXES[self.kind] + self.name + (f"@{revision}" if revision else "")

    def at(self, revision: str) -> "Repository":
        """The same repository at another revision."""
        return replace(self, options={**self.options, "revision": revision})

    def download(self, file: str) -> Path:
        """A file in the cache, fetched if it isn't there; what broke off is resumed.

        Raises:
            FileNotFoundError, PermissionError, ConnectionError, ValueError: as `hub_errors` says.
        """
        with hub_errors(self.name, file=file, kind=self.kind, options=self.options):
            try:
                return self._fetch(file)
            except Exception as error:
                self._say_what_else(error, file)
                raise

    def find(self, file: str) -> Path | None:
        """A file as `download` gives it; None if the repository has none of that name."""
        from huggingface_hub.errors import RemoteEntryNotFoundError

        with hub_errors(self.name, file=file, kind=self.kind, options=self.options):
            try:
                return self._fetch(file)
            except RemoteEntryNotFoundError:
                return None

    def _fetch(self, file: str) -> Path:
        from huggingface_hub import constants, hf_hub_download
        from huggingface_hub.file_download import repo_folder_name

        cache = Path(self.options.get("cache_dir") or constants.HF_HUB_CACHE)
        known = blobs(cache / repo_folder_name(repo_id=self.name, repo_type=self.kind))
        path = Path(hf_hub_download(self.name, file, repo_type=self.kind, **self.options))
        refuse_changed(path, known)
        return path

    def _say_what_else(self, error: Exception, file: str) -> None:
        """Where a file isn't there but a pickle is, says so instead."""
        from huggingface_hub import HfApi
        from huggingface_hub.errors import LocalEntryNotFoundError, RemoteEntryNotFoundError

        if isinstance(error, LocalEntryNotFoundError) or not isinstance(error, RemoteEntryNotFoundError):
            return
        api = HfApi(token=self.options.get("token"))
        names = api.list_repo_files(self.name, revision=self.options.get("revision"), repo_type=self.kind)
        found = pickles(names)
        if found:
            raise ValueError(
                f"The {self.kind} {self.name} has no {file} but {', '.join(found[:3])}, which may run code when "
                "opened, so it isn't loaded. Ask its owner for config.json and model.safetensors as save_pretrained "
                "writes them."
            ) from None
