"""Importing the Small CNN Zoo."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from weightspace.nets import Architecture
from weightspace.reading import Unread
from weightspace.zoo.imports.foreign import ImportedState, assemble_zoo, fit_state, varying
from weightspace.zoo.imports.tables import plain_cell, read_csv
from weightspace.zoo.zoo import Zoo

FILES = ("weights.npy", "layout.csv")
METRICS = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")
SIDES = {"mnist": 28, "fashion_mnist": 28, "cifar10": 32, "svhn_cropped": 32}
LAYOUT = {"varname": pa.string(), "shape": pa.string(), "start_idx": pa.int64(), "end_idx": pa.int64()}
MOST_STEPS = 2**53


@dataclass(frozen=True)
class Slot:
    """One tensor in a row of numbers: TensorFlow's name and shape, and the numbers from ``start`` up to ``end``."""

    name: str
    shape: tuple[int, ...]
    start: int
    end: int


def import_small_cnn(
    folder: str | Path, out: str | Path, *, image_size: int | None = None, name: str = "small-cnn"
) -> Zoo:
    """Imports ``weights.npy``, ``metrics.csv`` and ``layout.csv`` of Unterthiner et al. 2020.

    Kernels turn from height, width, in, out to ``torch``'s order. Hyperparameters keep their names without the prefix
    ``config.`` (``learning_rate``, ``l2reg``, ``w_init``, ...); those that vary are the zoo's. Rows of one ``modeldir``
    are one run, and ``step`` counts epochs, as there. Nets whose weights are not finite are flagged as diverged.
    Weights are read by memory map and never unpickled.

    Args:
        folder: with the three files (``metrics.csv.gz`` is read too).
        out: the new zoo.
        image_size: of the images that the nets were trained on, in pixels; by ``config.dataset`` if None.
        name: of the new zoo.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: files that do not fit together; names the file and the place in it.
    """
    folder = Path(folder)
    for file in FILES:
        if not (folder / file).is_file():
            raise FileNotFoundError(f"{folder} must hold {file}, metrics.csv and layout.csv, but {file} is missing")
    metrics = next(iter(sorted(folder.glob("metrics.csv*"))), None)
    if metrics is None:
        raise FileNotFoundError(f"{folder} must hold metrics.csv, but it is missing")
    known = dict.fromkeys(METRICS, pa.float64()) | {"step": pa.int64(), "modeldir": pa.string()}
    rows = read_csv(metrics, {"config.activation": pa.string()}, known)
    weights = _read_weights(folder / "weights.npy")
    if len(weights) != len(rows):
        raise ValueError(f"{folder}: weights.npy has {len(weights)} rows, but {metrics.name} has {len(rows)}")
    axes = varying(map(_settings_of, rows))
    slots = read_layout(folder / "layout.csv", weights.shape[1])
    settings = net_settings(slots, folder / "layout.csv") | {"image_size": image_size or _image_size(rows[0], metrics)}
    return assemble_zoo(Path(out), name, _states(weights, rows, slots, settings, metrics), axes)


def read_layout(path: Path, numbers: int) -> list[Slot]:
    """Where every tensor stands in a row, layer by layer in the order of the kernels, weight before bias.

    Args:
        path: of ``layout.csv``. numbers: that a row of weights has.

    Raises:
        ValueError: names the row and what must stand there.
    """
    slots: dict[str, Slot] = {}
    for row in read_csv(path, LAYOUT, {}):
        name, shape = row["varname"].text().split(":")[0], _shape(row["shape"])
        start = row["start_idx"].whole(0, numbers)
        end = row["end_idx"].whole(start, numbers)
        if end - start != prod(shape):
            row["end_idx"].fail(f"{start + prod(shape)}, as the shape {shape} has {prod(shape)} numbers")
        if name in slots:
            row["varname"].fail("a name that no other row has")
        slots[name] = Slot(name, shape, start, end)
    bases = [name.removesuffix("/kernel") for name in slots if name.endswith("/kernel")]
    missing = [f"{base}/bias" for base in bases if f"{base}/bias" not in slots]
    if missing or not bases:
        raise ValueError(f"{path} must name a kernel and a bias for every layer; missing: {missing or 'all kernels'}.")
    return [slots[f"{base}/{part}"] for base in bases for part in ("kernel", "bias")]


def net_settings(slots: Sequence[Slot], path: Path) -> dict[str, Any]:
    """The settings of a ``cnn`` that the kernels show: all but the size of the images and the activation.

    Raises:
        ValueError: kernels that aren't convolutions and then linear layers.
    """
    shapes = [slot.shape for slot in slots if slot.name.endswith("/kernel")]
    convs = [shape for shape in shapes if len(shape) == 4]
    if not convs or shapes[: len(convs)] != convs or {len(shape) for shape in shapes[len(convs) :]} != {2}:
        raise ValueError(f"{path} must name kernels of convolutions [4 axes], then of linear layers [2], got {shapes}.")
    return {
        "in_channels": convs[0][2],
        "channels": [shape[3] for shape in convs],
        "kernel": [shape[0] for shape in convs],
        "stride": 2,
        "padding": "valid",
        "classes": shapes[-1][1],
    }


def _shape(cell: Unread) -> tuple[int, ...]:
    """The shape in the notation of Python, ``(3, 3, 1, 16)``."""
    text = cell.text(longest=100)
    if not re.fullmatch(r"\(\s*\d{1,9}\s*(,\s*\d{1,9}\s*)*,?\s*\)", text):
        cell.fail("a shape such as (3, 3, 1, 16)")
    return tuple(int(number) for number in re.findall(r"\d+", text))


def _read_weights(path: Path) -> np.ndarray:
    try:
        weights = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy has many errors for a header that isn't one; the first line says which
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path} is not a plain array of numbers, and pickles are not read: {reason}") from None
    if not isinstance(weights, np.ndarray) or weights.ndim != 2 or weights.dtype.kind != "f":
        found = f"{weights.dtype} of shape {weights.shape}" if isinstance(weights, np.ndarray) else "several arrays"
        raise ValueError(f"{path} must hold floating-point numbers [nets, weights], got {found}.")
    return weights


def _image_size(row: dict[str, Unread], path: Path) -> int:
    dataset = row.get("config.dataset", Unread(None, f"{path}: row 1, config.dataset,"))
    if dataset.value not in SIDES:
        dataset.fail(f"one of {', '.join(SIDES)}, or the size of the images told (--image-size)")
    return SIDES[dataset.value]


def _settings_of(row: dict[str, Unread]) -> dict[str, Any]:
    return {key.removeprefix("config."): plain_cell(row[key]) for key in row if key.startswith("config.")}


def _states(
    weights: np.ndarray, rows: list[dict[str, Unread]], slots: list[Slot], settings: dict[str, Any], path: Path
) -> Iterator[ImportedState]:
    runs: dict[str, int] = {}
    for i, row in enumerate(rows):
        run = runs.setdefault(str(row["modeldir"].value if "modeldir" in row else i), len(runs))
        architecture = Architecture("cnn", {**settings, "activation": row["config.activation"].text()})
        step = row["step"].whole(0, MOST_STEPS) if "step" in row else 0
        record = _settings_of(row) | {key: row[key].value for key in METRICS if key in row}
        record |= {"net": run, "run": run, "step": step, "epoch": float(step)}
        record["gap"] = _difference(record.get("train_accuracy"), record.get("test_accuracy"))
        try:
            state = fit_state(architecture, [_tensor(weights[i], slot) for slot in slots])
        except ValueError as error:
            raise ValueError(f"{path}: the net of row {i + 1}: {error}") from None
        yield ImportedState(architecture, state, record)


def _difference(train: float | None, test: float | None) -> float | None:
    return None if train is None or test is None else train - test


def _tensor(row: np.ndarray, slot: Slot) -> torch.Tensor:
    values = torch.from_numpy(np.array(row[slot.start : slot.end], dtype=np.float32)).reshape(slot.shape)
    if len(slot.shape) == 4:
        return values.permute(3, 2, 0, 1)
    return values.T if len(slot.shape) == 2 else values
