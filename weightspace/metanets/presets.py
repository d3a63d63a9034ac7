"""Configurations with every number spelled out, near those of the papers."""

from typing import Any

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "SpaceNet": {
        "small": {"width": 32, "layers": 3, "probes": 48, "probe_size": 8, "members": 8, "hidden": 128, "dropout": 0.1},
        "weights only": {"width": 64, "layers": 4, "probes": 0, "members": 8, "hidden": 256, "dropout": 0.1},
    },
    "GraphMetanet": {"paper": {"width": 128, "layers": 4, "dropout": 0.0}},
    "NeuralGraphGNN": {"paper": {"width": 64, "layers": 4, "dropout": 0.2}},
    "NeuralGraphTransformer": {"paper": {"width": 64, "layers": 4, "num_heads": 8, "dropout": 0.2}},
    "ScaleGMN": {
        "forward": {"width": 128, "layers": 4, "bidirectional": False, "dropout": 0.0},
        "bidirectional": {"width": 128, "layers": 4, "bidirectional": True, "dropout": 0.0},
    },
    "DWSNet": {"paper": {"width": 32, "layers": 4, "dropout": 0.0}},
    "UNF": {
        "NFN_HNP": {"width": 64, "layers": 3, "free_ends": False, "dropout": 0.0},
        "NFN_NP": {"width": 64, "layers": 3, "free_ends": True, "dropout": 0.0},
        "paper": {"width": 32, "layers": 3, "free_ends": False, "dropout": 0.0},
    },
    "ProbeNet": {"ProbeGen": {"probes": 64, "latent": 32, "width": 256, "layers": 6, "dropout": 0.0}},
    "StatNet": {"paper": {"width": 600, "layers": 3, "dropout": 0.1}},
    "FlatMLP": {"control": {"width": 256, "layers": 2, "dropout": 0.1}},
}
"""Settings for ``for_spaces``, by class and name: change a field by ``preset(...) | {"width": 32}``."""


def preset(metanet: str, name: str) -> dict[str, Any]:
    """The settings of a preset, a copy.

    Args:
        metanet: a class of `METANETS`. name: one of its presets.

    Raises:
        ValueError: lists the known ones.

    Example::

        GraphMetanet.for_spaces(space, **preset("GraphMetanet", "paper"))
    """
    if metanet not in PRESETS or name not in PRESETS[metanet]:
        known = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in PRESETS.items())
        raise ValueError(f"There is no preset {name!r} of {metanet!r}; known are {known}.")
    return dict(PRESETS[metanet][name])
