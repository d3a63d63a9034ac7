"""Weights of new nets, from noise: one contract, and the trivial ways that every other one must beat."""

from typing import TYPE_CHECKING

from weightspace.lazy import lazy_names

if TYPE_CHECKING:
    from weightspace.generators.bank import Bank, BankConfig
    from weightspace.generators.base import Generator, GeneratorConfig, finite_nets
    from weightspace.generators.densities import KernelDensity, LayerGaussian, PrincipalDensity, PrincipalDensityConfig
    from weightspace.generators.earlystopped import EarlyStopped, EarlyStoppedConfig
    from weightspace.generators.flow import Flow, FlowConfig
    from weightspace.generators.fresh import Fresh, FreshConfig
    from weightspace.generators.hypernetwork import Hypernetwork, hypernetize
    from weightspace.generators.initializing import initialize
    from weightspace.generators.load import GENERATORS, load_generator
    from weightspace.generators.mixtures import MeanNet, Retrieval, Soup, SoupConfig
    from weightspace.generators.refiner import Refiner, RefinerConfig
    from weightspace.generators.start import LearnedStart, LearnedStartConfig
    from weightspace.generators.write import Generated, write_zoo

__all__ = [
    "GENERATORS",
    "Bank",
    "BankConfig",
    "EarlyStopped",
    "EarlyStoppedConfig",
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
    "Refiner",
    "RefinerConfig",
    "Retrieval",
    "Soup",
    "SoupConfig",
    "finite_nets",
    "hypernetize",
    "initialize",
    "load_generator",
    "write_zoo",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "weightspace.generators.bank": ["Bank", "BankConfig"],
        "weightspace.generators.base": ["Generator", "GeneratorConfig", "finite_nets"],
        "weightspace.generators.densities": [
            "KernelDensity",
            "LayerGaussian",
            "PrincipalDensity",
            "PrincipalDensityConfig",
        ],
        "weightspace.generators.earlystopped": ["EarlyStopped", "EarlyStoppedConfig"],
        "weightspace.generators.flow": ["Flow", "FlowConfig"],
        "weightspace.generators.fresh": ["Fresh", "FreshConfig"],
        "weightspace.generators.hypernetwork": ["Hypernetwork", "hypernetize"],
        "weightspace.generators.initializing": ["initialize"],
        "weightspace.generators.load": ["GENERATORS", "load_generator"],
        "weightspace.generators.mixtures": ["MeanNet", "Retrieval", "Soup", "SoupConfig"],
        "weightspace.generators.refiner": ["Refiner", "RefinerConfig"],
        "weightspace.generators.start": ["LearnedStart", "LearnedStartConfig"],
        "weightspace.generators.write": ["Generated", "write_zoo"],
    },
)
