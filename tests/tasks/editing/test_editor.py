import json
import math
from dataclasses import replace

import pytest
import torch

from tests.inr.inrs import COLOURS, DIGITS, SOLIDS, build
from weightspace.inr import Convention, render, render_stack
from weightspace.inr.average import average_nets
from weightspace.inr.gradient import error_gradient
from weightspace.inr.readout import solve_readout
from weightspace.metanets import UNF, GraphMetanet, ScaleGMN, load_metanet
from weightspace.nets import Architecture
from weightspace.space.channels import channel, stack_channels, with_channels
from weightspace.tasks.editing.editnets import EditNets, zoo_signals
from weightspace.tasks.editing.editor import Editor, make_editor
from weightspace.tasks.editing.editsettings import EditSettings
from weightspace.tasks.editing.fit import EditConfig, fit_editor, fit_inputs, settings_of
from weightspace.tasks.editing.measures import REFITS, edit_table, measure_editor, pictures, signal_errors
from weightspace.tasks.editing.refit import refit
from weightspace.tasks.editing.wall import plot_wall
from weightspace.tasks.training.train import TrainConfig

EDITS = ("dilate", "blur:sigma=0.7")


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    return build(DIGITS, tmp_path_factory.mktemp("inr"))


@pytest.fixture(scope="module")
def nets(zoo):
    return EditNets.from_zoo(zoo, EDITS)


def shaken(nets, config, kind=UNF, edits=EDITS, dtype=torch.float64, **settings):
    """An editor whose every parameter is random, so that no layer at zero hides a fault."""
    editor = make_editor(kind, settings_of(nets, edits, config), **settings)
    fit_inputs(editor, nets)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in editor.metanet.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    editor.metanet.to(dtype).eval()
    return editor


def double(nets, count=4):
    """The first nets in float64."""
    weights = {name: tensor[:count].double() for name, tensor in nets.weights.items()}
    return replace(nets, weights=weights, **{k: getattr(nets, k).double() for k in ("renders", "edited", "targets")})


def test_nets_have_renders_and_targets_of_every_edit(zoo, nets):
    assert nets.edited.shape == (2, 40, 1, 64)
    grids = render(zoo.weights(), zoo.convention)
    torch.testing.assert_close(nets.renders.reshape(grids.shape), grids)
    expected = torch.nn.functional.max_pool2d(torch.nn.functional.pad(grids, (1,) * 4, value=-9), 3, 1).clamp(0, 1)
    torch.testing.assert_close(nets.targets[0].reshape(grids.shape), expected)


def test_signals_are_those_of_the_fit(zoo):
    aimed = EditNets.from_zoo(zoo, ["dilate"], "signal")
    mse = (aimed.renders - zoo_signals(zoo)).square().mean((1, 2))
    torch.testing.assert_close(mse.double(), torch.tensor(zoo.table["mse"].to_pylist()).double(), rtol=1e-4, atol=1e-6)
    assert aimed.targets.max() <= 1
    assert not torch.equal(aimed.targets, aimed.edited)


def test_an_unknown_source_and_an_empty_split(zoo, tiny_zoo):
    with pytest.raises(ValueError, match="source must be one of render, signal, got 'pixels'"):
        EditNets.from_zoo(zoo, ["dilate"], "pixels")
    with pytest.raises(ValueError, match="There is no net to edit"):
        EditNets.from_zoo(zoo.filter(net=-1), ["dilate"])
    with pytest.raises(ValueError, match="holds no implicit representations"):
        EditNets.from_zoo(tiny_zoo.filter(activation="relu"), ["dilate"])


def test_channels_move_with_their_weight(zoo):
    space, count = zoo.space, 3
    wide = with_channels(space, count)
    weights = zoo.weights([0, 1])
    parts = [weights, {name: 2 * tensor for name, tensor in weights.items()}]
    stack = stack_channels(parts, count)
    assert wide.check(stack) == 2
    torch.testing.assert_close(channel(stack, 1, count), parts[1])
    assert all(bool((tensor[..., 2] == 0).all()) for tensor in stack.values())
    symmetry = wide.random_symmetry(torch.Generator().manual_seed(0), ("permutation", "sign"))
    moved = wide.apply(symmetry, stack)
    plain = space.random_symmetry(torch.Generator().manual_seed(0), ("permutation", "sign"))
    torch.testing.assert_close(channel(moved, 0, count), space.apply(plain, weights))
    assert not torch.equal(moved["linears.1.weight"], stack["linears.1.weight"])
    assert with_channels(space, 1) == space
    assert stack_channels([weights], 1).keys() == weights.keys()


@pytest.mark.parametrize(
    ("kind", "config", "edits"),
    [
        (UNF, EditConfig(passes=2, candidates=2, readout=0.0), EDITS),
        (GraphMetanet, EditConfig(readout=0.0), EDITS[:1]),
        (ScaleGMN, EditConfig(readout=0.1), EDITS[:1]),
        (ScaleGMN, EditConfig(gradients=False, readout=0.0), EDITS[:1]),
    ],
)
def test_editing_moves_as_the_neurons_move(nets, zoo, kind, config, edits):
    """A net with its neurons in another order, and other signs, is edited to the same function."""
    editor, given = shaken(nets, config, kind, edits, width=8, layers=2), double(nets)
    kinds = ("permutation", "sign") if kind is ScaleGMN else ("permutation",)
    moved = zoo.space.apply(zoo.space.random_symmetry(torch.Generator().manual_seed(1), kinds), given.weights)
    one, wide = editor.edit(given.weights, edits[-1].partition(":")[0])
    two, _ = editor.edit(moved, edits[-1].partition(":")[0])
    shown = render_stack(one, wide, wide.points().double())
    torch.testing.assert_close(render_stack(two, wide, wide.points().double()), shown, rtol=1e-8, atol=1e-8)
    assert (shown - given.renders[:4]).abs().max() > 1e-3
    assert not torch.equal(two["linears.1.weight"], one["linears.1.weight"])


def test_averaging_nets_is_exact(nets, zoo):
    given, points = double(nets), zoo.convention.points().double()
    others = [{name: tensor.roll(k, 0) for name, tensor in given.weights.items()} for k in range(3)]
    mean, convention = average_nets(others, zoo.convention)
    assert convention.architecture.settings["hidden"] == [18, 15]
    expected = torch.stack([render_stack(net, zoo.convention, points) for net in others]).mean(0)
    torch.testing.assert_close(render_stack(mean, convention, points), expected)
    assert average_nets(others[:1], zoo.convention)[1] == zoo.convention


def test_strength_goes_from_nothing_to_the_edit_and_beyond(nets):
    editor, weights = shaken(nets, EditConfig(readout=0.0), edits=EDITS[:1], width=4, layers=1), double(nets).weights
    still, whole, twice = (editor.edit(weights, "dilate", strength)[0] for strength in (0.0, 1.0, 2.0))
    torch.testing.assert_close(still, weights)
    torch.testing.assert_close(twice, {k: 2 * whole[k] - weights[k] for k in weights})


def test_one_net_and_a_stack_are_edited_alike(nets):
    editor, weights = shaken(nets, EditConfig(readout=0.0), edits=EDITS[:1], width=4, layers=1), double(nets).weights
    stack, _ = editor.edit(weights)
    single, _ = editor.edit({name: tensor[1] for name, tensor in weights.items()})
    torch.testing.assert_close(single, {name: tensor[1] for name, tensor in stack.items()})


def test_the_gradient_is_that_of_the_error(nets, zoo):
    given, points = double(nets), zoo.convention.points().double()
    found = error_gradient(given.weights, zoo.convention, points, given.targets[0, :4])
    step, name = 1e-6, "linears.0.bias"
    nudged = given.weights | {name: given.weights[name].clone()}
    nudged[name][2, 3] += step
    errors = [
        (render_stack(w, zoo.convention, points) - given.targets[0, :4]).square().mean((1, 2))[2]
        for w in (given.weights, nudged)
    ]
    assert found[name][2, 3] == pytest.approx(float((errors[1] - errors[0]) / step), rel=1e-3)


def test_the_last_layer_is_solved_for(nets, zoo):
    """No small step from the solution makes the error, with the ridge, smaller; other layers stay."""
    given, points, target = double(nets), zoo.convention.points().double(), double(nets).targets[0, :4]
    solved = solve_readout(given.weights, zoo.convention, points, target, 0.05)

    def price(weights):
        names = ("linears.2.weight", "linears.2.bias")
        change = sum((weights[name] - given.weights[name]).square().flatten(1).sum(1) for name in names)
        return (render_stack(weights, zoo.convention, points) - target).square().mean((1, 2)) + 0.05 * change

    best = price(solved)
    assert (best < 0.9 * price(given.weights)).all()
    for name in ("linears.2.weight", "linears.2.bias"):
        for way in (-1e-3, 1e-3):
            noise = way * torch.randn(solved[name].shape, generator=torch.Generator().manual_seed(0))
            assert (price(solved | {name: solved[name] + noise}) > best).all()
    assert torch.equal(solved["linears.1.weight"], given.weights["linears.1.weight"])


def test_refitting_comes_nearer_with_every_step(nets):
    target = nets.targets[0]
    errors = []
    for steps in (1, 20, 60):
        fitted = refit(nets.weights, nets.convention, target, steps, 5e-3)
        points = nets.convention.points()
        errors.append(float((render_stack(fitted, nets.convention, points) - target).square().mean()))
    assert errors[0] > 2 * errors[1] > 2 * errors[2]


def test_training_makes_the_error_smaller_and_is_saved_whole(zoo, tmp_path):
    parts = {part: EditNets.from_zoo(zoo.split(part), ["dilate"]) for part in ("train", "val", "test")}
    training = TrainConfig(steps=25, batch_size=16, learning_rate=1e-2, warmup=3, judge_every=5, average=0.5)
    config = EditConfig(passes=2, readout=0.0)
    editor = fit_editor(
        UNF, parts["train"], parts["val"], ["dilate"], config, training, tmp_path / "training", progress=False,
        width=8, layers=1,
    )  # fmt: skip
    scores = measure_editor(editor, parts["test"])
    assert list(scores["dilate"]) == ["UNF", "nothing", "readout alone", *(f"refit, {steps} steps" for steps in REFITS)]
    assert scores["dilate"]["UNF"]["mse"] < 0.8 * scores["dilate"]["nothing"]["mse"]
    assert scores["dilate"]["UNF"]["psnr"] > scores["dilate"]["nothing"]["psnr"]
    assert "| dilate | UNF |" in edit_table(scores)
    editor.metanet.save_pretrained(tmp_path / "metanet")
    again = Editor(load_metanet(tmp_path / "metanet"))
    assert again.settings == editor.settings
    assert again.convention == zoo.convention
    assert again.space == zoo.space
    torch.testing.assert_close(again.edit(parts["test"].weights)[0], editor.edit(parts["test"].weights)[0])
    shown = pictures(again, parts["test"], 0, count=3)
    assert {row.shape for row in shown.values()} == {(3, 1, 8, 8)}
    assert plot_wall(tmp_path / "wall.png", shown, zoo.convention, "dilate").stat().st_size > 2000


def test_fields_are_edited_too(tmp_path):
    solids = EditNets.from_zoo(build(SOLIDS, tmp_path), ["inflate", "smooth+blend"])
    editor = shaken(solids, EditConfig(), UNF, ("inflate", "smooth+blend"), torch.float32, width=4, layers=1)
    edited, _ = editor.edit(solids.weights, "smooth+blend")
    assert solids.targets.shape == (2, 8, 1, 216)
    torch.testing.assert_close(solids.targets[0], solids.renders - 0.1)
    shown = pictures(editor, solids, 1)
    assert plot_wall(tmp_path / "wall.png", shown, solids.convention).stat().st_size > 2000
    assert not torch.equal(edited["linears.0.weight"], solids.weights["linears.0.weight"])
    with pytest.raises(ValueError, match=r"contrast edits images .* take one of smooth, inflate, blend"):
        replace(editor.settings, edits=("smooth+contrast",))


def test_colours_are_edited_too(tmp_path):
    colours = EditNets.from_zoo(build(COLOURS, tmp_path), ["contrast", "denoise+blur"], "signal")
    assert colours.targets.shape == (2, 12, 3, 64)
    assert colours.targets.min() >= 0 and colours.targets.max() <= 1
    editor = shaken(colours, EditConfig(), UNF, ("contrast", "denoise+blur"), torch.float32, width=4, layers=1)
    solved = editor.solved(colours.weights, colours.edited[0])
    errors = [(editor.render([net]) - colours.edited[0]).square().mean() for net in (colours.weights, solved)]
    assert errors[1] < errors[0]
    edited, _ = editor.edit(colours.weights, "contrast")
    assert not torch.equal(edited["linears.2.weight"], colours.weights["linears.2.weight"])
    shown = pictures(editor, colours, 0)
    assert plot_wall(tmp_path / "wall.png", shown, colours.convention).stat().st_size > 2000


def test_edits_for_other_signals_are_refused(zoo, tmp_path):
    with pytest.raises(ValueError, match=r"smooth edits signed distance .* axes: 2, outputs: 1; take one of dilate"):
        EditNets.from_zoo(zoo, ["blur+smooth"])
    with pytest.raises(ValueError, match=r"contrast edits images .* axes: 3, outputs: 1; take one of smooth, inflate"):
        EditNets.from_zoo(build(SOLIDS, tmp_path), ["contrast"])


def test_psnr_is_the_mean_over_nets():
    shown = torch.zeros(2, 1, 4)
    scores = signal_errors(shown, torch.tensor([0.1, 0.01]).reshape(2, 1, 1).expand(2, 1, 4), 1.0)
    assert scores == {"mse": pytest.approx((0.01 + 0.0001) / 2), "psnr": pytest.approx(30)}
    assert math.isfinite(signal_errors(shown, shown, 1.0)["psnr"])


def test_edits_are_named(nets):
    editor = shaken(nets, EditConfig(), width=4, layers=1)
    assert editor.number("blur") == editor.number("blur:sigma=0.7") == 1
    with pytest.raises(ValueError, match=r"edits by dilate:size=3, blur:sigma=0.7; got 'erode'"):
        editor.number("erode")
    with pytest.raises(ValueError, match="got no name"):
        editor.number(None)


def test_a_metanet_that_predicts_cannot_edit(zoo):
    with pytest.raises(ValueError, match="An editing metanet is needed, got a UNF with the head 'graph'"):
        Editor(UNF.for_spaces(zoo.space))


def shown(kind):
    return Convention(Architecture(kind, {}), (4, 4), "corners")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"passes": 0}, "passes must be from 1 to 100, got 0"),
        ({"readout": -1.0}, "readout must be from 0 to 1e6, .* got -1.0"),
        ({"edits": ()}, "edits must name one edit at least"),
        ({"edits": ("dilat",)}, "An edit must be one of dilate"),
        ({"candidates": 2, "convention": shown("fourier")}, "for SIRENs only, got a net 'fourier'"),
    ],
)
def test_settings_are_checked(zoo, change, message):
    values = {"edits": ("dilate",), "space": zoo.space, "convention": shown("siren")} | change
    with pytest.raises(ValueError, match=message):
        EditSettings(**values)


def test_settings_of_another_version():
    with pytest.raises(ValueError, match=r"must have the keys edits, .*; missing: \['space', .*unknown: 'colour'"):
        EditSettings.from_dict({"edits": [], "colour": 1})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("passes", "1", r"^domain.editing: passes must be a whole number, got '1'"),
        ("edits", "dilate", r"^domain.editing: edits must be a list, got 'dilate'"),
        ("space", {"names": {}}, r"^domain.editing: space must be a weight space as to_dict"),
        ("convention", {"net": "siren"}, r"^domain.editing: convention must have the keys net, settings, shape, grid"),
        ("scale", float("inf"), r"^domain.editing: scale must be a finite number, got inf"),
        ("weight_sizes", {"x": 1.0}, r"^domain.editing: weight_sizes must have a number above 0 for every tensor"),
    ],
)
def test_settings_from_outside_are_read_through_types(nets, key, value, message):
    settings = settings_of(nets, EDITS, EditConfig(gradients=True)).to_dict()
    with pytest.raises(ValueError, match=message):
        EditSettings.from_dict(settings | {key: value})


def test_an_editor_reads_the_nets_that_it_edits(nets, zoo):
    settings = settings_of(nets, EDITS, EditConfig()).to_dict()
    domain = {"convention": settings.pop("convention"), "data": settings.pop("data"), "editing": settings}
    with pytest.raises(ValueError, match=r"The metanet must read \d numbers for each weight of the space"):
        Editor(UNF.for_spaces(zoo.space, head="weights", domain=domain))
    with pytest.raises(ValueError, match="An editing metanet is needed"):
        Editor(UNF.for_spaces(zoo.space, head="weights", domain={"editing": settings}))


def test_settings_of_files_that_hold_texts_inside_texts(nets):
    settings = settings_of(nets, EDITS, EditConfig())
    data = settings.to_dict()
    assert EditSettings.from_dict(data | {"space": json.dumps(data["space"])}).space == settings.space


def test_settings_are_json(nets):
    settings = settings_of(nets, EDITS, EditConfig())
    editor = make_editor(UNF, settings, width=4, layers=1)
    stored = editor.metanet.config.domain
    assert stored["convention"]["settings"]["w0"] == 10.0
    assert stored["data"] == {"name": "digits"}
    assert EditSettings.from_dict(settings.to_dict()) == settings
    assert stored["editing"]["edits"] == ["dilate:size=3", "blur:sigma=0.7"]


def test_refitting_takes_any_net_of_coordinates():
    nets = [Architecture("fourier", {"hidden": [6], "features": 4}).build() for _ in range(2)]
    weights = {key: torch.stack([net.state_dict()[key] for net in nets]) for key in nets[0].state_dict()}
    convention = Convention(Architecture.of(nets[0]), (4, 4), "corners")
    target = torch.rand(2, 1, 16)
    errors = [
        float((render(refit(weights, convention, target, steps, 1e-2), convention).flatten(2) - target).square().mean())
        for steps in (0, 3, 30)
    ]
    assert errors == sorted(errors, reverse=True) and errors[0] > errors[2]
