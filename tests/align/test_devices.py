"""Every aligner where the nets are: what it gives is the CPU's, and nothing of it has to be moved by hand."""

import copy
import functools

import pytest
import torch

from tests.align.planted import hidden, net_of, noisy, traced
from tests.align.trained import points, trained
from weightspace import align as al
from weightspace.nets import build_net
from weightspace.space import WeightSpace

TOLERANCE = 1e-3  # of the largest entry: float32 in another order of sums
SPACES = ("mlp", "siren", "cnn", "vit")


@functools.cache
def space_of(name):
    """A space of the list, of a vision transformer with two heads."""
    if name != "vit":
        return traced(name)
    net = build_net("vit", dim=8, heads=2, depth=1)
    return WeightSpace.trace(net, *net.example_inputs())


@functools.cache
def planted(name):
    """Two nets of a space that are one but for a symmetry and noise."""
    weights = net_of(space_of(name), 0, torch.float32)
    return weights, hidden(space_of(name), noisy(weights, 0.01, 1), 2)[0]


def pair(kind, place):
    """A space, a module, two nets that were trained apart, and data, all there."""
    (space, module, one), (_, _, other) = trained(kind, 0, 10), trained(kind, 1, 10)
    nets = ({name: tensor.to(place) for name, tensor in net.items()} for net in (one, other))
    return space, copy.deepcopy(module).to(place), *nets, tuple(part.to(place) for part in points(kind))


def assert_close(found, wanted):
    assert set(found) == set(wanted)
    for key, tensor in wanted.items():
        there, scale = found[key].detach().cpu().double(), float(tensor.double().abs().max()) + 1e-3
        assert float((there - tensor.detach().double()).abs().max()) <= TOLERANCE * scale, key


def aligned(name, place):
    space, (a, b) = space_of(name), ({n: t.to(place) for n, t in net.items()} for net in planted(name))
    return space.apply(al.align(space, a, b), b)


def aligned_together(name, place):
    space, (a, b) = space_of(name), ({n: t.to(place) for n, t in net.items()} for net in planted(name))
    return space.apply(al.align_all(space, [a, b, a])[1], b)


@pytest.mark.parametrize(("by", "name"), [*((aligned, name) for name in SPACES), (aligned_together, "siren")])
def test_a_planted_symmetry_is_found_there(by, name, device):
    if name == "vit" and device.type != "cuda":
        pytest.skip("thousands of tiny steps, each of which costs a device that isn't there far more than a card")
    found = by(name, device)
    assert {tensor.device.type for tensor in found.values()} == {device.type}
    assert_close(found, by(name, "cpu"))


def by_method(method):
    def found(place):
        space, module, a, b, data = pair("cnn", place)
        return space.apply(al.align(space, a, b, method, module=module, data=data, steps=4), b)

    return found


def merged(method, kind):
    def found(place):
        space, module, a, b, data = pair(kind, place)
        return al.merge(space, [a, b], method, module=module, data=data)

    return found


def tasks(place):
    _, module, a, b, data = pair("resnet", place)
    return al.merge_tasks(a, [b, a], module, data, steps=4)[0]


def on_the_way(place):
    space, module, a, b, data = pair("cnn", place)
    curves = al.barrier(space, module, a, b, data, points=3).curves
    return {curve.name: torch.tensor([score.loss for score in curve.scores]) for curve in curves}


def distances(place):
    space, module, a, b, data = pair("mlp", place)
    stack = {name: torch.stack([a[name], b[name]]) for name in a}
    null = {name: torch.stack([net_of(space, seed, torch.float32)[name] for seed in range(4)]).to(place) for name in a}
    return {
        "weights": al.distance(space, stack, b),
        "function": al.function_distance(module, stack, b, data[0]),
        "lineage": torch.tensor(al.lineage(space, a, b, null).score),
        "mergeable": torch.tensor(al.mergeable(space, a, b).value),
        "family": al.family_tree(space, {"a": a, "b": b, "c": a}, null).scores,
    }


def neurons(way):
    def found(place):
        _, module, a, b, data = pair("cnn", place)
        match = al.correspond(module, a, b, data[0], "convs.0.weight", way)
        return {"table": match.table, "scores": match.scores}

    return found


def larger(place):
    space, _, a, b, _ = pair("mlp", place)
    name = space.free[0]
    grown = al.widen(space, a, name, 40, noise=0.1)
    return {
        **{f"wider {n}": tensor for n, tensor in grown.items()},
        **{f"mixed {n}": tensor for n, tensor in al.mixture_growth(space, [a, b]).items()},
        **{f"deeper {n}": tensor for n, tensor in al.deepen(space, a, "linears", 1).items()},
        **{f"carried {n}": tensor for n, tensor in al.transport(space, a, b, b).items()},
    }


def folded(place):
    space = space_of("vit")
    return al.fold_norms(space, {name: tensor.to(place) for name, tensor in planted("vit")[0].items()})


CASES = {
    **{f"align by {m}": by_method(m) for m in ("weights", "activations", "straight-through", "sinkhorn")},
    **{f"merge, {m}": merged(m, "cnn") for m in ("average", "aligned", "greedy", "aligned greedy")},
    "merge, statistics measured again": merged("aligned", "resnet"),
    **{f"correspond {way}": neurons(way) for way in ("one-to-one", "one-to-many", "many-to-many")},
    "merge tasks": tasks, "barrier": on_the_way, "distances": distances, "larger nets": larger, "fold norms": folded,
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_it_gives_is_what_the_cpu_gives(case, device):
    assert_close(CASES[case](device), CASES[case]("cpu"))


def test_a_net_is_packed_and_unpacked_there(device, tmp_path):
    *_, a, b, _ = pair("mlp", device)
    said = al.pack(b, a, tmp_path / "there", ratio=4)
    again = al.unpack(tmp_path / "there", a)
    assert {tensor.device.type for tensor in again.values()} == {device.type}
    *_, a, b, _ = pair("mlp", "cpu")
    assert al.pack(b, a, tmp_path / "here", ratio=4) == said
    assert_close(again, al.unpack(tmp_path / "here", a))
