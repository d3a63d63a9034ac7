"""The base of all metanets: what they take, give and declare."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from weightspace.graphs import Layout, to_graph
from weightspace.graphs.batches import weights_kind
from weightspace.metanets.config import MetanetConfig
from weightspace.metanets.inputs.shown import check_nodes
from weightspace.pretrained.pretrained import Pretrained
from weightspace.space import WeightSpace

M = TypeVar("M", bound="Metanet")


class Metanet(Pretrained):
    """A network whose input is the weights of networks.

    It is made from one frozen `Config` and nothing else; what it learned about its inputs (normalisation, spaces) is
    saved with it. ``metanet(batch)`` takes what `to_graph` gives and returns, as ``config.head`` says,

    - ``"graph"``: ``[nets, outputs]``, the same for all members of an orbit,
    - ``"weights"``: a dict with a change for every tensor, ``[nets, ...]``, which moves as the weights move,
    - ``"neurons"``: ``[nodes, outputs]``, which moves as the neurons move.

    Attributes:
        symmetries: the kinds of symmetry for which that holds exactly (a subset of "permutation", "scale", "sign").
        heads: the heads that the class has.
        passes_messages: it reads the graph, so all neurons that may be permuted must be nodes.

    Example::

        metanet = SpaceNet.for_spaces(space, outputs=2).fit_statistics({space: train_weights})
        prediction = metanet(to_graph(space, weights))
        metanet.save_pretrained("folder")
        metanet = load_metanet("folder")
    """

    Config: ClassVar[type[MetanetConfig]]
    config: MetanetConfig
    symmetries: ClassVar[tuple[str, ...]] = ("permutation",)
    heads: ClassVar[tuple[str, ...]] = ("graph",)
    passes_messages: ClassVar[bool] = False

    def __init__(self, config: MetanetConfig):
        super().__init__(config)
        if config.head not in self.heads:
            raise ValueError(f"{type(self).__name__} has the heads {', '.join(self.heads)}, got {config.head!r}.")
        self.spaces = config.spaces
        for space in self.spaces if self.passes_messages else ():
            check_nodes(type(self).__name__, space)
        self.layout = Layout.of(*self.spaces)
        self.register_forward_pre_hook(_same_kind)

    @classmethod
    def for_spaces(cls: type[M], *spaces: WeightSpace, **settings: Any) -> M:
        """A metanet for nets of these spaces; ``settings`` are fields of its `Config`."""
        return cls(cls.Config(spaces=spaces, **settings))

    @abstractmethod
    def forward(self, graph: Data | Batch) -> Tensor | dict[str, Tensor]:
        """What ``config.head`` says, for every net of the batch."""

    @abstractmethod
    def members(self, graph: Data | Batch) -> Float[Tensor, "members nets outputs"]:
        """With ``head="graph"`` the prediction of every member of an ensemble, whose mean `forward` gives."""

    @abstractmethod
    def learn_inputs(self, weights: Mapping[WeightSpace, Mapping[str, Tensor]]) -> None:
        """Set the buffers that hold what is known of the inputs; see `fit_statistics`."""

    def fit_statistics(self: M, weights: Mapping[WeightSpace, Mapping[str, Tensor]]) -> M:
        """Set the normalisation of the inputs from training nets; saved with the metanet.

        Args:
            weights: for each space the stacked weights of its training nets.
        """
        self.learn_inputs(weights)
        return self

    def loss(self, graph: Data | Batch, target: Tensor) -> Tensor:
        """What training makes small: the mean over members of their squared errors against ``target``.

        With ``config.classes`` it is the cross-entropy of their logits against the numbers of the classes.

        Shapes:
            ``target`` ``[nets, outputs]``, with classes ``[nets]``; a number out.
        """
        found = self.members(graph)
        if self.config.classes:
            return nn.functional.cross_entropy(found.flatten(0, 1), target.repeat(len(found)))
        return (found - target).square().mean()

    def graph(self, space: WeightSpace, weights: Mapping[str, Tensor]) -> Data | Batch:
        """`to_graph` in the layout of this metanet, which holds all of its spaces."""
        if self.passes_messages:
            check_nodes(type(self).__name__, space)
        return to_graph(space, weights, self.layout)


class SingleMetanet(Metanet):
    """A metanet that is no ensemble: its one member predicts what `forward` gives."""

    def members(self, graph: Data | Batch) -> Float[Tensor, "members nets outputs"]:
        found = self(graph)
        assert isinstance(found, Tensor), "Members predict with the head 'graph'."
        return found[None]


def unknown_space(metanet: Metanet, space: WeightSpace) -> ValueError:
    """The error for a net whose architecture a metanet can't take; says which classes can."""
    known = ", ".join(own.hash for own in metanet.spaces)
    return ValueError(
        f"This {type(metanet).__name__} was made for the weight spaces {known}, got a net of {space.hash}. Make one "
        "with for_spaces() for all spaces that come, or take a class that runs on any graph: SpaceNet, GraphMetanet, "
        "NeuralGraphGNN, NeuralGraphTransformer, ScaleGMN, PyGMetanet."
    )


def _same_kind(metanet: nn.Module, inputs: tuple[Any, ...]) -> None:
    """See that the batch is of the metanet's floating type and on its device, before they meet in a product."""
    own = next(metanet.parameters(), None)
    if own is None or not inputs:
        return
    dtype, device = weights_kind(inputs[0])
    cast = device.type != "meta" and torch.is_autocast_enabled(device.type) and dtype != torch.float64
    if own.device != device or (own.dtype != dtype and not cast):
        raise ValueError(
            f"The nets must be of the metanet's floating type and on its device, {own.dtype} on {own.device}, got "
            f"{dtype} on {device}. Convert the weights, or the metanet: metanet.to(tensor)."
        )
