"""Which nets were made from which: runs on digits, their descendants, half of all disguised, against an unrelated null.

    python scripts/bench/align/lineage.py --runs 110                # 3 x 200 nets
    python scripts/bench/align/lineage.py --kinds cnn --runs 44     # part of it

Every second net is hidden by a random element of the whole group and 1 % noise. The null is 16 further runs. Raw cosine
and singular values of all weight tensors are measured beside the score.
"""

from typing import Any

import torch
from family import Made, Weights, disguised, family, fresh, train_stack
from material import digits
from rows import Clock, flags, parsed, write
from torch import Tensor

from weightspace.align import FamilyTree, family_tree
from weightspace.nets import build_net
from weightspace.space import WeightSpace

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "cnn": ("cnn", {"channels": [16, 16, 16], "norm": "batch"}),
    "resnet-tiny": ("resnet", {"width": 8, "blocks": [1, 1]}),
    "vit-tiny": ("vit", {"dim": 16, "heads": 2, "depth": 2}),
}
STRANGERS = 16


def relatives(made: list[Made]) -> tuple[Tensor, Tensor]:
    """Pairs of ancestor and descendant, and pairs with no ancestor in common."""
    above: list[set[int]] = []
    for k, (_, _, parents) in enumerate(made):
        above.append({k} | {a for p in parents for a in above[p]})
    size = len(made)
    line = torch.tensor([[a in above[b] or b in above[a] for b in range(size)] for a in range(size)])
    none = torch.tensor([[not above[a] & above[b] for b in range(size)] for a in range(size)])
    upper = torch.ones(size, size).triu(1).bool()
    return line & upper, none & upper


def rates(made: list[Made], table: Tensor) -> dict[str, float]:
    line, none = relatives(made)
    right, wrong = table[line], table[none].sort().values
    below = torch.searchsorted(wrong, right)
    bar = wrong[int(0.999 * (len(wrong) - 1))]
    found = []
    for k, (_, _, parents) in enumerate(made):
        if parents:
            row = table[k].clone()
            row[k] = -9
            row[[c for c, (_, _, up) in enumerate(made) if k in up]] = -9  # its own children aren't candidates
            found.append(int(row.argmax()) in parents)
    return {"auroc": float(below.double().mean() / len(wrong)), "tpr_at_fpr_.1_%": float((right > bar).double().mean()),
            "parent_found": sum(found) / len(found), "related": len(right), "unrelated": len(wrong)}  # fmt: skip


def uniform(values: Tensor) -> dict[str, float]:
    """How far p-values of unrelated pairs are from uniform: the Kolmogorov-Smirnov distance, and two quantiles."""
    values = values.sort().values
    grid = (torch.arange(len(values)) + 0.5) / len(values)
    below = {f"share_below_{level}": float((values < level).double().mean()) for level in (0.01, 0.05)}
    return {"ks": float((values - grid).abs().max()), **below}


def edges(made: list[Made], tree: FamilyTree) -> dict[str, float]:
    """Edges recovered, as pairs of nets (weights don't say which came first) and as parent and child."""
    true = {(p, k) for k, (_, _, parents) in enumerate(made) for p in parents}
    found = {(edge.parent, edge.child) for edge in tree.edges}
    joined = {frozenset(edge) for edge in found}
    recovered = sum(frozenset(edge) in joined for edge in true)
    directed = len(true & found) / len(true)
    return {"edges": len(true), "edges_recovered": recovered / len(true), "edges_directed": directed,
            "edges_wrong": len(joined - {frozenset(edge) for edge in true})}  # fmt: skip


def raw_cosine(stack: Weights) -> Tensor:
    flat = torch.cat([t.flatten(1) for t in stack.values() if t.is_floating_point() and t.ndim > 2], 1)
    flat = flat / flat.norm(dim=1, keepdim=True)
    return flat @ flat.T


def spectra(stack: Weights) -> Tensor:
    values = [torch.linalg.svdvals(t.flatten(2)) for t in stack.values() if t.is_floating_point() and t.ndim > 2]
    flat = torch.cat([v / v.norm(dim=1, keepdim=True) for v in values], 1)
    return -torch.cdist(flat, flat)


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--runs", type=int, default=110, help="independent nets; about nine tenths as many are made")
    parser.add_argument("--steps", type=int, default=300, help="of training")
    parser.add_argument("--starts", type=int, default=2, help="of aligning a pair")
    arguments = parsed(parser)
    data = digits()
    for name in arguments.kinds:
        kind, settings = KINDS[name]
        net = build_net(kind, **settings)
        space = WeightSpace.trace(net, *net.example_inputs())
        starts = [fresh(kind, settings, seed) for seed in range(arguments.runs + STRANGERS)]
        runs = train_stack(net, starts, (data.x, data.y), arguments.steps, 5e-3, 0)
        null = {n: torch.stack([w[n] for w in runs[arguments.runs :]]) for n in runs[0]}
        made = family(net, runs[: arguments.runs], (data.x, data.y))
        nets = [disguised(space, weights, k) if k % 2 else weights for k, (_, weights, _) in enumerate(made)]
        clock = Clock()
        tree = family_tree(space, {str(k): weights for k, weights in enumerate(nets)}, null, starts=arguments.starts)
        cost, pairs = clock.read(), len(nets) * (len(nets) - 1) / 2 + len(nets) * STRANGERS
        line, none = relatives(made)
        lowest = {d: min(float(tree.scores[k, p]) for k, (e, _, up) in enumerate(made) if e == d for p in up)
                  for d in dict.fromkeys(d for d, _, up in made if up)}  # fmt: skip
        write(arguments.out, "lineage", net=name, nets=len(made), way="ours", **rates(made, tree.scores),
              **edges(made, tree), **uniform(tree.p_values[none]), lowest_by_deed=lowest,
              worst_p_related=float(tree.p_values[line].max()),
              **{f"{k}_a_pair": v / pairs for k, v in cost.items()})  # fmt: skip
        stack = {n: torch.stack([w[n] for w in nets]) for n in nets[0]}
        for rival, table in {"raw cosine": raw_cosine(stack), "spectra": spectra(stack)}.items():
            write(arguments.out, "lineage", net=name, nets=len(made), way=rival, **rates(made, table))
        tree.plot(arguments.out.with_name(f"align-lineage-{name}.png"))


if __name__ == "__main__":
    main()
