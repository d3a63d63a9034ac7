"""Networks that read, change and compare the weights of other networks."""

from weightspace.metanets.base import Metanet
from weightspace.metanets.config import MetanetConfig
from weightspace.metanets.flatmlp import FlatMLP, FlatMLPConfig
from weightspace.metanets.graphmetanet import GraphMetanet
from weightspace.metanets.graphnet import GraphNet, GraphNetConfig
from weightspace.metanets.load import METANETS, load_metanet
from weightspace.metanets.neuralgraph import NeuralGraphGNN
from weightspace.metanets.neuralgraphtransformer import NeuralGraphTransformer, NeuralGraphTransformerConfig
from weightspace.metanets.presets import PRESETS
from weightspace.metanets.probenet import ProbeNet, ProbeNetConfig
from weightspace.metanets.pygmetanet import PyGMetanet, PyGMetanetConfig
from weightspace.metanets.scalegmn import ScaleGMN, ScaleGMNConfig
from weightspace.metanets.spacenet import SpaceNet, SpaceNetConfig
from weightspace.metanets.statnet import StatNet, StatNetConfig
from weightspace.metanets.unf import UNF, DWSNet, UNFConfig

__all__ = [
    "METANETS",
    "PRESETS",
    "UNF",
    "DWSNet",
    "FlatMLP",
    "FlatMLPConfig",
    "GraphMetanet",
    "GraphNet",
    "GraphNetConfig",
    "Metanet",
    "MetanetConfig",
    "NeuralGraphGNN",
    "NeuralGraphTransformer",
    "NeuralGraphTransformerConfig",
    "ProbeNet",
    "ProbeNetConfig",
    "PyGMetanet",
    "PyGMetanetConfig",
    "ScaleGMN",
    "ScaleGMNConfig",
    "SpaceNet",
    "SpaceNetConfig",
    "StatNet",
    "StatNetConfig",
    "UNFConfig",
    "load_metanet",
]
