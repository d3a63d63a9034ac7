"""A log that programs read: one JSON object a line, written at once, so that a killed run keeps what it had."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Log:
    """Appends JSON lines to a file.

    Args:
        path: the file; its folder is made.
        keep_below: lines whose `step` is beyond this are dropped on opening: a resumed run writes them again.
    """

    def __init__(self, path: str | Path, keep_below: int | None = None):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if keep_below is not None and self.path.exists():
            lines = [line for line in read_log(self.path) if line.get("step", 0) <= keep_below]
            partial = self.path.with_suffix(".partial")
            try:
                partial.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
                partial.replace(self.path)
            except OSError as error:
                partial.unlink(missing_ok=True)
                raise OSError(f"The log {self.path} couldn't be written ({error}).") from error

    def write(self, **values: Any) -> None:
        """Appends one line.

        Raises:
            OSError: it can't be written, for example because the disk is full.
        """
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            raise OSError(f"The log {self.path} couldn't be written ({error}).") from error


def read_log(path: str | Path) -> Iterator[dict[str, Any]]:
    """The lines of a log; a last line that a kill cut short is left out."""
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            return
