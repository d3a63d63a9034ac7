"""Importing zoos in the ray layout of Hyper-Representations."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from weightspace.checkpoints import read_checkpoint
from weightspace.nets import Architecture
from weightspace.reading import Unread, read_json, read_json_file
from weightspace.zoo.imports.foreign import RESERVED, ImportedState, assemble_zoo, fit_state, varying
from weightspace.zoo.zoo import Zoo

METRICS = {
    "train_acc": "train_accuracy",
    "test_acc": "test_accuracy",
    "val_acc": "val_accuracy",
    "train_loss": "train_loss",
    "test_loss": "test_loss",
    "val_loss": "val_loss",
}
_PLAIN = {"stride": 1, "padding": "valid", "head": "flatten", "hidden": [20], "pool_first": True}
# model::type of the published zoos: three convolutions, pooled before the activation, and two linear layers
MODELS: dict[str, dict[str, Any]] = {
    "CNN": {**_PLAIN, "image_size": 28, "channels": [8, 6, 4], "kernel": [5, 5, 2], "pool": [2, 2, 1]},
    "CNN2": {**_PLAIN, "image_size": 28, "channels": [6, 9, 6], "kernel": [5, 5, 2], "pool": [2, 2, 1]},
    "CNN3": {**_PLAIN, "image_size": 32, "channels": [16, 32, 15], "kernel": [3, 3, 3], "pool": [2, 2, 2]},
}
ACTIVATIONS = {"leakyrelu": "leaky_relu"}
MOST_EPOCHS = 10**9


def import_ray_zoo(
    folder: str | Path,
    out: str | Path,
    *,
    net: str | None = None,
    settings: Mapping[str, Any] | None = None,
    name: str = "ray",
) -> Zoo:
    """Imports trials with ``params.json``, ``result.json`` and ``checkpoint_N/checkpoints``.

    The layout of Schuerholt et al. 2022, "Model zoos: a dataset of diverse populations of neural network models".
    The number of a checkpoint is the epoch (with leading zeros or not), and the line of ``result.json`` with that
    ``training_iteration`` has its metrics. Settings keep their names without what stands before ``::``, unless two have
    the same name then, or a column of every zoo has it; those that vary are the zoo's hyperparameters. Optimizer states
    beside the checkpoints are left alone.

    Args:
        folder: with one folder a trial.
        out: the new zoo.
        net: name in ``weightspace.nets``, or of a net factory; by ``model::type`` (CNN, CNN2, CNN3, MLP) if None.
            A state dict with that net's own names is taken as it stands, another is matched by order.
        settings: of that net.
        name: of the new zoo.

    Raises:
        FileNotFoundError: no trial with checkpoints below the folder, or one without ``params.json``.
        ValueError: JSON that doesn't hold what is needed (names the place), a checkpoint that is not a plain state dict
            or does not fit the net (names it), or a ``model::type`` that is not known.
    """
    folder = Path(folder)
    trials = sorted({path.parent.parent for path in folder.glob("*/checkpoint_*/checkpoints")})
    if not trials:
        raise FileNotFoundError(f"no */checkpoint_*/checkpoints below {folder}")
    params = [read_json_file(trial / "params.json") for trial in trials]
    nets = [Architecture(net, settings or {}) if net else model_net(own) for own in params]
    rows = [_settings(own) for own in params]
    axes = [axis for axis in varying(rows) if axis != "seed"]
    return assemble_zoo(Path(out), name, _states(trials, nets, rows), axes)


def model_net(params: Unread) -> Architecture:
    """How the net of a published trial is built, from its ``params.json``.

    Raises:
        ValueError: a ``model::type`` that is not known, or a setting of the net that is missing or of another type.
    """
    found = params.entries()

    def at(key: str) -> Unread:
        return found.get(key, Unread(None, f"{params.place}: {key}"))

    kind = found["model::type"].text() if "model::type" in found else None
    nlin = at("model::nlin").text() if "model::nlin" in found else "relu"
    activation = ACTIVATIONS.get(nlin, nlin)
    if kind == "MLP":
        widths = at("model::h_dim")
        hidden = [width.whole(1) for width in (widths.items() if isinstance(widths.value, list) else [widths])]
        sizes = {"in_features": at("model::i_dim").whole(1), "out_features": at("model::o_dim").whole(1)}
        return Architecture("mlp", {**sizes, "hidden": hidden, "activation": activation})
    if kind not in MODELS:
        raise ValueError(
            f"{params.place} has model::type {kind!r}; known are {', '.join(MODELS)}, MLP: else give net and settings"
        )
    channels = at("model::channels_in").whole(1) if "model::channels_in" in found else 1
    return Architecture("cnn", {**MODELS[kind], "in_channels": channels, "activation": activation})


def _settings(params: Unread) -> dict[str, Any]:
    """The settings that are single values, under names that tell them apart."""
    plain = {
        key: entry.plain()
        for key, entry in params.entries().items()
        if not isinstance(entry.value, list | dict | None) and ("::" in key or key == "seed")
    }
    short = Counter(key.split("::")[-1] for key in plain)
    own = {key: key.split("::")[-1] for key in plain}
    own = {key: key if short[name] > 1 or name in RESERVED else name for key, name in own.items()}
    return {own[key]: value for key, value in plain.items()}


def _states(trials: list[Path], nets: list[Architecture], rows: list[dict[str, Any]]) -> Iterator[ImportedState]:
    for run, (trial, architecture, own) in enumerate(zip(trials, nets, rows, strict=True)):
        results = _results(trial)
        for epoch, path in _checkpoints(trial):
            row = {"net": run, "run": run, "step": epoch, "epoch": float(epoch)}
            row |= {"file": f"{trial.name}/{path.parent.name}", **own, **results.get(epoch, {})}
            if "train_accuracy" in row and "test_accuracy" in row:
                row["gap"] = row["train_accuracy"] - row["test_accuracy"]
            try:
                weights = fit_state(architecture, read_checkpoint(path)[0])
            except ValueError as error:
                raise ValueError(f"{path} cannot be imported: {error}") from None
            yield ImportedState(architecture, weights, row)


def _checkpoints(trial: Path) -> list[tuple[int, Path]]:
    numbers = [(re.fullmatch(r"checkpoint_(\d{1,9})", path.parent.name), path) for path in trial.glob("*/checkpoints")]
    return sorted((int(found.group(1)), path) for found, path in numbers if found)


def _results(trial: Path) -> dict[int, dict[str, float]]:
    path = trial / "result.json"
    if not path.exists():
        return {}
    results: dict[int, dict[str, float]] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        found = read_json(line, f"{path}, line {number}").entries()
        told = found.get("training_iteration")
        epoch = len(results) if told is None else told.whole(0, MOST_EPOCHS)
        metrics = {ours: found[theirs] for theirs, ours in METRICS.items() if theirs in found}
        results[epoch] = {ours: float(value.number(finite=False)) for ours, value in metrics.items()}
    return results
