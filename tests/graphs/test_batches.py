import copy

import pytest
import torch
from torch_geometric.data import Batch

from tests.graphs.spaces import SPACES, random_weights
from weightspace.graphs import Layout, by_skeleton, from_graph, mix, to_graph

COUNTS = {"mlp": 2, "cnn": 3, "lenet": 1, "concat": 2, "residual": 2}
STACKS = {name: random_weights(SPACES[name], nets=count) for name, count in COUNTS.items()}
LAYOUT = Layout.of(*SPACES.values())
NETS = sum(COUNTS.values())


def one_by_one(places):
    """What PyG collates from the graphs in those places."""
    graphs = [
        to_graph(SPACES[name], {key: tensor[i] for key, tensor in STACKS[name].items()}, LAYOUT)
        for name, count in COUNTS.items()
        for i in range(count)
    ]
    return Batch.from_data_list([graphs[number] for number in places.argsort()])


@pytest.fixture(params=["narrow", "wide"])
def batches(request):
    layout = LAYOUT if request.param == "wide" else None
    return [to_graph(SPACES[name], stack, layout) for name, stack in STACKS.items()]


@pytest.mark.parametrize("seed", [None, 0])
def test_mixed_is_what_pyg_collates(batches, seed):
    order = torch.arange(NETS) if seed is None else torch.randperm(NETS, generator=torch.Generator().manual_seed(seed))
    ours, theirs = mix(batches, None if seed is None else order), one_by_one(order)
    assert set(ours.keys()) == set(theirs.keys()) and ours.space == theirs.space and ours.layout == theirs.layout
    for key, value in theirs.to_dict().items():
        if torch.is_tensor(value):
            assert torch.equal(ours[key], value), key
    for mine, other in zip(ours.to_data_list(), theirs.to_data_list(), strict=True):
        assert set(mine.keys()) == set(other.keys())
        assert all(torch.equal(value, from_graph(other)[key]) for key, value in from_graph(mine).items())


def test_groups_are_the_batches_until_the_weights_are_touched(batches):
    places = torch.randperm(NETS, generator=torch.Generator().manual_seed(1))
    mixed = mix(batches, places)
    assert [group for _, group in by_skeleton(mixed)] == batches
    copied = copy.copy(mixed)
    copied.x = copied.x + 1.0
    moved = {tuple(numbers.sort().values.tolist()): group for numbers, group in by_skeleton(copied)}
    for numbers, group in by_skeleton(mixed):
        changed = from_graph(moved[tuple(numbers.sort().values.tolist())])
        back = from_graph(group)
        weight = next(name for name in back if name.endswith("weight"))
        assert torch.equal(changed[weight], back[weight][numbers.argsort()])
        biases = [name for name in back if name.endswith("bias")]
        assert all(torch.equal(changed[name], back[name][numbers.argsort()] + 1.0) for name in biases)


def test_batches_of_one_architecture_are_one_group_even_in_two_layouts():
    space, stack = SPACES["mlp"], STACKS["mlp"]
    for layouts in ((None, None), (None, LAYOUT)):
        parts = [to_graph(space, stack, layout) for layout in layouts]
        ((numbers, group),) = by_skeleton(mix(parts, torch.tensor([3, 0, 2, 1])))
        assert numbers.tolist() == [0, 1, 2, 3]
        for name, tensor in from_graph(group).items():
            assert torch.equal(tensor, torch.cat([stack[name]] * 2)[[1, 3, 2, 0]])


def test_gradients_pass_through_a_mixed_batch(batches):
    weights = random_weights(SPACES["cnn"], nets=2)
    leaf = weights["c2.weight"].requires_grad_()
    mixed = mix([to_graph(SPACES["cnn"], weights), to_graph(SPACES["mlp"], STACKS["mlp"])], torch.tensor([2, 0, 1, 3]))
    mixed.edge_attr.square().sum().backward()
    torch.testing.assert_close(leaf.grad, 2 * leaf.detach())


def test_every_place_is_named_once(batches):
    with pytest.raises(ValueError, match=r"places must hold each number from 0 to 9 once, got \[0, 0, 0"):
        mix(batches, torch.zeros(NETS, dtype=torch.long))
