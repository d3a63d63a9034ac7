"""Publishing files as a repository of the Hub."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from weightspace.hub.errors import hub_errors
from weightspace.hub.pickles import refuse_pickles
from weightspace.hub.repository import Repository

# https://huggingface.co/docs/hub/repositories-recommendations
MOST_FILES, MOST_IN_FOLDER, MOST_IN_COMMIT, MOST_BYTES = 100_000, 10_000, 100, 20 * 10**9
_ALWAYS = {".gitattributes", "README.md"}


def publish(
    repository: Repository,
    files: Mapping[str, Path],
    last: Mapping[str, Path | bytes],
    ours: Callable[[str], bool],
    *,
    private: bool | None = None,
    message: str = "Published by weightspace",
) -> str:
    """Uploads files to a repository, which is made where it isn't there; the ``last`` ones in a commit of their own.

    What a reader looks for first belongs to ``last``: it is removed before anything else changes, so that nobody takes
    an unfinished upload for a whole one. Called again after it was stopped, it sends only what is missing.

    Args:
        repository: with ``revision`` and ``token`` among its options; a branch of that name is made.
        files: and last: by their names in the repository.
        ours: whether a file of that name may be there already, and may be removed if it isn't among these.
        private: whether a new repository is private; None leaves it to the owner's settings.

    Raises:
        ValueError: a pickle, more or larger files than the Hub takes, or a repository that holds something else.
        PermissionError, ConnectionError: as `hub_errors` says.
    """
    from huggingface_hub import HfApi

    refuse_pickles([*files, *last], f"What is to be published as {repository.name}")
    _check_limits(files)
    api, revision = HfApi(token=repository.options.get("token")), repository.options.get("revision")
    place: dict[str, Any] = {"repo_id": repository.name, "repo_type": repository.kind}
    with hub_errors(repository.name, kind=repository.kind, options=repository.options):
        api.create_repo(**place, private=private, exist_ok=True)
        if revision:
            api.create_branch(**place, branch=revision, exist_ok=True)
        there = api.list_repo_files(**place, revision=revision)
        strange = [name for name in there if name not in _ALWAYS and not ours(name)]
        if strange:
            raise ValueError(
                f"{repository.name} holds something else ({', '.join(strange[:3])}), which stays as it is; choose "
                "another name."
            )
        old = [name for name in there if name not in _ALWAYS and name not in files]
        if files:
            _commit(api, place, revision, f"{message}: begun", {}, old)
        names = list(files)
        for start in range(0, len(names), MOST_IN_COMMIT):
            some = names[start : start + MOST_IN_COMMIT]
            _commit(api, place, revision, message, {name: files[name] for name in some})
        _commit(api, place, revision, message, last, () if files else [name for name in old if name not in last])
    return f"{api.endpoint}/{'datasets/' if repository.kind == 'dataset' else ''}{repository.name}"


def _commit(
    api: Any,
    place: Mapping[str, Any],
    revision: str | None,
    message: str,
    files: Mapping[str, Path | bytes],
    old: Sequence[str] = (),
) -> None:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations = [CommitOperationDelete(name) for name in old]
    operations += [CommitOperationAdd(name, path) for name, path in files.items()]
    if operations:
        api.create_commit(**place, operations=operations, commit_message=message, revision=revision)


def _check_limits(files: Mapping[str, Path]) -> None:
    folders = Counter(str(PurePosixPath(name).parent) for name in files)
    fullest = max(folders, key=lambda folder: folders[folder]) if folders else ""
    for name, path in files.items():
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(
                f"{name} has {path.stat().st_size / 1e9:.0f} GB; the Hub asks for files of {MOST_BYTES / 1e9:.0f} GB "
                "at most. Build with fewer nets a shard ([store] shard)."
            )
    if len(files) > MOST_FILES or (folders and folders[fullest] > MOST_IN_FOLDER):
        raise ValueError(
            f"The Hub asks for {MOST_FILES:,} files at most, {MOST_IN_FOLDER:,} a folder, got {len(files):,} and "
            f"{folders[fullest]:,} in {fullest}. Build with more nets a shard ([store] shard)."
        )
