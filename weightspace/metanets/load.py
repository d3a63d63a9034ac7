"""Metanets by name, and loading whichever one is saved in a place."""

from pathlib import Path
from typing import Any

from weightspace.metanets.base import Metanet
from weightspace.metanets.flatmlp import FlatMLP
from weightspace.metanets.graphmetanet import GraphMetanet
from weightspace.metanets.neuralgraph import NeuralGraphGNN
from weightspace.metanets.neuralgraphtransformer import NeuralGraphTransformer
from weightspace.metanets.probenet import ProbeNet
from weightspace.metanets.pygmetanet import PyGMetanet
from weightspace.metanets.scalegmn import ScaleGMN
from weightspace.metanets.spacenet import SpaceNet
from weightspace.metanets.statnet import StatNet
from weightspace.metanets.unf import UNF, DWSNet
from weightspace.pretrained.pretrained import read_json

METANETS: dict[str, type[Metanet]] = {
    "SpaceNet": SpaceNet,
    "DWSNet": DWSNet,
    "UNF": UNF,
    "GraphMetanet": GraphMetanet,
    "NeuralGraphGNN": NeuralGraphGNN,
    "NeuralGraphTransformer": NeuralGraphTransformer,
    "ProbeNet": ProbeNet,
    "PyGMetanet": PyGMetanet,
    "ScaleGMN": ScaleGMN,
    "StatNet": StatNet,
    "FlatMLP": FlatMLP,
}
"""Every metanet of the toolkit by name; each contract test runs over this list."""


def load_metanet(path_or_repo: str | Path, **options: Any) -> Metanet:
    """Load a metanet of any class.

    Args:
        path_or_repo: a folder that ``save_pretrained`` wrote; the name of a net that ships with the package, such as
            ``"digits-accuracy"``; or a repository of the Hub, ``"owner/name"``.
        options: as for `Metanet.from_pretrained`.

    Raises:
        ValueError: the class is unknown or a generator's, or configuration or tensors don't fit it.

    Example::

        metanet = load_metanet("digits-accuracy")
        metanet(metanet.graph(space, weights))
    """
    name = read_json(path_or_repo, options).get("metanet")
    if name not in METANETS:
        raise ValueError(
            f"{path_or_repo} holds a metanet {name!r}; known are {', '.join(METANETS)}. What writes weights is loaded "
            "with weightspace.generators.load_generator."
        )
    return METANETS[name].from_pretrained(path_or_repo, **options)
