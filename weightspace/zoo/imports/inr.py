"""Importing folders of implicit representations, a ``.pth`` each."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from weightspace.checkpoints import read_checkpoint
from weightspace.inr.convention import Convention
from weightspace.nets import Architecture
from weightspace.zoo.imports.foreign import ImportedState, assemble_zoo, fit_state
from weightspace.zoo.imports.splits import PARTS, read_splits
from weightspace.zoo.zoo import Zoo


@dataclass(frozen=True)
class InrLayout:
    """How a collection names its files, and what its fits depend on beside the weights.

    Args:
        signal: regular expression on the path below the folder; its group numbers the signal that the net was fitted
            to. Nets of one signal are one run.
        label: the same for the class.
        first_layer: rule of the fit's initialisation, kept for the record.
        output_shift: added to the output.
        values: least and largest value of the signals.
        points: ends of train and val in the numbers of the signals; else the path says the part, or it is drawn.
    """

    signal: str
    label: str
    first_layer: str
    output_shift: float
    values: tuple[float, float]
    points: tuple[int, int] | None = None


# facts read in the two repositories: where files lie, how they name images, and how their nets are evaluated
LAYOUTS = {
    "dws": InrLayout(r"_(\d+)/[^/]*/[^/]*$", r"_(\d+)_\d+/[^/]*/[^/]*$", "same", 0.5, (0.0, 1.0)),
    "nfn": InrLayout(r"net(\d+)\.pth$", r"_(\d+)s/[^/]*$", "siren", 0.0, (-1.0, 1.0)),
}
NFN_POINTS = {1: (55_000, 60_000), 3: (45_000, 50_000)}  # by channels: MNIST and Fashion-MNIST; CIFAR-10


def import_inr_folder(
    folder: str | Path,
    out: str | Path,
    *,
    layout: str = "dws",
    shape: tuple[int, ...] | None = None,
    w0: float = 30.0,
    w0_hidden: float | None = None,
    first_layer: str | None = None,
    output_shift: float | None = None,
    values: tuple[float, float] | None = None,
    coordinates: tuple[float, float] = (-1.0, 1.0),
    grid: str = "corners",
    label: str | None = None,
    signal: str | None = None,
    splits: str | Path | None = None,
    name: str = "inr",
) -> Zoo:
    """Imports every ``.pth`` below a folder as a SIREN, as DWSNets or NFN publish them.

    A file holds a state dict whose tensors, in the order of the numbers in their names, are weight and bias of one
    layer after the other. ``layout`` knows what the files do not say; each of the other arguments overrides a part of
    it. Check one picture with ``render``.

    - ``dws``: ``mnist_png_training_LABEL_IMAGE/*/*.pth`` with keys ``seq.0.weight``; ``out + 0.5`` lies in [0, 1].
    - ``nfn``: ``randinit_smaller_LABELs/netIMAGE.pth`` (and ``randinit_smaller_aug0_LABELs`` for further views) with
      keys ``net.0.linear.weight``; outputs lie in [-1, 1]; the first 55,000 images (45,000 of CIFAR-10) are for
      training, the next 5,000 for validation.

    Args:
        folder: searched through; files are read with ``weights_only``.
        out: the new zoo.
        layout: ``dws`` or ``nfn``.
        shape: points along each axis at the fit; 28x28 for one channel, 32x32 for three if None.
        w0: frequency of the first sine layer.
        w0_hidden: of the others; the same if None.
        first_layer: ``same`` or ``siren``, see ``SIREN``.
        output_shift: added to the output.
        values: least and largest value of the signals.
        coordinates: least and largest coordinate.
        grid: ``corners`` or ``centers``.
        label: regular expression whose group is the class, searched in each path below the folder.
        signal: regular expression whose group numbers the signal.
        splits: a JSON file ``{"train": {"path": [...], "label": [...]}, ...}`` as DWSNets writes it; nets that it does
            not name are left out.
        name: of the new zoo.

    Raises:
        FileNotFoundError: no ``.pth`` below the folder.
        ValueError: an unknown layout, a regular expression that isn't one, or a file that is not a plain state dict of
            a SIREN; names it.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    folder, rules = Path(folder), LAYOUTS[layout]
    paths = sorted(folder.rglob("*.pth"))
    if not paths:
        raise FileNotFoundError(f"no .pth file below {folder}")
    settings = _settings(_tensors(paths[0]))
    settings |= {"w0": w0, "w0_hidden": w0 if w0_hidden is None else w0_hidden}
    settings["first_layer"] = rules.first_layer if first_layer is None else first_layer
    settings["output_shift"] = rules.output_shift if output_shift is None else output_shift
    channels = settings["out_features"]
    shape = tuple(shape) if shape else (32, 32) if channels == 3 else (28, 28)
    low, high = values or rules.values
    architecture = Architecture("siren", settings)
    convention = Convention(architecture, shape, grid, high - low, coordinates, low)
    points = NFN_POINTS.get(channels) if layout == "nfn" else None
    label, signal = _pattern("label", label or rules.label), _pattern("signal", signal or rules.signal)
    rules = InrLayout(signal, label, "", 0.0, (low, high), points)
    listed = read_splits(Path(splits)) if splits else None
    return assemble_zoo(Path(out), name, _states(folder, paths, architecture, rules, listed), conventions=[convention])


def _states(
    folder: Path, paths: list[Path], architecture: Architecture, rules: InrLayout, listed: Mapping[str, tuple] | None
) -> Iterator[ImportedState]:
    by_end = {_end(place, folder, paths[0]): found for place, found in (listed or {}).items()}
    runs: dict[str, int] = {}
    net = 0
    for path in paths:
        place = path.relative_to(folder).as_posix()
        if listed is not None and place not in by_end:
            continue
        found = re.search(rules.signal, place)
        signal = f"{_part(place)} {found.group(1)}" if found else place  # MNIST counts its images part by part
        row = {"net": net, "run": runs.setdefault(signal, len(runs)), "step": 0, "file": place}
        row |= _place(place, _number(found, "signal") if found else None, rules, by_end)
        try:
            weights = fit_state(architecture, _tensors(path))
        except ValueError as error:
            raise ValueError(f"{path} does not fit the first file: {error}") from None
        net += 1
        yield ImportedState(architecture, weights, row)


def _pattern(name: str, text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise ValueError(f"{name} must be a regular expression, got {text!r}: {error}.") from None
    if not groups:
        raise ValueError(f"{name} must have a group, in parentheses, that finds the number; got {text!r}.")
    return text


def _number(found: re.Match, name: str) -> int:
    if not re.fullmatch(r"\d{1,18}", found.group(1) or ""):
        raise ValueError(f"The group of {name} must find a whole number, got {found.group(1)!r} in {found.string!r}.")
    return int(found.group(1))


def _place(place: str, signal: int | None, rules: InrLayout, by_end: Mapping[str, tuple]) -> dict[str, Any]:
    if place in by_end:
        return dict(zip(("split", "label"), by_end[place], strict=True))
    found = re.search(rules.label, place)
    row: dict[str, Any] = {"label": _number(found, "label") if found else None}
    if signal is not None and rules.points is not None:
        row["split"] = "train" if signal < rules.points[0] else "val" if signal < rules.points[1] else "test"
    elif _part(place):
        row["split"] = _part(place)
    return row


def _end(place: str, folder: Path, example: Path) -> str:
    """The last folders of a path, as many as lie between ``folder`` and its files."""
    return "/".join(place.split("/")[-len(example.relative_to(folder).parts) :])


def _part(place: str) -> str | None:
    words = set(re.split(r"[^a-z]+", place.lower()))
    return next((part for part, names in PARTS if words & set(names)), None)


def _tensors(path: Path) -> list[Tensor]:
    """The tensors of a file, in the order of the numbers in their names, weight before bias."""
    state = read_checkpoint(path)[0]

    def place(key: str) -> tuple:
        numbers = re.findall(r"\d+", key)
        return [(len(number.lstrip("0")), number.lstrip("0")) for number in numbers], key.endswith("bias")

    return [state[key] for key in sorted(state, key=place)]


def _settings(tensors: list[Tensor]) -> dict[str, Any]:
    weights = [tensor for tensor in tensors if tensor.dim() == 2]
    if len(weights) < 2:
        raise ValueError(f"a SIREN needs at least two weight matrices, got {len(weights)}")
    hidden = [len(weight) for weight in weights[:-1]]
    return {"in_features": weights[0].shape[1], "hidden": hidden, "out_features": len(weights[-1])}
