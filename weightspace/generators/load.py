"""Generators by name, and loading whichever one is saved in a place."""

from pathlib import Path
from typing import Any

from weightspace.generators.base import Generator
from weightspace.generators.densities import KernelDensity, LayerGaussian, PrincipalDensity
from weightspace.generators.earlystopped import EarlyStopped
from weightspace.generators.flow import Flow
from weightspace.generators.fresh import Fresh
from weightspace.generators.mixtures import MeanNet, Retrieval, Soup
from weightspace.generators.refiner import Refiner
from weightspace.generators.start import LearnedStart
from weightspace.pretrained.pretrained import read_json

GENERATORS: dict[str, type[Generator]] = {
    "Fresh": Fresh,
    "Retrieval": Retrieval,
    "MeanNet": MeanNet,
    "Soup": Soup,
    "KernelDensity": KernelDensity,
    "PrincipalDensity": PrincipalDensity,
    "LayerGaussian": LayerGaussian,
    "LearnedStart": LearnedStart,
    "EarlyStopped": EarlyStopped,
    "Flow": Flow,
    "Refiner": Refiner,
}
"""Every generator of the toolkit by name; each contract test runs over this list."""


def load_generator(path_or_repo: str | Path, **options: Any) -> Generator:
    """Load a generator of any class.

    Args:
        path_or_repo: a folder that ``save_pretrained`` wrote, or a repository of the Hub, ``"owner/name"``.
        options: as for `Generator.from_pretrained`.

    Raises:
        ValueError: the class is unknown or a metanet's, or configuration or tensors don't fit it.

    Example::

        generator = load_generator("runs/soup")
        generator.sample(space, 100, seed=0)  # {name: [100, ...]}
    """
    name = read_json(path_or_repo, options).get("metanet")
    if name not in GENERATORS:
        raise ValueError(
            f"{path_or_repo} holds a {name}, which writes no weights; generators are {', '.join(GENERATORS)}. What "
            "reads weights is loaded with weightspace.metanets.load_metanet."
        )
    return GENERATORS[name].from_pretrained(path_or_repo, **options)
