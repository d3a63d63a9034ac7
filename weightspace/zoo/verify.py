"""Checking that a zoo is what it says."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from weightspace.zoo.compare import check_manifest, check_recipe
from weightspace.zoo.folder.folder import RECIPE, read_manifest
from weightspace.zoo.folder.manifest import CARD
from weightspace.zoo.folder.shard import file_checksum, state_checksum
from weightspace.zoo.remote import RemoteZoo, is_remote, open_remote
from weightspace.zoo.zoo import Zoo

TOLERANCE = 1e-3


@dataclass(frozen=True)
class Verdict:
    """What ``verify_zoo`` found.

    Args:
        files: files whose checksum was compared.
        states: saved states whose tensors were compared with their checksum.
        evaluated: states that were measured again; nets that diverged, and imported and merged ones, cannot be.
        problems: what is wrong, one line each; empty for a sound zoo.
    """

    files: int
    states: int
    evaluated: int
    problems: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify_zoo(path: str | Path, *, sample: int = 16, seed: int = 0) -> Verdict:
    """Compares every file and every state with its checksum, and measures a sample again.

    Args:
        path: the zoo's folder or URL.
        sample: states to measure again; 0 for none, which needs no data.
        seed: of the sample.

    Raises:
        FileNotFoundError: not a finished zoo.
        ValueError: an index that cannot be trusted at all.
    """
    remote = open_remote(str(path)) if is_remote(path) else None
    problems = check_files(remote.folder if remote else Path(path), remote)
    zoo = Zoo(path)
    other_recipe = check_recipe(zoo)
    problems += check_manifest(zoo) + other_recipe + check_states(zoo)
    sample = 0 if other_recipe else sample  # another recipe says nothing on what was measured
    chosen = torch.randperm(len(zoo), generator=torch.Generator().manual_seed(seed))[:sample].tolist()
    found = [check_metrics(zoo, i) for i in chosen]
    measured = [lines for lines in found if lines is not None]
    problems += [line for lines in measured for line in lines]
    return Verdict(len(zoo.manifest["files"]), len(zoo), len(measured), tuple(problems))


def check_files(path: Path, remote: RemoteZoo | None = None) -> list[str]:
    """Compares the files of the manifest with their checksums; not the card, which people may write on."""
    manifest = read_manifest(path)
    if manifest is None:
        raise FileNotFoundError(f"{path} is no finished zoo: it has no manifest.json; build it first")
    problems, sizes = [], manifest.get("sizes", {})
    for name, checksum in manifest["files"].items():
        try:
            found = remote.fetch(name) if remote else path / name
        except (ValueError, FileNotFoundError) as error:
            problems.append(str(error))
            continue
        if name == CARD:
            continue
        if not found.is_file():
            problems.append(f"{name} is missing")
        elif found.stat().st_size != sizes.get(name, found.stat().st_size) or file_checksum(found) != checksum:
            problems.append(f"{name} has another checksum than the manifest says")
    return problems


def check_states(zoo: Zoo) -> list[str]:
    """Compares the tensors of every state with their checksum, shard by shard."""
    problems = []
    for shard in zoo.table["shard"].unique().to_pylist():
        for view in zoo.filter(shard=shard).by_space().values():
            try:
                stacked = view.weights()
            except ValueError as error:
                problems.append(str(error))
                continue
            for i, checksum in enumerate(view.table["checksum"].to_pylist()):
                if state_checksum({name: tensor[i] for name, tensor in stacked.items()}) != checksum:
                    row = view.row(i)
                    problems.append(f"net {row['net']} step {row['step']} has other weights than its checksum says")
    return problems


def check_metrics(zoo: Zoo, i: int) -> list[str] | None:
    """Measures one state again; losses may differ by float rounding only. None if it cannot be measured."""
    row = zoo.row(i)
    if row["status"] != "ok" or not (zoo.path / RECIPE).exists():
        return None
    try:
        zoo[i]
    except ValueError:
        return None  # its shard is already among the problems
    measured = zoo.evaluate(i)
    problems = []
    for name, value in measured.items():
        if not _agree(value, row.get(name)):
            problems.append(f"net {row['net']} step {row['step']}: {name} is {row.get(name)}, measured {value:.4g}")
    return problems


def _agree(measured: float, stored: float | None) -> bool:
    """Up to float rounding; what isn't finite is stored as nothing."""
    if stored is None or not math.isfinite(measured):
        return stored is None and not math.isfinite(measured)
    return math.isclose(measured, stored, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
