"""A short description of a zoo."""

from typing import Any

import numpy as np

from weightspace.zoo.zoo import Zoo

SHOWN = ("train_accuracy", "test_accuracy", "gap", "test_loss", "psnr")


def describe_zoo(zoo: Zoo) -> dict[str, Any]:
    """What a person wants to know first, as JSON types: counts, sizes, spaces, splits, axes and spreads of metrics.

    Metrics are ``[least, median, largest]`` over the last states of nets that did not diverge.
    """
    final = zoo.final()
    good = final.filter(status="ok").table
    return {
        "name": zoo.manifest["name"],
        "path": zoo.address,
        "recipe": zoo.manifest["recipe"],
        "nets": len(final),
        "states": len(zoo),
        "diverged": len(final) - len(good),
        "bytes": _size(zoo),
        "seconds": sum(value or 0 for value in final.table["seconds"].to_pylist()),
        "splits": {part: len(final.filter(split=part)) for part in ("train", "val", "test")},
        "spaces": {
            name: {"nets": len(final.filter(space=name)), "parameters": parameter_count(space)}
            for name, space in final.spaces.items()
        },
        "hyperparameters": {name: _spread(final.table[name]) for name in zoo.hyperparameters},
        "metrics": {name: _spread(good[name]) for name in SHOWN if name in good.column_names and len(good)},
    }


def _size(zoo: Zoo) -> int:
    """Bytes of all files, by the manifest: shards of a remote zoo needn't be here. Old manifests don't say it."""
    sizes = zoo.manifest.get("sizes")
    if sizes:
        return sum(sizes.values())
    return sum(path.stat().st_size for path in zoo.path.rglob("*") if path.is_file())


def parameter_count(space: Any) -> int:
    """Parameters of one net, without buffers."""
    return sum(spec.numel for spec in space.tensors.values() if not spec.buffer)


def _spread(column: Any) -> list[Any]:
    values = column.drop_null()
    if values.type in ("string", "bool") or str(values.type) in ("string", "bool"):
        return sorted(values.unique().to_pylist())[:12]
    if not len(values):
        return []
    numbers = values.to_numpy()
    return [numbers.min().item(), float(np.median(numbers)), numbers.max().item()]
