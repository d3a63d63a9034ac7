"""Importing the Small CNN Zoo."""

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.csv
import torch

from weightspace.zoo.imports.foreign import Foreign, assemble_zoo, fit_state, varying
from weightspace.zoo.zoo import Zoo

FILES = ("weights.npy", "layout.csv")
METRICS = ("train_accuracy", "test_accuracy", "train_loss", "test_loss")
SIDES = {"mnist": 28, "fashion_mnist": 28, "cifar10": 32, "svhn_cropped": 32}


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
        ValueError: files that do not fit together.
    """
    folder = Path(folder)
    for file in FILES:
        if not (folder / file).is_file():
            raise FileNotFoundError(f"{folder} must hold {file}, metrics.csv and layout.csv, but {file} is missing")
    metrics = next(iter(sorted(folder.glob("metrics.csv*"))), None)
    if metrics is None:
        raise FileNotFoundError(f"{folder} must hold metrics.csv, but it is missing")
    rows = pyarrow.csv.read_csv(metrics).to_pylist()
    weights = _read_weights(folder / "weights.npy")
    if len(weights) != len(rows):
        raise ValueError(f"{folder}: weights.npy has {len(weights)} rows, but {metrics.name} has {len(rows)}")
    axes = varying({k.removeprefix("config."): v for k, v in row.items() if k.startswith("config.")} for row in rows)
    image_size = image_size or SIDES.get(str(rows[0].get("config.dataset")), 28)
    layout = pyarrow.csv.read_csv(folder / "layout.csv").to_pylist()
    return assemble_zoo(Path(out), name, _states(weights, rows, layout, image_size), axes)


def _read_weights(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(f"{path} is not a plain array of numbers, and pickles are not read: {error}") from None


def _states(weights: np.ndarray, rows: list[dict], layout: list[dict], image_size: int) -> Iterator[Foreign]:
    kernels = [entry for entry in layout if "kernel" in entry["varname"]]
    shapes = [ast.literal_eval(entry["shape"]) for entry in kernels]
    channels = [shape[3] for shape in shapes if len(shape) == 4]
    settings = {
        "in_channels": shapes[0][2],
        "image_size": image_size,
        "channels": channels,
        "kernel": [shape[0] for shape in shapes if len(shape) == 4],
        "stride": 2,
        "padding": "valid",
        "classes": shapes[-1][-1],
    }
    runs: dict[str, int] = {}
    for i, row in enumerate(rows):
        run = runs.setdefault(str(row.get("modeldir", i)), len(runs))
        own = {**settings, "activation": row.get("config.activation", "relu")}
        tensors = [_tensor(weights[i], entry) for entry in _ordered(layout)]
        record = {key.removeprefix("config."): value for key, value in row.items() if key.startswith("config.")}
        record |= {key: row[key] for key in METRICS if key in row}
        record |= {"net": run, "run": run, "step": int(row.get("step", 0)), "epoch": float(row.get("step", 0))}
        if "train_accuracy" in record and "test_accuracy" in record:
            record["gap"] = record["train_accuracy"] - record["test_accuracy"]
        yield Foreign("cnn", own, fit_state("cnn", own, tensors), record)


def _ordered(layout: list[dict]) -> list[dict]:
    """Layer by layer in the order of the kernels, weight before bias."""
    bases = [entry["varname"].rsplit("/", 1)[0] for entry in layout if "kernel" in entry["varname"]]
    found = {entry["varname"].split(":")[0]: entry for entry in layout}
    return [found[f"{base}/{part}"] for base in bases for part in ("kernel", "bias")]


def _tensor(row: np.ndarray, entry: dict) -> torch.Tensor:
    shape = ast.literal_eval(entry["shape"])
    values = torch.from_numpy(np.array(row[entry["start_idx"] : entry["end_idx"]], dtype=np.float32)).reshape(shape)
    if len(shape) == 4:
        return values.permute(3, 2, 0, 1)
    return values.T if len(shape) == 2 else values
