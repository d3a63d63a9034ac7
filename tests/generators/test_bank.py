"""What each trivial generator is."""

import pytest
import torch

from tests.generators.cases import make, space, trained
from weightspace.generators import GENERATORS
from weightspace.nets import build_net
from weightspace.nets.stacked.run import run_stack
from weightspace.nets.stacked.vectors import vectors


def rows(weights, at="cnn"):
    return vectors(space(at)).rows(weights)


def test_rows_and_weights_are_one_thing():
    v = vectors(space("cnn"))
    back = v.weights(v.rows(trained("cnn")), v.counts(trained("cnn")))
    assert all(torch.equal(back[key], tensor) for key, tensor in trained("cnn").items())


def test_retrieval_gives_training_nets_nearest_to_the_prompt():
    drawn = rows(make("Retrieval", near=0.1).sample(space("cnn"), 4, prompt={"accuracy": 0.9}, seed=0))
    assert torch.equal(drawn, rows(trained("cnn"))[-1].expand(4, -1))


def test_a_soup_of_one_is_a_training_net():
    drawn = rows(make("Soup", members=1).sample(space("cnn"), 6, seed=0))
    assert torch.cdist(drawn, rows(trained("cnn"))).min(1).values.max() < 1e-3


def test_a_soup_lies_between_its_members():
    drawn = rows(make("Soup", members=12).sample(space("cnn"), 2, seed=0))
    torch.testing.assert_close(drawn, rows(trained("cnn")).mean(0).expand(2, -1))
    uneven = rows(make("Soup", members=2, even=False).sample(space("cnn"), 8, seed=0))
    assert len(uneven.unique(dim=0)) == 8


def test_the_mean_is_the_mean():
    drawn = rows(make("MeanNet").sample(space("cnn"), 2, seed=0))
    torch.testing.assert_close(drawn, rows(trained("cnn")).mean(0).expand(2, -1))


def test_noise_is_in_units_of_each_tensor_and_spares_running_statistics():
    v, generator = vectors(space("cnn")), make("Soup", members=1, noise=0.5)
    drawn, seen = rows(generator.sample(space("cnn"), 300, seed=0)), rows(trained("cnn"))
    nearest = torch.cdist(drawn[:, ~v.learned], seen[:, ~v.learned]).argmin(1)
    change = drawn - seen[nearest]
    assert change[:, ~v.learned].abs().max() == 0
    size = change.square().mean(0).sqrt() / v.per_tensor(v.mean_square(seen).mean(0).sqrt())
    assert (size[v.learned] - 0.5).abs().max() < 0.1


def test_a_gaussian_has_the_mean_and_spread_of_each_tensor():
    drawn = make("LayerGaussian").sample(space("cnn"), 400, seed=0)["convs.1.weight"]
    seen = trained("cnn")["convs.1.weight"]
    assert abs(drawn.mean() - seen.mean()) < 0.03 and abs(drawn.std() / seen.std() - 1) < 0.03


def test_a_principal_density_stays_in_its_directions():
    drawn = rows(make("PrincipalDensity", "siren", components=2, noise=0.5).sample(space("siren"), 20, seed=0), "siren")
    assert torch.linalg.matrix_rank(drawn - drawn.mean(0), rtol=1e-4) == 2


@pytest.mark.parametrize("name", ["Retrieval", "KernelDensity"])
def test_the_canonical_form_changes_no_function(name):
    net = build_net("siren", hidden=[5, 4])
    x = torch.rand(7, 2)
    drawn = make(name, "siren", form="canonical").sample(space("siren"), 6, seed=0)
    own, new = run_stack(net, trained("siren"), x).flatten(1), run_stack(net, drawn, x).flatten(1)
    assert torch.cdist(new, own).min(1).values.max() < 1e-3


def test_fresh_nets_are_as_their_rule_says():
    drawn = make("Fresh").sample(space("cnn"), 500, seed=0)
    assert abs(drawn["convs.1.weight"].var() - 2 / 27) < 0.01
    assert not drawn["convs.1.bias"].any() and (drawn["norms.0.weight"] == 1).all()
    assert (drawn["norms.0.running_var"] == 1).all()


def test_torch_s_own_rule_is_torch_s_own():
    drawn = make("Fresh", init="torch").sample(space("cnn"), 500, seed=0)
    bound = 27**-0.5
    for key in ("convs.1.weight", "convs.1.bias"):
        assert drawn[key].abs().max() <= bound and drawn[key].abs().max() > 0.98 * bound


def test_a_matched_soup_of_two_members_of_one_orbit_is_that_net():
    net = {key: tensor[:1].repeat(6, *[1] * (tensor.ndim - 1)) for key, tensor in trained("siren").items()}
    source = torch.Generator().manual_seed(0)
    moved = space("siren").apply(space("siren").random_symmetry(source, batch=6), net)
    x, plain = torch.rand(7, 2), build_net("siren", hidden=[5, 4])
    own = run_stack(plain, net, x)[:1]
    errors = {}
    for matched in (True, False):
        soup = GENERATORS["Soup"].from_nets(space("siren"), moved, members=2, matched=matched)
        drawn = soup.sample(space("siren"), 4, seed=0)
        errors[matched] = (run_stack(plain, drawn, x) - own).abs().max()
    assert errors[True] < 1e-3 < 0.1 < errors[False]
