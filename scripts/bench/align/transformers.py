"""The barrier between two transformers: as they are, matched by weights or activations, and with learned symmetries.

    python scripts/bench/align/transformers.py vit-tiny reader --data-root data
    python scripts/bench/align/transformers.py reader --methods learned --start weights --turning 0.03 --steps 150

"learned" starts from one match, with rates of one's own; "straight-through" is what `align` does. Norms are folded
first, so that orthogonal matrices of the residual stream belong to the symmetries. The row "naive" is of the nets as
they were trained; shares are of its barrier.
"""

import argparse
from functools import partial

import torch
from ends import end
from material import RECIPES
from rows import Clock, flags, parsed, write_curves
from torch import Tensor, nn

from weightspace.align import fold_norms
from weightspace.align.align import align
from weightspace.align.barrier import Barrier, Curve
from weightspace.align.matching.learned import learn
from weightspace.align.matching.score import Data, frozen, mixed, predictions, score_of
from weightspace.space import Symmetry, WeightSpace

Weights = dict[str, Tensor]


def curve(name: str, module: nn.Module, a: Weights, b: Weights, data: Data, points: int) -> Curve:
    module = frozen(module)
    shares = torch.linspace(0, 1, points).tolist()
    return Curve(name, tuple(score_of(predictions(module, mixed(a, b, s), data[0]), data[1]) for s in shares))


def learned(
    arguments: argparse.Namespace, space: WeightSpace, module: nn.Module, a: Weights, b: Weights, fit: Data, steps: int
) -> Symmetry:
    """Learned symmetries from one match on."""
    start = align(space, a, b, arguments.start, module=module, data=fit)
    rates = {"lr": arguments.rate, "turning": arguments.turning}
    step = learn(space, module, a, space.apply(start, b), fit, not arguments.soft, steps, 0, **rates)
    return step.compose(start)


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("names", nargs="+", choices=[name for name in RECIPES if "mlp" not in name])
    parser.add_argument("--seeds", nargs=2, type=int, default=[0, 1])
    parser.add_argument("--points", type=int, default=11)
    parser.add_argument("--steps", type=int, nargs="+", default=[300], help="of learning")
    parser.add_argument("--fit", type=int, default=8192, help="training examples to align on")
    parser.add_argument("--measured", type=int, default=2000, help="validation examples")
    parser.add_argument("--methods", nargs="+", default=["weights", "activations", "straight-through"])
    parser.add_argument("--start", default="activations", help='of "learned": the match that it starts from')
    parser.add_argument("--soft", action="store_true", help='of "learned": doubly stochastic matrices')
    parser.add_argument("--rate", type=float, default=0.1, help='of "learned": of permutations')
    parser.add_argument("--turning", type=float, default=0.01, help='of "learned": of matrices')
    arguments = parsed(parser)
    for name in arguments.names:
        recipe = RECIPES[name]
        data = recipe.data(arguments.data_root)
        val = data.x_val[: arguments.measured], data.y_val[: arguments.measured]
        nets, about = zip(
            *(end(name, seed, arguments.folder, arguments.data_root) for seed in arguments.seeds), strict=True
        )
        save = partial(write_curves, arguments.out, name)
        module = recipe.net().eval()
        naive = curve("naive", module, *nets, val, arguments.points)
        inputs = (data.x[:3],)
        folded = [fold_norms(module, net, inputs) for net in nets]
        plain, space = folded[0].eval(), WeightSpace.trace(folded[0].eval(), *inputs)
        one, other = ({n: t.detach() for n, t in net.state_dict().items()} for net in folded)
        fit = data.fit(arguments.fit)
        still = ("weights", "activations")
        ways = [(way, n) for way in arguments.methods for n in ([0] if way in still else arguments.steps)]
        for method, steps in ways:
            clock, own = Clock(), {}
            if method == "learned":
                found = learned(arguments, space, plain, one, other, fit, steps)
                own = {k: getattr(arguments, k) for k in ("start", "soft", "rate", "turning")}
            else:
                found = align(space, one, other, method, module=plain, data=fit, steps=steps)
            cost = clock.read()
            moved = space.apply(found, other)
            curves = (naive, curve(method, plain, one, moved, val, arguments.points))
            save(Barrier(curves, found), skip=() if method == "weights" else ("naive",), steps=steps, **cost, **own,
                 fit=arguments.fit, trained=[a["loss"] for a in about])  # fmt: skip


if __name__ == "__main__":
    main()
