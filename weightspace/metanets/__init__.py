"""Networks that read, change and compare the weights of other networks."""

from typing import TYPE_CHECKING

from weightspace.lazy import lazy_names

if TYPE_CHECKING:
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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "weightspace.metanets.base": ["Metanet"],
        "weightspace.metanets.config": ["MetanetConfig"],
        "weightspace.metanets.flatmlp": ["FlatMLP", "FlatMLPConfig"],
        "weightspace.metanets.graphmetanet": ["GraphMetanet"],
        "weightspace.metanets.graphnet": ["GraphNet", "GraphNetConfig"],
        "weightspace.metanets.load": ["METANETS", "load_metanet"],
        "weightspace.metanets.neuralgraph": ["NeuralGraphGNN"],
        "weightspace.metanets.neuralgraphtransformer": ["NeuralGraphTransformer", "NeuralGraphTransformerConfig"],
        "weightspace.metanets.presets": ["PRESETS"],
        "weightspace.metanets.probenet": ["ProbeNet", "ProbeNetConfig"],
        "weightspace.metanets.pygmetanet": ["PyGMetanet", "PyGMetanetConfig"],
        "weightspace.metanets.scalegmn": ["ScaleGMN", "ScaleGMNConfig"],
        "weightspace.metanets.spacenet": ["SpaceNet", "SpaceNetConfig"],
        "weightspace.metanets.statnet": ["StatNet", "StatNetConfig"],
        "weightspace.metanets.unf": ["UNF", "DWSNet", "UNFConfig"],
    },
)
