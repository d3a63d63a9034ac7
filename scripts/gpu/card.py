"""The card of this machine: its name, why nothing runs on it, and how much of its memory is free."""

import torch

OLDEST = (7, 0)
"""Compute capability of Volta."""


def card() -> str:
    """The name of the device that computes."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def obstacle() -> str:
    """Why no stage can run here at full size; empty if some can."""
    if not torch.cuda.is_available():
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        return (
            f"this torch ({torch.__version__}, {built}) sees no CUDA device; --small runs the stages, tiny, on the CPU"
        )
    capability = torch.cuda.get_device_capability()
    if capability < OLDEST:
        return f"{card()} has compute capability {capability[0]}.{capability[1]}; 7.0 (Volta) or newer is needed"
    try:
        float((torch.ones(2, device="cuda") + 1).sum())
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        return f"this torch ({torch.__version__}) computes nothing on {card()}: {reason}; take one built for this card"
    return ""


def free_memory() -> float:
    """GiB of the card that no process holds; without a card any amount."""
    return torch.cuda.mem_get_info()[0] / 2**30 if torch.cuda.is_available() else float("inf")
