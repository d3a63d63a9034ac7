"""Copies nets out of a zoo, as files that any program can read."""

import csv
import json
from contextlib import suppress
from pathlib import Path

from safetensors.torch import save_file

from weightspace.zoo.zoo import Zoo

LABELS = "labels.csv"
_PLACES = ("shard", "row", "checksum", "split", "status", "reason")  # columns that say something of the zoo alone


def export_nets(zoo: Zoo, out: str | Path) -> list[Path]:
    """Writes each state of a view as ``net-NUMBER.safetensors``, and ``labels.csv`` with their rows of the index.

    The table's first column, ``file``, is the file's name; the others are hyperparameters and scores. A file's
    metadata name its weight space and data, and how it is rendered if it is an implicit representation. Where a view
    has several states of a net, names end in ``-step-STEP``.

    Raises:
        ValueError: the view is empty, or ``out`` is a folder with something in it.

    Example::

        export_nets(zoo.split("test").final(), "checkpoints")
    """
    out = Path(out)
    if not len(zoo):
        raise ValueError("there is nothing to export: the view has no states.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} must be a new or an empty folder, got one with something in it; choose another.")
    out.mkdir(parents=True, exist_ok=True)
    several = len(set(zoo.table["net"].to_pylist())) < len(zoo)
    rows, files, data = [], [], {}
    with suppress(ValueError):  # merged or imported: its nets have no recipe in common
        data = {"data": json.dumps(dict(zoo.recipe.data))}
    for view in zoo.by_space().values():
        note = {"space": view.space.hash, **data}
        if view.renders:
            note["convention"] = json.dumps(view.convention.to_dict())
        for row in range(len(view)):
            weights, columns = view[row]
            step = f"-step-{columns['step']}" if several else ""
            files.append(out / f"net-{columns['net']:05d}{step}.safetensors")
            save_file({name: tensor.contiguous() for name, tensor in weights.items()}, files[-1], metadata=note)
            rows.append({"file": files[-1].name, **{k: v for k, v in columns.items() if k not in _PLACES}})
    with (out / LABELS).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return files
