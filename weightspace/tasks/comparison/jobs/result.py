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
from filelock import FileLock

from weightspace import __version__
from weightspace.reading import read_json


@dataclass(frozen=True)
class Result:
    """A cell of the tables before averaging over seeds.

    Args:
        protocol: which question, tier: at which size ("S", "M" or "L").
        method: the name of the row.
        reads: what the method sees of a net.
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
        """Writes it into ``results/<protocol>-<tier>.jsonl``, in place of one of the same method and seed.

        A file has a line a result, in order of method and seed. It is written whole or not at all, by one process at a
        time.
        """
        path = results_path(results, self.protocol, self.tier)
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.parent / ".lock"):
            others = [found for found in _read(path) if (found.method, found.seed) != (self.method, self.seed)]
            lines = [found.line() for found in sorted([*others, self], key=lambda found: (found.method, found.seed))]
            partial = path.with_suffix(f".{os.getpid()}.partial")
            partial.write_text("".join(lines), encoding="utf-8")
            partial.replace(path)
        return path

    def line(self) -> str:
        """One line of JSON; `from_line` reads it back."""
        return json.dumps({"fingerprint": self.fingerprint, **asdict(self)}) + "\n"

    @classmethod
    def from_line(cls, line: str, where: str) -> "Result":
        """Reads what `line` wrote.

        Args:
            where: the file and line, for errors.

        Raises:
            ValueError: it isn't a result; says what is missing or unknown, or that its configuration was edited.
        """
        names = [each.name for each in fields(cls)]
        found = {name: value.plain() for name, value in read_json(line, where).fields("fingerprint", *names).items()}
        fingerprint = found.pop("fingerprint")
        result = cls(**found)
        if result.fingerprint != fingerprint:
            raise ValueError(
                f"{where}: the fingerprint of this configuration must be {result.fingerprint}, got {fingerprint!r}. "
                "Was the line edited? Run the job again."
            )
        return result


def fingerprint_of(
    protocol: str, tier: str, method: str, seed: int, config: Mapping[str, Any], recipes: Mapping[str, str]
) -> str:
    """The fingerprint of the result that such a run would give."""
    content = [protocol, tier, method, seed, config, recipes]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def results_path(results: str | Path, protocol: str, tier: str) -> Path:
    """Where the results of a protocol and tier lie."""
    return Path(results) / f"{protocol}-{tier}.jsonl"


def slug(method: str) -> str:
    """A name of a method as part of a file's name: ``SpaceNet, weights only`` becomes ``spacenet-weights-only``."""
    return re.sub(r"[^a-z0-9]+", "-", method.lower()).strip("-")


def find_result(results: str | Path, protocol: str, tier: str, method: str, seed: int) -> Result | None:
    """The result of a method and seed, None if there is none."""
    found = _read(results_path(results, protocol, tier))
    return next((result for result in found if (result.method, result.seed) == (method, seed)), None)


def read_results(results: str | Path) -> Iterator[Result]:
    """All results in a folder, file by file in order of name."""
    for path in sorted(Path(results).glob("*-[SML].jsonl")):
        yield from _read(path)


def _read(path: Path) -> list[Result]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Result.from_line(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]


def command_line() -> str:
    """The command that this process was started with, as one would type it."""
    words = list(sys.argv)
    if words and words[0].endswith("weightspace/cli/__main__.py"):
        words[0] = "weightspace"
    elif words and words[0].endswith(".py"):
        path = Path(words[0])
        words[0] = f"python scripts/{path.name}" if path.parent.name == "scripts" else f"python {path.name}"
    return " ".join(words)
