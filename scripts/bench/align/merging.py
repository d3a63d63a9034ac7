"""Nets merged: five perceptrons from five starts, ten runs from one start, and a fine-tuned net packed.

    python scripts/bench/align/merging.py five diwa packed --data-root data

The runs of `diwa` are trained at once; the perceptrons are those of `ends.py`.
"""

import argparse
from pathlib import Path

import torch
from ends import Weights, end
from family import fresh, train_stack
from material import RECIPES
from rows import Clock, flags, parsed, write
from torch import Tensor, nn
from torch.nn import functional

from weightspace.align import align, align_all, merge, pack, reset_statistics, unpack
from weightspace.align.matching.score import predictions, score_of
from weightspace.nets import build_net
from weightspace.space import WeightSpace

RESNET = ("resnet", {"width": 8, "blocks": [1, 1], "image_size": 14})


def scored(net: nn.Module, weights: Weights, data: tuple[Tensor, Tensor]) -> dict[str, float]:
    score = score_of(predictions(net, weights, data[0]), data[1])
    return {"accuracy": score.accuracy or 0.0, "loss": score.loss}


def five(arguments: argparse.Namespace) -> None:
    """Five perceptrons on MNIST from five starts, merged into one."""
    recipe, folder = RECIPES["mnist-mlp"], arguments.folder
    data, net = recipe.data(arguments.data_root), recipe.net().eval()
    nets = [end("mnist-mlp", seed, folder, arguments.data_root)[0] for seed in range(5)]
    space, fit = WeightSpace.trace(net, data.x[:3]), data.fit()
    ends = [scored(net, weights, data.val)["accuracy"] for weights in nets]
    ways = {
        "naive average": lambda: merge(space, nets, "average"),
        "aligned, cycle-consistent": lambda: merge(space, nets, "aligned"),
        "aligned, cycle-consistent, mended": lambda: merge(space, nets, "aligned", net, fit),
        "straight-through, pairs": lambda: merge(
            space, [nets[0], *_learned(space, net, nets, fit, arguments.steps)], "average"
        ),
    }
    for way, made in ways.items():
        clock = Clock()
        weights = made()
        write(arguments.out, "five merged", way=way, ends=ends, **scored(net, weights, data.val), **clock.read())
    found = align_all(space, nets)
    write(arguments.out, "five merged", way="once round the circle", largest_move=_round(space, found, nets[0]))


def _learned(
    space: WeightSpace, net: nn.Module, nets: list[Weights], fit: tuple[Tensor, Tensor], steps: int
) -> list[Weights]:
    found = [align(space, nets[0], other, "straight-through", module=net, data=fit, steps=steps) for other in nets[1:]]
    return [nets[0], *(space.apply(symmetry, other) for symmetry, other in zip(found, nets[1:], strict=True))]


def _round(space: WeightSpace, found: list, net: Weights) -> float:
    """How far a net is moved by going from each net to the next one until the first is reached again."""
    path = space.identity()
    for one, other in zip(found, [*found[1:], found[0]], strict=True):
        path = other.inverse().compose(one).compose(path)
    return max(float((t - net[n]).abs().max()) for n, t in space.apply(path, net).items())


def diwa(arguments: argparse.Namespace) -> None:
    """Ten fine-tunings of one start with other orders, rates and decays: averages on clean and on shifted MNIST.

    Images are 14x14. A member is picked, and the greedy average chosen, on 1,000 clean validation images; all are
    measured on 3,000 others. Statistics of batch norms are measured again on clean training images.
    """
    data = RECIPES["mnist-mlp"].data(arguments.data_root)
    x, x_val = (functional.avg_pool2d(part.reshape(-1, 1, 28, 28), 2) for part in (data.x, data.x_val))
    net = build_net(RESNET[0], **RESNET[1]).eval()
    space, train, fit = WeightSpace.trace(net, x[:3]), (x, data.y), (x[:2000], data.y[:2000])
    start = train_stack(net, [fresh(*RESNET, 0)], train, arguments.shared_steps, 5e-3, 0)[0]
    ways = [(lr, decay) for decay in (1e-3, 1e-1) for lr in arguments.rates]
    nets = [train_stack(net, [start], train, 150, way[0], k, way[1])[0] for k, way in enumerate(ways)]
    choosing, measured = (x_val[:1000], data.y_val[:1000]), (x_val[1000:4000], data.y_val[1000:4000])
    picked = min(range(len(nets)), key=lambda k: scored(net, nets[k], choosing)["loss"])
    averages = [reset_statistics(net, merge(space, nets, "average"), fit[0]),
                reset_statistics(net, merge(space, nets, "greedy", net, choosing, mend=False), fit[0])]  # fmt: skip
    for shift, inputs in _shifts(measured[0]).items():
        found = [scored(net, weights, (inputs, measured[1]))["accuracy"] for weights in (*nets, *averages)]
        members = found[: len(nets)]
        write(arguments.out, "average of ten runs", shared_steps=arguments.shared_steps, rates=arguments.rates,
              shift=shift, best_member=max(members), picked_member=members[picked],
              mean_member=sum(members) / len(members), average=found[-2], greedy=found[-1])  # fmt: skip


def _shifts(x: Tensor) -> dict[str, Tensor]:
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    covered = x.clone()
    covered[:, :, 4:8, 4:8] = x.min()
    return {
        "none": x,
        "noise": x + x.std() * noise,
        "moved by one pixel": x.roll(1, -1),
        "moved by two pixels": x.roll(2, -1),
        "half the contrast": 0.5 * x,
        "blurred": functional.avg_pool2d(x, 3, 1, 1),
        "covered in part": covered,
        "black for white": x.max() + x.min() - x,
        "turned upside down": x.flip(2),
    }


def packed(arguments: argparse.Namespace) -> None:
    """A perceptron fine-tuned on half of the digits, stored as what is left of the difference."""
    recipe = RECIPES["mnist-mlp"]
    data, net = recipe.data(arguments.data_root), recipe.net().eval()
    base = end("mnist-mlp", 0, arguments.folder, arguments.data_root)[0]
    half = data.y < 5
    child = train_stack(net, [base], (data.x[half], data.y[half]), 60, 3e-4, 9)[0]
    path = Path(arguments.out).with_suffix(".packed.safetensors")
    found = pack(child, base, path)
    again = unpack(path, base)
    few = data.y_val < 5
    val = data.x_val[few], data.y_val[few]
    names = {"parent": base, "child": child, "unpacked": again}
    accuracies = {who: scored(net, weights, val)["accuracy"] for who, weights in names.items()}
    path.unlink()
    write(arguments.out, "packed", times_smaller=found.ratio, weight_error=found.error, **accuracies)


PARTS = {"five": five, "diwa": diwa, "packed": packed}


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--shared-steps", type=int, default=300, help="of the start that the runs of diwa share")
    parser.add_argument("--rates", nargs=5, type=float, default=[5e-4, 1e-3, 2e-3, 3e-3, 5e-3], help="of diwa's runs")
    parser.add_argument("--steps", type=int, default=100, help="of straight-through matching")
    arguments = parsed(parser)
    for part in arguments.parts:
        PARTS[part](arguments)


if __name__ == "__main__":
    main()
