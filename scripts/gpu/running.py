"""Runs one stage as a process of its own, for so long and no longer, and keeps what it said and measured."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch
from card import card


@dataclass(frozen=True)
class Stage:
    """One command.

    Args:
        name: of its files.
        asks: what it finds out.
        command: at full size.
        small: in its place with --small.
        seconds: its limit at full size; with --small it is 150, which a busy CPU may need.
        memory: GiB of the card that it needs at full size.
    """

    name: str
    asks: str
    command: tuple[str, ...]
    small: tuple[str, ...]
    seconds: int
    memory: int

    def limit(self, small: bool) -> float:
        """Seconds after which it is stopped."""
        return 150 if small else self.seconds


def run_stage(stage: Stage, out: Path, small: bool, limit: float) -> dict[str, Any]:
    """Runs a stage; it goes on from the rows that it left when it was cut on this card."""
    rows, before = out / f"{stage.name}.rows.json", earlier(stage, out, small)
    rows.write_text(json.dumps(before["rows"] if before else []), encoding="utf-8")
    command = [sys.executable, *(stage.small if small else stage.command)]
    began = time.perf_counter()
    with (out / f"{stage.name}.log").open("a" if before else "w", encoding="utf-8") as log:
        status = ended(command, log, {**os.environ, "WEIGHTSPACE_ROWS": str(rows.resolve())}, limit)
    passed = time.perf_counter() - began + (before["seconds"] if before else 0.0)
    result = described(stage, small, status, passed) | {"rows": json.loads(rows.read_text(encoding="utf-8"))}
    rows.unlink()
    (out / f"{stage.name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def ended(command: list[str], log: TextIO, environment: dict[str, str], limit: float) -> str:
    """How a command ended. What it started ends with it: a zoo's workers would hold the card."""
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment, process_group=0)
    try:
        code = process.wait(timeout=limit)
    except subprocess.TimeoutExpired:
        return f"cut after {limit:.0f} s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return "ok" if code in (0, 5) else f"ended with {code}"  # 5: pytest found no test for this machine


def described(stage: Stage, small: bool, status: str, seconds: float) -> dict[str, Any]:
    """What STAGE.json says beside the rows."""
    return {
        "stage": stage.name,
        "asks": stage.asks,
        "status": status,
        "card": card(),
        "torch": torch.__version__,
        "small": small,
        "command": " ".join(["python", *(stage.small if small else stage.command)]),
        "seconds": round(seconds, 1),
        "rows": [],
    }


def earlier(stage: Stage, out: Path, small: bool) -> dict[str, Any] | None:
    """What a stage left before, at this size and on this card."""
    try:
        result = json.loads((out / f"{stage.name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return result if (result["small"], result["card"]) == (small, card()) else None


def hand_over(out: Path, place: Path, table: str) -> None:
    """The table, and everything else in one archive: who collects results may take few files."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "table.txt").write_text(table, encoding="utf-8")
    with tarfile.open(place / "gpu.tar.gz", "w:gz") as archive:
        for path in sorted(out.iterdir()):
            if path.suffix in (".json", ".log", ".txt"):
                archive.add(path, path.name)
