"""Learning from the weights of neural networks: build zoos of nets, turn weights into graphs, train metanetworks.

    import weightspace as ws
    zoo = ws.build_zoo(ws.Recipe.load("digits-cnn"), "runs/digits-cnn")
    weights = zoo.split("test").weights()              # a plain dict of tensors, N nets stacked: [N, ...]
    graphs = ws.to_graph(zoo.space, weights)           # a PyTorch Geometric batch
    metanet = ws.load_metanet("runs/quickstart/metanet")

Names are found when first used, so that `import weightspace` stays light.
"""

from typing import TYPE_CHECKING

from weightspace.lazy import lazy_names

if TYPE_CHECKING:
    from weightspace.graphs import from_graph, to_graph
    from weightspace.load import load_metanet
    from weightspace.space import WeightSpace
    from weightspace.zoo import Recipe, Zoo, build_zoo

__version__ = "0.1.0"

__all__ = ["Recipe", "WeightSpace", "Zoo", "__version__", "build_zoo", "from_graph", "load_metanet", "to_graph"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "weightspace.graphs": ["from_graph", "to_graph"],
        "weightspace.load": ["load_metanet"],
        "weightspace.space": ["WeightSpace"],
        "weightspace.zoo": ["Recipe", "Zoo", "build_zoo"],
    },
)
