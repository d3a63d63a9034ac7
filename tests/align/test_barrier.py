"""The barrier: none between members of an orbit, one between strangers that aligning lowers, mended statistics."""

import pytest
import torch

from tests.align.planted import hidden
from tests.align.trained import points, trained
from weightspace.align import align, barrier, repair, reset_statistics
from weightspace.align.matching.score import check_data, mixed, predictions


@pytest.mark.parametrize("method", ["weights", "activations"])
@pytest.mark.parametrize("kind", ["mlp", "cnn", "resnet"])
def test_a_net_and_its_twin_have_no_barrier(kind, method):
    space, module, weights = trained(kind)
    twin, _ = hidden(space, weights, 1)
    found = barrier(space, module, weights, twin, points(kind), points=5, method=method)
    assert found["naive"].loss_barrier > 0.1
    assert found["aligned"].loss_barrier < 1e-3
    assert found["aligned"].accuracy_barrier < 1


@pytest.mark.parametrize("method", ["weights", "activations", "straight-through", "sinkhorn"])
def test_aligning_lowers_the_barrier_between_strangers(method):
    (space, module, one), (_, _, other) = trained("mlp"), trained("mlp", 1)
    found = barrier(space, module, one, other, points("mlp"), points=5, method=method)
    assert found["aligned"].loss_barrier < 0.8 * found["naive"].loss_barrier


@pytest.mark.parametrize("kind", ["mlp", "resnet"])
def test_learning_is_never_worse_than_its_start(kind):
    (space, module, one), (_, _, other) = trained(kind), trained(kind, 1)
    data = points(kind)
    curve = "aligned, reset" if kind == "resnet" else "aligned"  # statistics are measured while learning
    by_weights, by_data, learned = (
        barrier(space, module, one, other, data, points=3, method=method)[curve].scores[1].loss
        for method in ("weights", "activations", "straight-through")
    )
    assert learned <= min(by_weights, by_data) + 1e-3


def test_the_ends_are_the_nets_themselves():
    (space, module, one), (_, _, other) = trained("mlp"), trained("mlp", 1)
    inputs, targets = points("mlp")
    found = barrier(space, module, one, other, (inputs, targets), points=3)
    for curve in found.curves:
        if "calibrated" not in curve.name:
            for end, net in ((0, one), (-1, other)):
                loss = torch.nn.functional.cross_entropy(predictions(module, net, inputs), targets)
                assert curve.scores[end].loss == pytest.approx(float(loss), rel=1e-3)


def test_a_calibrated_temperature_lowers_the_loss_of_a_mixed_net():
    (space, module, one), (_, _, other) = trained("mlp"), trained("mlp", 1)
    found = barrier(space, module, one, other, points("mlp"), points=3)
    assert found["naive, calibrated"].scores[1].loss < found["naive"].scores[1].loss + 1e-2
    assert {"aligned, repair", "aligned, rescale"} <= {curve.name for curve in found.curves}


def test_statistics_measured_again_are_those_of_the_data():
    _, module, weights = trained("resnet")
    inputs, _ = points("resnet")
    wrong = {n: t * 3 if "running" in n else t for n, t in weights.items()}
    right = reset_statistics(module, wrong, inputs)
    assert torch.equal(wrong["norm.running_mean"], weights["norm.running_mean"] * 3)  # the argument is left alone
    stem = torch.nn.functional.conv2d(inputs, weights["stem.weight"], padding=1)
    assert torch.allclose(right["norm.running_mean"], stem.mean((0, 2, 3)), atol=1e-5)


@pytest.mark.parametrize("means", [True, False])
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_repair_gives_neurons_the_mixed_spread_of_their_parents(kind, means):
    (space, module, one), (_, _, other) = trained(kind), trained(kind, 1)
    inputs, _ = points(kind)
    moved = space.apply(align(space, one, other), other)
    mended = repair(module, mixed(one, moved, 0.5), (one, moved), (0.5, 0.5), inputs, means)
    layer = "linears.0" if kind == "mlp" else "convs.0"
    spreads = []
    for net in (one, moved, mended):
        seen = []
        handle = module.get_submodule(layer).register_forward_hook(
            lambda *call, seen=seen: seen.append(call[2].detach())
        )
        torch.func.functional_call(module, dict(net), (inputs,))
        handle.remove()
        spreads.append(seen[0].movedim(1, -1).flatten(0, -2).std(0))
    assert torch.allclose(spreads[2], (spreads[0] + spreads[1]) / 2, rtol=1e-3, atol=1e-4)


def test_a_repaired_end_is_the_end():
    _, module, weights = trained("mlp")
    inputs, _ = points("mlp")
    mended = repair(module, weights, (weights, weights), (0.5, 0.5), inputs)
    assert all(torch.allclose(mended[name], tensor, atol=1e-4) for name, tensor in weights.items())


def test_the_picture_is_drawn(tmp_path):
    (space, module, one), (_, _, other) = trained("mlp"), trained("mlp", 1)
    path = barrier(space, module, one, other, points("mlp"), points=3).plot(tmp_path / "curves.png")
    assert path.stat().st_size > 10_000


def test_bad_data_are_told():
    space, module, one = trained("mlp")
    inputs, targets = points("mlp")
    with pytest.raises(ValueError, match="points must be at least 3, got 2"):
        barrier(space, module, one, one, (inputs, targets), points=2)
    with pytest.raises(ValueError, match="as many targets as inputs, got 4 and 300"):
        barrier(space, module, one, one, (inputs, targets[:4]))
    with pytest.raises(ValueError, match="data must be a pair of tensors"):
        check_data(inputs)
    with pytest.raises(ValueError, match="looks at data: give module= and data="):
        align(space, one, one, method="activations")
    with pytest.raises(KeyError, match="no curve 'magic'; there are naive"):
        barrier(space, module, one, one, (inputs, targets), points=3)["magic"]


def test_mending_a_net_that_is_not_the_modules_is_refused():
    _, module, weights = trained("mlp")
    lacking = {name: tensor for name, tensor in weights.items() if name != "linears.1.bias"}
    inputs = points("mlp")[0]
    with pytest.raises(ValueError, match=r"weights must have the tensors of the module, but 'linears\.1\.bias'"):
        reset_statistics(module, lacking, inputs)
    with pytest.raises(ValueError, match=r"ends\[1\] must have the tensors of the module"):
        repair(module, weights, [weights, lacking], [0.5, 0.5], inputs)
    with pytest.raises(ValueError, match="one number for each of the 2 ends, got 1"):
        repair(module, weights, [weights, weights], [1.0], inputs)
