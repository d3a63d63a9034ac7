"""What aligning, merging, packing and lineage reach, on small nets that are trained in the same run.

    python scripts/bench/bench_align.py --data-root data                    # everything, on two cores
    python scripts/bench/bench_align.py --only planted lineage              # parts

Writes a line of JSON for each result to --out. All scores are on validation data. `mnist` and `pack` need the IDX files
of MNIST in DATA_ROOT/mnist; everything else runs on the digits that come with scikit-learn.
"""

import argparse
import copy
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from weightspace.align import align, barrier, family_tree, merge, pack, unpack
from weightspace.align.checks import ready
from weightspace.align.lineage import p_values, scores
from weightspace.align.matching.score import predictions, score_of
from weightspace.data import load_dataset, using_data_root
from weightspace.nets import build_net
from weightspace.nets.stacked.run import run_stack
from weightspace.space import WeightSpace

Weights = dict[str, Tensor]
KINDS = ("permutation", "scale", "sign", "phase")


# ---- nets -----------------------------------------------------------------------------------------------------------


def trace(kind: str, **settings: Any) -> tuple[WeightSpace, nn.Module]:
    net = build_net(kind, **settings)
    return WeightSpace.trace(net, *net.example_inputs()), net


def random_net(space: WeightSpace, seed: int) -> Weights:
    generator, weights = torch.Generator().manual_seed(seed), {}
    for name, spec in space.tensors.items():
        drawn = torch.randn(spec.shape, generator=generator)
        fan_in = spec.numel / spec.shape[0] if len(spec.axes) > 1 else 1.0
        weights[name] = drawn.abs() if spec.slot == "var" else drawn / fan_in**0.5
        if not spec.dtype.startswith("float"):
            weights[name] = torch.zeros(spec.shape, dtype=torch.int64)
    return weights


def noisy(weights: Weights, share: float, seed: int) -> Weights:
    generator = torch.Generator().manual_seed(seed)
    return {
        n: t + share * t.std() * torch.randn(t.shape, generator=generator)
        if t.is_floating_point() and t.numel() > 1
        else t
        for n, t in weights.items()
    }


def hidden(space: WeightSpace, weights: Weights, seed: int) -> Weights:
    return space.apply(space.random_symmetry(torch.Generator().manual_seed(seed), kinds=KINDS), weights)


def train_stack(
    net: nn.Module, nets: list[Weights], data: tuple[Tensor, Tensor], steps: int, lr: float, seed: int, decay: float
) -> list[Weights]:
    """Train nets side by side, each on batches of its own."""
    stack = {n: torch.stack([w[n] for w in nets]) for n in nets[0]}
    trained = {n for n, _ in net.named_parameters()}
    for name in trained:
        stack[name] = stack[name].clone().requires_grad_(True)
    optimizer = torch.optim.AdamW([stack[n] for n in stack if n in trained], lr=lr, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    generator, net = torch.Generator().manual_seed(seed), copy.deepcopy(net).train()
    for _ in range(steps):
        rows = torch.randint(len(data[0]), (len(nets), 64), generator=generator)
        outputs = run_stack(net, stack, data[0][rows])
        loss = functional.cross_entropy(outputs.flatten(0, 1), data[1][rows].flatten(), reduction="sum") / 64
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return [{n: t[k].detach().clone() for n, t in stack.items()} for k in range(len(nets))]


def fresh(kind: str, settings: dict[str, Any], seed: int) -> Weights:
    torch.manual_seed(seed)
    return {n: t.detach().clone() for n, t in build_net(kind, **settings).state_dict().items()}


# ---- planted symmetries, and speed ----------------------------------------------------------------------------------

PLANTED = {
    "mlp 3x5": ("mlp", {"hidden": [5] * 3}), "mlp 5x50": ("mlp", {"hidden": [50] * 5}),
    "mlp tanh 4x30": ("mlp", {"hidden": [30] * 4, "activation": "tanh"}), "siren 2x32": ("siren", {"hidden": [32, 32]}),
    "cnn 3-5-4": ("cnn", {"channels": [3, 5, 4]}), "cnn 30-50-40": ("cnn", {"channels": [30, 50, 40]}),
    "resnet 4": ("resnet", {"width": 4, "blocks": [2, 2]}), "resnet 48": ("resnet", {"width": 48, "blocks": [1]}),
    "vit 32": ("vit", {"dim": 32, "heads": 4}),
}  # fmt: skip


def planted(write: Callable[..., None], _: argparse.Namespace) -> None:
    for name, (kind, settings) in PLANTED.items():
        space, _net = trace(kind, **settings)
        for noise in (0.0, 0.01):
            right, started = 0, time.perf_counter()
            for seed in range(100):
                weights = random_net(space, seed)
                moved = hidden(space, noisy(weights, noise, seed + 100), seed + 500)
                back = space.apply(align(space, weights, moved), moved)
                gaps = [
                    float((back[n] - t).norm() / t.norm().clamp_min(1e-9)) for n, t in weights.items() if t.ndim > 1
                ]
                right += max(gaps) < 0.1
            seconds = (time.perf_counter() - started) / 100
            write("planted", net=name, noise=noise, found=right, of=100, seconds_each=round(seconds, 3))


def speed(write: Callable[..., None], _: argparse.Namespace) -> None:
    space, _net = trace("resnet", width=64, blocks=[2, 2, 2, 2], in_channels=3, image_size=32)
    one, other = random_net(space, 0), random_net(space, 1)
    started = time.perf_counter()
    align(space, one, other)
    entries = sum(spec.numel for spec in space.tensors.values())
    seconds = round(time.perf_counter() - started, 1)
    write(
        "speed",
        net="ResNet-18",
        entries=entries,
        seconds=seconds,
        threads=torch.get_num_threads(),
        load=os.getloadavg()[0],
    )


# ---- barriers and merges --------------------------------------------------------------------------------------------


def mnist(write: Callable[..., None], arguments: argparse.Namespace) -> None:
    data = load_dataset("mnist")
    settings = {"in_features": 784, "hidden": [512] * 4, "out_features": 10}
    space, net = trace("mlp", **settings)
    train = (data.x_train.flatten(1), data.y_train)
    val = (data.x_val[:5000].flatten(1), data.y_val[:5000])
    nets = []
    for seed in range(5):
        start = [fresh("mlp", settings, seed)]
        nets += train_stack(net, start, train, arguments.steps, 2e-3, seed, decay=1e-2)
    for method in ("weights", "activations"):
        fit = (train[0][:2000], train[1][:2000])
        found = barrier(space, net, nets[0], nets[1], val, points=11, method=method, fit=fit)
        for curve in found.curves:
            barriers = {"accuracy_barrier": curve.accuracy_barrier, "loss_barrier": curve.loss_barrier}
            about = {"method": method, "way": curve.name, "ends": curve.scores[0].accuracy, "steps": arguments.steps}
            write("mnist mlp 5 layers", **about, **barriers)
        if method == "weights":
            found.plot(Path(arguments.out).with_suffix(".mnist.png"))
    fit = (train[0][:2000], train[1][:2000])
    for name, how, fitted in (
        ("naive", "average", None),
        ("aligned", "aligned", None),
        ("aligned, repair", "aligned", fit),
    ):
        merged = merge(space, nets, how, net if fitted else None, fitted)
        score = score_of(predictions(net, merged, val[0]), val[1])
        write("five mnist mlps merged", way=name, accuracy=score.accuracy, loss=score.loss)
    moved = [nets[0]] + [
        space.apply(align(space, nets[0], other, "straight-through", module=net, data=fit, steps=40), other)
        for other in nets[1:]
    ]
    score = score_of(predictions(net, merge(space, moved, "average"), val[0]), val[1])
    write("five mnist mlps merged", way="straight-through", accuracy=score.accuracy, loss=score.loss)
    half = train[1] < 5
    child = train_stack(net, nets[:1], (train[0][half], train[1][half]), 60, 3e-4, 9, 0.0)[0]
    path = Path(arguments.out).with_suffix(".packed.safetensors")
    packed = pack(child, nets[0], path)
    again = unpack(path, nets[0])
    accuracies = [score_of(predictions(net, weights, val[0]), val[1]).accuracy for weights in (child, again)]
    path.unlink()
    write(
        "packed", times_smaller=packed.ratio, weight_error=packed.error, accuracy=accuracies[0], unpacked=accuracies[1]
    )


SMALL = {
    "cnn": ("cnn", {"channels": [16, 16, 16]}),
    "resnet-tiny": ("resnet", {"width": 8, "blocks": [1, 1]}),
    "vit-tiny": ("vit", {"dim": 16, "heads": 2, "depth": 2}),
}


def digits(write: Callable[..., None], arguments: argparse.Namespace) -> None:
    data = load_dataset("digits")
    train, val = (data.x_train, data.y_train), (data.x_val, data.y_val)
    for name, (kind, settings) in SMALL.items():
        space, net = trace(kind, **settings)
        nets = train_stack(net, [fresh(kind, settings, s) for s in (0, 1)], train, arguments.steps, 5e-3, 0, 1e-2)
        for method in ("weights", "activations", "straight-through"):
            for curve in barrier(space, net, *nets, val, points=11, method=method, fit=train).curves:
                if curve.name != "naive" or method == "weights":
                    write(f"digits {name}", method=method, way=curve.name, ends=curve.scores[0].accuracy,
                          accuracy_barrier=curve.accuracy_barrier, loss_barrier=curve.loss_barrier)  # fmt: skip


def diwa(write: Callable[..., None], arguments: argparse.Namespace) -> None:
    """Ten fine-tunings of one start with other orders and rates: their average on clean and on shifted data."""
    data = load_dataset("digits")
    train, val = (data.x_train, data.y_train), (data.x_val, data.y_val)
    space, net = trace("resnet", **SMALL["resnet-tiny"][1])
    start = train_stack(net, [fresh("resnet", SMALL["resnet-tiny"][1], 0)], train, 60, 5e-3, 0, 1e-2)[0]
    nets = [
        train_stack(net, [start], train, arguments.steps // 2, lr, seed, 1e-2)[0]
        for seed, lr in enumerate([1e-3, 2e-3, 3e-3, 5e-3, 7e-3] * 2)
    ]
    merged = merge(space, nets, "average")
    noise = torch.randn(val[0].shape, generator=torch.Generator().manual_seed(0))
    spread = val[0].std()
    shifts = {
        "none": val[0],
        "noise": val[0] + spread * noise,
        "shift by one pixel": val[0].roll(1, -1),
        "dim": 0.5 * val[0],
    }
    for shift, inputs in shifts.items():
        accuracies = [score_of(predictions(net, weights, inputs), val[1]).accuracy for weights in (*nets, merged)]
        write("average of ten runs", shift=shift, best_member=max(accuracies[:-1]), average=accuracies[-1])


# ---- lineage --------------------------------------------------------------------------------------------------------

Made = tuple[str, Weights, tuple[int, ...]]


def lineage(write: Callable[..., None], arguments: argparse.Namespace) -> None:
    data = load_dataset("digits")
    train = (data.x_train, data.y_train)
    for name, (kind, settings) in SMALL.items():
        space, net = trace(kind, **settings)
        runs = train_stack(net, [fresh(kind, settings, s) for s in range(arguments.runs + 16)], train,
                           arguments.steps, 5e-3, 0, 1e-2)  # fmt: skip
        null = {n: torch.stack([w[n] for w in runs[arguments.runs :]]) for n in runs[0]}
        made = family(net, runs[: arguments.runs], train)
        nets = [disguised(space, weights, k) if k % 2 else weights for k, (_, weights, _) in enumerate(made)]
        stack = ready(space, {n: torch.stack([w[n] for w in nets]) for n in nets[0]}, "nets")[0]
        started = time.perf_counter()
        table = scores(space, stack)
        seconds = (time.perf_counter() - started) / (len(nets) * (len(nets) - 1) / 2)
        strangers = scores(space, stack, null).flatten()
        report(write, name, made, table, strangers, seconds)
        for other, rival in {"raw cosine": raw_cosine(stack), "spectra": spectra(stack)}.items():
            report_rival(write, name, made, other, rival)
        tree = family_tree(space, {str(k): w for k, w in enumerate(nets)}, null)
        found = {frozenset((e.parent, e.child)) for e in tree.edges}
        true = {frozenset((k, p)) for k, (_, _, parents) in enumerate(made) for p in parents}
        write("family tree", net=name, edges=len(true), recovered=len(found & true) / len(true),
              of_found_right=len(found & true) / max(1, len(found)))  # fmt: skip
        tree.plot(Path(arguments.out).with_suffix(f".{name}.png"))


def family(net: nn.Module, runs: list[Weights], train: tuple[Tensor, Tensor]) -> list[Made]:
    """Runs, and what was made from some of them: (deed, weights, numbers of the parents)."""
    made: list[Made] = [("run", weights, ()) for weights in runs]
    few = max(1, len(runs) // 10)
    tuned = train_stack(net, runs[: 2 * few], train, 60, 1e-3, 7, 1e-2)
    made += [("fine-tuned", weights, (k,)) for k, weights in enumerate(tuned)]
    grand = train_stack(net, tuned[:few], train, 60, 1e-3, 8, 1e-2)
    made += [("grandchild", weights, (len(runs) + k,)) for k, weights in enumerate(grand)]
    for number in range(few):
        k = 2 * few + 5 * number
        made.append(("copy", noisy(runs[k], 0.01, k), (k,)))
        made.append(("pruned 30 %", pruned(runs[k + 1], 0.3), (k + 1,)))
        made.append(("pruned 60 %", pruned(runs[k + 2], 0.6), (k + 2,)))
        made.append(("int8", rounded(runs[k + 3]), (k + 3,)))
    for number in range(few):
        one, other = 7 * few + number, 8 * few + number
        both = {n: (t + runs[other][n]) / 2 if t.is_floating_point() else t for n, t in runs[one].items()}
        made.append(("merged", both, (one, other)))
    return made


def pruned(weights: Weights, share: float) -> Weights:
    return {
        n: torch.where(t.abs() >= t.abs().flatten().quantile(share), t, torch.zeros_like(t)) if t.ndim > 1 else t
        for n, t in weights.items()
    }


def rounded(weights: Weights) -> Weights:
    return {
        n: (t / (t.abs().max() / 127)).round() * (t.abs().max() / 127) if t.ndim > 1 else t for n, t in weights.items()
    }


def disguised(space: WeightSpace, weights: Weights, seed: int) -> Weights:
    return hidden(space, noisy(weights, 0.01, seed + 2000), seed + 3000)


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
    return {"auroc": float(below.double().mean() / len(wrong)), "tpr at fpr .1 %": float((right > bar).double().mean()),
            "parent found": sum(found) / len(found), "related": len(right), "unrelated": len(wrong)}  # fmt: skip


def report(
    write: Callable[..., None], name: str, made: list[Made], table: Tensor, null: Tensor, seconds: float
) -> None:
    line, none = relatives(made)
    values = p_values(table[none], null).sort().values
    grid = (torch.arange(len(values)) + 0.5) / len(values)
    by_deed = {
        deed: float(min(table[k, p] for k, (d, _, parents) in enumerate(made) if d == deed for p in parents))
        for deed in dict.fromkeys(d for d, _, parents in made if parents)
    }
    write("lineage", net=name, nets=len(made), **rates(made, table), seconds_a_pair=seconds,
          p_value_ks=float((values - grid).abs().max()), largest_unrelated=float(table[none].max()),
          lowest_by_deed=by_deed, worst_p_related=float(p_values(table[line], null).max()))  # fmt: skip


def report_rival(write: Callable[..., None], name: str, made: list[Made], rival: str, table: Tensor) -> None:
    write("lineage, rival", net=name, rival=rival, **rates(made, table))


def raw_cosine(stack: Weights) -> Tensor:
    flat = torch.cat([t.flatten(1) for t in stack.values() if t.is_floating_point() and t.ndim > 2], 1)
    flat = flat / flat.norm(dim=1, keepdim=True)
    return flat @ flat.T


def spectra(stack: Weights) -> Tensor:
    values = [torch.linalg.svdvals(t.flatten(2)) for t in stack.values() if t.is_floating_point() and t.ndim > 2]
    flat = torch.cat([v / v.norm(dim=1, keepdim=True) for v in values], 1)
    return -torch.cdist(flat, flat)


PARTS = {"planted": planted, "speed": speed, "digits": digits, "diwa": diwa, "lineage": lineage, "mnist": mnist}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--data-root", help="the folder that holds mnist/")
    parser.add_argument("--steps", type=int, default=300, help="of training")
    parser.add_argument("--runs", type=int, default=60, help="independent nets of each kind for lineage")
    parser.add_argument("--out", default="scripts/bench/results/align.jsonl")
    arguments = parser.parse_args()
    Path(arguments.out).parent.mkdir(parents=True, exist_ok=True)

    def write(what: str, **values: Any) -> None:
        line = json.dumps({"what": what, **values})
        print(line, flush=True)
        with open(arguments.out, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    with using_data_root(arguments.data_root):
        for part in arguments.only:
            PARTS[part](write, arguments)


if __name__ == "__main__":
    main()
