"""Learned matching: permutations and matrices by gradient descent on the loss between two nets."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from weightspace.align.matching.assign import assign, sinkhorn
from weightspace.align.matching.places import Place, places_of
from weightspace.align.matching.score import Data, loss_of, measuring, mixed, predictions
from weightspace.space import MatrixGroup, Symmetry, WeightSpace
from weightspace.space.forms.obstacles import separate_groups
from weightspace.space.matrices import multiplied, turns_of_pairs

_SHARPNESS = 3.0  # how sure the start is of the pairs it comes with
_BATCH, _EVERY, _JUDGED = 256, 10, 2048
_TOKENS = 4096  # classes to tell in a step: of texts, where each example has many, fewer examples do


class Soft(nn.Module):
    """A permutation for each free name and a matrix for each group, made from numbers that can be learned."""

    def __init__(self, space: WeightSpace, like: Tensor):
        super().__init__()
        self.space, self.places = space, places_of(space)
        self.names, self.groups = list(self.places), separate_groups(space)
        sizes = [space.names[name].size or 1 for name in self.names]
        eyes = [torch.eye(size, dtype=like.dtype, device=like.device) for size in sizes]
        self.scores = nn.ParameterList(_SHARPNESS * eye for eye in eyes)
        self.turns = nn.ParameterList(_start(space, space.matrices[index]).to(like.device) for index in self.groups)

    def orders(self) -> dict[str, Tensor]:
        """The permutations nearest to the scores."""
        return {name: assign(score.unsqueeze(0))[0] for name, score in zip(self.names, self.scores, strict=True)}

    def permutations(self, straight: bool) -> dict[str, Float[Tensor, "size size"]]:
        """Doubly stochastic matrices; ``straight``: permutations, with the gradient of those (straight-through)."""
        soft = {n: sinkhorn(s.unsqueeze(0))[0] for n, s in zip(self.names, self.scores, strict=True)}
        if not straight:
            return soft
        hard = {name: torch.eye(len(order)).to(soft[name])[order] for name, order in self.orders().items()}
        return {name: hard[name] + matrix - matrix.detach() for name, matrix in soft.items()}

    def matrices(self) -> dict[int, Float[Tensor, "per size size"]]:
        """The matrix of each group, which belongs to it whatever the numbers are."""
        groups = [self.space.matrices[index] for index in self.groups]
        return {i: _matrix(group, numbers) for i, group, numbers in zip(self.groups, groups, self.turns, strict=True)}

    def symmetry(self) -> Symmetry:
        """What has been learned, as a symmetry."""
        return Symmetry(self.space, self.orders(), {}, {index: m.detach() for index, m in self.matrices().items()})

    def forward(self, weights: Mapping[str, Tensor], straight: bool) -> dict[str, Tensor]:
        """The weights of one net with these matrices along every axis that bears their name."""
        result = dict(weights)
        for index, matrix in self.matrices().items():
            group = self.space.matrices[index]
            for name in group.powers:
                result[name] = multiplied(group, matrix, self.space, name, result[name], stacked=False)
        for name, matrix in self.permutations(straight).items():
            for place in self.places[name]:
                fixed = self.space.tensors[place.tensor].buffer  # norms take no gradient for their statistics
                acting = matrix.detach() if fixed else matrix
                result[place.tensor] = _along(place, result[place.tensor], acting)
        return result


def _start(space: WeightSpace, group: MatrixGroup) -> Float[Tensor, "..."]:
    """Numbers that make the identity."""
    per, size, _ = group.shape(space)
    shape = (2, per, size // 2) if group.kind == "complex" else (per, size, size)
    return torch.zeros(shape, dtype=torch.float64)


def _matrix(group: MatrixGroup, numbers: Float[Tensor, "..."]) -> Float[Tensor, "per size size"]:
    """The matrix that numbers make: by Cayley's transform where it is orthogonal, a length and an angle for pairs."""
    if group.kind == "complex":
        return turns_of_pairs(numbers[0].exp(), numbers[1], group.pairs or "halves")
    eye = torch.eye(numbers.shape[-1], dtype=numbers.dtype, device=numbers.device)
    if group.kind == "linear":
        return eye + numbers
    skew = numbers - numbers.transpose(-1, -2)
    return torch.linalg.solve(eye + skew, eye - skew)


def _along(place: Place, tensor: Tensor, matrix: Tensor) -> Tensor:
    stack = tensor.unsqueeze(0)
    rows = place.rows(stack)
    return place.back(torch.einsum("ij,nj...->ni...", matrix.to(rows.dtype), rows), stack)[0]


def learn(
    space: WeightSpace,
    module: nn.Module,
    a: Mapping[str, Tensor],
    b: Mapping[str, Tensor],
    data: Data,
    straight: bool,
    steps: int,
    seed: int,
    lr: float = 0.1,
    turning: float = 0.01,
) -> Symmetry:
    """Symmetries that make the mean of a and b good on data; ``b`` has been matched already, which is the start.

    ``straight``: the mean is taken with permutations (Ainsworth et al. 2023, straight-through matching), else with
    doubly stochastic matrices (Peña et al. 2023, "Re-basin via implicit Sinkhorn differentiation"). Matrices of the
    space are learned beside them: orthogonal ones by Cayley's transform of a skew one, which stays orthogonal
    (Theus et al. 2025, "Generalized linear mode connectivity for transformers", with projections in its place). The
    share of b is drawn at every other step, else a half; the best symmetry met, by the loss of the mean on the first
    2,048 examples (fewer texts), counts, so that there it is never worse than the start. Batch norms use the
    statistics of each batch, as those of a mixed net have to be measured again anyway.

    Args:
        a, b: single nets. lr: of the permutations' scores. turning: of the matrices.
    """
    module, generator = measuring(module), torch.Generator().manual_seed(seed)
    soft = Soft(space, next(t for t in a.values() if t.is_floating_point()))
    groups = [{"params": soft.scores.parameters(), "lr": lr}, {"params": soft.turns.parameters(), "lr": turning}]
    optimizer = torch.optim.Adam([group for group in groups if group["params"]])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    batch, judged = min(len(data[0]), _rows(data)), _judged(data)
    best, lowest = space.identity(), _loss(module, a, b, judged)
    for step in range(steps):
        rows = torch.randint(len(data[0]), (batch,), generator=generator)
        share = float(torch.rand((), generator=generator)) if step % 2 else 0.5
        moved = mixed(a, soft(b, straight), share)
        loss = loss_of(functional_call(module, moved, (data[0][rows],)), data[1][rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % _EVERY == _EVERY - 1 or step == steps - 1:
            symmetry = soft.symmetry()
            reached = _loss(module, a, space.apply(symmetry, b), judged)
            best, lowest = (symmetry, reached) if reached < lowest else (best, lowest)
    return best


def middle_loss(module: nn.Module, a: Mapping[str, Tensor], b: Mapping[str, Tensor], data: Data) -> float:
    """The loss of the mean of two nets on the examples that `learn` judges by; batch norms measure batches."""
    return _loss(measuring(module), a, b, _judged(data))


def _rows(data: Data) -> int:
    """Examples in a step."""
    each = 1 if data[1].is_floating_point() else max(1, data[1][0].numel())
    return max(_BATCH // 8, min(_BATCH, _TOKENS // each))


def _judged(data: Data) -> Data:
    count = _JUDGED * _rows(data) // _BATCH
    return data[0][:count], data[1][:count]


def _loss(module: nn.Module, a: Mapping[str, Tensor], b: Mapping[str, Tensor], data: Data) -> float:
    return float(loss_of(predictions(module, mixed(a, b, 0.5), data[0]), data[1]))
