"""How long acting on weights takes against copying them; run `python scripts/bench/bench_apply.py`.

A row for permutations alone and for all kinds, into new memory, other memory and in place, as ratios to a copy into the
same kind of memory; copies and actions take turns, and the least of many runs counts. On a busy machine, `--cpu` counts
the seconds of the processor instead of those of the wall.
"""

import argparse
import time
from collections.abc import Callable

import torch
from bench_trace import Vision, resnet18, small
from torch import Tensor

from weightspace.space import WeightSpace


def in_turns(runs: dict[str, Callable[[], object]], repeats: int, clock: Callable[[], float]) -> dict[str, float]:
    """The least seconds of each run."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(repeats):
        for name, run in runs.items():
            began = clock()
            run()
            best[name] = min(best[name], clock() - began)
    return best


def row(
    name: str, space: WeightSpace, weights: dict[str, Tensor], repeats: int, clock: Callable[[], float]
) -> list[str]:
    """Milliseconds of a copy, and what acting takes in copies."""
    generator = torch.Generator().manual_seed(0)
    moves = space.random_symmetry(generator)
    whole = space.random_symmetry(generator, ("permutation", "scale", "sign"))
    other = {key: tensor.clone() for key, tensor in weights.items()}
    own = {key: tensor.clone() for key, tensor in weights.items()}

    def copied() -> None:
        for key, tensor in weights.items():
            other[key].copy_(tensor)

    best = in_turns({
        "copy": lambda: {key: tensor.clone() for key, tensor in weights.items()}, "copied": copied,
        "moves": lambda: space.apply(moves, weights), "whole": lambda: space.apply(whole, weights),
        "out": lambda: space.apply(moves, weights, out=other), "in place": lambda: space.apply(moves, own, out=own),
        "whole out": lambda: space.apply(whole, weights, out=other),
        "whole in place": lambda: space.apply(whole, own, out=own),
    }, repeats, clock)  # fmt: skip
    ratios = [best[key] / best["copy"] for key in ("moves", "whole")]
    ratios += [best[key] / best["copied"] for key in ("out", "whole out", "in place", "whole in place")]
    return [name, f"{1e3 * best['copy']:.2f}", f"{1e3 * best['copied']:.2f}", *(f"{ratio:.2f}" for ratio in ratios)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--cpu", action="store_true", help="processor seconds")
    args = parser.parse_args()
    settings = (args.repeats, time.process_time if args.cpu else time.perf_counter)
    torch.manual_seed(0)
    builds = {
        "resnet-18": resnet18,
        "vit-s/16": lambda: (Vision(384, 12, 6), (torch.randn(1, 3, 224, 224),)),
        "vit-b/16": lambda: (Vision(), (torch.randn(1, 3, 224, 224),)),
    }
    head = ["weights", "copy ms", "into other ms", "moves", "all kinds", "moves, out", "all, out", "moves, in place",
            "all, in place"]  # fmt: skip
    print("  ".join(cell.rjust(15) for cell in head))
    for name, build in builds.items():
        module, inputs = build()
        space = WeightSpace.trace(module.eval(), *inputs, verify=False)
        weights = {key: value.detach() for key, value in module.state_dict().items()}
        print("  ".join(cell.rjust(15) for cell in row(name, space, weights, *settings)))
    module, inputs = small()
    space = WeightSpace.trace(module, *inputs, verify=False)
    stack = {name: tensor.expand(2000, *tensor.shape).clone() for name, tensor in module.state_dict().items()}
    print("  ".join(cell.rjust(15) for cell in row("2,000 small cnn", space, stack, *settings)))


if __name__ == "__main__":
    main()
