"""Where a stage of ``scripts/gpu/run`` leaves what it measured."""

import json
import os
from pathlib import Path
from typing import Any

FOUND: list[dict[str, Any]] = []


def add_row(**row: Any) -> None:
    """Prints a row, and keeps it at once, so that a stage that is cut keeps what it had."""
    FOUND.append({name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()})
    print("  ".join(f"{name} {value}" for name, value in FOUND[-1].items()), flush=True)
    if path := os.environ.get("WEIGHTSPACE_ROWS"):
        Path(path).write_text(json.dumps(FOUND), encoding="utf-8")


def add_profile(name: str, table: str) -> None:
    """Keeps the table of a step's kernels beside the results, as NAME.profile.txt."""
    if path := os.environ.get("WEIGHTSPACE_ROWS"):
        Path(path).with_name(f"{name}.profile.txt").write_text(table + "\n", encoding="utf-8")
