"""Training a metanet on one's own nets, zoo or checkpoints, for one's own labels, beside the baselines."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from weightspace.checkpoints import ModuleSource, make_module
from weightspace.tasks.comparison.compare import Comparison, compare_methods
from weightspace.tasks.comparison.jobs.method import METHODS
from weightspace.tasks.comparison.jobs.splits import zoo_labels
from weightspace.tasks.labelled.labellednets import LabelledNets
from weightspace.tasks.labelled.labelledsplit import LabelledSplit
from weightspace.tasks.training.train import TrainConfig
from weightspace.zoo import Zoo


def train_on_checkpoints(
    files: str | Path | Iterable[str | Path],
    module: ModuleSource,
    labels: str | Path,
    out: str | Path,
    *,
    names: Sequence[str] = (),
    metanet: str = "SpaceNet",
    inputs: Sequence[Tensor] | Tensor | None = None,
    training: TrainConfig | None = None,
    say: Callable[[str], None] = lambda message: None,
    **options: Any,
) -> Comparison:
    """Trains a metanet to predict labels of checkpoints; it lands in ``out/metanet``, for `predict_files`.

    Args:
        files, module, labels, names, inputs: see `LabelledNets.from_files`.
        metanet, training, options: see `compare_methods`. The seed of ``training`` also draws the parts.
        say: is told how many nets there are, what is trained and what is left out.

    Raises:
        ValueError: see `LabelledNets.from_files` and `compare_methods`.

    Example::

        found = train_on_checkpoints("ckpts/*.pth", "my_nets:resnet", "labels.csv", "out", say=print)
        print(found.table)
    """
    training, net = training or TrainConfig(), make_module(module)
    nets = LabelledNets.from_files(files, net, labels, names, inputs=inputs, warn=say)
    parts = nets.parts(seed=training.seed)
    say(_count(parts))
    modules = {nets.spaces[0]: net} if len(nets.spaces) == 1 and _is_of(net, nets) else {}
    split = LabelledSplit(parts, modules)
    return compare_methods(split, _able(metanet, split, say), out, training=training, say=say, **options)


def train_on_zoo(
    zoo: Zoo,
    labels: Sequence[str],
    out: str | Path,
    *,
    category: bool = False,
    final: bool = False,
    metanet: str = "SpaceNet",
    say: Callable[[str], None] = lambda message: None,
    **options: Any,
) -> Comparison:
    """Trains a metanet to predict columns of a zoo's index; it lands in ``out/metanet``.

    Args:
        labels: measures, or what the nets were trained with.
        category: the one label is a class. final: train on the last saved state of each net alone.
        metanet, options: see `compare_methods`.
    """
    split = zoo_labels(zoo, labels, category, final)
    say(_count(split.parts))
    return compare_methods(split, _able(metanet, split, say), out, say=say, **options)


def _able(metanet: str, split: LabelledSplit, say: Callable[[str], None]) -> str:
    """The metanet, or of SpaceNet the one without probes where these can't be followed through the nets."""
    if metanet != "SpaceNet" or not (text := METHODS[metanet].obstacle(split)):
        return metanet
    say(f"SpaceNet {text}: it reads weights only.")
    return "SpaceNet, weights only"


def _count(parts: Any) -> str:
    return ", ".join(f"{name} {len(nets)}" for name, nets in parts.items()) + " nets"


def _is_of(net: Any, nets: LabelledNets) -> bool:
    """Whether the module itself has the widths of the nets."""
    state = net.state_dict()
    return all(tuple(state[name].shape) == spec.shape for name, spec in nets.spaces[0].tensors.items())
