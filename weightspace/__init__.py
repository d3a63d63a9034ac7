"""Learning from the weights of neural networks: build zoos of nets, turn weights into graphs, train metanetworks.

    import weightspace as ws
    zoo = ws.build_zoo(ws.Recipe.load("digits-cnn"), "runs/digits-cnn")
    weights = zoo.split("test").weights()              # a plain dict of tensors, N nets stacked: [N, ...]
    graphs = ws.to_graph(zoo.space, weights)           # a PyTorch Geometric batch
    metanet = ws.load_metanet("runs/quickstart/metanet")

Names are found when first used, so that `import weightspace` stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from weightspace.suggest import suggestion

if TYPE_CHECKING:
    from weightspace.graphs import from_graph, to_graph
    from weightspace.metanets import load_metanet
    from weightspace.space import WeightSpace
    from weightspace.zoo import Recipe, Zoo, build_zoo

__version__ = "0.1.0"

__all__ = ["Recipe", "WeightSpace", "Zoo", "__version__", "build_zoo", "from_graph", "load_metanet", "to_graph"]

_HOMES = {
    "Recipe": "weightspace.zoo",
    "WeightSpace": "weightspace.space",
    "Zoo": "weightspace.zoo",
    "build_zoo": "weightspace.zoo",
    "from_graph": "weightspace.graphs",
    "load_metanet": "weightspace.metanets",
    "to_graph": "weightspace.graphs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"weightspace has no {name!r}; it has {', '.join(__all__)}{suggestion(name, __all__)}.")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
