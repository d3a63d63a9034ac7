"""The processes that train one model together: each computes on its share of every batch, the first one writes."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import broadcast, broadcast_object_list
from torch import Tensor, nn

_ALONE = "Start them with 'accelerate launch', with --cpu where the model is on the CPU."


def local_device(name: str = "auto") -> torch.device:
    """The device of this process: ``"cuda"`` becomes the GPU that the launcher gave to it.

    Args:
        name: ``"auto"`` for that GPU, or for the CPU where there is none or the launcher said --cpu; or what
            `torch.device` takes.

    Raises:
        ValueError: a GPU was asked for and there is none.
    """
    own = _state().device or torch.device("cpu")
    if name == "auto":
        return own if own.type == "cuda" else torch.device("cpu")
    device = torch.device(name)
    if device.type != "cuda" or device.index is not None:
        return device
    if not torch.cuda.is_available():
        raise ValueError(f"The device {name!r} was asked for, but torch finds no GPU here. Use 'cpu' or 'auto'.")
    return torch.device("cuda", _state().local_process_index)


def is_main_process() -> bool:
    """Whether this process is the one that writes files; true where there is one process alone."""
    return _state().is_main_process


def _state() -> PartialState:
    return PartialState(cpu=not torch.accelerator.is_available())


@dataclass(frozen=True)
class Processes:
    """How the processes of a run share the work. With one process every method is the identity.

    Each process computes the gradient of its share of a batch; the gradients are added up in one buffer, so a loss may
    call the model as it likes, and a parameter that some process didn't use is no trouble.
    """

    accelerator: Accelerator
    device: torch.device

    @classmethod
    def of(cls, model: nn.Module) -> "Processes":
        """The processes that were launched, once each has its model.

        Raises:
            ValueError: the parameters are on several devices, or not on the device of their process; or several
                processes were launched that can't talk to each other.
        """
        accelerator = Accelerator(cpu=not torch.accelerator.is_available())
        places = {tensor.device: name for name, tensor in model.state_dict().items()}
        if len(places) > 1:
            found = ", ".join(f"{name!r} on {device}" for device, name in places.items())
            raise ValueError(f"A model must be on one device, got {found}. Move it with model.to(device).")
        device = next(iter(places), torch.device("cpu"))
        launched = int(os.environ.get("WORLD_SIZE", 1))
        if launched > 1 and accelerator.num_processes == 1:
            raise ValueError(f"{launched} processes were launched, but none hears of the others. {_ALONE}")
        own = accelerator.device
        if accelerator.num_processes > 1 and (device.type != own.type or (device != own and own.type != "cpu")):
            raise ValueError(
                f"Process {accelerator.process_index} has the device {own}, but its model is on "
                f"{device}. Move model and data to local_device(). {_ALONE}"
            )
        return cls(accelerator, device)

    @property
    def main(self) -> bool:
        """Whether this is the process that judges and writes."""
        return self.accelerator.is_main_process

    @property
    def index(self) -> int:
        """The number of this process."""
        return self.accelerator.process_index

    @property
    def count(self) -> int:
        """How many processes there are."""
        return self.accelerator.num_processes

    def share(self, batch: Tensor) -> Tensor:
        """The part of a batch ``[nets]`` that this process computes on.

        Raises:
            ValueError: some process would have none.
        """
        if len(batch) < self.count:
            raise ValueError(f"A batch of {len(batch)} can't be shared by {self.count} processes; raise batch_size.")
        return batch[self.index :: self.count]

    def add_up(self, parameters: list[nn.Parameter], value: Tensor) -> Tensor:
        """Adds the gradients of all processes, in place, and their loss `value`, which is returned.

        A parameter that no process used keeps no gradient, as with one process.
        """
        if self.count == 1:
            return value.detach()
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        used = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        flat = torch.cat([*(g.flatten() for g in gradients), used, value.detach().float().reshape(1)])
        total = cast(Tensor, self.accelerator.reduce(flat, "sum"))
        *parts, used, value = total.split([*(g.numel() for g in gradients), len(used), 1])
        for parameter, part, count in zip(parameters, parts, used.tolist(), strict=True):
            parameter.grad = part.view_as(parameter).to(parameter.dtype) if count else None
        return value[0]

    def of_main(self, compute: Callable[[], float]) -> float:
        """A number that the first process computes and all get."""
        found = [float(compute()) if self.main else 0.0]
        return broadcast_object_list(found)[0] if self.count > 1 else found[0]

    def agree(self, tensors: Mapping[str, Tensor]) -> None:
        """Overwrites `tensors` with those of the first process."""
        if self.count > 1:
            for tensor in tensors.values():
                tensor.copy_(broadcast(tensor))

    def check_precision(self, precision: str) -> None:
        """Sees that the launcher asks for no other precision than the configuration.

        Raises:
            ValueError: it does.
        """
        asked = self.accelerator.mixed_precision
        if asked not in ("no", precision):
            raise ValueError(
                f"The launcher asks for mixed precision {asked!r}, the configuration for precision={precision!r}. "
                "Say it in the configuration, and leave --mixed_precision of 'accelerate launch' at 'no'."
            )

    def check_same_step(self, step: int) -> None:
        """Sees that all processes go on from the same step.

        Raises:
            ValueError: they don't.
        """
        if self.count == 1:
            return
        steps = cast(Tensor, self.accelerator.gather(torch.tensor([step], device=self.device))).tolist()
        if len(set(steps)) > 1:
            raise ValueError(f"The processes found checkpoints of the steps {steps}. They must share one folder.")
