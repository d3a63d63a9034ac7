"""Weights of new nets, from noise: one contract, and the trivial ways that every other one must beat."""

from weightspace.generators.bank import Bank, BankConfig
from weightspace.generators.base import Generator, GeneratorConfig, finite_nets
from weightspace.generators.densities import KernelDensity, LayerGaussian, PrincipalDensity, PrincipalDensityConfig
from weightspace.generators.flow import Flow, FlowConfig
from weightspace.generators.fresh import Fresh, FreshConfig
from weightspace.generators.hypernetwork import Hypernetwork, hypernetize
from weightspace.generators.initialize import initialize
from weightspace.generators.load import GENERATORS, load_generator
from weightspace.generators.mixtures import MeanNet, Retrieval, Soup, SoupConfig
from weightspace.generators.start import LearnedStart, LearnedStartConfig
from weightspace.generators.write import Generated, write_zoo

__all__ = [
    "GENERATORS",
    "Bank",
    "BankConfig",
    "Flow",
    "FlowConfig",
    "Fresh",
    "FreshConfig",
    "Generated",
    "Generator",
    "GeneratorConfig",
    "Hypernetwork",
    "KernelDensity",
    "LayerGaussian",
    "LearnedStart",
    "LearnedStartConfig",
    "MeanNet",
    "PrincipalDensity",
    "PrincipalDensityConfig",
    "Retrieval",
    "Soup",
    "SoupConfig",
    "finite_nets",
    "hypernetize",
    "initialize",
    "load_generator",
    "write_zoo",
]
