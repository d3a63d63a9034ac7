"""Importing zoos in the ray layout of Hyper-Representations."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from .assemble import Foreign, assemble_zoo, fit_state
from .zoo import Zoo

METRICS = {
    "train_acc": "train_accuracy",
    "test_acc": "test_accuracy",
    "val_acc": "val_accuracy",
    "train_loss": "train_loss",
    "test_loss": "test_loss",
    "val_loss": "val_loss",
}


def import_ray_zoo(
    folder: str | Path, out: str | Path, *, net: str, settings: Mapping[str, Any], name: str = "ray"
) -> Zoo:
    """Imports trials with ``params.json``, ``result.json`` and ``checkpoint_NNNNNN/checkpoints``.

    The layout of Schuerholt et al. 2022, "Model zoos". Tensors are matched to the net's parameters by order.

    Args:
        folder: with one folder a trial.
        out: the new zoo.
        net: name in ``weightspace.nets``.
        settings: of that net.
        name: of the new zoo.

    Raises:
        FileNotFoundError: no trial with checkpoints below the folder.
        ValueError: a checkpoint that is not a plain state dict, or does not fit the net; names it.
    """
    folder = Path(folder)
    trials = sorted({path.parent.parent for path in folder.glob("*/checkpoint_*/checkpoints")})
    if not trials:
        raise FileNotFoundError(f"no */checkpoint_*/checkpoints below {folder}")
    axes = sorted(json.loads((trials[0] / "params.json").read_text(encoding="utf-8")))
    axes = [axis for axis in axes if "::" in axis]
    return assemble_zoo(Path(out), name, _states(trials, net, dict(settings)), [axis.split("::")[-1] for axis in axes])


def _states(trials: list[Path], net: str, settings: dict[str, Any]) -> Iterator[Foreign]:
    for run, trial in enumerate(trials):
        params = json.loads((trial / "params.json").read_text(encoding="utf-8"))
        own = {
            key.split("::")[-1]: value
            for key, value in params.items()
            if "::" in key and not isinstance(value, list | dict)
        }
        results = _results(trial)
        for path in sorted(trial.glob("checkpoint_*/checkpoints")):
            epoch = int(path.parent.name.split("_")[1])
            row = {
                "net": run,
                "run": run,
                "step": epoch,
                "epoch": float(epoch),
                "file": f"{trial.name}/{path.parent.name}",
            }
            row |= own | results.get(epoch, {})
            if "train_accuracy" in row and "test_accuracy" in row:
                row["gap"] = row["train_accuracy"] - row["test_accuracy"]
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
                weights = fit_state(net, settings, list(state.values()))
            except Exception as error:
                raise ValueError(f"{path} cannot be imported: {str(error).splitlines()[0]}") from None
            yield Foreign(net, settings, weights, row)


def _results(trial: Path) -> dict[int, dict[str, float]]:
    results = {}
    if (trial / "result.json").exists():
        for line in (trial / "result.json").read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            epoch = int(entry.get("training_iteration", len(results)))
            results[epoch] = {ours: float(entry[theirs]) for theirs, ours in METRICS.items() if theirs in entry}
    return results
