"""The mean of several SIRENs as one SIREN: their neurons side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from weightspace.inr.convention import Convention
from weightspace.nets import Architecture


def average_nets(nets: Sequence[Mapping[str, Tensor]], convention: Convention) -> tuple[dict[str, Tensor], Convention]:
    """One stack of nets whose outputs are the means of the outputs of several stacks; exact.

    Hidden layers are as many times as wide, block by block; the last layer is divided by their number.

    Args:
        nets: of one convention, each stacked ``[nets, ...]``; dicts without tensors give the convention alone.
        convention: of all of them.

    Returns:
        The weights, and the convention with the new widths.
    """
    if len(nets) == 1:
        return dict(nets[0]), convention
    narrow = convention.architecture
    hidden = [len(nets) * width for width in narrow.settings["hidden"]]
    wide = replace(convention, architecture=Architecture(narrow.net, {**narrow.settings, "hidden": hidden}))
    averaged = {}
    for name in nets[0]:
        parts, layer = [net[name] for net in nets], int(name.split(".")[1])
        if layer == len(hidden):
            averaged[name] = torch.cat(parts, -1) / len(nets) if name.endswith("weight") else sum(parts) / len(nets)
        elif layer == 0 or name.endswith("bias"):
            averaged[name] = torch.cat(parts, 1)
        else:
            averaged[name] = _blocks(parts)
    return averaged, wide


def _blocks(parts: Sequence[Tensor]) -> Tensor:
    rows = []
    for place, part in enumerate(parts):
        before, after = sum(p.shape[2] for p in parts[:place]), sum(p.shape[2] for p in parts[place + 1 :])
        rows.append(torch.nn.functional.pad(part, (before, after)))
    return torch.cat(rows, 1)
