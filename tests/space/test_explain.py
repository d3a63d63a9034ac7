"""Sentences on why axes are free or fixed."""

import json

import pytest
import torch
from torch import nn

from tests.space.nets.architectures import traced
from tests.space.nets.layered import Code
from weightspace.space import WeightSpace


def lines(space, tensor):
    return space.explain(tensor).splitlines()


def test_a_convolution():
    head, *axes = lines(traced("residual"), "conv1.weight")
    assert head == "conv1.weight has the axes 'conv1 stem 3 3'; it is a parameter that leads from stem to conv1."
    assert axes[0] == (
        "Axis 0, 'conv1', 8 entries. The neurons of 'conv1' are free: they can be permuted and scaled, if those of "
        "n1.weight, n1.bias, n1.running_mean, 2 more are too. In eval mode alone they can be scaled or flipped in sign "
        "otherwise."
    )
    assert axes[2] == (
        "Axis 2, '3', 3 entries. It is fixed, because conv2d, in 'conv1' at "
        "`inner = F.relu(m.n1(m.conv1(stream)))`, tells its entries apart."
    )


def test_inputs_and_outputs():
    assert "It is fixed, because it is the module's input." in traced("residual").explain("stem.weight")
    assert lines(traced("residual"), "head.bias")[1:] == [
        "Axis 0, 'out', 2 entries. It is fixed, because it is the module's output."
    ]


ROLLED = "roll, at `return m.o(m.a(x).roll(1, 1))`, tells its entries apart"


def rolled(verify=True):
    def forward(m, x):
        return m.o(m.a(x).roll(1, 1))

    return WeightSpace.trace(Code(forward, a=nn.Linear(5, 8), o=nn.Linear(8, 2)), torch.randn(3, 5), verify=verify)


@pytest.mark.parametrize(("tensor", "axis"), [("a.weight", 0), ("a.bias", 0), ("o.weight", 1)])
def test_the_operator_that_fixed_neurons_is_named_wherever_they_stand(tensor, axis):
    assert f"It is fixed, because {ROLLED}." in lines(rolled(), tensor)[1 + axis]


def test_parts_of_an_axis():
    line = lines(traced("relative_positions"), "qkv.bias")[1]
    assert "The neurons of 'qkv.heads' are free" in line and "The neurons of 'qkv.dim.2' are free" in line

    class EverySecond(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.o = nn.Linear(5, 8), nn.Linear(4, 2)

        def forward(self, x):
            return self.o(self.a(x)[..., ::2])

    line = lines(WeightSpace.trace(EverySecond(), torch.randn(3, 5)), "a.bias")[1]
    assert "The neurons of 'a' are free" in line
    assert (
        "Its part '2' is fixed, because slice, at `return self.o(self.a(x)[..., ::2])`, tells its entries apart."
        in line
    )


@pytest.mark.parametrize(
    ("name", "tensor", "clause"),
    [
        ("tied", "unused.bias", "no output of the example depends on it"),
        ("relative_positions", "distance", "what reads such a tensor isn't known"),
        ("relative_positions", "table", "index, at `bias = self.table["),
        ("local_response", "0.bias", "avg_pool3d, in '1', tells its entries apart"),
        ("padded_channels", "a.weight", "a single entry has nothing to change places with"),
        ("written_in_place", "o.weight", "slice_scatter, at `h[:, 2:4].mul_(2)`, tells its entries apart"),
    ],
)
def test_other_causes(name, tensor, clause):
    assert f"fixed, because {clause}" in traced(name).explain(tensor)


def test_constants_that_the_state_dict_does_not_hold():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.o = nn.Linear(5, 8), nn.Linear(8, 2)
            self.register_buffer("table", torch.randn(8), persistent=False)

        def forward(self, x):
            return self.o((self.a(x) + self.table).relu())

    space = WeightSpace.trace(Net(), torch.randn(3, 5))
    assert "fixed, because it moves with the constant 'table', which the state dict doesn't hold." in space.explain(
        "a.bias"
    )


def test_what_the_example_reads_of_a_table():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.places, self.o = nn.Parameter(torch.randn(12, 4)), nn.Linear(4, 2)

        def forward(self, x):
            return self.o((x + self.places[: x.shape[1]]).relu())

    space = WeightSpace.trace(Net(), torch.randn(3, 5, 4))
    assert lines(space, "places")[-1] == "With this example: read 5 of 12 along axis 0."
    assert "Axis 0, '12', 12 entries. It is fixed, because" in space.explain("places")


def test_names_that_the_proof_refused():
    space = rolled(verify=False)
    failed = json.loads(space.to_json())
    failed["report"]["failed"] = ["a.fixed"]
    told = WeightSpace.from_dict(failed).explain("a.bias")
    assert "fixed, because moving the neurons of 'a.fixed' changed the outputs when it was tried." in told


def test_causes_are_written_and_read():
    again = WeightSpace.from_json(rolled().to_json())
    assert again.explain("a.bias") == rolled().explain("a.bias")
    assert ROLLED in again.report.causes["a.bias"][0]


def test_a_space_by_hand():
    space = WeightSpace.parse({"w": "h in 3", "c": ""}, sizes={"h": 2, "in": 4})
    assert lines(space, "w") == [
        "w has the axes 'h in 3'; it is a parameter that leads from in to h.",
        "Axis 0, 'h', 2 entries. The neurons of 'h' are free: they can be permuted.",
        "Axis 1, 'in', 4 entries. It is fixed, because 'in' was declared so when the space was made.",
        "Axis 2, '3', 3 entries. It is fixed, because the notation gives it a number and no name.",
    ]
    assert space.explain("c") == "c is a parameter without axes; nothing acts on it."


def test_an_unknown_tensor():
    with pytest.raises(ValueError, match=r"The space has no tensor 'a.weigth' \(did you mean 'a.weight'\?\)"):
        rolled(verify=False).explain("a.weigth")
