"""What the default metanet reads of a net, as one vector: layers by depth, ranked statistics, answers to probes."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from weightspace.graphs import SITE_FEATURES
from weightspace.metanets.frames.dense import DenseFrame
from weightspace.metanets.inputs.depths import knot_weights, site_places, slot_of
from weightspace.metanets.inputs.ranks import RankScaling
from weightspace.metanets.inputs.sizes import ROLES
from weightspace.metanets.inputs.statistics import count_of_role, flipping, layer_statistics
from weightspace.metanets.layers.responses import Responses
from weightspace.metanets.layers.signed import places
from weightspace.space import WeightSpace


class SiteReader(nn.Module):
    """Mean and maximum over the neurons of each site, averaged near each knot of depth, and a linear map of them all.

    Sites of the same kind (input, hidden, output) and depth are read by the same weights in every architecture.
    """

    def __init__(self, width: int, knots: int, hidden: int):
        super().__init__()
        self.knots = knots
        self.site = nn.Linear(2 * width + len(SITE_FEATURES), width)
        self.read = nn.Linear(knots * 3 * width, hidden)

    def forward(self, frame: DenseFrame, h: Tensor) -> Tensor:
        """``[nets, hidden]`` from invariant features of the nodes."""
        pooled = torch.cat([frame.pool(h), frame.pool(h, "max")], -1)
        known = frame.per_site([places(topo, h.device, h.dtype) for topo in frame.topologies])
        sites = nn.functional.silu(self.site(torch.cat([pooled, known.expand(*pooled.shape[:2], -1)], -1)))
        near = knot_weights(site_places(frame.topologies[0].space), self.knots).to(h)
        found = torch.einsum("ks,nsf->nkf", near, torch.cat([pooled, sites], -1))
        return nn.functional.silu(self.read(found.flatten(1)))


class StatisticsReader(nn.Module):
    """Ranked statistics of the layers by depth, and the activations, as a vector."""

    def __init__(self, spaces: tuple[WeightSpace, ...], knots: int, hidden: int, signs: bool):
        super().__init__()
        held = {slot_of(space, name) for space in spaces for name in space.tensors}
        self.roles, self.knots, self.signs = tuple(role for role in ROLES if role in held), knots, signs
        count = knots * sum(count_of_role(role) for role in self.roles)
        self.ranks = RankScaling(count)
        self.read = nn.Linear(2 * count + len(SITE_FEATURES), hidden)

    def of(self, spaces: tuple[WeightSpace, ...], weights: dict[str, Tensor], which: Tensor) -> Tensor:
        """The statistics before they are ranked, ``[nets, features]``; ``which``: the space of each net."""
        flips = {}
        for name in spaces[0].tensors if self.signs else ():
            flags = [name in flipping(space) for space in spaces]
            if any(flags):
                flips[name] = torch.tensor(flags, device=which.device)[which]
        return layer_statistics(spaces[0], weights, self.roles, self.knots, flips)

    def forward(self, frame: DenseFrame, weights: dict[str, Tensor]) -> Tensor:
        """``[nets, hidden]`` from the weights of a batch of one skeleton."""
        ranked = self.ranks(self.of(tuple(topo.space for topo in frame.topologies), weights, frame.which))
        known = frame.per_site([places(topo, ranked.device, ranked.dtype) for topo in frame.topologies])
        known = frame.mean_sites(known if known.ndim == 3 else known[None]).expand(len(ranked), -1)
        return nn.functional.silu(self.read(torch.cat([ranked, known], 1)))

    def fit(self, weights: Mapping[WeightSpace, Mapping[str, Tensor]]) -> None:
        """Set the ranks from training nets."""
        found = []
        for space, stack in weights.items():
            for part in _parts(dict(stack)):
                like = next(iter(part.values()))
                found.append(self.of((space,), part, torch.zeros(len(like), dtype=torch.long, device=like.device)))
        self.ranks.fit(torch.cat(found))


class AnswerReader(nn.Module):
    """The answers of nets to learned inputs as a vector.

    Several outputs are read as a classifier's: compressed numbers, probabilities and confidence. Answers on a grid of
    points are an image, and go through three convolutions.

    Args:
        responses: which inputs, and how many outputs.
        hidden: size of the vector.
        dropout: on the answers.
    """

    def __init__(self, responses: Responses, hidden: int, dropout: float):
        super().__init__()
        self.grid, outputs, probes = responses.grid, responses.count, responses.probes
        self.drop = nn.Dropout(dropout)
        if self.grid:
            small = (self.grid + 3) // 4
            self.image = nn.Sequential(
                nn.Conv2d(outputs, 32, 3, padding=1), nn.SiLU(),
                nn.Conv2d(32, 64, 3, 2, 1), nn.SiLU(),
                nn.Conv2d(64, 64, 3, 2, 1), nn.SiLU(), nn.Flatten(),
            )  # fmt: skip
            self.read = nn.Linear(64 * small**2, hidden)
        else:
            self.read = nn.Linear(probes * (2 * outputs + 2 if outputs > 1 else 1), hidden)

    def forward(self, answers: Tensor) -> Tensor:
        """``[nets, hidden]`` from answers ``[nets, probes, outputs]``."""
        if self.grid:
            image = answers.transpose(1, 2).unflatten(2, (self.grid, self.grid)).asinh()
            found = self.image(image)
        else:
            found = describe_answers(answers) if answers.shape[2] > 1 else answers.asinh().flatten(1)
        return nn.functional.silu(self.read(self.drop(found)))


def describe_answers(answers: Tensor) -> Tensor:
    """Outputs ``[nets, probes, outputs]`` as compressed numbers, and as a classifier's probabilities and confidence."""
    logs = answers.log_softmax(-1)
    chances = logs.exp()
    entropy, largest = -(chances * logs).sum(-1), chances.amax(-1)
    return torch.cat([chances.flatten(1), answers.asinh().flatten(1), entropy, largest], 1)


def _parts(stack: dict[str, Tensor], size: int = 512) -> list[dict[str, Tensor]]:
    count = len(next(iter(stack.values())))
    return [{name: tensor[at : at + size] for name, tensor in stack.items()} for at in range(0, count, size)]
