"""What the nets of a zoo were trained from, drawn again from its recipe."""

import torch
from torch import Tensor

from weightspace.nets.stacked.flatlayout import FlatLayout
from weightspace.zoo.recipe.trial import draw_trial
from weightspace.zoo.train.initial import draw_weights
from weightspace.zoo.zoo import Zoo


def draw_starts(zoo: Zoo) -> dict[str, Tensor]:
    """The weights that each net of a zoo of one architecture started from, ``[nets, ...]``, bit for bit.

    Raises:
        ValueError: nets with buffers, or whose start depends on data (``lsuv``).
    """
    net, rows = zoo.architecture.build(), []
    if dict(net.named_buffers()):
        raise ValueError("Starts are drawn again for nets without buffers; these have running statistics.")
    layout = FlatLayout.of(net)
    for number in zoo.table["net"].to_pylist():
        trial = draw_trial(zoo.recipe, number)
        if trial.train.init == "lsuv":
            raise ValueError("Starts by the rule 'lsuv' depend on data and aren't drawn again; save them (initial).")
        rows.append(draw_weights(net, layout, trial))
    return {name: tensor.clone() for name, tensor in layout.views(torch.stack(rows)).items()}
