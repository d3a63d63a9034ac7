"""Running a stack of nets: N sets of weights, N batches or one that all share."""

from collections.abc import Callable

from torch import Tensor, nn

from weightspace.nets.adapter import Adapter
from weightspace.nets.cnn import CNN
from weightspace.nets.mlp import MLP
from weightspace.nets.resnet import ResNet
from weightspace.nets.siren import SIREN
from weightspace.nets.stacked.adapter import run_adapters
from weightspace.nets.stacked.cnn import run_cnns
from weightspace.nets.stacked.dropout import Noise
from weightspace.nets.stacked.mlp import run_mlps
from weightspace.nets.stacked.resnet import run_resnets
from weightspace.nets.stacked.siren import run_sirens
from weightspace.nets.stacked.vmap import run_any, run_each

STACKED: dict[type, Callable[..., Tensor]] = {
    Adapter: run_adapters,
    CNN: run_cnns,
    MLP: run_mlps,
    ResNet: run_resnets,
    SIREN: run_sirens,
}


def run_stack(net: nn.Module, weights: dict[str, Tensor], x: Tensor, noise: Noise | None = None) -> Tensor:
    """Runs every net of a stack, by hand-stacked products where there are some, else by ``torch.func.vmap``.

    Args:
        net: one net of the architecture; it says what to do and its own weights are not read. In training mode
            norms use batch statistics and update the running ones inside ``weights``.
        weights: parameters and buffers, ``[nets, ...]``.
        x: ``[nets, batch, ...]``, or ``[batch, ...]`` with one dimension less, which all nets share; a module that
            says no example inputs takes the latter alone, and its nets run one after the other.
        noise: dropout of this step; without it there is none.

    Shapes:
        out: ``[nets, batch, ...]``.
    """
    if type(net) not in STACKED and not hasattr(net, "example_inputs"):
        return run_each(net, weights, x)
    return STACKED.get(type(net), run_any)(net, weights, x, noise)
