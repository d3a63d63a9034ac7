"""Importing zoos in the ray layout of Hyper-Representations."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from weightspace.zoo.imports.foreign import Foreign, assemble_zoo, fit_state, varying
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
    ``training_iteration`` has its metrics. Settings keep their names without what stands before ``::``; those that
    vary are the zoo's hyperparameters. Optimizer states beside the checkpoints are left alone.

    Args:
        folder: with one folder a trial.
        out: the new zoo.
        net: name in ``weightspace.nets``, or of a net factory; by ``model::type`` (CNN, CNN2, CNN3, MLP) if None.
            A state dict with that net's own names is taken as it stands, another is matched by order.
        settings: of that net.
        name: of the new zoo.

    Raises:
        FileNotFoundError: no trial with checkpoints below the folder.
        ValueError: a checkpoint that is not a plain state dict or does not fit the net (names it), or a ``model::type``
            that is not known.
    """
    folder = Path(folder)
    trials = sorted({path.parent.parent for path in folder.glob("*/checkpoint_*/checkpoints")})
    if not trials:
        raise FileNotFoundError(f"no */checkpoint_*/checkpoints below {folder}")
    params = [json.loads((trial / "params.json").read_text(encoding="utf-8")) for trial in trials]
    nets = [(net, dict(settings or {})) if net else model_net(own, trials[k]) for k, own in enumerate(params)]
    rows = [_settings(own) for own in params]
    axes = [axis for axis in varying(rows) if axis != "seed"]
    return assemble_zoo(Path(out), name, _states(trials, nets, rows), axes)


def model_net(params: Mapping[str, Any], trial: Path) -> tuple[str, dict[str, Any]]:
    """Net and settings of a published trial.

    Raises:
        ValueError: a ``model::type`` that is not known.
    """
    kind = params.get("model::type")
    activation = ACTIVATIONS.get(params.get("model::nlin", ""), params.get("model::nlin", "relu"))
    if kind == "MLP":
        widths = params["model::h_dim"]
        hidden = list(widths) if isinstance(widths, list) else [widths]
        sizes = {"in_features": params["model::i_dim"], "out_features": params["model::o_dim"]}
        return "mlp", {**sizes, "hidden": hidden, "activation": activation}
    if kind not in MODELS:
        raise ValueError(
            f"{trial} has model::type {kind!r}; known are {', '.join(MODELS)}, MLP: else give net and settings"
        )
    return "cnn", {**MODELS[kind], "in_channels": params.get("model::channels_in", 1), "activation": activation}


def _settings(params: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key: value for key, value in params.items() if not isinstance(value, list | dict) and value is not None}
    return {key.split("::")[-1]: value for key, value in plain.items() if "::" in key or key == "seed"}


def _states(trials: list[Path], nets: list[tuple[str, dict]], rows: list[dict[str, Any]]) -> Iterator[Foreign]:
    for run, (trial, (net, settings), own) in enumerate(zip(trials, nets, rows, strict=True)):
        results = _results(trial)
        for epoch, path in _checkpoints(trial):
            row = {"net": run, "run": run, "step": epoch, "epoch": float(epoch)}
            row |= {"file": f"{trial.name}/{path.parent.name}", **own, **results.get(epoch, {})}
            if "train_accuracy" in row and "test_accuracy" in row:
                row["gap"] = row["train_accuracy"] - row["test_accuracy"]
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
                weights = fit_state(net, settings, state)
            except Exception as error:
                raise ValueError(f"{path} cannot be imported: {str(error).splitlines()[0]}") from None
            yield Foreign(net, settings, weights, row)


def _checkpoints(trial: Path) -> list[tuple[int, Path]]:
    numbers = [(re.fullmatch(r"checkpoint_(\d+)", path.parent.name), path) for path in trial.glob("*/checkpoints")]
    return sorted((int(found.group(1)), path) for found, path in numbers if found)


def _results(trial: Path) -> dict[int, dict[str, float]]:
    results = {}
    if (trial / "result.json").exists():
        for line in (trial / "result.json").read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            epoch = int(entry.get("training_iteration", len(results)))
            results[epoch] = {ours: float(entry[theirs]) for theirs, ours in METRICS.items() if theirs in entry}
    return results
