"""Generators by name."""

from weightspace.generators.base import Generator
from weightspace.generators.densities import KernelDensity, LayerGaussian, PrincipalDensity
from weightspace.generators.flow import Flow
from weightspace.generators.fresh import Fresh
from weightspace.generators.mixtures import MeanNet, Retrieval, Soup
from weightspace.generators.start import LearnedStart

GENERATORS: dict[str, type[Generator]] = {
    "Fresh": Fresh,
    "Retrieval": Retrieval,
    "MeanNet": MeanNet,
    "Soup": Soup,
    "KernelDensity": KernelDensity,
    "PrincipalDensity": PrincipalDensity,
    "LayerGaussian": LayerGaussian,
    "LearnedStart": LearnedStart,
    "Flow": Flow,
}
"""Every generator of the toolkit by name; each contract test runs over this list."""
