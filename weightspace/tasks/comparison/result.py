"""One run of one method on one protocol, as a file: what it scored, and everything needed to run it again."""

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

import torch

from weightspace import __version__


@dataclass(frozen=True)
class Result:
    """A cell of the tables before averaging over seeds.

    Args:
        protocol: which question, tier: at which size ("S", "M" or "L").
        method: the name of the row. reads: what the method sees of a net.
        seed: of the method; the nets are the same for all seeds.
        scores: column of the table -> measure -> value.
        config: all settings of the method, JSON values.
        recipes: name of each zoo's recipe -> its hash.
        nets: part of the zoo -> nets (or saved states) in it.
        seconds: that the method took, training and prediction, without building and reading the zoo.
        parameters: numbers that it learned.
        device, threads, command, date, versions: where, how and when it ran.
        details: anything else that a figure needs (calibration).
    """

    protocol: str
    tier: str
    method: str
    reads: str
    seed: int
    scores: Mapping[str, Mapping[str, float]]
    config: Mapping[str, Any]
    recipes: Mapping[str, str]
    nets: Mapping[str, int]
    seconds: float
    parameters: int
    device: str = "cpu"
    threads: int = field(default_factory=torch.get_num_threads)
    command: str = field(default_factory=lambda: command_line())
    date: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d"))
    versions: Mapping[str, str] = field(
        default_factory=lambda: {"weightspace": __version__, "torch": torch.__version__}
    )
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for column, measures in self.scores.items():
            for measure, value in measures.items():
                if not isfinite(value):
                    raise ValueError(f"A score must be a finite number, but {measure} of {column} is {value}.")

    @property
    def fingerprint(self) -> str:
        """A short text that is another one for another question, method, seed, configuration or zoo."""
        return fingerprint_of(self.protocol, self.tier, self.method, self.seed, self.config, self.recipes)

    def save(self, results: str | Path) -> Path:
        """Writes ``results/<protocol>-<tier>/<method>-seed<seed>.json``, whole or not at all."""
        path = result_path(results, self.protocol, self.tier, self.method, self.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        content = {"fingerprint": self.fingerprint, **asdict(self)}
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Result":
        """Reads a file that `save` wrote.

        Raises:
            ValueError: not such a file; says what is missing or unknown.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} holds no result: {error}.") from None
        content.pop("fingerprint", None)
        known = {each.name for each in fields(cls)}
        if set(content) != known:
            raise ValueError(
                f"{path} isn't a result; missing: {sorted(known - set(content)) or 'nothing'}, unknown: "
                f"{sorted(set(content) - known) or 'nothing'}."
            )
        return cls(**content)


def fingerprint_of(
    protocol: str, tier: str, method: str, seed: int, config: Mapping[str, Any], recipes: Mapping[str, str]
) -> str:
    """The fingerprint of the result that such a run would give."""
    content = [protocol, tier, method, seed, config, recipes]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def result_path(results: str | Path, protocol: str, tier: str, method: str, seed: int) -> Path:
    """Where a result lies."""
    return Path(results) / f"{protocol}-{tier}" / f"{slug(method)}-seed{seed}.json"


def slug(method: str) -> str:
    """A name of a method as part of a file's name: ``SpaceNet, weights only`` becomes ``spacenet-weights-only``."""
    return re.sub(r"[^a-z0-9]+", "-", method.lower()).strip("-")


def read_results(results: str | Path) -> Iterator[Result]:
    """All results below a folder, in order of path."""
    for path in sorted(Path(results).glob("*-[SML]/*-seed*.json")):
        yield Result.load(path)


def command_line() -> str:
    """The command that this process was started with, as one would type it."""
    words = list(sys.argv)
    if words and words[0].endswith("weightspace/cli/__main__.py"):
        words[0] = "weightspace"
    elif words and words[0].endswith(".py"):
        path = Path(words[0])
        words[0] = f"python scripts/{path.name}" if path.parent.name == "scripts" else f"python {path.name}"
    return " ".join(words)
