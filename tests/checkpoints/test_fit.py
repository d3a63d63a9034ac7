import pytest
import torch
from torch import nn

from weightspace.checkpoints import fit_checkpoint, nonfinite_tensors
from weightspace.nets import build_net
from weightspace.space import WeightSpace


def traced(activation=nn.ReLU, width=5):
    net = nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), activation(), nn.Flatten(),
                        nn.Linear(4 * width, 7), activation(), nn.Linear(7, 2)).eval()  # fmt: skip
    return WeightSpace.trace(net, torch.ones(1, 1, 4, 4)), net.state_dict()


SPACE, WEIGHTS = traced()


def assert_fits(given, **options):
    space, found = fit_checkpoint([SPACE], given, **options)
    assert space == SPACE
    assert list(found) == list(SPACE.tensors)
    assert all(torch.equal(found[name], WEIGHTS[name]) for name in WEIGHTS)


def test_order_types_counters_and_prefixes_are_mended():
    assert_fits(dict(reversed(WEIGHTS.items())))
    assert_fits({name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in WEIGHTS.items()})
    assert_fits({name: tensor for name, tensor in WEIGHTS.items() if "num_batches" not in name})
    assert_fits({f"net.{name}": tensor for name, tensor in WEIGHTS.items()})


def test_a_prefix_that_is_missing_is_added():
    net = nn.ModuleDict({"body": nn.Linear(2, 3)})
    net.forward = lambda x: net["body"](x)
    space = WeightSpace.parse({"body.weight": "out in", "body.bias": "out"}, sizes={"out": 3, "in": 2})
    assert set(fit_checkpoint([space], {"weight": torch.ones(3, 2), "bias": torch.ones(3)})[1]) == set(space.tensors)


def test_the_error_names_five_tensors_and_what_to_do():
    wrong = {name: tensor[..., None] for name, tensor in WEIGHTS.items()} | {"more": torch.ones(1)}
    with pytest.raises(
        ValueError, match=r"12 tensors differ: '0.weight' must have the shape \(5, 1, 3, 3\), got"
    ) as error:
        fit_checkpoint([SPACE], wrong, remedy="Do this.")
    text = str(error.value)
    assert text.count("must have the shape") == 5
    assert "and 7 more" in text
    assert text.endswith("Do this.")


def test_integers_are_no_weights():
    wrong = WEIGHTS | {"0.bias": torch.ones(5, dtype=torch.int64)}
    with pytest.raises(ValueError, match=r"'0\.bias' must be of float32, got int64"):
        fit_checkpoint([SPACE], wrong)


def test_several_spaces_of_equal_tensors_need_a_hash():
    other, _ = traced(nn.GELU)
    with pytest.raises(ValueError, match=r"fit 2: .*\(relu\), .*\(gelu\).*--space"):
        fit_checkpoint([SPACE, other], WEIGHTS)
    assert fit_checkpoint([SPACE, other], WEIGHTS, other.hash[:8])[0] == other
    with pytest.raises(ValueError, match=r"must be one of .*; got 'xyz'"):
        fit_checkpoint([SPACE, other], WEIGHTS, "xyz")


def test_other_widths_where_they_are_asked_for():
    wider, weights = traced(width=8)
    with pytest.raises(ValueError, match="tensors differ"):
        fit_checkpoint([SPACE], weights)
    space, found = fit_checkpoint([SPACE], weights, widths=True)
    assert space == wider
    assert space.check(found) is None
    deeper = weights | {"9.weight": torch.ones(2, 2)}
    with pytest.raises(ValueError, match=r"'9\.weight' of shape"):
        fit_checkpoint([SPACE], deeper, widths=True)


@pytest.mark.parametrize(
    ("name", "small", "large"),
    [
        ("cnn", {"channels": [4, 4, 4]}, {"channels": [6, 3, 5]}),
        ("resnet", {"width": 4}, {"width": 8}),
        ("siren", {"hidden": [4, 4]}, {"hidden": [7, 5]}),
    ],
)
def test_widths_are_those_that_tracing_finds(name, small, large):
    small, large = build_net(name, **small).eval(), build_net(name, **large).eval()
    spaces = [WeightSpace.trace(net, *net.example_inputs()) for net in (small, large)]
    assert fit_checkpoint(spaces[:1], large.state_dict(), widths=True)[0] == spaces[1]


def test_entries_that_are_not_finite_are_named():
    weights = {"a": torch.tensor([1.0, float("nan")]), "b": torch.ones(2), "c": torch.tensor(float("inf"))}
    assert nonfinite_tensors(weights) == ["a", "c"]
