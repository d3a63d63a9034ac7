"""Importing folders of implicit representations, a ``.pth`` each."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from .assemble import Foreign, assemble_zoo, fit_state
from .convention import Convention
from .zoo import Zoo

PARTS = (("train", ("train", "training")), ("val", ("val", "valid", "validation")), ("test", ("test", "testing")))


def import_inr_folder(
    folder: str | Path,
    out: str | Path,
    *,
    shape: tuple[int, ...] = (28, 28),
    w0: float = 30.0,
    output_shift: float = 0.5,
    first_layer: str = "same",
    grid: str = "corners",
    label: str = r"_(\d+)_",
    name: str = "inr",
) -> Zoo:
    """Imports every ``.pth`` below a folder as a SIREN, as DWSNets and NFN publish them.

    A file holds a state dict whose tensors, in the order of the numbers in their names, are weight and bias of one
    layer after the other. The convention is what the files do not say: check one picture with ``render``.

    Args:
        folder: searched through; files are read with ``weights_only``.
        out: the new zoo.
        shape: points along each axis at the fit.
        w0: frequency of every sine layer.
        output_shift: added to the output.
        first_layer: rule of the fit's initialisation, kept for the record.
        grid: ``corners`` or ``centers``.
        label: regular expression whose group is the label, searched in each path below the folder.
        name: of the new zoo.

    Raises:
        FileNotFoundError: no ``.pth`` below the folder.
        ValueError: a file that is not a plain state dict of a SIREN; names it.
    """
    folder = Path(folder)
    paths = sorted(folder.rglob("*.pth"))
    if not paths:
        raise FileNotFoundError(f"no .pth file below {folder}")
    rules = {"w0": w0, "w0_hidden": w0, "output_shift": output_shift, "first_layer": first_layer}
    settings = _settings(_tensors(paths[0]), rules)
    convention = Convention("siren", settings, tuple(shape), grid)
    return assemble_zoo(Path(out), name, _states(folder, paths, settings, label), conventions=[convention])


def _states(folder: Path, paths: list[Path], settings: dict[str, Any], label: str) -> Iterator[Foreign]:
    for net, path in enumerate(paths):
        place = path.relative_to(folder).as_posix()
        found = re.search(label, place)
        row = {"net": net, "run": net, "step": 0, "file": place, "label": int(found.group(1)) if found else None}
        part = _part(place)
        if part:
            row["split"] = part
        try:
            weights = fit_state("siren", settings, _tensors(path))
        except ValueError as error:
            raise ValueError(f"{path} does not fit the first file: {error}") from None
        yield Foreign("siren", settings, weights, row)


def _part(place: str) -> str | None:
    words = set(re.split(r"[^a-z]+", place.lower()))
    return next((part for part, names in PARTS if words & set(names)), None)


def _tensors(path: Path) -> list[torch.Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} is not a plain state dict, and nothing else is read: {reason}") from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError(f"{path} must hold a state dict of tensors, but holds {type(state).__name__}")

    def place(key: str) -> tuple:
        return [int(number) for number in re.findall(r"\d+", key)], key.endswith("bias")

    return [state[key] for key in sorted(state, key=place)]


def _settings(tensors: list[torch.Tensor], rules: dict[str, Any]) -> dict[str, Any]:
    weights = [tensor for tensor in tensors if tensor.dim() == 2]
    if len(weights) < 2:
        raise ValueError(f"a SIREN needs at least two weight matrices, but {len(weights)} came")
    hidden = [len(weight) for weight in weights[:-1]]
    return {"in_features": weights[0].shape[1], "hidden": hidden, "out_features": len(weights[-1]), **rules}
