"""Plain versions of what the papers compute, as the formulas say: what the benchmark holds the metanets against.

Each takes a list of the nets' weights, as dicts, and gives ``[nets, 1]``. Nothing is factored, shared or batched that
a first implementation wouldn't: edges in lists, both ends concatenated, a perceptron on every edge, loops over layers,
pairs of layers and nets.
"""

from collections.abc import Callable

from torch import nn

from plain.functionals import PlainFunctional
from plain.messages import PlainGMN, PlainGNN, PlainPyG, PlainTransformer, Textbook
from plain.scale import PlainScaleGMN, PlainSpaceNet
from plain.vectors import PlainFlat, PlainProbes, PlainStatistics

SIZES = (2, 32, 32, 1)
"""Neurons in the layers of the nets."""

PLAIN: dict[str, Callable[[int, int], nn.Module]] = {
    "SpaceNet": lambda width, layers: PlainSpaceNet(SIZES, width, layers),
    "DWSNet": lambda width, layers: PlainFunctional(SIZES, width, layers, False),
    "UNF": lambda width, layers: PlainFunctional(SIZES, width, layers, False),
    "UNF as NFN_HNP": lambda width, layers: PlainFunctional(SIZES, width, layers, False),
    "UNF as NFN_NP": lambda width, layers: PlainFunctional(SIZES, width, layers, True),
    "GraphMetanet": lambda width, layers: PlainGMN(SIZES, width, layers),
    "NeuralGraphGNN": lambda width, layers: PlainGNN(SIZES, width, layers),
    "NeuralGraphTransformer": lambda width, layers: PlainTransformer(SIZES, width, layers, 4),
    "ProbeNet": lambda width, layers: PlainProbes(SIZES, width, layers),
    "PyGMetanet": lambda width, layers: PlainPyG(SIZES, width, layers),
    "ScaleGMN forward": lambda width, layers: PlainScaleGMN(SIZES, width, layers, False),
    "ScaleGMN": lambda width, layers: PlainScaleGMN(SIZES, width, layers, True),
    "StatNet": lambda width, layers: PlainStatistics(SIZES, width, layers),
    "FlatMLP": lambda width, layers: PlainFlat(SIZES, width, layers),
}
"""A plain version for each row of the table, by width and number of layers."""

__all__ = ["PLAIN", "SIZES", "PlainFunctional", "Textbook"]
