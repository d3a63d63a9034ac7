"""Nets merged: five perceptrons from five starts, ten runs from one start, and a fine-tuned net packed.

    python scripts/bench/align/merging.py five diwa packed --data-root data

The runs of `diwa` are trained at once, on digits; the perceptrons are those of `ends.py`.
"""

import argparse
from pathlib import Path

import torch
from ends import Weights, end
from family import fresh, train_stack
from material import RECIPES, digits
from rows import Clock, flags, parsed, write
from torch import Tensor, nn

from weightspace.align import align, align_all, merge, pack, unpack
from weightspace.align.matching.score import predictions, score_of
from weightspace.nets import build_net
from weightspace.space import WeightSpace

RESNET = ("resnet", {"width": 8, "blocks": [1, 1]})


def scored(net: nn.Module, weights: Weights, data: tuple[Tensor, Tensor]) -> dict[str, float]:
    score = score_of(predictions(net, weights, data[0]), data[1])
    return {"accuracy": score.accuracy or 0.0, "loss": score.loss}


def five(arguments: argparse.Namespace) -> None:
    """Five perceptrons on MNIST from five starts, merged into one."""
    recipe, folder = RECIPES["mnist-mlp"], arguments.folder
    data, net = recipe.data(), recipe.net().eval()
    nets = [end("mnist-mlp", seed, folder)[0] for seed in range(5)]
    space, fit = WeightSpace.trace(net, data.x[:3]), data.fit()
    ends = [scored(net, weights, data.val)["accuracy"] for weights in nets]
    ways = {
        "naive average": lambda: merge(space, nets, "average"),
        "aligned, cycle-consistent": lambda: merge(space, nets, "aligned"),
        "aligned, cycle-consistent, mended": lambda: merge(space, nets, "aligned", net, fit),
        "straight-through, pairs": lambda: merge(space, [nets[0], *_learned(space, net, nets, fit)], "average"),
    }
    for way, made in ways.items():
        clock = Clock()
        weights = made()
        write(arguments.out, "five merged", way=way, ends=ends, **scored(net, weights, data.val), **clock.read())
    found = align_all(space, nets)
    write(arguments.out, "five merged", way="once round the circle", largest_move=_round(space, found, nets[0]))


def _learned(space: WeightSpace, net: nn.Module, nets: list[Weights], fit: tuple[Tensor, Tensor]) -> list[Weights]:
    found = [align(space, nets[0], other, "straight-through", module=net, data=fit, steps=40) for other in nets[1:]]
    return [space.apply(symmetry, other) for symmetry, other in zip(found, nets[1:], strict=True)]


def _round(space: WeightSpace, found: list, net: Weights) -> float:
    """How far a net is moved by going from each net to the next one until the first is reached again."""
    path = space.identity()
    for one, other in zip(found, [*found[1:], found[0]], strict=True):
        path = other.inverse().compose(one).compose(path)
    return max(float((t - net[n]).abs().max()) for n, t in space.apply(path, net).items())


def diwa(arguments: argparse.Namespace) -> None:
    """Ten fine-tunings of one start with other orders and rates: their average on clean and on shifted digits."""
    data = digits()
    net = build_net(RESNET[0], **RESNET[1])
    space, train = WeightSpace.trace(net, *net.example_inputs()), (data.x, data.y)
    start = train_stack(net, [fresh(*RESNET, 0)], train, 60, 5e-3, 0)[0]
    rates = [1e-3, 2e-3, 3e-3, 5e-3, 7e-3] * 2
    nets = [train_stack(net, [start], train, 150, lr, seed)[0] for seed, lr in enumerate(rates)]
    merged, spread = merge(space, nets, "average"), data.x_val.std()
    noise = torch.randn(data.x_val.shape, generator=torch.Generator().manual_seed(0))
    shifts = {
        "none": data.x_val,
        "noise": data.x_val + spread * noise,
        "moved by one pixel": data.x_val.roll(1, -1),
        "moved by two pixels": data.x_val.roll(2, -1),
        "half the contrast": 0.5 * data.x_val,
        "turned upside down": data.x_val.flip(2),
    }
    for shift, inputs in shifts.items():
        accuracies = [scored(net, weights, (inputs, data.y_val))["accuracy"] for weights in (*nets, merged)]
        members = accuracies[:-1]
        write(arguments.out, "average of ten runs", shift=shift, best_member=max(members),
              mean_member=sum(members) / len(members), average=accuracies[-1])  # fmt: skip


def packed(arguments: argparse.Namespace) -> None:
    """A perceptron fine-tuned on half of the digits, stored as what is left of the difference."""
    recipe = RECIPES["mnist-mlp"]
    data, net = recipe.data(), recipe.net().eval()
    base = end("mnist-mlp", 0, arguments.folder)[0]
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
    arguments = parsed(parser)
    for part in arguments.parts:
        PARTS[part](arguments)


if __name__ == "__main__":
    main()
