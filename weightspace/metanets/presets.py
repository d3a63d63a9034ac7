"""Settings of metanets with every number spelled out, near those of the papers.

Each function returns settings for ``for_spaces``; change one by ``neural_graph_gnn() | {"width": 32}``. Where a paper's
code is public, its count of parameters for MNIST INRs (2-32-32-1, ten classes) stands beside ours.

Example::

    metanet = NeuralGraphGNN.for_spaces(space, outputs=10, **presets.neural_graph_gnn())
"""

from collections.abc import Callable
from typing import Any

Settings = dict[str, Any]


def spacenet_small() -> Settings:
    """`SpaceNet` for zoos of a few thousand classifiers on a CPU: strong dropout, noise on weights; 817,338 parameters.

    The count is for MNIST INRs with ten classes, as all in this file.
    """
    rounds = {"width": 32, "layers": 1, "gates": 8, "knots": 5, "probes": 96, "probe_size": 8}
    return rounds | {"members": 8, "hidden": 128, "dropout": 0.4, "noise": 0.2, "scale": True, "sign": True}


def spacenet_inr() -> Settings:
    """`SpaceNet` for implicit representations of pictures: 20 x 20 learned points; 891,128 parameters.

    Train it on moved coordinates too: rotate 10, shift .1, zoom .1 of `weightspace.tasks.AugmentConfig`.
    """
    rounds = {"width": 16, "layers": 1, "gates": 8, "knots": 5, "probes": 400, "probe_size": 8}
    return rounds | {"members": 8, "hidden": 128, "dropout": 0.3, "noise": 0.0, "scale": True, "sign": True}


def spacenet_weights_only() -> Settings:
    """`SpaceNet` that reads weights and sends no inputs through the nets; 2,509,104 parameters."""
    rounds = {"width": 64, "layers": 4, "gates": 8, "knots": 5, "probes": 0, "probe_size": 8}
    return rounds | {"members": 8, "hidden": 256, "dropout": 0.2, "noise": 0.0, "scale": True, "sign": True}


def statnet() -> Settings:
    """`StatNet`: layers of 600 on the statistics, as in Zhou et al. 2023; ours has 475,210 parameters.

    The paper's, on seven statistics of six tensors, has 392,410. Ours reads eleven, and how norms of neurons spread.
    """
    return {"width": 600, "layers": 2, "dropout": 0.1}


def flat_mlp() -> Settings:
    """`FlatMLP`, the control that isn't equivariant; 371,978 parameters."""
    return {"width": 256, "layers": 2, "dropout": 0.1}


def dwsnet() -> Settings:
    """`DWSNet` after Navon et al. 2023; 555,368 parameters, the paper's (width 32, four layers) 552,650.

    A layer of ours is one matrix for each basis map, the paper's has attention over sets as well, so ours is wider.
    """
    return {"width": 46, "layers": 4, "free_ends": False, "dropout": 0.0}


def nfn_np() -> Settings:
    """`UNF` as NFN_NP after Zhou et al. 2023; 52,997,042 parameters, the paper's (width 512) 53,283,114."""
    return {"width": 484, "layers": 3, "free_ends": True, "dropout": 0.5}


def nfn_hnp() -> Settings:
    """`UNF` as NFN_HNP after Zhou et al. 2023; 846,090 parameters. Three layers of the paper's code: 1,207,104."""
    return {"width": 64, "layers": 3, "free_ends": False, "dropout": 0.0}


def unf() -> Settings:
    """`UNF` after Zhou et al. 2024; 213,130 parameters (the paper's code is written in JAX for other nets)."""
    return {"width": 32, "layers": 3, "free_ends": False, "dropout": 0.0}


def neural_graph_gnn() -> Settings:
    """`NeuralGraphGNN` after Kofinas et al. 2024; 327,010 parameters, the paper's NG-GNN-64 has 331,466."""
    return {"width": 50, "layers": 4, "dropout": 0.2}


def neural_graph_transformer() -> Settings:
    """`NeuralGraphTransformer` after Kofinas et al. 2024; 335,562 parameters, the paper's NG-T 376,586."""
    return {"width": 56, "layers": 4, "num_heads": 8, "dropout": 0.2}


def graph_metanet() -> Settings:
    """`GraphMetanet` after Lim et al. 2024; 346,690 parameters, near NG-GNN-64. No code of the paper's is public."""
    return {"width": 60, "layers": 4, "dropout": 0.0}


def scalegmn_forward() -> Settings:
    """`ScaleGMN`, forward, after Kalogeropoulos et al. 2024; 1,779,435 parameters, the paper's 1,772,042."""
    return {"width": 109, "layers": 4, "bidirectional": False, "dropout": 0.2}


def scalegmn_bidirectional() -> Settings:
    """`ScaleGMN`, both ways, after Kalogeropoulos et al. 2024; 3,079,030 parameters, the paper's 3,089,162."""
    return {"width": 140, "layers": 4, "bidirectional": True, "dropout": 0.2}


def probe_net() -> Settings:
    """`ProbeNet` after Kahana et al. 2025 (ProbeGen, 128 probes); 303,948 parameters, the paper's 303,980."""
    return {"probes": 128, "latent": 32, "width": 256, "layers": 5, "dropout": 0.0}


def pyg_gine() -> Settings:
    """`PyGMetanet` with GINE; 139,850 parameters."""
    return {"conv": "GINEConv", "width": 64, "layers": 4, "dropout": 0.0}


PRESETS: dict[str, tuple[str, Callable[[], Settings]]] = {
    "spacenet_small": ("SpaceNet", spacenet_small),
    "spacenet_inr": ("SpaceNet", spacenet_inr),
    "spacenet_weights_only": ("SpaceNet", spacenet_weights_only),
    "statnet": ("StatNet", statnet),
    "flat_mlp": ("FlatMLP", flat_mlp),
    "dwsnet": ("DWSNet", dwsnet),
    "nfn_np": ("UNF", nfn_np),
    "nfn_hnp": ("UNF", nfn_hnp),
    "unf": ("UNF", unf),
    "neural_graph_gnn": ("NeuralGraphGNN", neural_graph_gnn),
    "neural_graph_transformer": ("NeuralGraphTransformer", neural_graph_transformer),
    "graph_metanet": ("GraphMetanet", graph_metanet),
    "scalegmn_forward": ("ScaleGMN", scalegmn_forward),
    "scalegmn_bidirectional": ("ScaleGMN", scalegmn_bidirectional),
    "probe_net": ("ProbeNet", probe_net),
    "pyg_gine": ("PyGMetanet", pyg_gine),
}
"""Every preset by name, with the class that it is for."""
