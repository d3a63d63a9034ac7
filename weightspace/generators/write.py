"""Write generated nets as a zoo like any other."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from weightspace.generators.base import Generator, finite_nets
from weightspace.inr import Convention
from weightspace.machine.whole_file import whole_file
from weightspace.nets import Architecture
from weightspace.space import WeightSpace
from weightspace.zoo import Zoo
from weightspace.zoo.folder.folder import part_path, read_manifest, shard_path
from weightspace.zoo.folder.manifest import close_zoo, write_json
from weightspace.zoo.folder.shard import state_checksum, write_tensors
from weightspace.zoo.folder.spaces import space_entry, trace_architecture
from weightspace.zoo.recipe.seeds import draw_uniform
from weightspace.zoo.recipe.split import Split

SHARD, REQUEST = 128, "generated.json"


@dataclass(frozen=True)
class Generated:
    """What nets are asked for: everything that they depend on.

    Args:
        generator: name of its class.
        fingerprint: of its configuration and tensors.
        architecture: of the nets.
        nets: how many.
        seed: of all of them.
        prompt: what was asked for.
    """

    generator: str
    fingerprint: str
    architecture: Architecture
    nets: int
    seed: int
    prompt: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """What ``generated.json`` says."""
        return {**vars(self), "architecture": self.architecture.text, "prompt": dict(self.prompt)}


def write_zoo(
    generator: Generator,
    architecture: Architecture,
    n: int,
    out: str | Path,
    *,
    prompt: Mapping[str, float] | None = None,
    seed: int = 0,
    shown: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Zoo:
    """Generates nets and stores them, shard by shard; what was stopped goes on, bit for bit.

    Nets that aren't finite are left out: their numbers are missing in the index. The index holds the class of the
    generator, the seed, the number of each net under it, and the prompt; ``generated.json`` the whole request.

    Args:
        architecture: of the nets. n: how many.
        out: a folder, new or holding a part of these nets. shown: wraps the shards, to show progress.

    Raises:
        ValueError: n, prompt or space that the generator refuses, a folder that holds something else, or no net that
            is finite; nothing is written then.
        RuntimeError: another process writes into the folder.
    """
    out, space, prompt = Path(out), trace_architecture(architecture), dict(prompt or {})
    net = architecture.build() if generator.takes_net else None
    generator.sample(space, 1, prompt=prompt, condition=net, seed=seed)  # refuses before anything is written
    if n < 1:
        raise ValueError(f"n must be a whole number of 1 or more, got {n}.")
    asked = Generated(type(generator).__name__, fingerprint(generator), architecture, n, seed, prompt)
    _check_folder(out, asked)
    if read_manifest(out) is not None:
        return Zoo(out)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / ".lock", timeout=0):
            write_json(out / REQUEST, asked.to_dict())
            for shard in shown(range(ceil(n / SHARD))):
                if not part_path(out, shard).exists():
                    _write_shard(generator, space, asked, shard, out)
            _close(out, asked, space, dict(generator.config.domain))
    except Timeout:
        raise RuntimeError(f"another process writes into {out}; wait for it, or choose another folder") from None
    return Zoo(out)


def fingerprint(generator: Generator) -> str:
    """A short text that is another one for another generator."""
    digest = hashlib.blake2b(json.dumps(generator.config.to_dict(), sort_keys=True).encode(), digest_size=8)
    for name, tensor in sorted(generator.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _check_folder(out: Path, asked: Generated) -> None:
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; generated nets need a folder.")
    held = [path.name for path in out.iterdir() if path.name != ".lock"] if out.exists() else []
    if not held:
        return
    if REQUEST not in held:
        raise ValueError(
            f"{out} isn't empty and holds no generated nets ({', '.join(sorted(held)[:3])}); choose another."
        )
    there, own = json.loads((out / REQUEST).read_text(encoding="utf-8")), asked.to_dict()
    differs = [key for key in own if there.get(key) != own[key]]
    if differs:
        raise ValueError(
            f"{out} holds nets of another request, which differs in {', '.join(differs)}: "
            f"{there.get(differs[0])!r} there, {own[differs[0]]!r} asked for. Choose another folder."
        )


def _write_shard(generator: Generator, space: WeightSpace, asked: Generated, shard: int, out: Path) -> None:
    first = shard * SHARD
    count = min(SHARD, asked.nets - first)
    net = asked.architecture.build() if generator.takes_net else None
    drawn = generator.sample(space, count, prompt=asked.prompt, condition=net, seed=asked.seed, first=first)
    weights = {key: tensor.cpu() for key, tensor in drawn.items()}
    kept = finite_nets(weights).nonzero().flatten()
    name = asked.architecture.id
    stored = {f"{name}/{key}": tensor[kept].contiguous() for key, tensor in weights.items()}
    rows = [_record(asked, first + net, row, shard, _net(weights, net)) for row, net in enumerate(kept.tolist())]
    if rows:
        write_tensors(shard_path(out, shard), stored)
    with whole_file(part_path(out, shard)) as path:
        pq.write_table(pa.Table.from_pylist(rows, _schema(asked)), path)


def _net(weights: Mapping[str, Tensor], net: int) -> dict[str, Tensor]:
    return {name: tensor[net] for name, tensor in weights.items()}


def _schema(asked: Generated) -> pa.Schema:
    numbers = [(name, pa.int64()) for name in ("net", "run", "seed", "step", "shard", "row")]
    texts = [(name, pa.string()) for name in ("space", "generator", "split", "checksum", "status", "reason")]
    seconds = [("seconds", pa.float32())]  # of training, which these had none of
    return pa.schema([*numbers, *texts, *seconds, *((f"prompt_{name}", pa.float64()) for name in asked.prompt)])


def _record(asked: Generated, net: int, row: int, shard: int, weights: Mapping[str, Tensor]) -> dict[str, Any]:
    return {
        "net": net,
        "run": net,
        "seed": asked.seed,
        "step": 0,
        "shard": shard,
        "row": row,
        "space": asked.architecture.id,
        "generator": asked.generator,
        "split": Split().part(draw_uniform(asked.seed, net, "split")),
        "checksum": state_checksum(dict(weights)),
        "status": "ok",
        "reason": "",
        "seconds": None,
        **{f"prompt_{name}": value for name, value in asked.prompt.items()},
    }


def _close(out: Path, asked: Generated, space: WeightSpace, domain: Mapping[str, Any]) -> None:
    table = pa.concat_tables(pq.read_table(part_path(out, shard)) for shard in range(ceil(asked.nets / SHARD)))
    if not len(table):
        shutil.rmtree(out)
        raise ValueError(
            f"None of the {asked.nets} nets that {asked.generator} gave is finite, so nothing was stored. Take another "
            "prompt, or train the generator again."
        )
    convention = Convention.from_dict(domain["convention"]) if "convention" in domain else None
    close_zoo(
        out,
        name=out.name,
        recipe="generated",
        nets=len(table),
        table=table,
        spaces={asked.architecture.id: space_entry(asked.architecture, space, convention)},
        hyperparameters=[f"prompt_{name}" for name in asked.prompt],
        card=f"# Nets from {asked.generator}\n\n{len(table):,} nets that were never trained.\n",
    )
    shutil.rmtree(out / ".build", ignore_errors=True)
