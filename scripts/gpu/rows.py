"""Where a stage of ``scripts/gpu/run`` leaves what it measured."""

import json
import os
from pathlib import Path
from typing import Any

KEPT = os.environ.get("WEIGHTSPACE_ROWS")
FOUND: list[dict[str, Any]] = json.loads(Path(KEPT).read_text(encoding="utf-8")) if KEPT and Path(KEPT).exists() else []
"""Rows so far; a stage that was cut finds those that it had."""


def known(**row: Any) -> bool:
    """Whether there is a row with these values already, so that it need not be measured again."""
    return any(all(one.get(name) == value for name, value in row.items()) for one in FOUND)


def add_row(**row: Any) -> None:
    """Prints a row, and keeps it at once, so that a stage that is cut keeps what it had."""
    FOUND.append({name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()})
    print("  ".join(f"{name} {value}" for name, value in FOUND[-1].items()), flush=True)
    if KEPT:  # a stage may be cut while it writes
        Path(f"{KEPT}.part").write_text(json.dumps(FOUND), encoding="utf-8")
        os.replace(f"{KEPT}.part", KEPT)


def add_profile(name: str, table: str) -> None:
    """Keeps the table of a step's kernels beside the results, as NAME.profile.txt."""
    if KEPT:
        Path(KEPT).with_name(f"{name}.profile.txt").write_text(table + "\n", encoding="utf-8")
