"""Nets that were made from others are recognised, whatever was done to hide it; independent runs are not."""

import pytest
import torch

from tests.align.laundered import merged, pruned, rounded, stacked
from tests.align.planted import hidden, net_of, noisy, traced
from weightspace.align import family_tree, lineage
from weightspace.align.lineage import p_values, scores

DEEDS = {
    "noise": lambda space, net: noisy(net, 0.01, 9),
    "pruning 30 %": lambda space, net: pruned(net, 0.3),
    "pruning 60 %": lambda space, net: pruned(net, 0.6),
    "int8": lambda space, net: rounded(net),
    "more training": lambda space, net: noisy(net, 0.3, 9),
    "merging": lambda space, net: merged(net, net_of(space, 1)),
}


def strangers(space, count=6, first=100):
    return stacked([net_of(space, first + k) for k in range(count)], space)


@pytest.mark.parametrize("name", ["tanh mlp", "cnn", "resnet", "vit"])
@pytest.mark.parametrize("deed", DEEDS)
def test_a_laundered_net_is_recognised(name, deed):
    space = traced(name)
    parent = net_of(space, 0)
    child, _ = hidden(space, DEEDS[deed](space, parent), 5)
    found = lineage(space, parent, child, strangers(space))
    assert found.p_value < 1e-4
    assert found.score > 0.5


@pytest.mark.parametrize("name", ["tanh mlp", "cnn", "resnet", "vit"])
def test_another_run_is_not(name):
    space = traced(name)
    found = lineage(space, net_of(space, 0), net_of(space, 1), strangers(space))
    assert found.p_value > 1e-3


def test_shuffled_entries_stand_for_strangers_where_none_are_given():
    space = traced("cnn")
    parent = net_of(space, 0)
    child, _ = hidden(space, pruned(parent, 0.3), 5)
    assert lineage(space, parent, child).p_value < 1e-6
    assert lineage(space, parent, net_of(space, 1)).p_value > 1e-3


def test_p_values_of_independent_runs_are_uniform():
    space = traced("cnn")
    table = scores(space, stacked([net_of(space, k) for k in range(24)], space), strangers(space, 24))
    null = scores(space, strangers(space, 24, 500), strangers(space, 24, 700)).flatten()
    values = p_values(table.flatten(), null).sort().values
    grid = (torch.arange(len(values)) + 0.5) / len(values)
    assert (values - grid).abs().max() < 0.1


def test_a_family_is_put_together():
    space = traced("cnn")
    nets = {f"run {k}": net_of(space, k) for k in range(6)}
    nets["child"] = hidden(space, noisy(nets["run 0"], 0.2, 1), 11)[0]
    nets["grandchild"] = hidden(space, noisy(nets["child"], 0.2, 2), 12)[0]
    nets["pruned"] = hidden(space, pruned(nets["run 1"], 0.3), 13)[0]
    nets["merged"] = hidden(space, merged(nets["run 2"], nets["run 3"]), 14)[0]
    tree = family_tree(space, nets)
    number = {name: k for k, name in enumerate(nets)}
    joined = {frozenset((tree.names[e.parent], tree.names[e.child])) for e in tree.edges}
    pairs = [("run 0", "child"), ("child", "grandchild"), ("run 1", "pruned"), ("run 2", "merged"), ("run 3", "merged")]
    assert joined == {frozenset(pair) for pair in pairs}
    assert tree.parents(number["pruned"]) == (number["run 1"],)
    assert set(tree.parents(number["merged"])) == {number["run 2"], number["run 3"]}
    assert (number["run 4"],) in tree.families


def test_a_copy_of_half_precision_is_never_the_parent():
    space = traced("cnn")
    nets = {f"run {k}": net_of(space, k, torch.float32) for k in range(6)}
    nets["half"] = {name: tensor.half() for name, tensor in nets["run 0"].items()}
    nets["child"] = noisy(nets["run 0"], 0.05, 1)
    tree = family_tree(space, nets)
    number = {name: k for k, name in enumerate(nets)}
    assert tree.parents(number["half"]) == (number["run 0"],)
    assert number["half"] not in {edge.parent for edge in tree.edges}


def test_strangers_make_no_family():
    space = traced("cnn")
    assert family_tree(space, {str(k): net_of(space, k) for k in range(8)}).edges == ()


def test_the_tree_is_drawn(tmp_path):
    space = traced("cnn")
    nets = {str(k): net_of(space, k) for k in range(3)}
    nets["child"] = noisy(nets["0"], 0.1, 1)
    path = family_tree(space, nets, strangers(space)).plot(tmp_path / "tree.png")
    assert path.stat().st_size > 5_000


def test_too_few_nets_are_refused():
    space = traced("cnn")
    net = net_of(space, 0)
    with pytest.raises(ValueError, match=r"or six without null=.*got 3"):
        family_tree(space, {str(k): net for k in range(3)})
    with pytest.raises(ValueError, match="at least 4 nets, got 2"):
        lineage(space, net, net, strangers(space, 2))
    with pytest.raises(ValueError, match="takes two single nets"):
        lineage(space, strangers(space, 2), net)
    with pytest.raises(ValueError, match=r"broken: tensor 'convs\.0\.bias' holds NaN"):
        family_tree(
            space, {**{str(k): net for k in range(6)}, "broken": {**net, "convs.0.bias": net["convs.0.bias"] / 0 * 0}}
        )
