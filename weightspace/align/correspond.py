"""Which neurons of one net do what those of another do: one by one, a few for one, or groups for groups."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from weightspace.align.checks import check_nets
from weightspace.align.matching.activations import layer_of, observe
from weightspace.suggest import suggestion

WAYS = ("one-to-one", "one-to-many", "many-to-many")
_STEPS, _TRIES = 300, 8


@dataclass(frozen=True)
class Correspondence:
    """What the neurons of one layer have in common with those of another net's.

    Args:
        way: one of `WAYS`.
        layer: its weight.
        table: what ties neuron i of a to j of b: their correlation, or the coefficient with which j helps to predict i.
        scores: for each neuron of a the correlation with its partner (one-to-one), the share of its variance that is
            predicted (one-to-many), or the mean absolute correlation inside its group, less that outside it.
        partners: for each neuron of a its partner in b (one-to-one), or None.
        groups: the groups of a's neurons and of b's (many-to-many), or None.
    """

    way: str
    layer: str
    table: Float[Tensor, "a b"]
    scores: Float[Tensor, "a"]
    partners: Int[Tensor, "a"] | None = None
    groups: tuple[Int[Tensor, "a"], Int[Tensor, "b"]] | None = None

    def plot(self, path: str | Path) -> Path:
        """Draw the table with partners on the diagonal, or groups beside each other."""
        from weightspace.align.pictures import draw_correspondence

        return draw_correspondence(self, Path(path))


def correspond(
    module: nn.Module,
    a: Mapping[str, Tensor],
    b: Mapping[str, Tensor],
    inputs: Shaped[Tensor, "n *input"],
    layer: str,
    way: str = "one-to-one",
    sparsity: float = 0.1,
    groups: int | None = None,
    seed: int = 0,
) -> Correspondence:
    """Compare the neurons of a layer in two nets by what they give on the same inputs.

    Li et al. 2016, "Convergent learning: do different neural networks learn the same representations?": the assignment
    of largest total correlation; the few neurons of b that predict a neuron of a (the lasso); groups of neurons that
    span the same, by spectral clustering of the absolute correlations.

    Args:
        module: of the nets' architecture. a, b: single nets. layer: the weight of a linear or convolutional layer.
        way: one of `WAYS`. sparsity: the penalty of one-to-many, in units of the largest correlation of a neuron.
        groups: their number, of many-to-many; None takes a quarter of the neurons. seed: of clustering.

    Raises:
        ValueError: an unknown way or layer, a sparsity outside [0, 1), more groups than neurons; a net that lacks a
            tensor of the module or isn't finite.
    """
    if way not in WAYS:
        raise ValueError(f"way must be one of {', '.join(WAYS)}, got {way!r}.")
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must lie in [0, 1), got {sparsity}.")
    if layer_of(module, layer) is None:
        known = [name for name in module.state_dict() if layer_of(module, name) is not None]
        raise ValueError(f"There is no linear or convolutional layer with {layer!r}{suggestion(layer, known)}.")
    check_nets(module, {"a": a, "b": b})
    one, other = (observe(module, net, inputs, [layer])[layer][0].double() for net in (a, b))
    table = one.T @ other
    if way == "one-to-one":
        partners = _partners(table)
        return Correspondence(way, layer, table, table.gather(1, partners.unsqueeze(1)).squeeze(1), partners)
    if way == "one-to-many":
        shares = _lasso(table, other.T @ other, sparsity)
        predicted = 2 * (shares * table).sum(1) - (shares @ (other.T @ other) * shares).sum(1)
        return Correspondence(way, layer, shares, predicted)
    count = max(2, len(table) // 4) if groups is None else groups
    if not 2 <= count <= min(table.shape):
        raise ValueError(f"groups must lie between 2 and the number of neurons, {min(table.shape)}, got {count}.")
    rows, columns = _clusters(table.abs(), count, seed)
    same = rows.unsqueeze(1) == columns.unsqueeze(0)
    inside = (table.abs() * same).sum(1) / same.sum(1).clamp_min(1)
    outside = (table.abs() * ~same).sum(1) / (~same).sum(1).clamp_min(1)
    return Correspondence(way, layer, table, inside - outside, groups=(rows, columns))


def _partners(table: Float[Tensor, "a b"]) -> Int[Tensor, "a"]:
    from scipy.optimize import linear_sum_assignment

    return torch.from_numpy(linear_sum_assignment(table.cpu().numpy(), maximize=True)[1]).to(table.device)


def _lasso(table: Float[Tensor, "a b"], among: Float[Tensor, "b b"], sparsity: float) -> Float[Tensor, "a b"]:
    """Coefficients that predict each row's neuron, few of them other than zero (proximal gradient with momentum)."""
    step = 1 / torch.linalg.matrix_norm(among, 2)
    bound = step * sparsity * table.abs().amax(1, keepdim=True)
    shares = ahead = torch.zeros_like(table)
    for number in range(_STEPS):
        moved = ahead - step * (ahead @ among - table)
        before, shares = shares, moved.sign() * (moved.abs() - bound).clamp_min(0)
        ahead = shares + number / (number + 3) * (shares - before)
    return shares


def _clusters(table: Float[Tensor, "a b"], count: int, seed: int) -> tuple[Int[Tensor, "a"], Int[Tensor, "b"]]:
    """Groups of rows and columns together: k-means on the singular vectors of the normalised table (Dhillon 2001)."""
    from scipy.cluster.vq import kmeans2

    sides = [table.sum(dim).clamp_min(1e-12).rsqrt() for dim in (1, 0)]
    left, _, right = torch.linalg.svd(sides[0].unsqueeze(1) * table * sides[1])
    points = torch.cat([sides[0].unsqueeze(1) * left[:, :count], sides[1].unsqueeze(1) * right[:count].T])
    points = torch.nn.functional.normalize(points, dim=1).cpu().numpy()
    tries = [kmeans2(points, count, minit="++", rng=seed + number, missing="warn") for number in range(_TRIES)]
    labels = min(tries, key=lambda found: float(((points - found[0][found[1]]) ** 2).sum()))[1]
    found = torch.from_numpy(labels).long().to(table.device)
    return found[: len(table)], found[len(table) :]
