"""A refiner begins as an init, moves as neurons move, writes nets of any size, and refuses what it never saw."""

from functools import lru_cache

import pytest
import torch
from torch.nn import functional

from weightspace.data import load_dataset
from weightspace.generators import Fresh, Refiner, RefinerConfig, initialize, load_generator, write_zoo
from weightspace.generators.draws import Draws
from weightspace.generators.marks import draw_places, neuron_marks
from weightspace.graphs import topology
from weightspace.nets import Architecture, build_net
from weightspace.nets.stacked.run import run_stack
from weightspace.space import WeightSpace
from weightspace.testing import randomized

PLAIN = {"channels": [4, 4], "stride": [2, 1]}


@lru_cache
def traced(items):
    net = build_net("cnn", image_size=8, **dict(items)).eval()
    return WeightSpace.trace(net, *net.example_inputs())


def space(**settings):
    items = {key: tuple(value) if isinstance(value, list) else value for key, value in {**PLAIN, **settings}.items()}
    return traced(tuple(sorted(items.items())))


def refiner(**settings):
    torch.manual_seed(0)
    seen = space(), space(norm="batch"), space(activation="tanh", kernel=5)
    return Refiner.for_spaces(*seen, **{"width": 8, "layers": 2, "probes": 4, **settings}).eval()


IMAGES = torch.randn(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(40) % 10
KEEPS = {"examples": 40, "example_shape": (1, 8, 8)}


def keeper(**settings):
    """One with examples, two steps of descent, and parameters that are no longer the first ones."""
    found = refiner(**{**KEEPS, "descents": 2, **settings}).keep(IMAGES, LABELS)
    rates = found.log_rates.detach().clone()
    found = randomized(found).float()
    with torch.no_grad():
        found.log_rates.copy_(rates)
        found.log_ridge.fill_(-6.0)
    return found


def test_an_untrained_one_gives_the_init():
    drawn, fresh = refiner().sample(space(), 3, seed=4), Fresh.for_spaces(space()).sample(space(), 3, seed=4)
    assert all(torch.equal(drawn[name], fresh[name]) for name in space().tensors)


@pytest.mark.parametrize("settings", [{}, {"norm": "batch"}, {"channels": [7, 5, 3], "stride": 1}])
@pytest.mark.parametrize("passes", [1, 2])
def test_it_moves_as_the_neurons_move(settings, passes):
    found, own = randomized(refiner(passes=passes)).double(), space(**settings)
    noise = {name: t.double() for name, t in Fresh.for_spaces(own).sample(own, 3, seed=0).items()}
    places = {name: place.double() for name, place in draw_places(own, Draws(0, 0, 3)).items()}
    symmetry = own.random_symmetry(torch.Generator().manual_seed(1), kinds=("permutation",), batch=3)
    there = {name: place.gather(1, symmetry.permutations[name]) for name, place in places.items()}
    with torch.no_grad():
        before, after = found.refine(own, noise, places), found.refine(own, own.apply(symmetry, noise), there)
        other = found.refine(own, noise, there)
    moved = own.apply(symmetry, before)
    for name in moved:
        torch.testing.assert_close(after[name], moved[name], rtol=1e-9, atol=1e-9)
    assert not torch.allclose(after["convs.1.weight"], before["convs.1.weight"])
    assert not torch.allclose(other["convs.1.weight"], before["convs.1.weight"])  # the order matters


def test_every_parameter_is_changed_and_no_statistic():
    own = space(norm="batch")
    drawn, fresh = randomized(refiner()).float().sample(own, 2, seed=0), Fresh.for_spaces(own).sample(own, 2, seed=0)
    for name, spec in own.tensors.items():
        assert torch.equal(drawn[name], fresh[name]) == spec.buffer, name


def test_places_are_orders_of_every_layer_and_others_for_every_net():
    places = draw_places(space(channels=[7, 5, 3], stride=1), Draws(0, 0, 4))
    assert sorted(place.shape[1] for place in places.values()) == [3, 5, 7]
    for place in places.values():
        assert torch.equal(place.sort(1).values[0], (torch.arange(place.shape[1]) + 0.5) / place.shape[1])
        assert not torch.equal(place[0], place[1])


@pytest.mark.parametrize("settings", [{}, {"norm": "group", "channels": [8, 8]}])
def test_marks_lie_on_neurons_that_can_be_permuted(settings):
    own = space(**settings)
    marks, sites = neuron_marks(own, draw_places(own, Draws(0, 0, 2)), 2), own.sites
    for site, start, stop in zip(sites, topology(own).starts, topology(own).starts[1:], strict=False):
        named = any(atom.name is not None and own.names[atom.name].free for atom in site.axis.atoms())
        assert bool(marks[:, start:stop].any()) == named
        assert not named or len(marks[0, start:stop].unique(dim=0)) == stop - start


def test_gradients_reach_the_metanet():
    found, own = randomized(refiner()).float().train(), space(norm="batch")
    noise = Fresh.for_spaces(own).sample(own, 2, seed=0)
    refined = found.refine(own, noise, draw_places(own, Draws(0, 0, 2)))
    sum(t.square().sum() for t in refined.values() if t.requires_grad).backward()
    reached = {name for name, p in found.named_parameters() if p.grad is not None and bool(p.grad.abs().max() > 0)}
    assert {"strengths", "kept", "metanet.changes.new"} <= reached
    assert any("responses" in name for name in reached) and any("rounds.0" in name for name in reached)


def test_probes_begin_as_examples():
    images = torch.randn(4, 1, 8, 8)
    found = refiner().begin(images)
    (responses,) = found.metanet.encoder.responses.values()
    torch.testing.assert_close(responses.speed * responses.values[0].detach(), images)


def test_it_keeps_the_spaces_that_show_something_new():
    assert Refiner.for_spaces(space(), space(), space(channels=[9, 9])).config.spaces == (space(),)
    assert len(refiner().config.spaces) == 3


def test_a_module_of_ones_own_starts_from_it_with_statistics_of_its_data():
    net = build_net("cnn", image_size=8, **PLAIN, norm="batch")
    images = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    initialize(net, randomized(refiner()).float(), example_inputs=(images[:2],), statistics=images, seed=0)
    with torch.no_grad():
        seen = net.convs[0](images)
    torch.testing.assert_close(net.norms[0].running_mean, seen.mean((0, 2, 3)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(net.norms[0].running_var, seen.var((0, 2, 3)), atol=1e-3, rtol=1e-3)
    assert net.training and net.convs[0].weight.requires_grad


def test_another_number_of_inputs_or_outputs_is_refused():
    with pytest.raises(ValueError, match=r"writes nets of \(1,\) inputs and \(10,\) outputs, got \(3,\) and \(10,\)"):
        refiner().sample(space(in_channels=3), 1, seed=0)
    with pytest.raises(ValueError, match="A refiner is for nets of one number of inputs and outputs"):
        RefinerConfig(spaces=(space(), space(classes=3)))


def test_an_operator_that_it_never_saw_is_refused():
    with pytest.raises(ValueError, match=r"was trained on nets with .*operator conv.*; got link residual, too"):
        refiner().sample(space(channels=[4, 4, 4], stride=1, residual=True), 1, seed=0)


def test_a_kernel_that_is_too_large_is_refused():
    with pytest.raises(ValueError, match=r"takes kernels up to 5x5 .* kernels up to 7x7"):
        refiner().sample(space(kernel=7), 1, seed=0)


def test_a_module_is_left_alone_when_its_space_is_refused():
    net = build_net("cnn", image_size=8, **PLAIN, kernel=7)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(ValueError, match="takes kernels up to 5x5"):
        initialize(net, refiner(), example_inputs=net.example_inputs(), seed=0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize(
    ("settings", "got"), [({"width": 0}, "0, 2 and 1"), ({"width": 12}, "12, 2 and 1"), ({"passes": -1}, "8, 2 and -1")]
)
def test_settings_out_of_range_are_refused(settings, got):
    message = f"width must be a multiple of 8, layers 1 or more, passes 0 or more, got {got}"
    with pytest.raises(ValueError, match=message):
        refiner(**settings)


def test_matrices_keep_their_size():
    own = space(norm="batch")
    drawn, fresh = randomized(refiner()).float().sample(own, 2, seed=0), Fresh.for_spaces(own).sample(own, 2, seed=0)
    for name in ("convs.0.weight", "convs.1.weight", "linears.0.weight"):
        assert not torch.allclose(drawn[name], fresh[name])
        torch.testing.assert_close(drawn[name].flatten(1).norm(dim=1), fresh[name].flatten(1).norm(dim=1))


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_nets_of_one_with_examples_know_them(norm):
    net, own = build_net("cnn", image_size=8, **PLAIN, norm=norm, head="flatten"), space(norm=norm, head="flatten")
    drawn = keeper().sample(own, 3, seed=0, condition=net)
    with torch.no_grad():
        right = (run_stack(net.eval(), drawn, IMAGES).argmax(2) == LABELS).float().mean(1)
    assert (right > 0.8).all() and len(right.unique()) + len(drawn["convs.0.weight"].unique(dim=0)) > 3


def test_finished_nets_move_as_the_neurons_move():
    own, found = space(norm="batch"), keeper().double()
    net = build_net("cnn", image_size=8, **PLAIN, norm="batch").double()
    weights = Fresh.for_spaces(own, init="torch").sample(own, 3, seed=0)
    weights = {name: t.double() if t.is_floating_point() else t for name, t in weights.items()}
    symmetry = own.random_symmetry(torch.Generator().manual_seed(1), kinds=("permutation",), batch=3)
    moved = own.apply(symmetry, found.finish(own, net, weights))
    after = found.finish(own, net, own.apply(symmetry, weights))
    for name in moved:
        torch.testing.assert_close(after[name], moved[name], rtol=1e-6, atol=1e-7)
    assert not torch.allclose(moved["convs.1.weight"], own.apply(symmetry, weights)["convs.1.weight"])


def test_descent_makes_the_error_on_other_examples_smaller():
    own, net, digits = space(), build_net("cnn", image_size=8, **PLAIN), load_dataset("digits")
    weights = Fresh.for_spaces(own).sample(own, 4, seed=0)

    def error(descents):
        found = refiner(examples=200, example_shape=(1, 8, 8), descents=descents)
        found.keep(digits.x_train[:200], digits.y_train[:200])
        logits = run_stack(net.eval(), found.finish(own, net, weights), digits.x_val[:200])
        labels = digits.y_val[:200].expand(4, -1)
        return functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none").mean(1)

    assert (error(5) < error(0)).all()


def test_one_with_examples_is_kept_whole(tmp_path):
    net = build_net("cnn", image_size=8, **PLAIN)
    keeper().save_pretrained(tmp_path)
    loaded, own = load_generator(tmp_path), space()
    assert torch.equal(loaded.examples, IMAGES) and torch.equal(loaded.labels, LABELS)
    one, other = (found.sample(own, 2, seed=0, condition=net) for found in (keeper(), loaded))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_module_and_a_zoo_are_written_by_one_with_examples(tmp_path):
    architecture = Architecture("cnn", {"image_size": 8, **PLAIN})
    net, found = architecture.build(), keeper()
    initialize(net, found, example_inputs=(IMAGES[:2],), seed=3)
    written = write_zoo(found, architecture, 2, tmp_path / "zoo", seed=3).weights()
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(written[name][0], tensor, rtol=1e-4, atol=1e-5)


def test_a_plain_module_starts_from_one_with_examples():
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3, stride=2, padding=1), torch.nn.BatchNorm2d(6), torch.nn.ReLU(), torch.nn.Dropout(),
        torch.nn.Flatten(), torch.nn.Linear(96, 10),
    )  # fmt: skip
    initialize(net, keeper(), example_inputs=(IMAGES[:2],), seed=0)
    assert net.training and net[1].momentum == 0.1 and net[3].p == 0.5
    with torch.no_grad():
        assert float((net.eval()(IMAGES).argmax(1) == LABELS).float().mean()) > 0.9
        torch.testing.assert_close(net[1].running_mean, net[0](IMAGES).mean((0, 2, 3)), atol=1e-4, rtol=1e-4)


def test_one_without_passes_finishes_the_init_has_no_metanet_and_takes_any_operator():
    found = refiner(**KEEPS, descents=2, passes=0).keep(IMAGES, LABELS)
    assert found.metanet is None and sum(p.numel() for p in found.parameters()) == 1 + found.log_rates.numel()
    settings = {"channels": [4, 4, 4], "stride": 1, "residual": True, "kernel": 7}
    own, net = space(**settings), build_net("cnn", image_size=8, **{**PLAIN, **settings})
    he = Fresh.for_spaces(own).sample(own, 2, seed=5)
    drawn, done = found.sample(own, 2, seed=5, condition=net), found.finish(own, net, he)
    assert all(torch.equal(drawn[name], done[name]) for name in done)
    assert found.begin(IMAGES) is found
    with pytest.raises(ValueError, match=r"writes nets of \(1,\) inputs"):
        found.sample(space(in_channels=3), 1, seed=0, condition=net)


def test_fewer_steps_are_the_first_ones():
    own, net = space(), build_net("cnn", image_size=8, **PLAIN)
    start = Fresh.for_spaces(own).sample(own, 2, seed=0)
    found = keeper(descents=3)
    done = [found.descend(own, net, start, IMAGES, LABELS, steps)["convs.0.weight"] for steps in (0, 1, 3, None)]
    assert torch.equal(done[0], start["convs.0.weight"]) and torch.equal(done[2], done[3])
    assert not torch.equal(done[0], done[1]) and not torch.equal(done[1], done[2])


def test_one_with_examples_must_be_given_the_net():
    with pytest.raises(ValueError, match=r"its condition must be the net, got NoneType\. Give condition=net"):
        keeper().sample(space(), 1, seed=0)
    with pytest.raises(ValueError, match="A Refiner without examples takes no condition, got a CNN"):
        refiner().sample(space(), 1, seed=0, condition=build_net("cnn", image_size=8, **PLAIN))


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (IMAGES[:5], LABELS[:5], r"keeps 40 examples of shape \[1, 8, 8\], got \[5, 1, 8, 8\] with 5 labels"),
        (IMAGES, LABELS + 1, "Labels must be 0 to 9, got 1 to 10"),
    ],
)
def test_other_examples_are_refused(inputs, labels, message):
    with pytest.raises(ValueError, match=message):
        refiner(**KEEPS).keep(inputs, labels)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"examples": -1}, r"examples must be 0 or more, .* got -1 of \[\]"),
        ({"examples": 3, "example_shape": (0, 8)}, r"got 3 of \[0, 8\]"),
        ({"descents": 2}, "descents must be 0 or more, and 0 without examples, got 2 with 0"),
    ],
)
def test_examples_and_descents_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        refiner(**settings)
