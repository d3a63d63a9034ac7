"""Where a name leads: to a folder, to a net that ships with the package, or to a repository of the Hub."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weightspace.hub.pickles import pickles
from weightspace.hub.repository import NAME, OPTIONS, PREFIXES, Repository
from weightspace.hub.shipped import shipped
from weightspace.suggest import suggestion

__all__ = ["OPTIONS", "PREFIX", "find_file"]

PREFIX = PREFIXES["model"]


def find_file(source: str | Path, name: str, options: Mapping[str, Any] | None = None) -> Path:
    """A file of something saved, on this machine.

    Args:
        source: a folder; the name of a net that ships with the package (`shipped`); or a repository of the Hub,
            ``"owner/name"`` or, where a folder has that name too, ``"hf://owner/name"``. ``@revision`` may follow.
        name: the file's name, such as ``config.json``.
        options: ``revision``, ``token``, ``cache_dir``, ``force_download``, ``local_files_only``.

    Raises:
        FileNotFoundError: there is no such folder, net or repository, or it has no such file; says what is near.
        ValueError: the name is that of a folder and of another place too; or where the file should be is a pickle.
        PermissionError: a repository that asks for a token or for consent.
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
    repository = text.removeprefix(PREFIX).partition("@")[0]
    if not text.startswith(PREFIX) and (not NAME.fullmatch(repository) or folder.parent.is_dir()):
        raise FileNotFoundError(_nothing(text))
    if text.startswith(PREFIXES["dataset"]):
        raise ValueError(f"{text} is a data set, as zoos are; a metanet is written hf://owner/name.")
    return Repository.parse(text, "model", options).download(name)


def _refuse_two_meanings(text: str, name: str, options: Mapping[str, Any]) -> None:
    if text in shipped():
        raise ValueError(
            f"{text!r} is a folder here and a net that ships with weightspace. For the folder write "
            f"'./{text}'; for the other one, go to another folder or rename this one."
        )
    if NAME.fullmatch(text) and _is_cached(text, name, options.get("cache_dir")):
        raise ValueError(
            f"{text!r} is a folder here and a repository of the Hub that you have fetched. Write './{text}' for the "
            f"folder, or '{PREFIX}{text}' for the repository."
        )


def _is_cached(repository: str, name: str, cache: str | None) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repository, name, cache_dir=cache), str)


def _in_folder(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        found = pickles(path.name for path in folder.iterdir())
        aside = f" Its {found[0]} may run code when opened, so it isn't loaded." if found else ""
        raise FileNotFoundError(
            f"What weightspace saves has a config.json and a model.safetensors; {folder} has no {name}.{aside}"
        )
    return folder / name


def _nothing(text: str) -> str:
    known = shipped()
    near = suggestion(text, known)
    return (
        f"There is no folder {text!r}, and no pretrained net of that name; the pretrained ones are "
        f"{', '.join(known)}{near}. A repository of the Hub is written 'owner/name' or '{PREFIX}owner/name'."
    )
