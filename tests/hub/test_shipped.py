"""Every net that ships: it loads, its card is whole, and nets that it never saw are read as the card says."""

import functools
import re

import pytest
import torch

from weightspace import Recipe, Zoo, build_zoo, load_metanet
from weightspace.cli import main
from weightspace.data import load_dataset, load_signals
from weightspace.generators import Generator, initialize, write_zoo
from weightspace.hub.shipped import shipped, shipped_readers
from weightspace.optimizers import LearnedOptimizer, LearnedRule
from weightspace.tasks.editing.editnets import EditNets
from weightspace.tasks.editing.editor import Editor
from weightspace.tasks.editing.measures import measure_edit
from weightspace.tasks.generation.architectures import held_out_sets
from weightspace.tasks.generation.starting.headstart import accuracies, solve_last
from weightspace.tasks.labelled.labellednets import LabelledNets
from weightspace.tasks.optimization.contestants import AdamW, Learned
from weightspace.tasks.optimization.race import RaceConfig, compete, speedup
from weightspace.tasks.optimization.racetasks import RACES
from weightspace.tasks.prediction.fit import predict_nets
from weightspace.tasks.prediction.metrics import class_score, score
from weightspace.zoo.folder.spaces import trace_architecture

SECTIONS = ("**Data.**", "**Model.**", "**Made by**", "**Limits.**", "**Not for.**", "**Licence**", "held-out nets")
RULE = "learned-optimizer"
WRITE = ["siren-start", "digits-initializer"]
METANETS = [name for name in shipped() if name != RULE]
READ = [name for name in shipped_readers() if name.startswith("digits")]
NETS = {"digits-park-accuracy": 64}  # many shapes, so few nets are stacked


def card(name):
    return (shipped()[name] / "README.md").read_text(encoding="utf-8")


def figures(name):
    """The numbers in the row of the card that is about the net as it is on disk."""
    rows = [line for line in card(name).splitlines() if re.match(r"\| this (net|rule), as it is on disk", line)]
    (row,) = rows
    return [float(number) for number in re.findall(r"\d+\.\d+", row)]


def fresh_zoo(name, folder):
    """Nets of the card's recipe, drawn with another seed."""
    recipe = Recipe.load(re.search(r"of the recipe `([\w-]+)`", card(name)).group(1))
    text = re.sub(r"(?m)^seed = \d+$", "seed = 77", recipe.text)
    text = re.sub(r"(?m)^shard = \d+$", "shard = 32", text)
    return build_zoo(Recipe.from_toml(text), folder, nets=NETS.get(name, 160), workers=1, progress=False).final()


@pytest.mark.parametrize("name", METANETS)
def test_it_loads_and_its_card_says_what_it_is(name):
    metanet = load_metanet(name)
    assert isinstance(metanet, Generator) == (name in WRITE)
    assert name in WRITE or metanet.config.labels or "editing" in metanet.config.domain
    assert all(section in card(name) for section in SECTIONS)
    assert f'ws.load_metanet("{name}")' in card(name) and figures(name)
    assert {path.name for path in shipped()[name].iterdir()} == {"config.json", "model.safetensors", "README.md"}


def test_readers_are_those_that_say_something_of_a_net():
    assert set(METANETS) - set(shipped_readers()) == {"digits-inr-dilate", *WRITE}


def test_the_rule_loads_as_an_optimizer_and_its_card_says_what_it_is():
    net = torch.nn.Linear(3, 2)
    optimizer = LearnedOptimizer.from_pretrained(RULE, net.parameters(), lr=1e-2)
    before = net.weight.detach().clone()
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert float((net.weight - before).square().mean().sqrt()) == pytest.approx(1e-2, rel=1e-4)
    assert all(section in card(RULE) for section in SECTIONS)
    assert f'LearnedOptimizer.from_pretrained("{RULE}"' in card(RULE)
    assert {path.name for path in shipped()[RULE].iterdir()} == {"config.json", "model.safetensors", "README.md"}


@pytest.mark.slow
def test_the_rule_saves_steps_on_nets_trained_anew_as_the_card_says():
    columns = next(line for line in card(RULE).splitlines() if line.startswith("| times fewer steps")).split(" | ")[
        1:-1
    ]
    said = dict(zip(columns, figures(RULE), strict=False))
    task, race = RACES["mlp"](), RaceConfig(steps=150, seed=40)
    rule = functools.partial(Learned, rule=LearnedRule.from_pretrained(RULE))
    found = speedup(compete(task, rule, race, 1e-3), compete(task, AdamW, race, 1e-3), race.every)
    assert found > 0.85 * said["mlp"], (found, said)


def test_together_they_stay_small():
    total = sum(path.stat().st_size for folder in shipped().values() for path in folder.iterdir())
    assert total <= 20 * 2**20


@pytest.mark.slow
@pytest.mark.parametrize("name", READ)
def test_nets_built_anew_are_read_as_the_card_says(name, tmp_path):
    metanet, zoo = load_metanet(name), fresh_zoo(name, tmp_path / "zoo")
    nets = LabelledNets.from_zoo(zoo, metanet.config.labels, metanet.config.classes)
    predicted = predict_nets(metanet, nets)
    if metanet.config.classes:
        found = [100 * class_score(predicted, nets.labels[:, 0].long()).accuracy]
        allowed = 8.0
    else:
        scores = [score(predicted[:, i], nets.labels[:, i]) for i in range(len(nets.names))]
        found = [number for each in scores for number in (each.tau, each.r2)]
        allowed = 1.5 / NETS.get(name, 160) ** 0.5  # some one and a half standard errors of tau
    for ours, said in zip(found, figures(name), strict=True):
        assert ours > said - allowed, (found, figures(name))


@pytest.mark.slow
def test_an_edit_of_nets_built_anew_comes_as_near_as_the_card_says(tmp_path):
    zoo = fresh_zoo("digits-inr-dilate", tmp_path / "zoo")
    nets = EditNets.from_zoo(zoo, ("dilate",), "render")
    assert (
        100 * measure_edit(Editor(load_metanet("digits-inr-dilate")), nets, 0)["mse"]
        < 1.5 * figures("digits-inr-dilate")[0]
    )


def test_a_start_fits_pictures_that_it_never_saw_as_the_card_says():
    start = load_metanet("siren-start")
    digits = load_signals(name="digits", grid=start.convention.grid)
    pictures = digits.values[digits.parts == 2][-32:]
    (space,) = start.config.spaces
    drawn = start.sample(space, len(pictures), condition=pictures, seed=0)
    errors = start.loss(start.vectors.rows(drawn), pictures)
    assert float((-10 * errors.log10()).mean()) > figures("siren-start")[2] - 3.0


def test_nets_of_architectures_never_seen_start_as_well_as_the_card_says():
    initializer, data, found = load_metanet("digits-initializer"), load_dataset("digits"), []
    for architecture in held_out_sets()["in range"][:12]:
        space = trace_architecture(architecture)
        ours = initializer.sample(space, 2, seed=30, condition=architecture.build())
        he = solve_last(architecture, initializer.start.sample(space, 2, seed=30), data)
        found.append([float(accuracies(architecture, some, data)[1].mean()) for some in (ours, he)])
    ours, he = torch.tensor(found).mean(0).tolist()
    assert 100 * ours > figures("digits-initializer")[0] - 8 and ours > he + 0.05, (ours, he)


def test_a_module_and_the_command_start_from_the_initializer(tmp_path, monkeypatch):
    data, initializer = load_dataset("digits"), load_metanet("digits-initializer")
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, stride=2, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
        torch.nn.Conv2d(8, 12, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(192, 10),
    )  # fmt: skip
    initialize(net, initializer, example_inputs=(data.x_test[:2],), seed=0)
    with torch.no_grad():
        assert float((net.eval()(data.x_test).argmax(1) == data.y_test).float().mean()) > 0.9
    monkeypatch.chdir(tmp_path)
    write_zoo(initializer, held_out_sets()["in range"][0], 1, "one", seed=0)
    assert not main(["generate", "digits-initializer", "--zoo", "one", "-n", "3", "--out", "new", "--quiet"])
    assert len(Zoo("new")) == 3
