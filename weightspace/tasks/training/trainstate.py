"""Where a training run stands, and how it is kept: one safetensors file, written whole or not at all."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


@dataclass
class TrainState:
    """What a run has besides the model and the optimiser.

    Args:
        step: gradient steps done.
        best: the smallest validation value so far.
        best_parameters: the averaged parameters (and buffers) that reached it.
        average: the running mean of the parameters.
        seconds: spent so far, over all the calls that the run needed.
    """

    step: int
    best: float
    best_parameters: dict[str, Tensor]
    average: dict[str, Tensor]
    seconds: float = 0.0

    @classmethod
    def start(cls, model: nn.Module) -> "TrainState":
        """The state before the first step."""
        return cls(0, float("inf"), _copy(model.state_dict()), _copy(model.state_dict()))

    def average_in(self, model: nn.Module, decay: float) -> None:
        """Moves the running mean: $m \\leftarrow d m + (1 - d) \\theta$, with a smaller $d$ in the first steps."""
        decay = min(decay, self.step / (self.step + 10))
        now = model.state_dict()
        moving = [name for name, value in now.items() if value.is_floating_point()]
        move = get_ema_multi_avg_fn(decay)
        move([self.average[name] for name in moving], [now[name] for name in moving], 0)
        for name in now.keys() - moving:
            self.average[name].copy_(now[name])

    def judge(self, model: nn.Module, judge: Callable[[], float]) -> float:
        """The validation value of the averaged parameters; remembers them if they are the best."""
        own = _copy(model.state_dict())
        model.load_state_dict(self.average)
        model.eval()
        with torch.no_grad():
            value = float(judge())
        model.load_state_dict(own)
        if value < self.best:
            self.best, self.best_parameters = value, _copy(self.average)
        return value


def save_state(path: Path, state: TrainState, model: nn.Module, optimizer: torch.optim.Optimizer, run: str) -> None:
    """Writes the run to `path`, whole or not at all.

    Raises:
        OSError: it can't be written, for example because the disk is full; what was at `path` is still there.
    """
    tensors = {
        **_prefixed("model", model.state_dict()),
        **_prefixed("average", state.average),
        **_prefixed("best", state.best_parameters),
    }
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= _prefixed(f"optimizer.{index}", moments)
    header = {"step": str(state.step), "best": repr(state.best), "seconds": repr(state.seconds), "run": run}
    partial = path.with_suffix(".partial")
    try:
        save_file(tensors, partial, metadata=header | {"checksum": _checksum(tensors, header)})
        partial.replace(path)
    except (SafetensorError, OSError) as error:
        partial.unlink(missing_ok=True)
        kept = "; that of an earlier step is still there, and the same call goes on from it" if path.exists() else ""
        raise OSError(f"The checkpoint {path} of step {state.step} couldn't be written ({error}){kept}.") from error


def load_state(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, run: str) -> TrainState | None:
    """Reads a run back into model and optimiser; None if there is none.

    Raises:
        ValueError: the file is damaged, or the run at `path` had another configuration or another model.
    """
    if not path.exists():
        return None
    tensors, header = _read(path)
    if header["run"] != run:
        raise ValueError(
            f"{path} is from a run with another model or configuration, or with other data. "
            f"Go on with those, or remove {path.parent}."
        )
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "best": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        part, rest = name.split(".", 1)
        parts[part][rest] = tensor
    model.load_state_dict(parts["model"])
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in parts["optimizer"].items():
        index, moment = name.split(".", 1)
        moments.setdefault(int(index), {})[moment] = tensor
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    place = {name: value.device for name, value in model.state_dict().items()}
    best, average = (
        {name: value.to(place[name]) for name, value in parts[part].items()} for part in ("best", "average")
    )
    return TrainState(int(header["step"]), float(header["best"]), best, average, float(header["seconds"]))


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the header of a checkpoint whose every bit is as it was written."""
    try:
        with safe_open(path, framework="pt") as file:
            header = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
        whole = header.pop("checksum", "") == _checksum(tensors, header)
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"The checkpoint {path} is damaged ({error}). Remove it; training then starts anew."
        ) from error
    if not whole:
        raise ValueError(f"The checkpoint {path} isn't as it was written. Remove it; training then starts anew.")
    return tensors, header


def _checksum(tensors: dict[str, Tensor], header: dict[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())  # pyright: ignore
    return digest.hexdigest()


def fingerprint(model: nn.Module, config: Any, run: str) -> str:
    """A short text that is another one for another model, configuration or `run`; who watches makes no difference."""
    shapes = {name: list(value.shape) for name, value in model.state_dict().items()}
    settings = {key: value for key, value in asdict(config).items() if key != "trackers"}
    text = json.dumps([type(model).__name__, shapes, settings, run], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _copy(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in tensors.items()}


def _prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": torch.as_tensor(value).detach().contiguous().clone() for name, value in tensors.items()}
