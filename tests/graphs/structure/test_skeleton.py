"""What nets in one stack must share."""

from dataclasses import replace

from tests.graphs.spaces import SPACES
from weightspace.graphs import skeleton
from weightspace.nets import build_net
from weightspace.space import WeightSpace


def traced(**settings):
    net = build_net("mlp", in_features=3, out_features=2, **{"hidden": [5, 4]} | settings)
    return WeightSpace.trace(net, *net.example_inputs())


def test_activations_do_not_count_but_sizes_do():
    relu, tanh, wide = traced(activation="relu"), traced(activation="tanh"), traced(hidden=[5, 6])
    assert relu.hash != tanh.hash
    assert skeleton(relu) == skeleton(tanh)
    assert skeleton(relu) != skeleton(wide)


def test_every_space_has_its_own():
    assert len({skeleton(space) for space in SPACES.values()}) == len(SPACES)


def test_axes_and_types_of_tensors_count():
    space = SPACES["mlp"]
    for changed in ({"dtype": "float64"}, {"op": "conv"}, {"role": "other"}):
        tensors = dict(space.tensors) | {"0.bias": replace(space.tensors["0.bias"], **changed)}
        assert skeleton(replace(space, tensors=tensors)) != skeleton(space)
