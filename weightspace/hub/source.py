"""Where a name leads: to a folder, to a net that ships with the package, or to a repository of the Hub."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weightspace.hub.shipped import shipped
from weightspace.suggest import suggestion

PREFIX = "hf://"
OPTIONS = ("revision", "cache_dir", "force_download", "local_files_only", "token")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def find_file(source: str | Path, name: str, options: Mapping[str, Any] | None = None) -> Path:
    """A file of something saved, on this machine.

    Args:
        source: a folder; the name of a net that ships with the package (`shipped`); or a repository of the Hub,
            ``"owner/name"`` or, where a folder has that name too, ``"hf://owner/name"``. ``@revision`` may follow.
        name: the file's name, such as ``config.json``.
        options: ``revision``, ``token``, ``cache_dir``, ``force_download``, ``local_files_only``.

    Raises:
        FileNotFoundError: there is no such folder, net or repository, or it has no such file; says what is near.
        ValueError: the name is that of a folder and of another place too.
        ConnectionError: no network, and the file isn't cached; says what is cached and where.
    """
    folder = Path(source)
    text = str(source)
    if folder.is_dir():
        _refuse_two_meanings(text, name, options or {})
        return _in_folder(folder, name)
    if folder.is_file():
        raise FileNotFoundError(f"{source} is a file; give the folder that holds it, with its configuration.")
    if text in shipped():
        return _in_folder(shipped()[text], name)
    repository, _, revision = text.removeprefix(PREFIX).partition("@")
    if not text.startswith(PREFIX) and (not _REPOSITORY.fullmatch(repository) or folder.parent.is_dir()):
        raise FileNotFoundError(_nothing(text))
    chosen = {key: value for key in OPTIONS if (value := (options or {}).get(key)) is not None}
    return _download(repository, name, {**chosen, **({"revision": revision} if revision else {})})


def _refuse_two_meanings(text: str, name: str, options: Mapping[str, Any]) -> None:
    if text in shipped():
        raise ValueError(
            f"{text!r} is a folder here and a net that ships with weightspace. For the folder write "
            f"'./{text}'; for the other one, go to another folder or rename this one."
        )
    if _REPOSITORY.fullmatch(text) and _is_cached(text, name, options.get("cache_dir")):
        raise ValueError(
            f"{text!r} is a folder here and a repository of the Hub that you have fetched. Write './{text}' for the "
            f"folder, or '{PREFIX}{text}' for the repository."
        )


def _is_cached(repository: str, name: str, cache: str | None) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repository, name, cache_dir=cache), str)


def _in_folder(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise FileNotFoundError(
            f"What weightspace saves has a config.json and a model.safetensors; {folder} has no {name}."
        )
    return folder / name


def _nothing(text: str) -> str:
    known = shipped()
    near = suggestion(text, known)
    return (
        f"There is no folder {text!r}, and no pretrained net of that name; the pretrained ones are "
        f"{', '.join(known)}{near}. A repository of the Hub is written 'owner/name' or '{PREFIX}owner/name'."
    )


def _download(repository: str, name: str, options: Mapping[str, Any]) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        HFValidationError,
        LocalEntryNotFoundError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(hf_hub_download(repository, name, **options))
    except LocalEntryNotFoundError:
        raise ConnectionError(_offline(repository, name, options.get("cache_dir"))) from None
    except RevisionNotFoundError:
        raise FileNotFoundError(f"{repository} has no revision {options.get('revision')!r} on the Hub.") from None
    except RepositoryNotFoundError:
        raise FileNotFoundError(
            f"There is no folder {repository!r} here, and no repository of that name on the Hub that you may "
            "read. For a private one, log in ('hf auth login') or give a token."
        ) from None
    except RemoteEntryNotFoundError:
        raise FileNotFoundError(f"The repository {repository} has no {name}: it wasn't saved by weightspace.") from None
    except HFValidationError as error:
        raise ValueError(f"{repository!r} is no name of a repository: {error}") from None


def _offline(repository: str, name: str, cache: str | None) -> str:
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    folder = cache or constants.HF_HUB_CACHE
    try:
        cached = sorted(repo.repo_id for repo in scan_cache_dir(folder).repos if repo.repo_type == "model")
    except CacheNotFound:
        cached = []
    held = f"it holds {', '.join(cached[:8])}{' and more' if len(cached) > 8 else ''}" if cached else "it is empty"
    return (
        f"{name} of {repository} can't be fetched: there is no network (or HF_HUB_OFFLINE is set), and the cache "
        f"{folder} doesn't have it; {held}. Pretrained nets that need no network: {', '.join(shipped())}."
    )
