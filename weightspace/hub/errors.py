"""What the Hub and its client refuse, each said in one sentence with what to do."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from weightspace.hub.shipped import shipped

_NAMED = 8


@contextmanager
def hub_errors(
    repository: str, *, file: str = "", kind: str = "model", options: Mapping[str, Any] | None = None
) -> Iterator[None]:
    """Turns the errors of the Hub's client into ours.

    Args:
        repository: ``"owner/name"``. file: what is fetched from it; empty while pushing.
        kind: ``"model"`` or ``"dataset"``. options: of the download; its ``revision`` and ``cache_dir`` are named.

    Raises:
        FileNotFoundError: no such repository, revision or file, or one that needs a token.
        PermissionError: the token may not do it, or terms of use must be accepted first.
        ConnectionError: no network, a server that is overloaded or failing, or a download that broke off.
        ValueError: no name of a repository.
    """
    from huggingface_hub import errors

    try:
        yield
    except errors.HFValidationError as error:
        raise ValueError(f"{repository!r} is no name of a repository: {error}") from None
    except errors.LocalEntryNotFoundError as error:
        answered = error.__cause__
        if isinstance(answered, errors.HfHubHTTPError):
            raise _answered(answered, repository, file, kind, options or {}) from None
        raise ConnectionError(_offline(repository, file, kind, options or {})) from None
    except errors.HfHubHTTPError as error:
        raise _answered(error, repository, file, kind, options or {}) from None
    except Exception as error:
        transport = errors.HfHubHTTPError.__bases__[0]  # of whichever HTTP library the client uses
        cause = error.__cause__  # a RuntimeError wraps what failed in a thread of an upload
        inner = cause if isinstance(error, RuntimeError) and isinstance(cause, Exception) else error
        if isinstance(inner, errors.HfHubHTTPError):
            raise _answered(inner, repository, file, kind, options or {}) from None
        if not isinstance(inner, transport | OSError):
            raise
        raise _broken_off(inner, repository, file) from None


def _broken_off(error: Exception, repository: str, file: str) -> Exception:
    """Our error for a connection that failed; what this machine refuses (a full disk, no rights) stays as it is."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    if isinstance(error, PermissionError) or re.search(r"\b40[13] (Unauthorized|Forbidden)", str(error)):  # of Xet
        return PermissionError(_forbidden(repository, file))
    if not file:
        aside = " HF_HUB_DISABLE_XET=1 uploads without Xet." if "xet" in str(error).lower() else ""
        return ConnectionError(f"{repository} can't be reached: {_line(error)} What is there stays.{aside}")
    return ConnectionError(
        f"{file} of {repository} didn't arrive whole: {_line(error)} The same call fetches it again; files that did "
        "arrive stay."
    )


def _answered(error: Any, repository: str, file: str, kind: str, options: Mapping[str, Any]) -> OSError:
    """Our error for an answer of the Hub."""
    from huggingface_hub import errors

    revision, status = options.get("revision"), error.response.status_code
    if isinstance(error, errors.GatedRepoError):
        return PermissionError(
            f"{repository} asks you to accept its terms: do so on its page of the Hub, then log in ('hf auth login')."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return FileNotFoundError(f"{repository} has no revision {revision!r} on the Hub; leave it out for the newest.")
    if isinstance(error, errors.EntryNotFoundError):
        return FileNotFoundError(f"The repository {repository} has no {file}: it wasn't saved by weightspace.")
    if isinstance(error, errors.RepositoryNotFoundError) and file:
        here = f"There is no folder {repository!r} here, and no" if kind == "model" else "There is no"
        return FileNotFoundError(
            f"{here} {kind} {repository!r} on the Hub that you may read. For a private one, log in ('hf auth login'), "
            "set HF_TOKEN or give a token."
        )
    if status in (401, 403) or isinstance(error, errors.RepositoryNotFoundError):
        return PermissionError(_forbidden(repository, file))
    if status == 429:
        wait = error.response.headers.get("Retry-After")
        return ConnectionError(
            f"The Hub answers that too many requests came ({repository}). Call again in "
            f"{f'{wait} seconds' if wait else 'a while'}: what has arrived stays. With a token the limit is higher "
            "('hf auth login')."
        )
    return ConnectionError(f"The Hub fails at {repository} with status {status}: {_line(error)} Try again later.")


def _forbidden(repository: str, file: str) -> str:
    return (
        f"The Hub doesn't let you {'read' if file else 'write'} {repository}. Log in ('hf auth login') or set "
        "HF_TOKEN, with a token that may."
    )


def _line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0].rstrip(".") if lines else type(error).__name__) + "."


def _offline(repository: str, file: str, kind: str, options: Mapping[str, Any]) -> str:
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    folder = options.get("cache_dir") or constants.HF_HUB_CACHE
    try:
        cached = sorted(repo.repo_id for repo in scan_cache_dir(folder).repos if repo.repo_type == kind)
    except CacheNotFound:
        cached = []
    more = " and more" if len(cached) > _NAMED else ""
    held = f"it holds {', '.join(cached[:_NAMED])}{more}" if cached else f"it holds no {kind}"
    aside = f" Pretrained nets that need no network: {', '.join(shipped())}." if kind == "model" else ""
    return (
        f"{file} of {repository} can't be fetched: there is no network (or HF_HUB_OFFLINE is set), and the cache "
        f"{folder} doesn't have it; {held}.{aside}"
    )
