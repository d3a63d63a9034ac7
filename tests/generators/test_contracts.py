"""What holds for every generator."""

from dataclasses import replace

import pytest
import torch

from tests.generators.cases import NETS, home, make, space, trained
from weightspace import load_metanet
from weightspace.generators import GENERATORS, Bank, finite_nets
from weightspace.nets.stacked.vectors import Vectors, vectors
from weightspace.space import WeightSpace

EVERY = pytest.mark.parametrize("name", GENERATORS)


@pytest.mark.parametrize(("name", "at"), [(n, at) for n in GENERATORS for at in NETS if home(n) in ("cnn", at)])
def test_samples_are_weights_of_the_space(name, at):
    drawn = make(name, at).sample(space(at), 3, seed=0)
    assert space(at).check(drawn) == 3
    assert finite_nets(drawn).all()
    assert {key: tensor.dtype for key, tensor in drawn.items()} == {
        key: tensor.dtype for key, tensor in trained(at).items()
    }


@pytest.mark.parametrize("name", [name for name in GENERATORS if home(name) == "cnn"])
def test_variances_stay_above_zero(name):
    drawn = make(name).sample(space("cnn"), 5, seed=0)
    variances = [drawn[key] for key, spec in space("cnn").tensors.items() if spec.slot == "var"]
    assert variances and all((tensor > 0).all() for tensor in variances)


@EVERY
def test_a_seed_gives_the_same_nets_however_many(name):
    generator = make(name)
    many = generator.sample(space(home(name)), 5, seed=3)
    few, rest = (generator.sample(space(home(name)), n, seed=3, first=first) for n, first in ((2, 0), (3, 2)))
    for key in many:
        torch.testing.assert_close(torch.cat([few[key], rest[key]]), many[key])


@pytest.mark.parametrize("name", [name for name in GENERATORS if name != "LearnedStart"])
def test_another_seed_gives_other_nets(name):
    generator = make(name, **({"noise": 0.1} if name == "MeanNet" else {}))
    one, other = (generator.sample(space(home(name)), 4, seed=seed) for seed in (0, 1))
    assert not all(torch.equal(one[key], other[key]) for key in one)


@EVERY
def test_what_is_saved_is_loaded(name, tmp_path):
    generator = make(name)
    generator.save_pretrained(tmp_path)
    vectors.cache_clear()  # as in another process, which has no other spaces that are equal
    loaded = load_metanet(tmp_path)
    assert type(loaded) is type(generator) and loaded.config == generator.config
    one, other = (g.sample(space(home(name)), 3, seed=5) for g in (generator, loaded))
    assert all(torch.equal(one[key], other[key]) for key in one)


@EVERY
def test_n_must_be_one_or_more(name):
    for n in (0, -1, True):
        with pytest.raises(ValueError, match="n must be a whole number of 1 or more, got"):
            make(name).sample(space(home(name)), n, seed=0)


@EVERY
def test_an_unknown_prompt_is_refused(name):
    with pytest.raises(ValueError, match=r"(can be asked for accuracy|takes no prompt), got beauty"):
        make(name).sample(space(home(name)), 1, prompt={"beauty": 1.0}, seed=0)


@pytest.mark.parametrize("name", [name for name, kind in GENERATORS.items() if kind.conditions is None])
def test_a_condition_that_isn_t_taken_is_refused(name):
    with pytest.raises(ValueError, match="takes no condition, got a dict"):
        make(name).sample(space(home(name)), 1, condition={}, seed=0)


def test_rows_lie_alike_in_equal_spaces():
    own = space("cnn")
    other = WeightSpace.from_dict(own.to_dict())
    other = replace(other, tensors=dict(reversed(other.tensors.items())))
    assert other == own and Vectors(other).floats == Vectors(own).floats
    rows = Vectors(own).rows(trained("cnn"))
    again = Vectors(other).weights(rows, Vectors(own).counts(trained("cnn")))
    assert all(torch.equal(again[key], tensor) for key, tensor in trained("cnn").items())


ASKED = [name for name in GENERATORS if make(name).config.prompts]
BANKS = [name for name, kind in GENERATORS.items() if issubclass(kind, Bank)]


@pytest.mark.parametrize("name", ASKED)
def test_another_space_is_refused(name):
    other = space("cnn" if home(name) == "siren" else "siren")
    with pytest.raises(ValueError, match=f"writes nets of the weight spaces .*, got {other.hash}"):
        make(name).sample(other, 1, seed=0)


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("value", [0.95, 0.0, float("nan"), float("inf")])
def test_a_prompt_outside_what_was_seen_is_refused(name, value):
    with pytest.raises(ValueError, match=r"accuracy must lie between 0.1 and 0.9, where the training nets lie, got"):
        make(name).sample(space(home(name)), 1, prompt={"accuracy": value}, seed=0)


@pytest.mark.parametrize("name", ASKED)
def test_a_prompt_for_each_net_must_fit_their_number(name):
    with pytest.raises(ValueError, match=r"one for each of 2 nets, got shape \[3\]"):
        make(name).sample(space(home(name)), 2, prompt={"accuracy": torch.full((3,), 0.5)}, seed=0)


@pytest.mark.parametrize("name", BANKS)
def test_each_net_follows_its_own_prompt(name):
    generator = make(name, near=0.2)
    both = generator.sample(space("cnn"), 2, prompt={"accuracy": torch.tensor([0.2, 0.8])}, seed=0)
    for net, value in enumerate((0.2, 0.8)):
        alone = generator.sample(space("cnn"), 2, prompt={"accuracy": value}, seed=0)
        assert all(torch.allclose(both[key][net], alone[key][net]) for key in both)
    assert not torch.equal(both["convs.0.weight"][0], both["convs.0.weight"][1])


@pytest.mark.parametrize("name", BANKS)
def test_training_nets_that_aren_t_finite_are_refused(name):
    weights = {key: tensor.clone() for key, tensor in trained("cnn").items()}
    weights["convs.0.weight"][3] = float("nan")
    with pytest.raises(ValueError, match=r"convs.0.weight must hold finite numbers for 12 nets; drop nets"):
        GENERATORS[name].from_nets(space("cnn"), weights)


@pytest.mark.parametrize("name", BANKS)
def test_one_net_without_a_stack_is_refused(name):
    with pytest.raises(ValueError, match=rf"{name} needs a stack of \d training nets or more, got one"):
        GENERATORS[name].from_nets(space("cnn"), {key: tensor[0] for key, tensor in trained("cnn").items()})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"form": "odd"}, "form must be one of raw, canonical, got 'odd'"),
        ({"near": 0.0}, "near must be above 0 and at most 1, got 0.0"),
        ({"noise": -1.0}, "noise must be 0 or more, got -1.0"),
        ({"members": 99}, "members must be 1 to 12, the training nets, got 99"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make("Soup", **settings)
